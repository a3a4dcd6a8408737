#!/usr/bin/env python3
"""A PagerDuty stand-in that has every request and every answer judged by PagerDuty's own description.

    server.py WORLD.JSON [--latency SECONDS] [--no-validate]

Serves the part `pagerduty` of the world (see ../world.py) on a free loopback port and prints one line of JSON with
`port` and `control`. The control port answers GET /state (requests by operation, violations) and takes POST /world.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aiohttp import web

from described import Described

sys.path.append(str(Path(__file__).parent.parent))
from standin import announce, parse_time, serve  # noqa: E402

MAX_LIMIT = 100  # "limit: maximum 100", PagerDuty's page on pagination
DEFAULT_LIMIT = 25
MAX_REACH = 10000  # offset + limit beyond it is refused
MAX_TARGET = 4096  # bytes of path and query; two public reports of 414 point to it
HORIZON = timedelta(days=90)  # shifts are rendered no further ahead
SITE = "https://api.pagerduty.com"


class Refusal(Exception):
    def __init__(self, status, code, message, *errors):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "code": code, "errors": list(errors)}}


def not_found():
    return Refusal(404, 2100, "Not Found")


def stamp(instant):
    return None if instant is None else instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference(kind, entry_id, summary, path):
    url = f"{SITE}/{path}/{entry_id}"
    return {"id": entry_id, "type": kind, "summary": summary, "self": url, "html_url": url}


class PagerDuty:
    def __init__(self, world, options):
        self.options = options
        self.described = None if options.no_validate else Described()
        self.load(world)

    def load(self, world):
        part = world["pagerduty"]
        self.token = part["token"]
        self.schedules = {entry["id"]: entry for entry in part["schedules"]}
        self.users = {entry["id"]: entry for entry in part["users"]}
        self.oncalls = [
            {**entry, "start": parse_time(entry["start"]), "end": parse_time(entry["end"])} for entry in part["oncalls"]
        ]
        self.requests = Counter()
        self.violations = []
        self.busy = self.busiest = 0

    def state(self):
        """Counts since the world was loaded; `busiest`, the most requests at once, since the last reading."""
        busiest, self.busiest = self.busiest, self.busy
        return {
            "requests": dict(self.requests),
            "total": sum(self.requests.values()),
            "violations": self.violations,
            "busiest": busiest,
            "cpu": time.process_time(),
        }

    # -- how it looks on the wire

    def user_reference(self, user_id):
        user = self.users[user_id]
        if user.get("deleted"):
            # Deleted users stay on schedules: no name, no e-mail, and a field that the description does not know.
            bare = reference("user_reference", user_id, user["name"], "users")
            return {**bare, "html_url": None, "deleted_at": "2026-01-01T00:00:00Z"}
        return reference("user_reference", user_id, user["name"], "users")

    def user(self, user_id):
        user = self.users.get(user_id)
        if user is None or user.get("deleted"):
            raise not_found()
        full = {**reference("user", user_id, user["name"], "users"), "name": user["name"], "email": user["email"]}
        return {**full, "time_zone": "Etc/UTC", "role": "user", "job_title": "Engineer", "teams": []}

    def schedule_reference(self, schedule_id):
        schedule = self.schedules[schedule_id]
        kind = "schedule_v3_reference" if schedule.get("v3") else "schedule_reference"
        return reference(kind, schedule_id, schedule["name"], "schedules")

    def policy_references(self, schedule_id):
        policies = sorted({entry["policy"] for entry in self.oncalls if entry["schedule"] == schedule_id})
        return [reference("escalation_policy_reference", policy, policy, "escalation_policies") for policy in policies]

    def schedule(self, schedule_id):
        schedule = self.schedules[schedule_id]
        full = {**reference("schedule", schedule_id, schedule["name"], "schedules"), "name": schedule["name"]}
        return {**full, "time_zone": "Etc/UTC", "escalation_policies": self.policy_references(schedule_id), "users": []}

    # -- operations

    @staticmethod
    def page(query, items, name, render):
        limit = min(int(query.get("limit", DEFAULT_LIMIT)), MAX_LIMIT)
        offset = int(query.get("offset", 0))
        if limit < 1 or offset < 0 or offset + limit > MAX_REACH:
            raise Refusal(400, 2002, "Arguments Caused Error", "Offset plus limit is too large.")
        total = len(items) if query.get("total") == "true" else None
        shown = [render(item) for item in items[offset : offset + limit]]
        return {name: shown, "limit": limit, "offset": offset, "more": offset + limit < len(items), "total": total}

    @staticmethod
    def window(query):
        now = datetime.now(timezone.utc)
        since = parse_time(query.get("since")) or now
        until = parse_time(query.get("until")) or now
        if until < since:
            raise Refusal(400, 2004, "Invalid Date Range", "Until is before since.")
        return since, min(until, now + HORIZON)

    def list_oncalls(self, query, _):
        since, until = self.window(query)
        wanted = {name: query.getall(f"{name}_ids[]", []) for name in ("schedule", "escalation_policy", "user")}
        include = query.getall("include[]", [])
        if query.get("earliest") == "true":
            raise Refusal(400, 2001, "Invalid Input Provided", "This stand-in has no `earliest`: it loses shifts.")

        def asked(entry):
            named = {"schedule": entry["schedule"] or "null", "escalation_policy": entry["policy"], "user": entry["user"]}
            return all(not values or named[name] in values for name, values in wanted.items())

        def overlaps(entry):
            begins, ends = entry["start"], entry["end"]
            # The default window is one instant, and a shift that holds it counts.
            return (begins is None or begins < until or begins <= since) and (ends is None or ends > since)

        touching = [entry for entry in self.oncalls if asked(entry) and overlaps(entry)]
        return self.page(query, touching, "oncalls", lambda entry: self.oncall(entry, include))

    def oncall(self, entry, include):
        user = self.user_reference(entry["user"])
        if "users" in include and "deleted_at" not in user:
            user = self.user(entry["user"])
        return {
            "escalation_policy": reference(
                "escalation_policy_reference", entry["policy"], entry["policy"], "escalation_policies"
            ),
            "escalation_level": entry["level"],
            "schedule": self.schedule_reference(entry["schedule"]) if entry["schedule"] else None,
            "user": user,
            "start": stamp(entry["start"]),
            "end": stamp(entry["end"]),
        }

    def list_schedules(self, query, _):
        asked = query.get("query", "").lower()
        layered = [key for key, entry in self.schedules.items() if not entry.get("v3") and asked in str(entry["name"]).lower()]
        return self.page(query, layered, "schedules", self.schedule)

    def get_schedule(self, query, schedule_id):
        if schedule_id not in self.schedules:
            raise not_found()
        if self.schedules[schedule_id].get("v3"):
            raise Refusal(400, 2001, "Invalid Input Provided", "The schedule is shift-based.")
        full = self.schedule(schedule_id)
        entries = []
        coverage = None
        if "since" in query or "until" in query:
            since, until = self.window(query)
            whole = query.get("overflow") == "true"
            seen = set()
            for entry in self.oncalls:
                begins, ends = entry["start"] or since, entry["end"] or until
                if entry["schedule"] != schedule_id or begins >= until or ends <= since:
                    continue
                if not whole:
                    begins, ends = max(begins, since), min(ends, until)
                if (entry["user"], begins, ends) not in seen:
                    seen.add((entry["user"], begins, ends))
                    user = self.user_reference(entry["user"])
                    entries.append({"start": stamp(begins), "end": stamp(ends), "user": user})
            coverage = 100.0 if entries else 0.0
        final = {"rendered_schedule_entries": entries, "rendered_coverage_percentage": coverage}
        full["final_schedule"] = {"name": "Final Schedule", **final}
        full["overrides_subschedule"] = {
            "name": "Overrides",
            "rendered_schedule_entries": [],
            "rendered_coverage_percentage": None if coverage is None else 0.0,
        }
        full["schedule_layers"] = []
        return {"schedule": full}

    def get_user(self, _, user_id):
        return {"user": self.user(user_id)}

    def list_schedules_v3(self, query, _):
        asked = query.get("query", "").lower()
        shifting = [key for key, entry in self.schedules.items() if entry.get("v3") and asked in str(entry["name"]).lower()]
        return self.page(query, shifting, "schedules", self.schedule_reference)

    def get_schedule_v3(self, query, schedule_id):
        schedule = self.schedules.get(schedule_id)
        if schedule is None:
            raise not_found()
        if not schedule.get("v3"):
            refusal = Refusal(400, 2001, "Invalid Input Provided")
            refusal.body["error"]["errors"] = {"id": ["is a layer-based schedule"]}
            raise refusal
        full = {"id": schedule_id, "type": "schedule_v3", "name": schedule["name"], "time_zone": "Etc/UTC"}
        full = {**full, "escalation_policies": self.policy_references(schedule_id), "rotations": []}
        if "final_schedule" in query.getall("include[]", []):
            since, until = self.window(query)
            assignments = []
            for entry in self.oncalls:
                begins, ends = entry["start"] or since, entry["end"] or until
                if entry["schedule"] == schedule_id and begins < until and ends > since:
                    member = {"type": "user_member", "user_id": entry["user"]}
                    source = {"type": "schedule_rotation", "rotation_id": "R1"}
                    span = {"start_time": stamp(begins), "end_time": stamp(ends)}
                    assignment = {"type": "computed_shift_assignment", "member": member, "source": source, **span}
                    if assignment not in assignments:
                        assignments.append(assignment)
            full["final_schedule"] = {
                "type": "final_schedule",
                "rendered_coverage_percentage": 100.0,
                "computed_shift_assignments": assignments,
            }
        return {"schedule": full}

    # -- the door

    async def answer(self, request, pattern, operation):
        self.requests[f"GET {pattern}"] += 1
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if self.options.latency:
                await asyncio.sleep(self.options.latency)
            return self.judge(request, pattern, operation)
        finally:
            self.busy -= 1

    def judge(self, request, pattern, operation):
        query, headers = list(request.query.items()), list(request.headers.items())
        if len(request.raw_path) > MAX_TARGET:
            return web.Response(status=414, text="<html>414 Request-URI Too Large</html>", content_type="text/html")
        if self.described and (fault := self.described.request_fault(request.path, query, headers, pattern)):
            self.violations.append(f"request {request.path_qs}: {fault}")
            refusal = Refusal(400, 2001, "Invalid Input Provided", fault)
            return web.json_response(refusal.body, status=refusal.status)
        status, body, kind = self.outcome(request, operation)
        if self.described:
            fault = self.described.response_fault(request.path, query, headers, status, body, kind)
            if fault:
                self.violations.append(f"answer {status} to {request.path_qs}: {fault}")
        limits = {"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": "60"}
        return web.Response(status=status, body=body, content_type=kind, headers=limits)

    def outcome(self, request, operation):
        if request.headers.get("Authorization") != f"Token token={self.token}":
            return 401, b"", "text/html"
        try:
            body = operation(request.query, request.match_info.get("id"))
            return 200, json.dumps(body).encode(), "application/json"
        except Refusal as refusal:
            return refusal.status, json.dumps(refusal.body).encode(), "application/json"

    async def unknown(self, request):
        self.violations.append(f"{request.method} {request.path_qs}: not among the operations that are checked")
        return web.json_response(not_found().body, status=404)

    def routes(self):
        operations = {
            "/oncalls": self.list_oncalls,
            "/schedules": self.list_schedules,
            "/schedules/{id}": self.get_schedule,
            "/users/{id}": self.get_user,
            "/v3/schedules": self.list_schedules_v3,
            "/v3/schedules/{id}": self.get_schedule_v3,
        }
        app = web.Application()
        for pattern, operation in operations.items():

            async def handler(request, pattern=pattern, operation=operation):
                return await self.answer(request, pattern, operation)

            app.router.add_get(pattern, handler, allow_head=False)
        app.router.add_route("*", "/{rest:.*}", self.unknown)
        return app


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("world")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--no-validate", action="store_true", help="for measurements: the judge is slower than the net")
    options = parser.parse_args()
    pagerduty = PagerDuty(json.loads(Path(options.world).read_text()), options)
    await announce(await serve(pagerduty.routes()), pagerduty)


if __name__ == "__main__":
    asyncio.run(main())
