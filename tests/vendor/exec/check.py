#!/usr/bin/env python3
"""The JSON Schemas of the exec protocol, held against the messages of real runs and those of the README.

    check.py PROGRAM
"""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema

from harness import run
from suite import Skip, Suite, same

HERE = Path(__file__).parent
README = HERE.parents[2] / "README.md"
BIN = Path(sys.executable).parent
SUITE = Suite()

CONFIG = """\
window = "3d"
ledger = "ledger.db"
[source.rota]
kind = "exec"
command = {command}
[target.groups]
kind = "exec"
command = {command}
[[rule]]
name = "one"
schedules = ["dba-rota"]
grant.groups = ["dba", "none"]
"""


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        asked = subprocess.run([program, "schema", "exec"], capture_output=True, text=True)
        if asked.returncode != 0:
            raise Skip("this program has no `schema exec`")
        self.text = asked.stdout
        self.schema = json.loads(asked.stdout)

    def faults(self, name, message):
        """What is wrong with a message of this name."""
        schema = {**self.schema["$defs"][name], "$defs": self.schema["$defs"]}
        return [fault.message for fault in jsonschema.Draft202012Validator(schema).iter_errors(message)]

    def sync(self, tenure, end, now, *options):
        shifts, log = self.folder / "shifts.json", self.folder / f"{tenure}.json"
        person = {"id": "ada", "name": "Ada", "email": "ada@example.com"}
        shift = {"person": person, "level": 1, "start": "2026-03-02T00:00:00Z", "end": end}
        schedule = {"id": "dba-rota", "name": "DBA rota", "shifts": [shift], "coverage": "window", "remarks": []}
        shifts.write_text(json.dumps({"schedules": {"dba-rota": schedule}}))
        command = [sys.executable, str(HERE / "command.py"), str(log), tenure, str(shifts)]
        config = self.folder / f"{tenure}.toml"
        config.write_text(CONFIG.format(command=json.dumps(command)).replace("ledger.db", f"{tenure}.db"))
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        # The group that is not there is for its answer's sake, and makes each of these runs end with 1 or 2.
        done = run([self.program, "--config", str(config), "--now", now, *options], surroundings)
        assert done.returncode in (0, 1), done.stdout + done.stderr

    def messages(self):
        """Of a grant given, moved and taken back, for each tenure: (name, request, answer)."""
        for tenure in ("standing", "expiring", "scheduled"):
            self.sync(tenure, "2026-03-03T00:00:00Z", "2026-03-02T12:00:00Z")
            self.sync(tenure, "2026-03-02T20:00:00Z", "2026-03-02T13:00:00Z")
            # Suddenly nobody is on call, which a run refuses to follow unless told to.
            self.sync(tenure, "2026-03-02T13:30:00Z", "2026-03-02T14:00:00Z", "--force")
            for line in (self.folder / f"{tenure}.log").read_text().splitlines():
                yield json.loads(line)


@SUITE.check
def the_schemas_are_schemas(bench):
    path = bench.folder / "exec.json"

    def accepted(text):
        path.write_text(text)
        return subprocess.run([BIN / "check-jsonschema", "--check-metaschema", path], capture_output=True).returncode == 0

    assert accepted(bench.text), bench.text
    assert not accepted(bench.text.replace('"type": "object"', '"type": "objekt"')), "a wrong type was let pass"


@SUITE.check
def every_message_of_real_runs_fits_and_wrong_ones_do_not(bench):
    seen, refused = {}, 0
    for name, asked, said in bench.messages():
        for part, message in ((f"{name}.request", asked), (f"{name}.answer", said)):
            same(bench.faults(part, message), [], f"{part} {json.dumps(message)}")
            seen[part] = message
    missing = set(bench.schema["$defs"]) - set(seen)
    assert not missing, f"never said, so nothing is proven of: {sorted(missing)}"
    for part, message in seen.items():
        for what, wrong in spoilt(message):
            if part.endswith(".request") or what.startswith("type"):
                assert bench.faults(part, wrong), f"{part}, {what}: let pass: {json.dumps(wrong)}"
                refused += 1
    return f"{len(seen)} kinds of message, {refused} wrong ones refused"


def spoilt(message):
    """Copies with one thing wrong: a member of another type, or missing."""
    for key, value in message.items():
        other = {"a": 1} if isinstance(value, (str, int, list)) else "text"
        yield f"type of {key}", {**message, key: other}
        less = copy.deepcopy(message)
        del less[key]
        yield f"no {key}", less


@SUITE.check
def the_messages_of_the_readme_fit(bench):
    shown = re.findall(r"^<!-- exec: (\S+) -->\n```json\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    if not shown:
        raise Skip("the README shows no message")
    names = {name for name, _ in shown}
    same(names, set(bench.schema["$defs"]), "the messages that the README shows")
    for name, text in shown:
        message = json.loads(text)
        same(bench.faults(name, message), [], f"{name}: {text}")
        wrongs = [wrong for what, wrong in spoilt(message) if name.endswith(".request") or what.startswith("type")]
        passed = [wrong for wrong in wrongs if not bench.faults(name, wrong)]
        assert not passed, f"{name}: wrong and let pass: {json.dumps(passed[0])}"
    return f"{len(shown)} messages of {len(names)} kinds"


def main():
    program = sys.argv[1]
    return SUITE.run(program, lambda _, own: Bench(program, own))


if __name__ == "__main__":
    sys.exit(main())
