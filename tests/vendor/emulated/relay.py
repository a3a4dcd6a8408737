"""Stands before a server, keeps what is said, and passes it on unchanged.

`after` is called with each exchange before its answer is passed on: a check that has the service break a promise sets it.
"""

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection

from loopback import Loopback, reply

# Of one connection only, so the relay has its own.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "trailer", "upgrade"}
PRISM = "https://stoplight.io/prism/errors#"
PATIENCE = 60  # seconds for one answer


@dataclass
class Exchange:
    """One request and its answer. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict
    body: bytes
    status: int = 0
    answer_headers: dict = field(default_factory=dict)
    answer: bytes = b""

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def writes(self):
        return self.method in ("PUT", "DELETE", "PATCH") or (self.method == "POST" and "/memberships/" in self.path)

    def refused_by_prism(self):
        """What Prism says is wrong with the request, if it is not the server behind it that answered."""
        if not self.answer_headers.get("content-type", "").startswith("application/problem+json"):
            return None
        problem = json.loads(self.answer)
        if not problem.get("type", "").startswith(PRISM):
            return None
        more = "; ".join(fault["message"] for fault in problem.get("validation", []))
        return f"{problem['type'][len(PRISM):]}: {more or problem.get('detail', problem['title'])}"

    def faults_of_answer(self):
        """What Prism says is wrong with the answer, as (location without numbers, code, message)."""
        for fault in json.loads(self.answer_headers.get("sl-violations", "[]")):
            if fault["location"][0] == "response" and fault["severity"] == "Error":
                place = ".".join("*" if part.isdigit() else part for part in fault["location"][1:])
                yield place, fault["code"], fault["message"]

    def __str__(self):
        return f"{self.method} {self.target} -> {self.status}"


class Relay:
    """`route(path)` answers the port to pass a request on to."""

    def __init__(self):
        self.route = self.after = None
        self.exchanges = []
        self.server = Loopback(self.pass_on)

    @property
    def url(self):
        return self.server.url

    def pass_on(self, client, body):
        headers = {name.lower(): value for name, value in client.headers.items()}
        said = Exchange(client.command, client.path, headers, body)
        self.exchanges.append(said)
        own = {name: value for name, value in headers.items() if name not in HOP}
        upstream = HTTPConnection("127.0.0.1", self.route(said.path), timeout=PATIENCE)
        upstream.request(said.method, said.target, body or None, own)
        answer = upstream.getresponse()
        said.answer, said.status = answer.read(), answer.status
        said.answer_headers = {name.lower(): value for name, value in answer.getheaders()}
        upstream.close()
        if self.after:
            self.after(said)
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
        reply(client, said.status, kept, said.answer)

    def stop(self):
        self.server.stop()
