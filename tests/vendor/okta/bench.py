"""One check's surroundings: the recordings, the server that says them again, the program."""

import json
import os

from harness import run
from suite import same

GROUP = "Group-Target-Test"
# Within the shift and after it. The recordings are older; `--now` has the clock held against nobody's.
ON_CALL, AFTER = "2026-03-02T12:00:00Z", "2026-03-03T12:00:00Z"

CONFIG = """\
window = "4h"
ledger = "ledger.db"

[source.rota]
kind = "file"
path = "rota.toml"

[target.okta]
base_url = "{url}"
{credential}

[[rule]]
name = "recorded"
schedules = ["recorded"]
grant.okta = {groups}
"""
ROTA = """\
[schedules.recorded]
timezone = "UTC"
[[schedules.recorded.layers]]
start = "2026-03-02 00:00"
every = "1 day"
users = [{people}, "nobody"]
"""
TOKEN = 'api_token = { env = "OKTA_CLIENT_TOKEN" }'
APP = 'client_id = "0oarecorded"\nprivate_key = { file = "app.pem" }'


class Bench:
    def __init__(self, recordings, replay, folder, program, served, categories):
        self.recordings, self.replay, self.folder, self.program = recordings, replay, folder, program
        self.served, self.categories = served, categories
        one = recordings.one
        operations = "test_group_users_operations"
        self.nobody = one(r"GET /api/v1/users\?limit=1 200", "test_dpop_api_request")  # an empty list
        self.user = one(r"POST /api/v1/users\S* 200", operations)  # the user whom the group's cassette adds and removes
        self.inside, self.outside = recordings.find(r"GET /api/v1/groups/\w+/users 200", operations)
        self.group = one(rf"GET /api/v1/groups\?q={GROUP} 200", "test_search_group")
        self.groups_of = one(r"GET /api/v1/users/\w+/groups 200", "test_list_user_groups")
        self.missing_user = one(r"GET /api/v1/users/\w+ 404", "test_user_pagination")
        self.missing_group = one(r"GET /api/v1/groups/\w+ 404", "test_create_get_group")
        self.login = self.user.json["profile"]["login"]
        self.scene = {
            "users": self.nobody,
            "user": self.user,
            "groups of": self.groups_of,
            "groups": self.group,
            "groups like": self.group,
            "group": self.missing_group,
            "rules": one(r"GET /api/v1/groups/rules 200", "test_group_rule_operations"),
            "members": self.outside,
            "add": one(r"PUT /api/v1/groups/\w+/users/\w+ 204", operations),
            "remove": one(r"DELETE /api/v1/groups/\w+/users/\w+ 204", operations),
        }

    def sync(self, *options, now=ON_CALL, people=None, asked=(GROUP,), credential=TOKEN, fresh=False, **scene):
        """A run with the usual scene, but for what is named here: kind or target → recordings. `asked`: the groups."""
        self.replay.load({**self.scene, **scene})
        if fresh:
            (self.folder / "ledger.db").unlink(missing_ok=True)
        (self.folder / "rota.toml").write_text(ROTA.format(people=json.dumps(people or [self.login])))
        config = CONFIG.format(url=self.replay.url, credential=credential, groups=json.dumps(list(asked)))
        (self.folder / "oncall-sync.toml").write_text(config)
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "OKTA_CLIENT_TOKEN": "recorded"}
        command = [self.program, "--config", str(self.folder / "oncall-sync.toml"), "--now", now]
        done = run([*command, *options], surroundings)
        same(self.replay.strays, [], "requests that no recording was chosen for")
        self.served.update(name for it in self.replay.asked for name, of in self.categories.items() if of(it.said))
        return done

    def writes(self):
        return [f"{it.method} {it.target}" for it in self.replay.asked if it.method in ("PUT", "DELETE")]


def lines(done):
    return done.stdout + done.stderr
