"""One check's surroundings: the chain with its seeds anew, the program, and what emulate holds."""

import os

from emulated import world
from harness import run

GITHUB = {"headers": {"Authorization": f"Bearer {world.GITHUB_TOKEN}"}}
OKTA = {"headers": {"Authorization": f"SSWS {world.OKTA_TOKEN}"}}


class Bench:
    def __init__(self, chain, folder, program, keys):
        self.chain, self.folder, self.program, self.keys = chain, folder, program, keys
        self.start = world.this_hour()
        chain.reset()
        for name, parent in ((world.TEAM, None), (world.CHILD, world.TEAM)):
            body = {"name": name.replace("-", " ")}
            if parent:
                body["parent_team_id"] = self.github("GET", f"/teams/{parent}")["id"]
            self.github("POST", "/teams", body)
        # A maintainer, whom a PUT would make a mere member.
        self.join("carol", role="maintainer")
        self.join("eve")
        self.join("erin", team=world.CHILD)
        self.users = {user["profile"]["login"].split("@")[0]: user["id"] for user in self.okta("GET", "/users")}
        self.groups = {group["profile"]["name"]: group["id"] for group in self.okta("GET", "/groups")}
        for name in world.BEFORE:
            self.okta("PUT", f"/groups/{self.groups[world.GROUP]}/users/{self.users[name]}")
        self.said = {service: len(relay.exchanges) for service, relay in chain.relays.items()}

    def github(self, method, path, body=None):
        return self.chain.behind("github", method, f"/orgs/{world.ORG}{path}", json=body, **GITHUB)

    def okta(self, method, path):
        return self.chain.behind("okta", method, f"/api/v1{path}", **OKTA)

    def join(self, name, team=world.TEAM, role="member"):
        self.github("PUT", f"/teams/{team}/memberships/{name}", {"role": role})

    def members(self):
        """Who is in, by short name: (Okta's group, GitHub's team)."""
        group = self.okta("GET", f"/groups/{self.groups[world.GROUP]}/users")
        team, page = [], None
        while page is None or len(page) == 100:
            page = self.github("GET", f"/teams/{world.TEAM}/members?per_page=100&page={len(team) // 100 + 1}")
            team += page
        return (
            sorted(user["profile"]["login"].split("@")[0] for user in group),
            sorted(user["login"] for user in team if user["login"] not in world.CROWD),
        )

    def exchanges(self, service=None):
        """What this check's runs said since `heard` was last called, or since the beginning."""
        services = [service] if service else self.chain.relays
        return [it for name in services for it in self.chain.relays[name].exchanges[self.said[name] :]]

    def heard(self):
        """What was said since the last call."""
        found = self.exchanges()
        self.said = {service: len(relay.exchanges) for service, relay in self.chain.relays.items()}
        return found

    def write_key(self, key):
        path = self.folder / "app.pem"
        path.touch(mode=0o600)  # a key that others can read is refused
        path.write_text(key)

    def write(self, people=world.ON_CALL, targets=None, grants=None):
        (self.folder / "rota.toml").write_text(world.rota(people, self.start))
        urls = {service: relay.url for service, relay in self.chain.relays.items()}
        everyone = [*world.ON_CALL, *world.GITHUB_ONLY]
        usual = {"okta": world.okta(urls["okta"]), "github": world.github(urls["github"], everyone)}
        targets = usual if targets is None else targets
        grants = grants or {name: [world.GROUP if name == "okta" else world.TEAM] for name in targets}
        (self.folder / "oncall-sync.toml").write_text(world.config(self.folder, targets, grants))

    def sync(self, *options, now=None, **environment):
        # `--now`: nobody's clock decides where in the shift a run is.
        now = now or self.start + world.A_DAY / 24
        surroundings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OKTA_CLIENT_TOKEN": world.OKTA_TOKEN,
            # One of its own for each check: emulate gives each 5000 requests, which our GraphQL uses up quickly.
            "GITHUB_TOKEN": f"{world.GITHUB_TOKEN}_for_{self.folder.name}",
            **environment,
        }
        command = [self.program, "--config", str(self.folder / "oncall-sync.toml"), "--now", f"{now:%Y-%m-%dT%H:%M:%SZ}"]
        return run([*command, *options], surroundings)
