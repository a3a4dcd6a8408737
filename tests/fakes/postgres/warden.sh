#!/bin/sh
# Owns one PostgreSQL server: makes it in FOLDER, obeys the orders that come on standard input, answers each with its exit
# code, and when the orders end, for whatever reason, ends the server and removes the folder.
#
#   sh -c "$(cat warden.sh)" warden FOLDER
folder=$1

control() {
    pg_ctl --pgdata="$folder/data" --log="$folder/log" --wait --silent "$@"
}

obey() {
    case $1 in
        init)
            initdb --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync
            ;;
        start) control start --options="-p $2 -c config_file='$folder/postgresql.conf'" ;;
        fast | immediate) control stop --mode="$1" ;;
    esac
}

while read -r order port; do
    obey "$order" "$port" </dev/null >>"$folder/log" 2>&1
    echo $?
done
control stop --mode=immediate >>"$folder/log" 2>&1
rm -rf "$folder"
