#!/usr/bin/env python3
"""The job that strongDM's PagerDuty example does, in our own words, with strongDM's own SDK.

    example_script.py --schedule ID… --resource NAME --hours N [--paged]

Everybody on call on the schedules, now and for N hours, gets the resource for the time of the shift: one reading of
/oncalls, and for each entry a look-up of the user at PagerDuty, of the account at strongDM, and a dated grant. Like the
example it reads the first page only (`--paged` reads all), takes the first account and resource that a search brings,
never takes anything back, and prints its errors and goes on.

Keys and addresses come from PAGERDUTY_API_KEY, PAGERDUTY_API_URL, SDM_API_ACCESS_KEY, SDM_API_SECRET_KEY, SDM_API_HOST.
"""

import argparse
import os
from datetime import datetime, timedelta, timezone

import requests
import strongdm

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def pagerduty(path, parameters):
    key = os.environ["PAGERDUTY_API_KEY"]
    headers = {"Authorization": f"Token token={key}", "Accept": "application/vnd.pagerduty+json;version=2"}
    return requests.get(os.environ["PAGERDUTY_API_URL"] + path, parameters, headers=headers, timeout=60).json()


def on_calls(schedules, hours, paged):
    now = datetime.now(timezone.utc)
    asked = {
        "schedule_ids[]": schedules,
        "since": now.strftime(FORMAT),
        "until": (now + timedelta(hours=hours)).strftime(FORMAT),
        "time_zone": "UTC",
    }
    if not paged:
        return pagerduty("/oncalls", asked)["oncalls"]
    entries = []
    while True:
        page = pagerduty("/oncalls", {**asked, "limit": 100, "offset": len(entries)})
        entries += page["oncalls"]
        if not page["more"]:
            return entries


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedule", action="append", required=True)
    parser.add_argument("--resource", required=True)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--paged", action="store_true")
    options = parser.parse_args()

    client = strongdm.Client(
        os.environ["SDM_API_ACCESS_KEY"],
        os.environ["SDM_API_SECRET_KEY"],
        host=os.environ["SDM_API_HOST"],
        insecure=True,
    )
    resource = list(client.resources.list(f"name:{options.resource}"))[0]
    for entry in on_calls(options.schedule, options.hours, options.paged):
        email = pagerduty("/users/" + entry["user"]["id"], None)["user"]["email"]
        account = list(client.accounts.list(f"email:{email}"))[0]
        grant = strongdm.AccountGrant(
            account_id=account.id,
            resource_id=resource.id,
            start_from=datetime.strptime(entry["start"], FORMAT).replace(tzinfo=timezone.utc),
            valid_until=datetime.strptime(entry["end"], FORMAT).replace(tzinfo=timezone.utc),
        )
        try:
            client.account_grants.create(grant)
        except strongdm.RPCError as error:
            print(f"{email}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
