"""GitHub's and Okta's own descriptions of their APIs, cut down to what concerns groups and teams, so that Prism starts soon."""

import json
import re
from pathlib import Path

METHODS = ("get", "put", "post", "delete", "patch")
# Where the descriptions are below node_modules, and which of their paths are kept: more than we use, so that a request
# that strays a little is judged and not just unknown. The second of GitHub's is that of its Enterprise Cloud.
SOURCES = {
    "github": {
        "@octokit/openapi/generated/api.github.com.json": r"/orgs/\{org\}($|/(teams|members|memberships|installation|invitations)(/|$))"
        r"|/teams/|/app($|/)|/rate_limit$|/users?/\{\w+\}$|/user$",
        "@octokit/openapi/generated/ghec.json": r"/scim/v2/enterprises/",
    },
    "okta": {"@okta/openapi/dist/spec.json": r"/api/v1/(groups|users)(/|$)"},
}


class Description:
    def __init__(self, service, packages):
        self.whole, self.paths, shared = {}, {}, {}
        for place, kept in SOURCES[service].items():
            one = json.loads((packages / "node_modules" / place).read_text())
            self.paths |= {path: item for path, item in one["paths"].items() if re.match(kept, path)}
            self.whole = one | self.whole
            for kind, parts in one.get("components", {}).items():
                shared[kind] = parts | shared.get(kind, {})
        self.whole["components"] = shared
        if service == "okta":  # its description lacks this, see there
            self.paths |= json.loads((Path(__file__).parent / "okta-token.json").read_text())["paths"]
        self.service = service

    def write(self, path, answers):
        """Writes what was kept; without `answers`, any answer is right: Prism then judges nothing but requests."""
        cut = {key: value for key, value in self.whole.items() if not key.startswith("x-") and key != "webhooks"}
        cut["paths"] = json.loads(json.dumps(self.paths))
        if not answers:
            for item in cut["paths"].values():
                for method in set(item) & set(METHODS):
                    item[method]["responses"] = {"default": {"description": "any"}}
        self.drop_what_nobody_refers_to(cut)
        path.write_text(json.dumps(cut))

    @staticmethod
    def drop_what_nobody_refers_to(cut):
        """Keeps of the shared parts those that the paths need, and what these need in turn."""
        needed, seen = {"paths": cut["paths"]}, set()
        waiting = re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(cut["paths"]))
        while waiting:
            pointer = waiting.pop()
            if pointer in seen:
                continue
            seen.add(pointer)
            *folders, name = pointer.split("/")
            source, into = cut, needed
            for folder in folders:
                source, into = source[folder], into.setdefault(folder, {})
            into[name] = source[name]
            waiting += re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(source[name]))
        for key in ("components", "definitions", "parameters", "responses"):
            security = cut.get(key, {}).get("securitySchemes") if key == "components" else None
            cut.pop(key, None)
            if key in needed:
                cut[key] = needed[key]
            if security:
                cut.setdefault(key, {})["securitySchemes"] = security

    def parameters(self, operation):
        """The names that an operation knows in its query. Prism lets others pass, and GitHub and Okta ignore them."""
        method, _, path = operation.partition(" ")
        item = self.paths[path]
        for one in [*item.get("parameters", []), *item[method.lower()].get("parameters", [])]:
            if "$ref" in one:
                pointer = one["$ref"].split("/")[1:]
                one = self.whole
                for step in pointer:
                    one = one[step]
            if one["in"] == "query":
                yield one["name"]

    def operation(self, method, path):
        """`METHOD /path/{template}`, or `None` for what is not described. Literal parts win over parameters."""
        fitting = [
            template
            for template, item in self.paths.items()
            if method.lower() in item and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path)
        ]
        best = min(fitting, key=lambda template: template.count("{"), default=None)
        return best and f"{method} {best}"
