#!/usr/bin/env python3
"""The program against what Okta once really answered: the recorded exchanges of its own SDK, said again.

    check.py ARCHIVE [PROGRAM]

What is true of it: bodies, statuses and headers are as recorded, but for the organisation's address, which is this
machine's, in `Link` too, as a server would have it. What is not: which answer is given to which request is our choice, for
nobody recorded the program's own searches. A group's address therefore need not be that of the recording.
"""

import sys
from collections import Counter
from pathlib import Path

from okta import check_faults, check_membership
from okta.bench import Bench
from okta.recordings import Recordings, Replay
from suite import Suite

# What has to have been served to the program at least once, and how it is told among the recordings.
CATEGORIES = {
    "users": lambda it: it.status == 200 and '"login"' in it.body,
    "groups": lambda it: it.status == 200 and '"objectClass"' in it.body,
    "members": lambda it: it.status == 200 and it.target.endswith("/users") and "/groups/" in it.target,
    "groups of a user": lambda it: it.status == 200 and it.target.endswith("/groups") and "/users/" in it.target,
    "rules": lambda it: it.status == 200 and it.target.endswith("/groups/rules"),
    "a Link to a next page": lambda it: any('rel="next"' in link for link in it.header("link")),
    "a Link to itself": lambda it: any('rel="self"' in link for link in it.header("link")),
    "404": lambda it: it.status == 404,
    "429": lambda it: it.status == 429,
    "other refusals": lambda it: it.status in (400, 401, 403),
    "204": lambda it: it.status == 204,
    "headers of a rate limit": lambda it: bool(it.header("x-rate-limit-reset")),
    "tokens": lambda it: it.status == 200 and it.target == "/oauth2/v1/token",
    "a demand for a nonce": lambda it: bool(it.header("dpop-nonce")) and it.status == 400,
}


def main():
    recordings = Recordings(next(Path(sys.argv[1]).glob("okta-*.tar.gz")))
    program = sys.argv[2] if len(sys.argv) > 2 else None
    replay, served, suite = Replay(), Counter(), Suite()

    @suite.check
    def every_category_is_among_the_recordings(_):
        found = {name: sum(map(of, recordings.all)) for name, of in CATEGORIES.items()}
        assert all(found.values()), f"none are recorded: {[name for name in found if not found[name]]}"
        return f"{len(recordings.all)} exchanges"

    check_membership.add(suite)
    check_faults.add(suite)

    @suite.needs_program
    def every_category_was_served(_):
        print("         " + ", ".join(f"{name}: {served[name]}" for name in CATEGORIES))
        assert all(served[name] for name in CATEGORIES), f"never: {[name for name in CATEGORIES if not served[name]]}"

    try:
        return suite.run(program, lambda _, own: Bench(recordings, replay, own, program, served, CATEGORIES))
    finally:
        replay.stop()


if __name__ == "__main__":
    sys.exit(main())
