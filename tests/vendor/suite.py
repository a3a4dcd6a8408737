"""What every set of checks shares: the list of its checks, and how they are run and counted."""

import tempfile
import traceback
from pathlib import Path


class Suite:
    """A list of checks. One is a function of its bench; its name, in words, is the line that is printed."""

    def __init__(self):
        self.checks = []

    def check(self, function):
        self.checks.append(function)
        return function

    def needs_program(self, function):
        function.needs_program = True
        return self.check(function)

    def run(self, program, bench):
        """Runs each check with `bench(name, folder)`, the folder empty and its own; answers the exit code."""
        passed = failed = skipped = 0
        with tempfile.TemporaryDirectory() as folder:
            for function in self.checks:
                name = function.__name__.replace("_", " ")
                if program is None and getattr(function, "needs_program", False):
                    skipped += 1
                    print(f"skipped  {name}: no program given")
                    continue
                own = Path(folder) / function.__name__
                own.mkdir()
                try:
                    said = function(bench(function.__name__, own))
                except Skip as reason:
                    skipped += 1
                    print(f"skipped  {name}: {reason}")
                except Exception as error:  # noqa: BLE001, one check must not end the others
                    failed += 1
                    kind = "" if isinstance(error, AssertionError) else traceback.format_exc()
                    print(f"FAILED   {name}: {error}\n{kind}")
                else:
                    passed += 1
                    print(f"ok       {name}" + (f": {said}" if said else ""))
        print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
        return 1 if failed else 0


class Skip(Exception):
    """A check that cannot be made here, and why."""


def same(found, expected, what):
    assert found == expected, f"{what}: expected {expected}, found {found}"


def succeeded(done, code=0):
    assert done.returncode == code, f"exit code {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
    return done
