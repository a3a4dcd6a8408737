"""Okta's recorded exchanges, read from the source archive of its Python SDK, and a server that says them again."""

import json
import re
import tarfile
import threading
import time
from dataclasses import dataclass, field, replace

import yaml

from loopback import Loopback, reply

HOST = "https://test.okta.com"  # what the makers of the recordings put in place of their own
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The recordings keep bodies in the clear and whole: how they were packed for the wire is not true of them any more.
PACKING = {"content-encoding", "transfer-encoding", "content-length", "connection"}


@dataclass(frozen=True)
class Recorded:
    cassette: str
    method: str
    target: str
    status: int
    headers: tuple  # pairs, names in lower case
    body: str

    def header(self, name):
        return [value for key, value in self.headers if key == name]

    def without(self, name):
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))

    def having(self, name, value):
        return replace(self.without(name), headers=(*self.without(name).headers, (name, value)))

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.cassette}: {self.method} {self.target} -> {self.status}"


class Recordings:
    def __init__(self, archive):
        self.all = []
        with tarfile.open(archive) as files:
            for member in files:
                if "/integration/cassettes/" in member.name and member.name.endswith(".yaml"):
                    name = member.name.rpartition("/")[2].removesuffix(".yaml").rpartition(".")[2]
                    self.all += self.read(name, files.extractfile(member))

    @staticmethod
    def read(name, file):
        for one in yaml.load(file, Loader=LOADER)["interactions"]:
            request, response = one["request"], one["response"]
            headers = []
            for key, values in response["headers"].items():
                headers += [(key.lower(), value) for value in (values if isinstance(values, list) else [values])]
            body = response["body"]["string"]
            yield Recorded(
                name,
                request["method"],
                request["uri"].removeprefix(HOST),
                response["status"]["code"],
                tuple(pair for pair in headers if pair[0] not in PACKING),
                body.decode() if isinstance(body, bytes) else body,
            )

    def find(self, pattern, cassette=None):
        """Those whose `METHOD target status` matches, of one cassette or of all."""
        return [
            it
            for it in self.all
            if cassette in (None, it.cassette) and re.fullmatch(pattern, f"{it.method} {it.target} {it.status}")
        ]

    def one(self, pattern, cassette, number=0):
        return self.find(pattern, cassette)[number]


@dataclass
class Asked:
    method: str
    target: str
    headers: dict
    body: str
    said: Recorded
    at: float = field(default_factory=time.monotonic)  # seconds


# What the program asks, in words of its purpose. What is served to each is a scene's choice.
KINDS = {
    "users": r"GET /api/v1/users\?search=.*",
    "user": r"GET /api/v1/users/[^/?]+",
    "groups of": r"GET /api/v1/users/[^/?]+/groups",
    "groups": r"GET /api/v1/groups\?search=.*",
    "groups like": r"GET /api/v1/groups\?q=.*",
    "rules": r"GET /api/v1/groups/rules\?.*",
    "group": r"GET /api/v1/groups/[^/?]+",
    "members": r"GET /api/v1/groups/[^/?]+/users\?.*",
    "add": r"PUT /api/v1/groups/[^/?]+/users/[^/?]+",
    "remove": r"DELETE /api/v1/groups/[^/?]+/users/[^/?]+",
    "token": r"POST /oauth2/v1/token",
}


class Replay:
    """Serves a scene: kind → recorded answers in turn, the last again and again. A target of its own comes before its kind.

    Asked for what the scene does not have, it answers 501, and `strays` has it.
    """

    def __init__(self):
        self.scene, self.asked, self.strays = {}, [], []
        self.turn = threading.Lock()
        self.server = Loopback(self.answer)

    @property
    def url(self):
        return self.server.url

    def load(self, scene):
        self.scene = {key: list(value) if isinstance(value, (list, tuple)) else [value] for key, value in scene.items()}
        self.asked, self.strays = [], []

    def answer(self, client, body):
        call = f"{client.command} {client.path}"
        kind = next((kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, call)), None)
        key = client.path if client.path in self.scene else kind
        with self.turn:
            queue = self.scene.get(key)
            if not queue:
                self.strays.append(call)
                reply(client, 501, [], b"")
                return
            said = queue.pop(0) if len(queue) > 1 else queue[0]
            headers = {name.lower(): value for name, value in client.headers.items()}
            self.asked.append(Asked(client.command, client.path, headers, body.decode(), said))
        kept = [(name, value.replace(HOST, self.url) if name == "link" else value) for name, value in said.headers]
        reply(client, said.status, kept, said.body.replace(HOST, self.url).encode())

    def of(self, kind):
        return [it for it in self.asked if re.fullmatch(KINDS[kind], f"{it.method} {it.target}")]

    def stop(self):
        self.server.stop()
