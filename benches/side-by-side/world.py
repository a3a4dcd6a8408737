#!/usr/bin/env python3
"""A big world for the stand-ins of tests/vendor, the same for the same seed and instant.

    world.py [--seed N] [--schedules N] [--people N] [--entries N] > WORLD.JSON

Every schedule turns each five hours; nobody's shifts touch each other, so that an entry of /oncalls is a grant of its own.
"""

import argparse
import base64
import json
import random
from datetime import datetime, timedelta, timezone

TURN = timedelta(hours=5)  # 34 turns begin within a week, which makes 1,000 entries of 30 schedules
RESOURCE = {"type": "Postgres", "id": "rs-0001", "name": "prod-postgres", "hostname": "db", "port": 5432}


def spans(schedules, entries, now, chance):
    """(schedule, start, end) of each entry, turn by turn."""
    begins = [now - timedelta(minutes=chance.randrange(30, 240)) for _ in range(schedules)]
    for number in range(entries):
        turn, schedule = divmod(number, schedules)
        start = begins[schedule] + turn * TURN
        yield schedule, start, start + TURN


def build(seed, now, schedules=30, people=500, entries=1000):
    """`now` in whole seconds. Refuses sizes at which somebody would have to hold two shifts that touch."""
    chance = random.Random(seed)
    held = {person: [] for person in range(people)}
    oncalls = []
    for schedule, start, end in spans(schedules, entries, now, chance):
        free = [person for person, own in held.items() if all(end < begun or start > ended for begun, ended in own)]
        if not free:
            raise SystemExit("too few people for so many entries")
        fewest = min(len(held[person]) for person in free)
        person = chance.choice([person for person in free if len(held[person]) == fewest])
        held[person].append((start, end))
        oncalls.append(
            {
                "schedule": f"PSCHED{schedule:02}",
                "user": f"PUSER{person:04}",
                "policy": f"PPOL{schedule:02}",
                "level": 1,
                "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "end": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
    names = [(person, f"Person {person:04}", f"person{person:04}@example.com") for person in range(people)]
    return {
        "pagerduty": {
            "token": "u+standin-key-of-pagerduty",
            "schedules": [{"id": f"PSCHED{number:02}", "name": f"Schedule {number}"} for number in range(schedules)],
            "users": [{"id": f"PUSER{number:04}", "name": name, "email": email} for number, name, email in names],
            "oncalls": oncalls,
        },
        "strongdm": {
            "access_key": "auth-0123456789abcdef",
            "secret_key": base64.b64encode(bytes(range(32))).decode(),
            "users": [
                {"id": f"a-{number:04}", "email": email, "first_name": "Person", "last_name": f"{number:04}"}
                for number, _, email in names
            ],
            "resources": [RESOURCE],
            "roles": [],
        },
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=30)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--entries", type=int, default=1000)
    options = parser.parse_args()
    now = datetime.now(timezone.utc).replace(microsecond=0)
    print(json.dumps(build(options.seed, now, options.schedules, options.people, options.entries)))


if __name__ == "__main__":
    main()
