#!/usr/bin/env python3
"""Checks the built program against what the vendors wrote: strongDM's SDK and PagerDuty's description of its API.

    check.py [PROGRAM]

Without PROGRAM only the stand-ins are checked. `run` beside this file prepares everything.
"""

import sys
import tempfile
import traceback
from pathlib import Path

import check_program  # noqa: F401, it adds its checks
import check_standins  # noqa: F401
import world as worlds
from checks import CHECKS, Bench
from harness import Servers


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else None
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # Three records a page, so that every listing is paged.
        with Servers(folder, worlds.common(worlds.now()), strongdm=("--page-cap", "3")) as servers:
            for function in CHECKS:
                name = function.__name__.replace("_", " ")
                if program is None and getattr(function, "needs_program", False):
                    skipped += 1
                    print(f"skipped  {name}: no program given")
                    continue
                bench = Bench(servers, folder / function.__name__, program)
                bench.folder.mkdir()
                servers.load(bench.world)
                try:
                    function(bench)
                except Exception as error:  # noqa: BLE001, one check must not end the others
                    failed += 1
                    kind = "" if isinstance(error, AssertionError) else traceback.format_exc()
                    print(f"FAILED   {name}: {error}\n{kind}")
                else:
                    passed += 1
                    print(f"ok       {name}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
