"""For every operation that the program uses, a request with one thing wrong, which the description has to refuse.

Where the description leaves nothing to get wrong but the address (GitHub's names neither token nor headers, and its path
parameters are any text), the address is wrong.
"""

from emulated.world import ORG, TEAM

T = f"/orgs/{ORG}/teams/{TEAM}"
JSON = {"Content-Type": "application/json"}

# Operation → (what is wrong, method, target, body, whether with a token).
CONTROLS = {
    "github": {
        "GET /orgs/{org}/installation": ("path", "GET", f"/orgs/{ORG}/installation/100", None, True),
        "POST /app/installations/{installation_id}/access_tokens": (
            "body", "POST", "/app/installations/100/access_tokens", '{"permissions": {"members": "admin"}}', True),
        "GET /orgs/{org}/memberships/{username}": ("path", "GET", f"/orgs/{ORG}/membership/ada", None, True),
        "PUT /orgs/{org}/teams/{team_slug}/memberships/{username}": (
            "body", "PUT", f"{T}/memberships/ada", '{"role": "owner"}', True),
        "DELETE /orgs/{org}/teams/{team_slug}/memberships/{username}": ("path", "DELETE", f"{T}/membership/ada", None, True),
    },
    "okta": {
        "GET /api/v1/groups": ("query", "GET", "/api/v1/groups?limit=many", None, True),
        "GET /api/v1/groups/rules": ("query", "GET", "/api/v1/groups/rules?limit=many", None, True),
        "GET /api/v1/groups/{groupId}/users": ("query", "GET", "/api/v1/groups/00g1/users?limit=many", None, True),
        "PUT /api/v1/groups/{groupId}/users/{userId}": ("no token", "PUT", "/api/v1/groups/00g1/users/00u1", None, False),
        "DELETE /api/v1/groups/{groupId}/users/{userId}": (
            "no token", "DELETE", "/api/v1/groups/00g1/users/00u1", None, False),
        "GET /api/v1/users": ("query", "GET", "/api/v1/users?limit=many", None, True),
        "GET /api/v1/users/{userId}": ("no token", "GET", "/api/v1/users/ada@example.com", None, False),
    },
}

# What emulate's answers are known to lack or to have otherwise: (operation, place, code), numbers of items as `*`.
# None of it is anything the program may rest on, and everything else that Prism finds fails the check.
KNOWN = {
    "github": {},
    "okta": {
        ("GET /api/v1/users/{userId}", "body.lastLogin", "type"): "null, which Okta's own recordings have as well",
        ("GET /api/v1/users/{userId}", "body.passwordChanged", "type"): "null, likewise",
        ("GET /api/v1/groups/{groupId}/users", "body.*.lastLogin", "type"): "null, likewise",
        ("GET /api/v1/groups/{groupId}/users", "body.*.passwordChanged", "type"): "null, likewise",
    },
}
