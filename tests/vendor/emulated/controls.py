"""Every operation that the sources of the two adapters name, each with a request of it that has one thing wrong.

The description has to refuse that one for just this: else its letting the right ones pass says nothing.
"""

from emulated.world import ENTERPRISE, ORG, TEAM

MEMBERSHIP = f"/orgs/{ORG}/teams/{TEAM}/memberships/ada"
IN_GROUP = "/api/v1/groups/00g1/users/00u1"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN = f"grant_type=password&scope=okta.users.read&client_assertion_type={BEARER}&client_assertion=a.b.c"
# GitHub's description names neither token nor headers, and these take no body and any text in their path: what is left to
# get wrong is the method. So of these it is proven that they are judged by method and path, which is all that there is.
METHOD = "method (the description leaves nothing else to get wrong)"

# Operation → (what is wrong, where Prism has to find it, method, target, body).
CONTROLS = {
    "github": {
        "GET /orgs/{org}/installation": (METHOD, "", "DELETE", f"/orgs/{ORG}/installation", None),
        "POST /app/installations/{installation_id}/access_tokens": (
            "body", "permissions.members", "POST", "/app/installations/100/access_tokens", '{"permissions": {"members": "admin"}}'),
        "GET /orgs/{org}/memberships/{username}": (METHOD, "", "POST", f"/orgs/{ORG}/memberships/ada", None),
        "GET /user/{account_id}": ("path", "account_id", "GET", "/user/ada", None),
        "PUT /orgs/{org}/teams/{team_slug}/memberships/{username}": ("body", "role", "PUT", MEMBERSHIP, '{"role": "owner"}'),
        "DELETE /orgs/{org}/teams/{team_slug}/memberships/{username}": (METHOD, "", "POST", MEMBERSHIP, None),
        "GET /scim/v2/enterprises/{enterprise}/Users": (
            "query", "startindex", "GET", f"/scim/v2/enterprises/{ENTERPRISE}/Users?startIndex=first", None),
    },
    "okta": {
        "GET /api/v1/groups": ("query", "limit", "GET", "/api/v1/groups?limit=many", None),
        "GET /api/v1/groups/rules": ("query", "limit", "GET", "/api/v1/groups/rules?limit=many", None),
        "GET /api/v1/groups/{groupId}": ("no token", "", "GET", "/api/v1/groups/00g1", None),
        "GET /api/v1/groups/{groupId}/users": ("query", "limit", "GET", "/api/v1/groups/00g1/users?limit=many", None),
        "PUT /api/v1/groups/{groupId}/users/{userId}": ("no token", "", "PUT", IN_GROUP, None),
        "DELETE /api/v1/groups/{groupId}/users/{userId}": ("no token", "", "DELETE", IN_GROUP, None),
        "GET /api/v1/users": ("query", "limit", "GET", "/api/v1/users?limit=many", None),
        "GET /api/v1/users/{userId}": ("no token", "", "GET", "/api/v1/users/ada@example.com", None),
        "GET /api/v1/users/{userId}/groups": ("no token", "", "GET", "/api/v1/users/00u1/groups", None),
        "POST /oauth2/v1/token": ("body", "grant_type", "POST", "/oauth2/v1/token", TOKEN),
    },
}

# What the sources name and no description can judge: as they name it, and why.
UNDESCRIBED = {
    ("github", "POST /graphql"): "held against GitHub's GraphQL schema",
    ("github", "GET /scim/v2/Users"): "of a GitHub Enterprise Server, and written as its documentation says "
    "(\"Root URLs\"), against its description (3.19), which has the cloud's `enterprises/{enterprise}/` in it",
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
