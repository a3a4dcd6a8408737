"""Who and what there is at emulate's GitHub and Okta, and the config and rota of the program."""

import json
from datetime import datetime, timedelta, timezone

ORG, ENTERPRISE, TEAM, CHILD, GROUP = "acme", "acme-holding", "oncall-dba", "oncall-dba-night", "oncall-dba"
GITHUB_TOKEN, OKTA_TOKEN = "ghp_of_the_admin", "okta-token-of-the-admin"
APP_ID, INSTALLATION = 12345, 100
# On call are ada and bob, and carol, who is a member already; eve is one and is not on call.
BEFORE = ("carol", "eve")
ON_CALL = ("ada", "bob", "carol")
GITHUB_ONLY = {"dave": "not of the organisation", "erin": "of the child team only"}
# Whose login no table tells: the identity provider knows grace, and heidi's e-mail is in a verified domain.
UNTOLD = ("grace", "heidi")
# So many more members that no page holds them all; emulate's own are of a hundred at most.
CROWD = [f"crowd{number:03}" for number in range(120)]


def email(name):
    return f"{name}@example.com"


def seeds(app_key):
    """emulate's seeds, and what graphql.mjs wants to know. `app_key`: the App's public or private key, PEM."""
    inside = [*ON_CALL, "eve", "erin", *UNTOLD, *CROWD]
    users = ["admin", *inside, "dave"]
    members = [{"login": "admin", "role": "admin"}, *({"login": name, "role": "member"} for name in inside)]
    installation = {"installation_id": INSTALLATION, "account": ORG, "repository_selection": "all"}
    permissions = {"members": "write"}
    app = {"app_id": APP_ID, "slug": "oncall-sync", "name": "oncall-sync", "private_key": app_key}
    return {
        "github": {
            "tokens": {GITHUB_TOKEN: {"login": "admin", "scopes": ["repo", "admin:org"]}},
            "github": {
                "users": [{"login": name, "email": email(name)} for name in users],
                "orgs": [{"login": ORG, "name": "Acme", "members": members}],
                "apps": [{**app, "permissions": permissions, "installations": [{**installation, "permissions": permissions}]}],
            },
        },
        "okta": {
            "tokens": {OKTA_TOKEN: {"login": email("admin"), "scopes": ["okta.groups.manage", "okta.users.read"]}},
            "okta": {
                "users": [
                    {"login": email(name), "email": email(name), "first_name": name.title(), "last_name": "Person"}
                    for name in ["admin", *ON_CALL, "eve", "frank"]
                ],
                "groups": [{"name": GROUP, "description": "who is on call"}, {"name": f"{GROUP}-other", "description": ""}],
            },
        },
        "graphql": {"orgs": [ORG], "children": {TEAM: [CHILD]}, "saml": {email("grace"): "grace"}, "verified": {"heidi": [email("heidi")]}},
    }


def rota(people, start):
    """A schedule of one shift, a day from `start` on, and then nobody for a day."""
    return (
        "[schedules.dba]\ntimezone = \"UTC\"\n[[schedules.dba.layers]]\n"
        f'start = "{start:%Y-%m-%d %H:%M}"\nevery = "1 day"\n'
        f"users = [{json.dumps([email(name) for name in people])}, \"nobody\"]\n"
    )


def config(folder, targets, grants, ledger=None):
    """`targets`: target → its lines of TOML. `grants`: target → entitlements."""
    parts = [
        'window = "4h"',
        f"ledger = {json.dumps(str(ledger or folder / 'ledger.db'))}",
        '[source.rota]\nkind = "file"\npath = "rota.toml"',
        *(f"[target.{name}]\n{lines}" for name, lines in targets.items()),
        '[[rule]]\nname = "database"\nschedules = ["dba"]',
        *(f"grant.{name} = {json.dumps(list(wanted))}" for name, wanted in grants.items()),
    ]
    return "\n".join(parts) + "\n"


def okta(url, token="OKTA_CLIENT_TOKEN"):
    return f'base_url = "{url}"\napi_token = {{ env = "{token}" }}'


def okta_app(url, key):
    return f'base_url = "{url}"\nclient_id = "0oaoncallsync"\nprivate_key = {{ file = "{key}" }}'


def logins(people):
    return "logins = {" + ", ".join(f'"{email(name)}" = "{name}"' for name in people) + "}"


def github(url, people):
    return f'org = "{ORG}"\nbase_url = "{url}"\ntoken = {{ env = "GITHUB_TOKEN" }}\n{logins(people)}'


def github_app(url, people, key, installation):
    found = f"installation_id = {INSTALLATION}\n" if installation else ""
    return (
        f'org = "{ORG}"\nbase_url = "{url}"\napp_id = "{APP_ID}"\nprivate_key = {{ file = "{key}" }}\n'
        f"{found}{logins(people)}"
    )


def this_hour():
    """The hour that has begun: shifts begin on it, and stay near the real instant, which tokens are dated by."""
    return datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)


A_DAY = timedelta(days=1)
