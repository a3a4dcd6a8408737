#!/usr/bin/env python3
"""A command for `exec`, target and source: command.py STATE TENURE SHIFTS. Keeps grants in STATE and every message beside it.

SHIFTS is the path of the source's answer.
"""

import json
import sys
from pathlib import Path


def answer(asked, state, tenure, shifts):
    verb = asked["verb"]
    if "asked" in asked:
        return "source", json.loads(Path(shifts).read_text())
    if verb == "describe":
        return "target", {"version": 1, "tenure": tenure, "concurrency": 1}
    if verb == "read":
        return "target", {
            "accounts": [{"id": email.split("@")[0], "email": email, "suspended": False} for email in asked["emails"]],
            "entitlements": {
                name: {"error": f"there is no group '{name}'"} if name == "none" else {"found": [{"id": name, "name": name}]}
                for name in asked["entitlements"]
            },
            "grants": list(state.values()),
        }
    if verb == "revoke":
        state.pop(asked["id"], None)
        return "target", {}
    grant = asked["to"] if verb == "amend" else asked["grant"]
    if verb == "amend":
        state.pop(asked["id"], None)
    made = f"{grant['entitlement']['id']}/{grant['account']}/{grant['from']}"
    dates = {"from": None, "until": None} if tenure == "standing" else {"from": grant["from"], "until": grant["until"]}
    one = {"id": made, "account": grant["account"], "entitlement": grant["entitlement"], **dates, "foreign": False}
    state[made] = one
    return "target", {"id": made}


def main():
    path, tenure, shifts = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    asked = json.loads(sys.stdin.read())
    state = json.loads(path.read_text()) if path.exists() else {}
    role, said = answer(asked, state, tenure, shifts)
    path.write_text(json.dumps(state))
    with path.with_suffix(".log").open("a") as log:
        log.write(json.dumps([f"{role}.{asked['verb']}", asked, said]) + "\n")
    print(json.dumps(said))


main()
