#!/bin/sh
# Members of groups in a Unix group file, for the `exec` target of oncall-sync.
#
#   unix-groups.sh GROUP PEOPLE [PASSWD [SHADOW]]
#
# GROUP   a file as group(5) describes it, such as /etc/group. Name the file itself, not a symbolic link to it.
# PEOPLE  who has which account: in each line an e-mail address and a user name. Lines that begin with # are comments.
# PASSWD  as passwd(5). With it, a user who is not there has no account, one whose shell is nologin or false counts as
#         suspended, and a user's primary group is shown as held; it is never taken away.
# SHADOW  as shadow(5), which root alone may read. With it, expired accounts and those that `usermod -L` locked count as
#         suspended. A lone ! or * is no password rather than a lock, for a key may still open the account.
#
# An entitlement is a group's exact name. Tenure: standing, so that the end of a shift takes effect with the next run.
# A group file does not say who put somebody in: whoever is in when it is read stays, for then nothing is given, but
# somebody who is put in by hand after that, just before our grant or during it, is taken out with it. /etc/gshadow is
# left alone: its members matter to newgrp alone.
#
# The file is replaced whole or not at all, with its mode and owner kept; all other lines stay byte for byte. GROUP.lock is
# the lock of usermod and groupadd; one left behind by a process that is no more is removed. A running session keeps its
# groups until it ends. Needs jq 1.6 and the right to write in GROUP's folder.
set -eu
LC_ALL=C
export LC_ALL
umask 077

command -v jq >/dev/null || {
    echo "this command needs jq, which is not in PATH ($PATH): install it, in Debian by 'apt-get install jq'" >&2
    exit 1
}

# The whole call failed, and this sentence says why.
fail() {
    jq -cn --arg error "$1" '{error: $error}'
    exit 1
}

[ $# -ge 2 ] && [ $# -le 4 ] || fail "called with $# arguments: unix-groups.sh GROUP PEOPLE [PASSWD [SHADOW]]"
file=$1 people=$2 passwd=${3-} shadow=${4-}
[ ! -L "$file" ] || fail "$file is a symbolic link, which a change would replace by a file: name the file itself"
[ -f "$file" ] || fail "there is no file $file"
for path in "$file" "$people" ${passwd:+"$passwd"} ${shadow:+"$shadow"}; do
    [ -r "$path" ] || fail "$path cannot be read"
done
request=$(cat)

# With files as jq variables: the answer to `read`.
# shellcheck disable=SC2016 # jq's variables
reading='
def records($text): $text | split("\n") | map(select(. != "") | split(":"));
def words: split("\r") | join("") | split("\t") | join(" ") | split(" ") | map(select(. != ""));
def plain: explode | map(if . <= 32 or (. >= 127 and . < 160) then 63 else . end) | implode;
def distance($a; $b): reduce range($a | length) as $i ([range($b | length + 1)];
    . as $row | reduce range($b | length) as $j ([$i + 1];
        . + [[.[$j] + 1, $row[$j + 1] + 1, $row[$j] + (if $a[$i] == $b[$j] then 0 else 1 end)] | min])) | last;
def hint($names): . as $name | ($names | unique
    | map(. as $other | [distance($name[:64] | ascii_downcase | explode; $other | ascii_downcase | explode), .])
    | sort | map(select(.[0] <= ([1, ($name | length) / 3 | floor] | max))) | .[:3] | map("\u0027\(.[1])\u0027"))
    | if . == [] then "" else "; is \(join(" or ")) meant?" end;

records($group) as $groups
| (records($passwd) | map({key: .[0], value: .}) | from_entries) as $users
| (records($shadow) | map({key: .[0], value: .}) | from_entries) as $secrets
| (now / 86400 | floor) as $today
| ($people | split("\n") | map(words | select(length > 0 and (.[0][:1] != "#")))) as $pairs
| ($pairs | map(select(length != 2))) as $odd
| ($groups | map(.[0])) as $names
| def suspended:
    (($users[.][6] // "") | split("/") | last // "" | IN("nologin", "false"))
    or (($secrets[.][1] // "") | startswith("!") and (ltrimstr("!") | ltrimstr("!") | . != "" and . != "*"))
    or (($secrets[.][7] // "") | . != "" and (tonumber? // 0) <= $today);
  def resolved: . as $name
    | ($groups | map(select(.[0] == $name))) as $found
    | if ($found | length) == 0 then {error: "there is no group \u0027\($name)\u0027\($name | hint($names))"}
      elif ($found | length) > 1 then {error: "the group \u0027\($name)\u0027 stands \($found | length) times in the file"}
      elif ($found[0] | length) != 4 then {error: "the line of group \u0027\($name)\u0027 has not the four fields of group(5)"}
      else {found: [{id: $name, name: $name}]} end;
if $odd != [] then {error: "a line of the people file is not an e-mail address and a user name: \($odd[0] | join(" "))"}
else
    (.entitlements | map({key: ., value: resolved}) | from_entries) as $entitlements
    | ([$entitlements[].found // [] | .[].id] + [.owned[].entitlement.id] | unique) as $shown
    | {
        accounts: [.emails[] as $email | $pairs[]
            | select((.[0] | ascii_downcase) == ($email | ascii_downcase)) | .[1]
            | select($passwd == "" or $users[.]) | {id: ., email: $email, suspended: suspended}] | unique_by(.id),
        entitlements: $entitlements,
        grants: [$groups[] | select(.[0] as $name | any($shown[]; . == $name)) | . as [$name, $_, $gid, $list]
            | {id: $name, name: $name} as $entitlement
            | ([($list // "") | split(",")[] | select(. != "") | plain] | unique[]
                | {id: "\($name):\(.)", account: ., entitlement: $entitlement, foreign: false}),
              ($users[] | select(.[3] == $gid) | .[0] | plain
                | {id: "\($name):\(.):primary", account: ., entitlement: $entitlement, foreign: true})] | unique
    }
end'

# Verb, group, user and id, one a line, from a request whose names can stand in a group file; else only a sentence.
# shellcheck disable=SC2016 # jq's variables
words='
def hostile: (type != "string") or . == "" or ((.[:1]) | IN("-", "+", "#"))
    or (explode | any(. <= 32 or . == 44 or . == 58 or (. >= 127 and . < 160)));
if .version != 1 then "this command speaks version 1 of the protocol, and was asked in version \(.version | tojson)"
elif .verb | IN("describe", "read") then .verb, "-", "-", "-"
elif .verb | IN("grant", "revoke") | not then
    "this command knows describe, read, grant and revoke, and was asked to \(.verb | tojson)"
else
    .grant.entitlement.id as $group | .grant.account as $user
    | if ($group | hostile) then "\($group | tojson) cannot be the name of a group"
      elif ($user | hostile) then "\($user | tojson) cannot be the name of a user"
      elif .verb == "revoke" and .id != "\($group):\($user)" then "\(.id | tojson) is no grant of this command"
      else .verb, $group, $user, "\($group):\($user)" end
end'

# Prints the file with one user put into, or taken out of, one group, and how many bytes that is on standard error. Fails
# with 3 where no such group is, with 4 where its line is not one of group(5). Both names come by the environment, for awk
# reads escapes in its arguments, and are compared as text, for 010 and 10 are two groups.
# shellcheck disable=SC2016 # awk's fields
editing='
function put(text) { printf "%s", text; bytes += length(text) }
BEGIN { FS = ":"; group = ENVIRON["group"] ""; user = ENVIRON["user"] "" }
NR > 1 { put("\n") }
($1 "") != group { put($0); next }
{
    found++
    if (NF != 4) bad = 1
    count = split($4, members, ",")
    list = ""; is_in = 0; left = 0
    for (i = 1; i <= count; i++) {
        if ((members[i] "") == user) { is_in = 1; if (ENVIRON["verb"] == "revoke") continue }
        list = list (left++ ? "," : "") members[i]
    }
    if (ENVIRON["verb"] == "grant" && !is_in) list = list (list == "" ? "" : ",") user
    put($1 ":" $2 ":" $3 ":" list)
}
END {
    if (ENVIRON["ends"] == "line") put("\n")
    print bytes + 0 >"/dev/stderr"
    exit found == 0 ? 3 : found > 1 || bad ? 4 : 0
}'

# Whether a process is there, whosever it is.
alive() {
    kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ] || ps -p "$1" >/dev/null 2>&1
}

again() {
    echo "$1" >&2
    exit 75
}

# Takes the lock as shadow's tools do: a file that holds the process id, without a line's end, made by a link.
lock() {
    trap 'rm -f "$new"; if holds_lock; then rm -f "$lock"; fi' EXIT
    trap 'exit 75' HUP INT TERM
    rm -f "$new"
    (set -C && printf %s $$ >"$new") 2>/dev/null || fail "cannot write in the folder of $file: run this as its owner"
    [ ! -d "$lock" ] || fail "$lock is a folder, where the lock of $file should be a file"
    if ! ln "$new" "$lock" 2>/dev/null; then
        holder=$(holder "$lock")
        [ -e "$lock" ] || again "$file was locked just now"
        [ -n "$holder" ] || again "$lock holds no process id: remove it if nothing is changing $file"
        ! alive "$holder" || again "$file is locked by process $holder ($lock)"
        # Moved before it is removed: of two that find it stale, one alone has it then.
        mv "$lock" "$new.stale" 2>/dev/null || again "$file was locked just now"
        [ "$(holder "$new.stale")" = "$holder" ] || {
            ln "$new.stale" "$lock" 2>/dev/null || :
            rm -f "$new.stale"
            again "$file was locked just now"
        }
        rm -f "$new.stale" "$file.oncall-sync.$holder"
        ln "$new" "$lock" 2>/dev/null || again "$file was locked just now"
    fi
    rm -f "$new"
}

# The process id in a lock.
holder() {
    cat "$1" 2>/dev/null | tr -cd 0-9
}

holds_lock() {
    [ "$(holder "$lock")" = "$$" ]
}

mode_and_owner() {
    # shellcheck disable=SC2012 # POSIX has no other command for it, and the name is not read
    ls -ldn "$1" | awk '{ print $1, $3, $4; exit }'
}

# Puts the changed file in the place of the old one.
change() {
    new=$file.oncall-sync.$$ lock=$file.lock
    [ "$(tr -cd '\000' <"$file" | wc -c)" -eq 0 ] || fail "$file holds a zero byte, so it is not a group file"
    lock
    cp -p "$file" "$new" || fail "$file cannot be copied in its folder"
    [ "$(mode_and_owner "$file")" = "$(mode_and_owner "$new")" ] ||
        fail "the mode and owner of $file cannot be kept: run this as its owner"
    ends=$([ -z "$(tail -c 1 "$file")" ] && echo line || echo text)
    export verb group user ends
    status=0
    bytes=$(awk "$editing" "$file" 2>&1 >"$new") || status=$?
    case $status in
        0) ;;
        3)
            [ "$verb" = grant ] || return 0 # with the group, its members are gone
            fail "there is no group '$group' in $file"
            ;;
        4) fail "the group '$group' stands more than once in $file, or its line has not the four fields of group(5)" ;;
        *) fail "$file could not be written anew (awk: $bytes)" ;;
    esac
    # A full disk is not noticed by every awk.
    [ "$(wc -c <"$new")" -eq "$bytes" ] || fail "$file could not be written anew: is the disk full?"
    cmp -s "$file" "$new" && return 0 # as it should be already
    holds_lock || again "the lock $lock was taken from us; nothing was changed"
    mv -f "$new" "$file" || fail "$file cannot be replaced"
}

asked=$(printf '%s' "$request" | jq -r "$words" 2>/dev/null) || asked=
[ -n "$asked" ] || fail "the request is not JSON of the protocol"
{
    IFS= read -r verb
    IFS= read -r group || fail "$verb"
    IFS= read -r user
    IFS= read -r id
} <<EOF
$asked
EOF

case $verb in
    describe) echo '{"version": 1, "tenure": "standing", "concurrency": 1}' ;;
    read)
        answer=$(printf '%s' "$request" | jq -c --rawfile group "$file" --rawfile people "$people" \
            --rawfile passwd "${passwd:-/dev/null}" --rawfile shadow "${shadow:-/dev/null}" "$reading") ||
            fail "the request or one of the files could not be read"
        printf '%s\n' "$answer"
        [ "${answer#'{"error"'}" = "$answer" ] || exit 1
        ;;
    grant)
        if [ -n "$passwd" ]; then
            user=$user awk -F: '($1 "") == (ENVIRON["user"] "") { found = 1 } END { exit !found }' "$passwd" ||
                fail "there is no user '$user' in $passwd"
        fi
        change
        jq -cn --arg id "$id" '{id: $id}'
        ;;
    revoke)
        change
        echo '{}'
        ;;
esac
