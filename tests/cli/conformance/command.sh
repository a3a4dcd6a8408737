#!/bin/sh
# A target as a command of `exec`: one account, one entitlement, its grants in the file `state`, a line each:
# ID ACCOUNT FROM UNTIL. $1 is who keeps time; $2 what it does wrong, `nothing` if all is well.
set -f
tenure=$1
flaw=$2
line=$(cat)
[ -e state ] || echo 'g-0 eve null null' > state

# The last text called $1 in the request.
text() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# The list called $1, one entry a line.
list() { printf '%s\n' "$line" | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" | sed 's/","/"\n"/g' | sed 's/^"//; s/"$//'; }

refuse() {
    printf '{"error":"%s"}' "$1"
    exit 0
}

# A date as it is kept: quoted, or null where it is not.
kept() {
    case $tenure.$1 in
        standing.* | expiring.from) echo null ;;
        *) [ "$flaw" = no-dates ] && echo null || printf '"%s"\n' "$(text "$1")" ;;
    esac
}

grants() {
    comma=
    case $line in
        *'"account":"ada"'* | *'"dba"'*) ;;
        *) return ;;
    esac
    if [ "$flaw" = not-by-ownership ] && [ -z "$(list entitlements)" ]; then return; fi
    while read -r id account from until; do
        if [ "$flaw" = lies ] && [ "$account" = ada ]; then continue; fi
        printf '%s{"id":"%s","account":"%s","entitlement":{"id":"dba","name":"dba"},"from":%s,"until":%s}' \
            "$comma" "$id" "$account" "$from" "$until"
        comma=,
    done < state
}

accounts() {
    comma=
    list emails | while read -r email; do
        id=
        case $flaw.$email in
            anybody.*nobody*) id=$email ;;
            *.ada@example.com) id=ada ;;
            loose-email.'*') id=ada ;;
            one-odd-email."'"*) kill -TERM $$ ;;
        esac
        [ -z "$id" ] && continue
        printf '%s{"id":"%s","email":"%s"}' "$comma" "$id" "$email"
        comma=,
    done
}

entitlements() {
    comma=
    list entitlements | while read -r spelling; do
        case $flaw.$spelling in
            *.) continue ;;
            *.dba | loose-name.dba*) answer='{"found":[{"id":"dba","name":"dba"}]}' ;;
            empty.*) answer='{"found":[]}' ;;
            silent.*) continue ;;
            unnamed.*) answer='{"error":"no such group"}' ;;
            *) answer="{\"error\":\"there is no group '$spelling'; is 'dba' meant?\"}" ;;
        esac
        printf '%s"%s":%s' "$comma" "$spelling" "$answer"
        comma=,
    done
}

# Puts a grant there unless it stands already; answers its id.
give() {
    from=$(kept from) until=$(kept until)
    id=$(awk -v f="$from" -v u="$until" '$2 == "ada" && $3 == f && $4 == u { print $1; exit }' state)
    if [ -z "$id" ] || [ "$flaw" = second-id ]; then
        number=$(cat number 2> /dev/null || echo 0)
        number=$((number + 1))
        echo $number > number
        id=g-$number
        echo "$id ada $from $until" >> state
    fi
    printf '{"id":"%s"}' "$id"
}

take() {
    [ "$1" = g-0 ] || sed -i "/^$1 /d" state
}

case $(text verb) in
    describe) printf '{"version":1,"tenure":"%s","concurrency":1}' "$tenure" ;;
    read)
        printf '{"accounts":[%s],"entitlements":{%s},"grants":[%s]}' "$(accounts)" "$(entitlements)" "$(grants)"
        if [ -e moving ]; then touch looked; fi
        ;;
    grant)
        [ "$flaw" = gives-nothing ] && refuse 'not today'
        [ "$flaw" = gives-and-hangs ] && give > /dev/null && exec sleep 600
        give
        ;;
    amend)
        old=$(printf '%s' "$line" | sed -n 's/.*"verb":"amend","id":"\([^"]*\)".*/\1/p')
        case $flaw in
            moves-nothing) printf '{"id":"%s"}' "$old" && exit 0 ;;
            moves-once) grep -q "^$old " state || refuse "there is no grant $old" ;;
            takes-before-giving)
                take "$old"
                touch moving
                turns=0
                # Until somebody has looked, and for a run that nobody watches not for ever.
                until [ -e looked ] || [ $turns -gt 2000 ]; do turns=$((turns + 1)); sleep 0.01; done
                ;;
        esac
        answer=$(give)
        case $answer in
            *"\"$old\""*) ;;
            *) [ "$flaw" = keeps-the-old ] || take "$old" ;;
        esac
        printf '%s' "$answer"
        ;;
    revoke)
        id=$(printf '%s' "$line" | sed -n 's/.*"verb":"revoke","id":"\([^"]*\)".*/\1/p')
        case $flaw in
            takes-nothing) printf '{}' && exit 0 ;;
            takes-once) grep -q "^$id " state || refuse "there is no grant $id" ;;
            takes-all) : > state ;;
        esac
        take "$id"
        printf '{}'
        ;;
    *) refuse "what is '$(text verb)'?" ;;
esac
