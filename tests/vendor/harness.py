"""Starts and stops what the checks and the benchmark talk to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import requests

HERE = Path(__file__).parent
PATIENCE = 60  # seconds for anything started here; all of it ends in a few


class Server:
    """A stand-in as a process of its own, with its control door."""

    def __init__(self, script, world_file, *options):
        command = [sys.executable, str(HERE / script), str(world_file), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{script} did not start; its error is above")
        ports = json.loads(line)
        self.port = ports["port"]
        self.control = f"http://127.0.0.1:{ports['control']}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def state(self):
        return requests.get(self.control + "/state", timeout=PATIENCE).json()

    def load(self, world):
        """Another world; counts begin anew."""
        requests.post(self.control + "/world", json=world, timeout=PATIENCE).raise_for_status()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Servers:
    """Both stand-ins, stopped at the end of the `with`."""

    def __init__(self, folder, world, pagerduty=(), strongdm=()):
        self.world_file = folder / "world.json"
        self.world_file.write_text(json.dumps(world))
        self.options = pagerduty, strongdm

    def __enter__(self):
        pagerduty, strongdm = self.options
        self.pagerduty = Server("pagerduty/server.py", self.world_file, *pagerduty)
        self.strongdm = Server("strongdm/server.py", self.world_file, *strongdm)
        return self

    def __exit__(self, *_):
        self.pagerduty.stop()
        self.strongdm.stop()

    def load(self, world):
        self.pagerduty.load(world)
        self.strongdm.load(world)

    def environment(self, world, home, **more):
        """What a program that talks to both needs, and nothing of the caller's but its path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PAGERDUTY_API_KEY": world["pagerduty"]["token"],
            "PAGERDUTY_API_URL": self.pagerduty.url,
            "SDM_API_ACCESS_KEY": world["strongdm"]["access_key"],
            "SDM_API_SECRET_KEY": world["strongdm"]["secret_key"],
            "SDM_API_HOST": self.strongdm.host,
            **more,
        }


CONFIG = """\
window = "{window}"
ledger = "{ledger}"

[source.pagerduty]
api_key = {{ env = "PAGERDUTY_API_KEY" }}
base_url = "{pagerduty}"

[target.strongdm]
access_key = {{ env = "SDM_API_ACCESS_KEY" }}
secret_key = {{ env = "SDM_API_SECRET_KEY" }}
host = "{strongdm}"
{more}
"""

RULE = """
[[rule]]
name = {name}
schedules = {schedules}
grant.strongdm = {resources}
"""


def config(folder, servers, window, rules, more=""):
    """Writes a config with a ledger of its own into `folder`. `rules`: name → (schedules, resources)."""
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(
        window=window,
        ledger=folder / "ledger.db",
        pagerduty=servers.pagerduty.url,
        strongdm=servers.strongdm.url,
        more=more,
    )
    for name, (schedules, resources) in rules.items():
        # A JSON string without escapes beyond \" and \\ is a TOML string as well.
        fields = {"name": name, "schedules": schedules, "resources": resources}
        text += RULE.format(**{key: json.dumps(value) for key, value in fields.items()})
    path = folder / "oncall-sync.toml"
    path.write_text(text)
    return path


def run(command, environment, patience=PATIENCE * 5):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=patience)
