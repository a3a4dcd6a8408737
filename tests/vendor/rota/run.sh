#!/bin/sh
# Compares our rotations with an independent library. Needs python3 and PyPI; $ONCALL_SYNC is another program to check.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv=$root/target/vendor/rota
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
# An empty path: Python's zone data comes from PyPI, for a host's own may be years old.
PYTHONTZPATH='' exec "$venv/bin/python" "$here/compare.py" "${ONCALL_SYNC:-$root/target/debug/oncall-sync}"
