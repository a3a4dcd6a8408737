"""What the runs before said, held against the vendors' descriptions; and are these awake? These checks come last."""

import collections
import json
from urllib.parse import parse_qsl

import requests

from emulated.controls import CONTROLS, KNOWN
from emulated.world import GITHUB_TOKEN, OKTA_TOKEN
from suite import Skip, same

TOKENS = {"github": f"Bearer {GITHUB_TOKEN}", "okta": f"SSWS {OKTA_TOKEN}"}
A_QUERY = "query($o: String!) { organization(login: $o) { team(slug: \"x\") { members(first: 9, membership: IMMEDIATE) { totalCount } } } }"


def rest(chain):
    """(service, exchange) of everything that went through Prism."""
    for service, relay in chain.relays.items():
        for it in relay.exchanges:
            if chain.port_for(service, it.path) == chain.fronts[service]:
                yield service, it


def used(chain):
    """(service, operation) → how often."""
    found = collections.Counter()
    for service, it in rest(chain):
        found[service, chain.descriptions[service].operation(it.method, it.path)] += 1
    return found


def queries(chain):
    said = [it for it in chain.relays["github"].exchanges if chain.port_for("github", it.path) == chain.ports["graphql"]]
    return sorted({json.loads(it.body)["query"] for it in said})


# What Prism calls each kind of fault: refused for another reason, a control would prove nothing.
REASONS = {
    "path": "NO_PATH_MATCHED_ERROR",
    "method": "NO_METHOD_MATCHED_ERROR",
    "parameter": "UNPROCESSABLE_ENTITY",
    "query": "UNPROCESSABLE_ENTITY",
    "body": "UNPROCESSABLE_ENTITY",
    "no token": "UNAUTHORIZED",
}


def refused(chain, service, control):
    """Whether Prism refuses a control, and for what is wrong with it."""
    wrong, method, target, body, with_token = control
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
    if with_token:
        headers["Authorization"] = TOKENS[service]
    url = f"http://127.0.0.1:{chain.fronts[service]}{target}"
    answer = requests.request(method, url, data=body, headers=headers, timeout=60)
    by_prism = answer.headers.get("content-type", "").startswith("application/problem+json")
    return by_prism and 400 <= answer.status_code < 500 and answer.json()["type"].endswith("#" + REASONS[wrong])


def every_control_is_refused(bench):
    """A description that lets a wrong request pass proves nothing about the right ones."""
    passed = [
        f"{operation} ({control[0]})"
        for service, controls in CONTROLS.items()
        for operation, control in controls.items()
        if not refused(bench.chain, service, control)
    ]
    assert not passed, f"proves nothing, for these wrong requests were let pass: {passed}"
    return f"{sum(map(len, CONTROLS.values()))} wrong requests"


def every_operation_used_is_described_and_has_a_control(bench):
    found = used(bench.chain)
    for service in CONTROLS:
        assert any(name == service for name, _ in found), f"nothing was asked of {service}"
    lacking = [f"{service}: {operation}" for service, operation in found if operation not in CONTROLS[service]]
    assert not lacking, f"proves nothing for operations without a negative control (controls.py): {sorted(lacking)}"
    stale = [f"{service}: {operation}" for service in CONTROLS for operation in CONTROLS[service] if (service, operation) not in found]
    assert not stale, f"controls for what is not used, so controls.py should not have them: {stale}"
    for (service, operation), times in sorted(found.items()):
        print(f"         {service} {operation}: {times}, with {CONTROLS[service][operation][0]} wrong: refused")
    return f"{len(found)} operations"


def no_request_breaks_its_description(bench):
    broken = [f"{service} {it}: {it.refused_by_prism()}" for service, it in rest(bench.chain) if it.refused_by_prism()]
    assert not broken, "\n".join(broken)
    return f"{sum(1 for _ in rest(bench.chain))} requests"


def unknown_in_query(chain, service, method, target):
    path, _, query = target.partition("?")
    operation = chain.descriptions[service].operation(method, path)
    known = set(chain.descriptions[service].parameters(operation)) if operation else set()
    return sorted({name for name, _ in parse_qsl(query, keep_blank_values=True)} - known)


def no_request_has_a_parameter_that_its_operation_does_not_know(bench):
    """A misspelt filter would be ignored, and ask for everything."""
    chain = bench.chain
    for service, method, target in (
        ("okta", "GET", "/api/v1/users?serch=x&limit=1"),
        ("github", "GET", "/orgs/acme/teams?page=1&serch=x"),
    ):
        same(unknown_in_query(chain, service, method, target), ["serch"], f"unknown in {target}")
    for service, it in rest(chain):
        same(unknown_in_query(chain, service, it.method, it.target), [], f"{service}: unknown in {it.target}")
    return f"{sum('?' in it.target for _, it in rest(chain))} requests with a query"


def every_request_to_github_says_who_asks_and_in_which_version(bench):
    """GitHub refuses whoever sends no User-Agent, which no description says; the rest is what it asks for."""
    for it in bench.chain.relays["github"].exchanges:
        assert it.headers.get("user-agent"), f"{it} without a User-Agent"
        assert "application/vnd.github+json" in it.headers.get("accept", ""), f"{it}: Accept is {it.headers.get('accept')}"
        assert it.headers.get("x-github-api-version"), f"{it} without X-GitHub-Api-Version"


def no_answer_breaks_its_description_but_as_is_known(bench):
    """Otherwise emulate would be more of a stranger to the vendor than controls.py says."""
    seen, unknown = collections.Counter(), collections.Counter()
    for service, it in rest(bench.chain):
        operation = bench.chain.descriptions[service].operation(it.method, it.path)
        for place, code, message in it.faults_of_answer():
            if (operation, place, code) in KNOWN[service]:
                seen[service, operation, place, code] += 1
            else:
                unknown[f"{service} {operation} {place} {code}: {message}"] += 1
    for (service, operation, place, code), times in sorted(seen.items()):
        print(f"         emulate's {operation}, {place}: {KNOWN[service][operation, place, code]} ({times})")
    assert not unknown, "\n".join(f"{times} times: {what}" for what, times in sorted(unknown.items()))
    gone = [fault for service, faults in KNOWN.items() for fault in faults if (service, *fault) not in seen]
    assert not gone, f"known and not seen any more, so controls.py should not have them: {gone}"


def a_misspelt_query_is_refused(bench):
    """That the schema knows GitHub's words, and that a name which it does not know is found."""
    judged = bench.chain.judge(A_QUERY)
    assert judged["copies"] == 9 and not judged["errors"] and not judged["survivors"], judged
    assert bench.chain.judge("{ organization(login: 1) { login } }")["errors"], "a wrong type was let pass"


def every_query_sent_is_one_that_githubs_schema_knows(bench):
    found = queries(bench.chain)
    assert found, "no query was sent"
    copies = 0
    for query in found:
        judged = bench.chain.judge(query)
        assert not judged["errors"], f"{judged['errors']}\n{query}"
        assert judged["copies"] and not judged["survivors"], f"misspelt and let pass: {judged['survivors'] or query}"
        copies += judged["copies"]
    # Types of variables and of values are seen only when a query is carried out.
    for it in bench.chain.relays["github"].exchanges:
        if it.path.endswith("/graphql") and it.status == 200:
            errors = [error for error in json.loads(it.answer).get("errors", []) if error.get("type") != "NOT_FOUND"]
            assert not errors, f"{it.body.decode()}\n{errors}"
    return f"{len(found)} queries, and {copies} copies with one name misspelt were refused"


def the_scim_users_of_an_enterprise(_):
    raise Skip("emulate has no SCIM, and the description on npm that we read, of github.com, does not know these paths")


def what_is_asked_of_a_github_enterprise_server_alone(_):
    raise Skip("the public GraphQL schema is github.com's, which has no `suspendedAt`; that of a server is in no registry")


def add(suite):
    suite.check(every_control_is_refused)
    suite.check(a_misspelt_query_is_refused)
    for function in (
        every_operation_used_is_described_and_has_a_control,
        no_request_breaks_its_description,
        no_request_has_a_parameter_that_its_operation_does_not_know,
        every_request_to_github_says_who_asks_and_in_which_version,
        no_answer_breaks_its_description_but_as_is_known,
        every_query_sent_is_one_that_githubs_schema_knows,
        the_scim_users_of_an_enterprise,
        what_is_asked_of_a_github_enterprise_server_alone,
    ):
        suite.needs_program(function)
