"""What was recorded is understood: users, groups, members, their pages, tokens."""

import base64
import json
import re
import subprocess
from dataclasses import replace

from emulated.chain import node
from loopback import Loopback, reply
from okta.bench import AFTER, APP, lines
from suite import same, succeeded

UNUSABLE = ("SUSPENDED", "DEPROVISIONED")


def a_membership_is_given_kept_and_taken_back(bench):
    group, user = bench.group.json[0]["id"], bench.user.json["id"]
    membership = f"/api/v1/groups/{group}/users/{user}"
    succeeded(bench.sync())
    same(bench.writes(), [f"PUT {membership}"], "writes")
    done = succeeded(bench.sync(members=bench.inside))
    assert "nothing to do" in lines(done).lower(), lines(done)
    same(bench.writes(), [], "writes of the second run")
    succeeded(bench.sync(now=AFTER, members=bench.inside))
    same(bench.writes(), [f"DELETE {membership}"], "writes after the shift")
    succeeded(bench.sync(now=AFTER))
    same(bench.writes(), [], "writes of a run with nobody on call")


def who_is_a_member_already_is_left_alone(bench):
    succeeded(bench.sync(members=bench.inside))
    succeeded(bench.sync(now=AFTER, members=bench.inside))
    same(bench.writes(), [], "writes")


def one_of(listed, user):
    """A user of a list, as the answer to a question for them alone: Okta's bodies of both are alike."""
    return replace(listed.without("link"), body=json.dumps(user))


def a_list_is_read_to_its_last_page(bench):
    """The user is on the second page, and the third, which nobody recorded, is empty."""
    first, second = bench.recordings.find(r"GET /api/v1/users\?(after=\S*&)?limit=1 200", "test_user_pagination")
    wanted = second.json[0]
    third = next_of(second)
    pages = {second.target: second, third: bench.nobody}
    # Before they are added they are asked for by themselves.
    alone = one_of(second, wanted)
    done = bench.sync(people=[wanted["profile"]["login"]], users=first, user=alone, **pages)
    succeeded(done)
    assert [it.target for it in bench.replay.asked if it.target in pages] == [second.target, third], "pages not asked for"
    same([it.rpartition("/")[2] for it in bench.writes()], [wanted["id"]], "whom it was given")
    # Without its `Link` the list ends with the first page, and nobody is found.
    done = bench.sync(
        fresh=True, people=[wanted["profile"]["login"]], users=first.without("link"), user=bench.missing_user, **pages
    )
    assert done.returncode == 1 and wanted["profile"]["login"].lower() in lines(done).lower(), lines(done)
    same(bench.writes(), [], "writes for somebody who was not found")


def of_two_links_the_next_page_is_followed_and_not_the_page_itself(bench):
    page = bench.recordings.one(r"GET /api/v1/users\?limit=1 200", "test_ssws_auth_unchanged")
    same(len(page.header("link")), 2, "headers")
    succeeded(bench.sync(members=page, **{next_of(page): bench.nobody}))
    assert any(it.target == next_of(page) for it in bench.replay.asked), "the next page was not asked for"
    assert not any(it.target == page.target for it in bench.replay.asked), "the page itself was asked for again"


def next_of(page):
    """The target of the `Link` to the next page."""
    links = ", ".join(page.header("link"))
    return re.search(r'<https://[^/>]+([^>]*)>; rel="next"', links).group(1)


def a_next_page_elsewhere_gets_no_token(bench):
    page = bench.recordings.one(r"GET /api/v1/users\?limit=1 200", "test_ssws_auth_unchanged")
    heard = []

    def answer(client, _):
        heard.append(client.path)
        reply(client, 200, [("Content-Type", "application/json")], b"[]")

    elsewhere = Loopback(answer)
    try:
        done = bench.sync(members=page.having("link", f'<{elsewhere.url}/api/v1/users?after=1>; rel="next"'))
    finally:
        elsewhere.stop()
    same(heard, [], "requests to another server")
    assert done.returncode != 0, lines(done)
    same(bench.writes(), [], "writes")


def every_user_that_was_recorded_is_understood(bench):
    users = {}
    for it in bench.recordings.find(r"(GET|POST) /api/v1/users(/[\w.@-]+)?(\?\S*)? 200"):
        for user in it.json if isinstance(it.json, list) else [it.json]:
            if "profile" in user:
                users[user["profile"]["login"], user["status"]] = it
    assert len(users) > 10, f"only {len(users)}"
    for (login, status), it in users.items():
        listed = isinstance(it.json, list)
        without_links = it.without("link")
        chosen = [user for user in (it.json if listed else [it.json]) if user["profile"]["login"] == login][0]
        scene = {"users": without_links, "user": one_of(without_links, chosen)} if listed else {"user": without_links}
        done = bench.sync(fresh=True, people=[login], **scene)
        if chosen["status"] in UNUSABLE:
            assert done.returncode in (0, 1) and "suspended" in lines(done).lower(), f"{it} {status}: {lines(done)}"
            same(bench.writes(), [], f"{it}: writes for somebody who is {chosen['status']}")
        else:
            succeeded(done)
            same([put.rpartition("/")[2] for put in bench.writes()], [chosen["id"]], f"{it}: whom it was given")
    return f"{len(users)} users, of the statuses {', '.join(sorted({status for _, status in users}))}"


def every_group_that_was_recorded_is_understood(bench):
    count = 0
    for it in bench.recordings.find(r"GET /api/v1/groups(\?q=\S*)? 200"):
        names = [group["profile"]["name"] for group in it.json]
        for group in it.json:
            name, kind = group["profile"]["name"], group["type"]
            done = bench.sync(fresh=True, asked=[name], groups=it.without("link"))
            count += 1
            if kind == "OKTA_GROUP" and names.count(name) == 1:
                succeeded(done)
                same([put.split("/")[4] for put in bench.writes()], [group["id"]], f"{it}: the group")
            else:
                assert done.returncode != 0 and name in lines(done), f"{name}, {kind}: {lines(done)}"
                same(bench.writes(), [], f"writes to {name}, {kind}")
    assert count > 3, f"only {count}"
    return f"{count} groups"


def claims(token):
    """The claims of a JWT, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def a_service_app_gets_its_token_with_the_nonce_that_okta_demands(bench):
    write_key(bench)
    demand, token = bench.recordings.find(r"POST /oauth2/v1/token \d+", "test_dpop_api_request")[:2]
    succeeded(bench.sync(credential=APP, token=[demand, token]))
    asked = bench.replay.of("token")
    same([it.said.status for it in asked], [400, 200], "answers to requests for a token")
    nonces = [claims(it.headers["dpop"]).get("nonce") for it in asked]
    same(nonces, [None, demand.header("dpop-nonce")[0]], "nonces in the proofs")
    for it in bench.replay.asked:
        proof = claims(it.headers["dpop"])
        same((proof["htm"], proof["htu"]), (it.method, bench.replay.url + it.target.partition("?")[0]), "what is proven")
        if it not in asked:
            same(it.headers["authorization"], f"DPoP {token.json['access_token']}", "the token sent")
    same(len(bench.writes()), 1, "writes")


def a_service_app_that_gets_no_token_says_why(bench):
    write_key(bench)
    refusal = bench.recordings.one(r"POST /oauth2/v1/token 400", "test_private_key_auth_without_dpop")
    done = bench.sync(credential=APP, token=refusal)
    assert done.returncode != 0 and refusal.json["error"] in lines(done), lines(done)
    same({it.target for it in bench.replay.asked}, {"/oauth2/v1/token"}, "what was asked")


def write_key(bench):
    make = 'generateKeyPairSync("rsa", {modulusLength: 2048}).privateKey.export({type: "pkcs8", format: "pem"})'
    script = f'console.log(require("node:crypto").{make})'
    made = subprocess.run([node(), "-e", script], capture_output=True, check=True, text=True)
    (bench.folder / "app.pem").touch(mode=0o600)
    (bench.folder / "app.pem").write_text(made.stdout)


def add(suite):
    for function in (
        a_membership_is_given_kept_and_taken_back,
        who_is_a_member_already_is_left_alone,
        a_list_is_read_to_its_last_page,
        of_two_links_the_next_page_is_followed_and_not_the_page_itself,
        a_next_page_elsewhere_gets_no_token,
        every_user_that_was_recorded_is_understood,
        every_group_that_was_recorded_is_understood,
        a_service_app_gets_its_token_with_the_nonce_that_okta_demands,
        a_service_app_that_gets_no_token_says_why,
    ):
        suite.needs_program(function)
