"""What the checks share: their list, one check's surroundings, and a reckoning apart from the program's own."""

from datetime import timedelta

import requests
import strongdm

import world as worlds
from harness import config, run
from standin import parse_time
from suite import Suite

WINDOW_HOURS = 72
RULES = {
    "database": (["PSCHED1"], ["prod-postgres"]),
    "cluster": (['Cluster, "west" & more'], ['prod kube, "west"', "role:dba"]),
    "shifts": (["PSCHED3"], ["bastion"]),
}
# The same in the ids of the world, for the reckoning.
RESOURCES_OF = {"PSCHED1": "rs-0001", "PSCHED2": "rs-0002", "PSCHED3": "rs-0003"}
VERSION = "application/vnd.pagerduty+json;version=2"

SUITE = Suite()
check = SUITE.check
needs_program = SUITE.needs_program


class Bench:
    """One check's surroundings."""

    def __init__(self, servers, folder, program):
        self.servers = servers
        self.folder = folder
        self.program = program
        self.world = worlds.common(worlds.now())

    def sync(self, *options, rules=None, **environment):
        path = self.folder / "oncall-sync.toml"
        if rules is not None or not path.exists():
            config(self.folder, self.servers, f"{WINDOW_HOURS}h", rules or RULES)
        surroundings = self.servers.environment(self.world, self.folder, **environment)
        return run([self.program, "--config", str(path), *options], surroundings)

    def pagerduty(self, target, **headers):
        key = {"Authorization": f"Token token={self.world['pagerduty']['token']}", "Accept": VERSION}
        return requests.get(self.servers.pagerduty.url + target, headers={**key, **headers}, timeout=30)

    def client(self, secret=None):
        part = self.world["strongdm"]
        return strongdm.Client(
            part["access_key"], secret or part["secret_key"], host=self.servers.strongdm.host, insecure=True
        )

    def violations(self):
        return self.servers.pagerduty.state()["violations"]

    def stranger(self):
        return [grant for grant in self.servers.strongdm.state()["grants"] if grant["id"] == "ag-stranger"]

    def ours(self):
        return [grant for grant in self.servers.strongdm.state()["grants"] if grant["id"] != "ag-stranger"]


def merged(periods):
    """Periods that touch or overlap as one."""
    out = []
    for start, end in sorted(periods):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def accounts_by_user(world):
    by_email = {user["email"].lower(): user["id"] for user in world["strongdm"]["users"]}
    return {user["id"]: by_email.get(user["email"].lower()) for user in world["pagerduty"]["users"]}


def wanted(world, now, schedules):
    """(account, resource) → merged periods, by the rules, for shifts that touch the window."""
    accounts = accounts_by_user(world)
    until = now + timedelta(hours=WINDOW_HOURS)
    periods = {}
    for entry in world["pagerduty"]["oncalls"]:
        resource = schedules.get(entry["schedule"])
        start, end = parse_time(entry["start"]), parse_time(entry["end"])
        if resource and end > now and start < until:
            periods.setdefault((accounts[entry["user"]], resource), []).append((start, end))
    return {access: merged(spans) for access, spans in periods.items()}


def given(grants, since):
    """(account, resource) → merged periods of the server's grants, from `since` on."""
    periods = {}
    for grant in grants:
        start, end = parse_time(grant["start_from"]), parse_time(grant["valid_until"])
        if end > since:
            key = (grant["account_id"], grant["resource_id"])
            periods.setdefault(key, []).append((max(start, since), end))
    return {access: merged(spans) for access, spans in periods.items()}


def clipped(periods, since):
    out = {key: [(max(start, since), end) for start, end in spans if end > since] for key, spans in periods.items()}
    return {access: spans for access, spans in out.items() if spans}
