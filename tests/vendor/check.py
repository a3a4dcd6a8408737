#!/usr/bin/env python3
"""Checks the built program against what the vendors wrote: strongDM's SDK and PagerDuty's description of its API.

    check.py [PROGRAM]

Without PROGRAM only the stand-ins are checked. `run` beside this file prepares everything.
"""

import sys
import tempfile
from pathlib import Path

import check_program  # noqa: F401, it adds its checks
import check_standins  # noqa: F401
import world as worlds
from checks import SUITE, Bench
from harness import Servers


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        # Three records a page, so that every listing is paged.
        with Servers(Path(folder), worlds.common(worlds.now()), strongdm=("--page-cap", "3")) as servers:

            def bench(_, own):
                made = Bench(servers, own, program)
                servers.load(made.world)
                return made

            return SUITE.run(program, bench)


if __name__ == "__main__":
    sys.exit(main())
