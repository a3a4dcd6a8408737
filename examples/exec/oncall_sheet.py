#!/usr/bin/env python3
"""Who is on call by a sheet of weeks, for the `exec` source of oncall-sync.

  oncall_sheet.py SHEET.csv [--at 09:00] [--zone Europe/Berlin]

The sheet is one that people keep by hand: a row for each week, a column for each schedule, whose heading is its name.
    week,DBA,DBA backup
    2026-11-16,ada@example.com,bob@example.com
    2026-11-23,bob@example.com,
A week begins on the day in the first column and ends where the next row's begins; the last one lasts seven days. An empty
cell is nobody. Hand-over is --at, on the clock of --zone. Needs Python 3.9 (on Windows or in a bare container also tzdata).
"""

import argparse
import csv
import json
import sys
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def utc(local):
    return local.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def weeks(path, at, zone):
    """Each row with its start and end."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    head, rows = rows[0], [row for row in rows[1:] if any(row)]
    days = [datetime.combine(datetime.fromisoformat(row[0]), at, zone) for row in rows]
    if days != sorted(set(days)):
        raise ValueError(f"{path}: the weeks do not follow each other")
    ends = days[1:] + [day + timedelta(days=7) for day in days[-1:]]
    return head, [(start, end, dict(zip(head, row))) for start, end, row in zip(days, ends, rows)]


def schedule(name, head, rows, window):
    if name not in head[1:]:
        return {"error": f"there is no column '{name}'; there are: {', '.join(head[1:])}"}
    begin, stop = instant(window["from"]), instant(window["until"])
    # A sheet that nobody continued is no sheet that says that nobody is on call.
    if not rows or rows[-1][1] <= begin:
        return {"error": "the sheet has no week from now on, so who is on call is not known"}
    last = rows[-1][1]
    remarks = [f"the sheet ends on {last:%Y-%m-%d}, before the window does"] if last < stop else []
    shifts = []
    for start, end, row in rows:
        email = row.get(name, "").strip()
        if email and start < stop and end > begin:
            shifts.append({"person": {"id": email, "name": email, "email": email}, "start": utc(start), "end": utc(end)})
    return {"id": name, "name": name, "shifts": shifts, "remarks": remarks}


parser = argparse.ArgumentParser()
parser.add_argument("sheet")
parser.add_argument("--at", default="09:00", type=time.fromisoformat)
parser.add_argument("--zone", default="UTC", type=ZoneInfo)
chosen = parser.parse_args()
request = json.load(sys.stdin.buffer)
if request["version"] != 1 or request["verb"] != "read":
    sys.exit("this command knows version 1 of the protocol, and of its verbs read")
head, rows = weeks(chosen.sheet, chosen.at, chosen.zone)
print(json.dumps({"schedules": {name: schedule(name, head, rows, request["window"]) for name in request["asked"]}}))
