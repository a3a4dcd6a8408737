"""Random rotations, expanded by oncall-sync and by recurring-ical-events, compared shift by shift.

A rotation of n places is n recurrence rules, one for each place, every n turns: a library that knows nothing of turns can
expand it. A negative control, one rotation written a turn later for the library, has to be reported as different.
"""

import datetime as dt
import json
import os
import random
import subprocess
import sys
import tempfile
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

SEED = 20260105
ROTATIONS = 160
ZONES = [
    "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "America/Vancouver", "Europe/Berlin",
    "America/New_York", "Asia/Kolkata", "Pacific/Chatham",
]
FROM = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
DAYS = 60
PEOPLE = [f"person{number}@example.com" for number in range(6)]
# Hours are left out: the library repeats an instant at a change of the clock.
UNITS = {"day": ("DAILY", 1), "week": ("WEEKLY", 7)}


def rotation(chance, number):
    start = dt.datetime(2025, 1, 1) + dt.timedelta(days=chance.randrange(420), minutes=15 * chance.randrange(96))
    people = chance.sample(PEOPLE, chance.randrange(2, 6))
    unit = chance.choice(list(UNITS))
    count = chance.randrange(1, 9 if unit == "day" else 4)
    return {"name": f"r{number:03}", "zone": chance.choice(ZONES), "start": start, "people": people, "unit": unit,
            "count": count}


def as_toml(rotations):
    for r in rotations:
        yield (f"[schedules.{r['name']}]\ntimezone = \"{r['zone']}\"\n[[schedules.{r['name']}.layers]]\n"
               f"start = \"{r['start']:%Y-%m-%d %H:%M}\"\nevery = \"{r['count']} {r['unit']}s\"\n"
               f"users = {json.dumps(r['people'])}\n")


def utc(moment):
    """The instant of a local time: one that the clock skips is pushed on by the gap, of a doubled one it is the first."""
    return moment.replace(fold=0).astimezone(dt.timezone.utc)


def by_library(r, later=0):
    """What touches the window: a person's start and the start of the next turn."""
    frequency, days = UNITS[r["unit"]]
    turn = dt.timedelta(days=days * r["count"])
    zone = ZoneInfo(r["zone"])
    calendar = icalendar.Calendar()
    for place, person in enumerate(r["people"]):
        event = icalendar.Event()
        event.add("uid", f"{r['name']}-{place}")
        event.add("summary", person)
        event.add("dtstart", (r["start"] + turn * (place + later)).replace(tzinfo=zone))
        event.add("dtend", (r["start"] + turn * (place + later) + dt.timedelta(minutes=1)).replace(tzinfo=zone))
        event.add("rrule", {"freq": frequency, "interval": r["count"] * len(r["people"])})
        calendar.add_component(event)
    wide = turn * 2 + dt.timedelta(days=2)
    found = recurring_ical_events.of(calendar).between(FROM - wide, FROM + dt.timedelta(days=DAYS) + wide)
    starts = sorted((utc(event["DTSTART"].dt), str(event["SUMMARY"])) for event in found)
    until = FROM + dt.timedelta(days=DAYS)
    return {(person, start, following) for (start, person), (following, _) in zip(starts, starts[1:])
            if start < until and following > FROM}


def by_us(program, rotations):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "rota.toml"), "w", encoding="utf-8") as file:
            file.writelines(as_toml(rotations))
        config = os.path.join(folder, "oncall-sync.toml")
        names = json.dumps([r["name"] for r in rotations])
        with open(config, "w", encoding="utf-8") as file:
            file.write(
                f'ledger = "{folder}/ledger.db"\n[source.rota]\nkind = "file"\npath = "rota.toml"\n'
                f'[target.access]\nkind = "file"\npath = "access.json"\n'
                f'[[rule]]\nname = "all"\nschedules = {names}\ngrant.access = ["x"]\n'
            )
        answer = subprocess.run(
            [program, "--config", config, "shifts", "--output", "json", "--from", FROM.strftime("%Y-%m-%dT%H:%M:%SZ"),
             "--window", f"{DAYS}d"], check=False, capture_output=True, text=True)
        if answer.returncode != 0:
            sys.exit(f"{program} shifts ended with {answer.returncode}:\n{answer.stderr}{answer.stdout}")
    shifts = {r["name"]: set() for r in rotations}
    for shift in json.loads(answer.stdout)["shifts"]:
        start, end = (dt.datetime.fromisoformat(shift[key].replace("Z", "+00:00")) for key in ("start", "end"))
        shifts[shift["schedule"]].add((shift["email"], start, end))
    return shifts


def main():
    chance = random.Random(SEED)
    rotations = [rotation(chance, number) for number in range(ROTATIONS)]
    ours = by_us(sys.argv[1], rotations)
    compared = different = 0
    for r in rotations:
        theirs = by_library(r)
        if not theirs:
            sys.exit(f"the library found no shift of {r}: nothing would be compared")
        compared += len(theirs)
        if ours[r["name"]] != theirs:
            different += 1
            print(f"DIFFERENT {r}\n  only ours:   {sorted(ours[r['name']] - theirs)}\n"
                  f"  only theirs: {sorted(theirs - ours[r['name']])}")
    print(f"{len(rotations)} rotations over {len({r['zone'] for r in rotations})} zones compared, {compared} shifts, "
          f"{different} rotations differ")
    if ours[rotations[0]["name"]] == by_library(rotations[0], later=1):
        sys.exit("the negative control failed: a rotation one turn late was not reported as different")
    print("negative control: a rotation one turn late is different, as it has to be")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
