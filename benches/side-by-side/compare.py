#!/usr/bin/env python3
"""Runs the program and strongDM's example job on the same world and prints both as a table.

    compare.py PROGRAM [--schedules N] [--people N] [--entries N] [--latency SECONDS] [--seed N] [--no-script]
"""

import argparse
import math
import resource
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE.parent.parent / "tests" / "vendor"
sys.path.append(str(VENDOR))
from harness import Servers, config, run  # noqa: E402
from world import RESOURCE, build  # noqa: E402, the one beside this file

WINDOW_HOURS = 168
IN_FLIGHT = 32  # calls to one host at a time: `net::CONCURRENCY`
ONCALL_PAGE = 100  # the most that /oncalls gives at once
# Records of a strongDM page. No upper bound is published; a hundred is twice the default.
RECORD_PAGE = 100
SCRIPT_PATIENCE = 1800  # seconds; three calls an entry, one after the other


def pages(records, size):
    return max(1, math.ceil(records / size))


def rounds(entries, people, grants, creates):
    """The fewest calls that must follow one another, by the graph of README.md."""
    shifts = 1 + math.ceil((pages(entries, ONCALL_PAGE) - 1) / IN_FLIGHT)
    listed, looked_up = pages(people, RECORD_PAGE), math.ceil(people / IN_FLIGHT)
    resource_and_grants = 1 + pages(grants, RECORD_PAGE)
    reading = max(shifts + min(listed, looked_up), resource_and_grants)
    return reading + math.ceil(creates / IN_FLIGHT)


def cpu_of_children():
    """Processor seconds of what was started and has ended, which the servers have not."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Row:
    """One run, timed from outside, and what the servers saw of it."""

    def __init__(self, title, servers, command, environment, least=None, patience=300):
        before = [server.state() for server in (servers.pagerduty, servers.strongdm)]
        self.title, self.least = title, least
        self.at = datetime.now(timezone.utc)
        begun, worked = time.monotonic(), cpu_of_children()
        self.done = run(command, environment, patience)
        self.seconds, self.cpu = time.monotonic() - begun, cpu_of_children() - worked
        pagerduty, strongdm = servers.pagerduty.state(), servers.strongdm.state()
        self.pagerduty = pagerduty["total"] - before[0]["total"]
        self.strongdm = strongdm["total"] - before[1]["total"]
        self.writes = strongdm["writes"] - before[1]["writes"]
        self.server_cpu = pagerduty["cpu"] + strongdm["cpu"] - before[0]["cpu"] - before[1]["cpu"]
        self.busiest = max(pagerduty["busiest"], strongdm["busiest"])
        self.grants = strongdm["grants"]
        if self.done.returncode != 0:
            raise SystemExit(f"{title}: exit code {self.done.returncode}\n{self.done.stdout}\n{self.done.stderr}")

    def cells(self):
        least = "" if self.least is None else f"{self.least:.2f}"
        begun = self.at.strftime("%H:%M:%S")
        numbers = (self.pagerduty, self.strongdm, self.writes, self.busiest)
        times = [f"{self.seconds:.2f}", least, f"{self.cpu:.2f}", f"{self.server_cpu:.2f}"]
        return [self.title, begun, *times, *map(str, numbers)]


HEADER = ["run", "begun", "seconds", "least", "cpu", "servers' cpu"]
HEADER += ["PagerDuty calls", "strongDM calls", "writes", "at once"]


def table(rows):
    lines = [HEADER, ["---"] + ["--:"] * (len(HEADER) - 1), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")


def access(grants):
    return sorted((item["account_id"], item["resource_id"], item["valid_until"]) for item in grants)


def measure(options, folder):
    now = datetime.now(timezone.utc).replace(microsecond=0)
    world = build(options.seed, now, options.schedules, options.people, options.entries)
    schedules = [schedule["id"] for schedule in world["pagerduty"]["schedules"]]
    limits = f"\n[limits]\nmax_changes = {options.entries}\n"
    rows = []

    def both(latency):
        # The judge of PagerDuty's description stays at home: it takes longer than the latency that is measured.
        slow = ("--latency", str(latency))
        return Servers(folder, world, (*slow, "--no-validate"), (*slow, "--page-cap", str(RECORD_PAGE)))

    def ours(servers, name, title, least):
        home = folder / name
        home.mkdir(exist_ok=True)
        rules = {"on-call": (schedules, [RESOURCE["name"]])}
        path = config(home, servers, f"{WINDOW_HOURS}h", rules, limits)
        command = [options.program, "--config", str(path)]
        rows.append(Row(title, servers, command, servers.environment(world, home), least))

    sizes = options.entries, options.people
    with both(options.latency) as servers:
        first = rounds(*sizes, 0, options.entries) * options.latency
        ours(servers, "timed", "oncall-sync, from nothing", first)
        second = rounds(*sizes, options.entries, 0) * options.latency
        ours(servers, "timed", "oncall-sync, again", second)
        mine = rows[0].grants
        if rows[1].writes:
            raise SystemExit(f"the second run wrote {rows[1].writes} times")
        if options.script:
            servers.load(world)
            script = [sys.executable, str(VENDOR / "strongdm" / "example_script.py"), "--paged"]
            script += ["--resource", RESOURCE["name"], "--hours", str(WINDOW_HOURS)]
            script += [word for schedule in schedules for word in ("--schedule", schedule)]
            environment = servers.environment(world, folder)
            # Three calls an entry and one a page, one after the other.
            least = (1 + pages(options.entries, ONCALL_PAGE) + 3 * options.entries) * options.latency
            rows.append(Row("example script, paged", servers, script, environment, least, SCRIPT_PATIENCE))
            if access(rows[-1].grants) != access(mine):
                raise SystemExit("the example script and the program gave different access")
    with both(0) as servers:
        ours(servers, "untimed", "oncall-sync, no latency", None)
        ours(servers, "untimed", "oncall-sync, no latency, again", None)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--schedules", type=int, default=30)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds, at each server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-script", dest="script", action="store_false")
    options = parser.parse_args()
    sizes = f"{options.schedules} schedules, {options.people} people, {options.entries} on-call entries"
    print(f"{sizes}, {options.latency * 1000:.0f} ms at each server, seed {options.seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options, Path(folder))
    table(rows)
    if options.script:
        print(f"\n{rows[2].seconds / rows[0].seconds:.0f} times as fast as the example script, same access given")


if __name__ == "__main__":
    main()
