"""The worlds that the stand-ins serve, as data.

A world is one JSON object: `pagerduty` (token, schedules, users, oncalls) and `strongdm` (access_key, secret_key, users,
services, resources, roles, grants, one_grant_per_access). Instants are RFC 3339 in UTC. Resources and users are the
arguments of the vendor's model classes, so that what goes over the wire is what the vendor's own code makes of them.
"""

import base64
from datetime import datetime, timedelta, timezone

TOKEN = "u+standin-key-of-pagerduty"
ACCESS_KEY = "auth-0123456789abcdef"
SECRET_KEY = base64.b64encode(bytes(range(32))).decode()


def at(now, hours):
    """The instant that many hours from `now`, in whole seconds; `None` stays `None`."""
    return None if hours is None else (now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(now, schedule, user, start, end, level=1, policy="PPOLICY"):
    """A line of /oncalls; `start` and `end` in hours from now."""
    return {
        "schedule": schedule,
        "user": user,
        "policy": policy,
        "level": level,
        "start": at(now, start),
        "end": at(now, end),
    }


def person(number, name, email):
    first, last = name.split(" ", 1)
    return (
        {"id": f"PUSER{number:02}", "name": name, "email": email},
        {"id": f"a-{number:04}", "email": email, "first_name": first, "last_name": last},
    )


PEOPLE = [
    person(1, "Ada Byron", "ada@example.com"),
    person(2, "Grace Murray", "Grace.Murray@Example.com"),
    person(3, "Edsger Wybe", "edsger+oncall@example.com"),
    person(4, "Barbara Huberman", "barbara@example.com"),
    person(5, "Tony O'Hare", "tony.o'hare@example.com"),
    person(6, "Frances Elizabeth Spence", "frances@example.com"),
]

RESOURCES = [
    {"type": "Postgres", "id": "rs-0001", "name": "prod-postgres", "hostname": "db", "port": 5432, "username": "app"},
    {"type": "Kubernetes", "id": "rs-0002", "name": "prod kube, \"west\"", "hostname": "kube", "port": 443},
    {"type": "SSHCert", "id": "rs-0003", "name": "bastion", "hostname": "bastion", "port": 22, "username": "root"},
    {"type": "HTTPNoAuth", "id": "rs-0004", "name": "grafana", "url": "http://grafana"},
    # Names that a search with a wildcard, or without quotes, would take for one of the above.
    {"type": "Mysql", "id": "rs-0005", "name": "prod-postgres-old", "hostname": "db", "port": 3306},
    {"type": "Redis", "id": "rs-0006", "name": "prod*", "hostname": "cache", "port": 6379},
    {"type": "AmazonEKS", "id": "rs-0007", "name": "PROD-POSTGRES"},
]


def common(now):
    """Six people, two schedules of layers and one of shifts, a page and more of entries."""
    users = [user for user, _ in PEOPLE]
    accounts = [account for _, account in PEOPLE]
    oncalls = []
    # Three-hour shifts in turn. Five policies use the first schedule, so that /oncalls shows each of its shifts five times
    # and a window of three days takes more than one page.
    for turn in range(32):
        start = -1.5 + 3 * turn
        for level in range(1, 6):
            oncalls.append(entry(now, "PSCHED1", users[turn % 3]["id"], start, start + 3, level, f"PPOLICY{level}"))
        oncalls.append(entry(now, "PSCHED2", users[3 + turn % 2]["id"], start + 1, start + 4))
    # Days of one person in two pieces that touch, as an override beside a regular shift makes them.
    oncalls.append(entry(now, "PSCHED3", users[5]["id"], 2, 10))
    oncalls.append(entry(now, "PSCHED3", users[5]["id"], 10, 26))
    oncalls.append(entry(now, "PSCHED3", users[0]["id"], 5, 12))
    return {
        "pagerduty": {
            "token": TOKEN,
            "schedules": [
                {"id": "PSCHED1", "name": "Database primary"},
                {"id": "PSCHED2", "name": "Cluster, \"west\" & more"},
                {"id": "PSCHED3", "name": "Database shifts", "v3": True},
                {"id": "PSCHED4", "name": "Nobody's"},
            ],
            "users": users,
            "oncalls": oncalls,
        },
        "strongdm": {
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "users": accounts,
            "services": [{"id": "a-9001", "name": "ci", "suspended": False}],
            "resources": RESOURCES,
            "roles": [{"id": "r-0001", "name": "dba"}, {"id": "r-0002", "name": "dba-readers"}],
            # A stranger's: never to be touched.
            "grants": [
                {"id": "ag-stranger", "account_id": "a-0004", "resource_id": "rs-0004", "valid_until": at(now, 5)}
            ],
        },
    }


def awkward(now):
    """The common world with people who cannot be served: deleted, without an account, suspended."""
    world = common(now)
    world["pagerduty"]["users"] += [
        {"id": "PGONE", "name": "Gone Girl", "email": "gone@example.com", "deleted": True},
        {"id": "PNOACC", "name": "No Account", "email": "nobody@example.com"},
        {"id": "PSUSP", "name": "Sus Pended", "email": "suspended@example.com"},
    ]
    world["strongdm"]["users"] = world["strongdm"]["users"] + [
        {"id": "a-0099", "email": "suspended@example.com", "first_name": "Sus", "last_name": "Pended", "suspended": True}
    ]
    for number, user in enumerate(["PGONE", "PNOACC", "PSUSP"]):
        world["pagerduty"]["oncalls"].append(entry(now, "PSCHED1", user, 1 + number, 2 + number))
    # Somebody whom a policy names without a schedule: always on call, and not asked for by any rule.
    world["pagerduty"]["oncalls"].append(entry(now, None, "PUSER06", None, None))
    return world


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)
