"""Are the judges awake? What is right passes them, and each wrong thing is refused."""

import json
import re
from datetime import datetime, timedelta, timezone

import grpc
import requests
import strongdm

import world as worlds
from checks import check
from standin import parse_time
from suite import same

GOOD_REQUESTS = [
    "/oncalls?limit=100&include[]=users&include[]=schedules&schedule_ids[]=PSCHED1&schedule_ids[]=PSCHED3&time_zone=UTC",
    "/schedules?query=data&limit=100",
    "/schedules/PSCHED1?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z",
    "/users/PUSER01",
    "/v3/schedules?limit=1000",
    "/v3/schedules/PSCHED3?include[]=final_schedule&since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z",
]
WRONG_REQUESTS = [
    "/oncalls?limit=many",
    "/oncalls?include[]=user",
    "/oncalls?schedule_id[]=PSCHED1",
    "/oncalls?since=tomorrow",
    "/schedules?limit=some",
    "/schedules/PSCHED1?until=soon",
    "/users/PUSER01?include[]=email",
    "/v3/schedules?limit=0",
    "/v3/schedules/PSCHED3?include[]=everything",
    "/teams",
]


@check
def the_description_accepts_what_is_right(bench):
    for target in GOOD_REQUESTS:
        same(bench.pagerduty(target).status_code, 200, target)
    for target in ["/users/PNOBODY", "/schedules/PNOBODY", "/v3/schedules/PSCHED1", "/oncalls?offset=9950&limit=100"]:
        assert bench.pagerduty(target).status_code in (400, 404), target
    same(bench.pagerduty("/oncalls", Authorization="Token token=other").status_code, 401, "a wrong key")
    same(bench.violations(), [], "violations")


@check
def the_description_refuses_each_wrong_request(bench):
    for count, target in enumerate(WRONG_REQUESTS, 1):
        try:
            bench.pagerduty(target)
        except requests.RequestException as error:
            raise AssertionError(f"{target}: {error}") from error
        same(len(bench.violations()), count, f"violations after {target}")
    bench.pagerduty("/oncalls", Authorization=None)
    same(len(bench.violations()), len(WRONG_REQUESTS) + 1, "violations after a request without a key")


@check
def the_description_refuses_each_wrong_answer(bench):
    """A world whose names are numbers and whose e-mails are too short breaks every answer."""
    broken = json.loads(json.dumps(bench.world))
    for entry in [*broken["pagerduty"]["schedules"], *broken["pagerduty"]["users"]]:
        entry["name"] = 5 if not entry.get("v3") else 6
    for user in broken["pagerduty"]["users"]:
        user["email"] = "a@b"
    bench.servers.pagerduty.load(broken)
    for count, target in enumerate((re.sub("query=data&", "", target) for target in GOOD_REQUESTS), 1):
        bench.pagerduty(target)
        found = bench.violations()
        same(len(found), count, f"violations after {target}")
        assert found[-1].startswith("answer 200"), found[-1]


@check
def the_vendors_sdk_is_served_and_wrong_signatures_are_refused(bench):
    client = bench.client()
    same(len(list(client.resources.list(""))), len(worlds.RESOURCES), "resources over pages")
    same([item.id for item in client.resources.list("name:?", 'prod kube, "west"')], ["rs-0002"], "a quoted name")
    same(len(list(client.resources.list("name:prod*"))), 5, "a wildcard, in any case")
    same(len(list(client.accounts.list("id:a-0001 id:a-0002,type:user"))), 2, "repeated ids")
    assert client.account_grants.get("ag-stranger").rate_limit.limit > 0, "no rate limit in the answer"
    refused = [
        (strongdm.AuthenticationError, lambda: list(bench.client("AAAA").roles.list(""))),
        (strongdm.NotFoundError, lambda: client.account_grants.get("ag-none")),
        (strongdm.BadRequestError, lambda: list(client.roles.list("colour:red"))),
        (strongdm.AlreadyExistsError, lambda: [client.account_grants.create(grant(bench)) for _ in range(2)]),
    ]
    for error, call in refused:
        try:
            call()
        except error:
            continue
        raise AssertionError(f"no {error.__name__}")


def grant(bench, account="a-0001", resource="rs-0001"):
    until = parse_time(worlds.at(worlds.now(), 1))
    start = parse_time(bench.world["pagerduty"]["oncalls"][0]["start"])
    return strongdm.AccountGrant(account_id=account, resource_id=resource, start_from=start, valid_until=until)


@check
def a_signature_holds_for_its_bytes_its_method_and_its_day_only(bench):
    client = bench.client()
    raw = b"\x0a\x00"  # an empty `meta`
    channel = grpc.insecure_channel(bench.servers.strongdm.host)
    call = channel.unary_unary("/v1.Roles/List")

    def code(name="Roles.List", signed=raw, sent=raw, **changed):
        class Bytes:
            def SerializeToString(self):  # noqa: N802, the SDK's word
                return signed

        metadata = {**dict(client.get_metadata(name, Bytes())), **changed}
        try:
            call(sent, metadata=list(metadata.items()))
            return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()

    refused = grpc.StatusCode.UNAUTHENTICATED
    same(code(), grpc.StatusCode.OK, "a right signature")
    same(code(signed=b""), refused, "a signature of other bytes")
    same(code(sent=b"\x12\x00\x0a\x00"), refused, "other bytes of the same meaning")
    same(code(name="Roles.Get"), refused, "a signature for another method")
    same(code(**{"x-sdm-api-version": "2020-01-01"}), refused, "another version")
    same(code(**{"x-sdm-authentication": "auth-0"}), refused, "another key")
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    real = strongdm.client.datetime.datetime

    class Clock(real):
        @classmethod
        def now(cls, tz=None):
            return yesterday

    strongdm.client.datetime.datetime = Clock
    try:
        same(code(), refused, "yesterday's signature")
    finally:
        strongdm.client.datetime.datetime = real
