"""What the runs before said, held against the vendors' descriptions; and are these awake? These checks come last."""

import collections
import json
from urllib.parse import parse_qsl

import requests

from emulated.controls import CONTROLS, KNOWN, METHOD, UNDESCRIBED
from emulated.relay import Exchange
from emulated.sources import named
from emulated.world import GITHUB_TOKEN, OKTA_TOKEN, ORG
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


def complaint(chain, service, operation, control):
    """What Prism finds wrong with a control, as [(part, place)]."""
    wrong, _, method, target, body = control
    right = operation.partition(" ")[0] if wrong == METHOD else method
    same(chain.descriptions[service].operation(right, target.partition("?")[0]), operation, "the operation of a control")
    headers = {"Accept": "application/json"}
    if body:
        headers["Content-Type"] = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    if operation == "POST /oauth2/v1/token":
        headers["DPoP"] = "a.b.c"
    elif wrong != "no token":
        headers["Authorization"] = TOKENS[service]
    url = f"http://127.0.0.1:{chain.fronts[service]}{target}"
    answer = requests.request(method, url, data=body, headers=headers, timeout=60)
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return []
    problem = answer.json()
    kind = {"NO_METHOD_MATCHED_ERROR": METHOD, "UNAUTHORIZED": "no token"}.get(problem["type"].partition("#")[2])
    if kind:
        return [(kind, "")]
    return [(fault["location"][0], ".".join(fault["location"][1:])) for fault in problem.get("validation", [])]


def every_control_is_refused(bench):
    """For what is wrong with it, and as a request of its own operation: otherwise it proves nothing of the right ones."""
    for service, controls in CONTROLS.items():
        for operation, control in controls.items():
            found = complaint(bench.chain, service, operation, control)
            same(found, [control[:2]], f"what is wrong with the control of {service} {operation}")
    return f"{sum(map(len, CONTROLS.values()))} wrong requests"


def every_operation_that_the_sources_name_has_a_control(bench):
    """The table of controls.py is read by hand from the sources; what they have come to name since then is missed here."""
    for service, controls in CONTROLS.items():
        known, files = set(), named(service)
        for operation in files:
            if (service, operation) in UNDESCRIBED:
                print(f"         {service} {operation}: no control, for it is {UNDESCRIBED[service, operation]}")
                continue
            method, _, path = operation.partition(" ")
            described = bench.chain.descriptions[service].operation(method, path.replace("{}", "1"))
            assert described in controls, f"{files[operation]} name {service} {operation}, which controls.py lacks: {described}"
            known.add(described)
        same(sorted(set(controls) - known), [], f"in controls.py, and named by no source of {service}")
    gone = [key for key in UNDESCRIBED if key[1] not in named(key[0])]
    same(gone, [], "in controls.py, and named by no source")
    return f"{sum(map(len, CONTROLS.values()))} operations"


def every_operation_was_used_in_a_run(bench):
    found = used(bench.chain)
    lacking = [f"{service}: {operation}" for service, operation in found if operation not in CONTROLS[service]]
    assert not lacking, f"used, and not in controls.py: {sorted(lacking)}"
    unused = [f"{service}: {operation}" for service in CONTROLS for operation in CONTROLS[service] if (service, operation) not in found]
    assert not unused, f"no run used, so that no right request was judged: {unused}"
    for (service, operation), times in sorted(found.items()):
        wrong = " ".join(CONTROLS[service][operation][:2]).strip()
        print(f"         {service} {operation}: {times} let pass; refused with another: {wrong}")
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


def a_wrong_answer_is_noticed(bench):
    """Of either service something that emulate is known to have otherwise; GitHub's is of an operation that we do not use."""
    for service, target, fault in (
        ("github", f"/orgs/{ORG}", ("body.company", "type")),
        ("okta", f"/api/v1/users/{bench.users['ada']}", ("body.lastLogin", "type")),
    ):
        url = f"http://127.0.0.1:{bench.chain.fronts[service]}{target}"
        answer = requests.get(url, headers={"Authorization": TOKENS[service], "Accept": "application/json"}, timeout=60)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        said = Exchange("GET", target, {}, b"", answer.status_code, headers, answer.content)
        found = [(place, code) for place, code, _ in said.faults_of_answer()]
        assert fault in found, f"{service}: {fault} is not among what is wrong with {said}: {found}"


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


def what_is_asked_of_a_github_enterprise_server_alone(_):
    raise Skip("the public GraphQL schema is github.com's, which has no `suspendedAt`; that of a server is in no registry")


def add(suite):
    suite.check(every_operation_that_the_sources_name_has_a_control)
    suite.check(every_control_is_refused)
    suite.check(a_wrong_answer_is_noticed)
    suite.check(a_misspelt_query_is_refused)
    for function in (
        every_operation_was_used_in_a_run,
        no_request_breaks_its_description,
        no_request_has_a_parameter_that_its_operation_does_not_know,
        every_request_to_github_says_who_asks_and_in_which_version,
        no_answer_breaks_its_description_but_as_is_known,
        every_query_sent_is_one_that_githubs_schema_knows,
        what_is_asked_of_a_github_enterprise_server_alone,
    ):
        suite.needs_program(function)
