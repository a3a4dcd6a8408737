"""Okta and GitHub held to the whole contract of targets, step by step; and services that break it, which are found out."""

import json

from emulated import world
from suite import same

STEPS = (
    "answers", "account", "entitlement", "empty", "steady", "unknown", "near", "spares", "exact", "nobody", "look-alikes",
    "grant", "shown", "dates", "grant-again", "owned", "amend-later", "amend-earlier", "amend-again", "never-absent",
    "revoke", "gone", "revoke-again", "foreign",
)
# Only these, and for this reason: a membership has no end that could be moved. All others are held.
SKIPPED = ("amend-later", "amend-earlier", "amend-again", "never-absent")
WHY = "it keeps no dates, so nothing is ever moved"
CONTRACT = {step: ("skipped", WHY) if step in SKIPPED else ("held", None) for step in STEPS}


def conformance(bench, service):
    """The program's exit code, and what it printed."""
    bench.write(people=("bob",))
    entitlement = {"okta": world.GROUP, "github": world.TEAM}[service]
    options = ("--account", world.email("ada"), "--entitlement", entitlement, "--output", "json")
    done = bench.sync("check", "--conformance", service, *options)
    assert done.stdout, f"exit code {done.returncode}, and nothing printed:\n{done.stderr}"
    return done.returncode, json.loads(done.stdout)


def keeps_the_contract(bench, service):
    before = bench.members()
    code, report = conformance(bench, service)
    same([it["step"] for it in report["findings"]], list(CONTRACT), "steps")
    for it in report["findings"]:
        expected = CONTRACT[it["step"]]
        same((it["outcome"], it["text"] if expected[1] else None), expected, f"{it['step']} ({it['text']})")
    same((code, report["halted"], report["left"]), (0, None, []), "exit code, why it ended early, and what is left")
    same(bench.members(), before, "members afterwards")
    writes = {it.method for it in bench.heard() if it.writes and it.status < 300}
    same(writes, {"PUT", "DELETE"}, "what was written")
    return f"{len(STEPS) - len(SKIPPED)} held, {len(SKIPPED)} skipped ({WHY})"


def failed_steps(bench, service, method):
    with bench.chain.breaking(service, method):
        code, report = conformance(bench, service)
    assert code != 0 and not report["ok"], f"exit code {code} of a service that undoes each {method}"
    return {it["step"] for it in report["findings"] if it["outcome"] == "failed"}


def okta_keeps_the_whole_contract(bench):
    return keeps_the_contract(bench, "okta")


def github_keeps_the_whole_contract(bench):
    return keeps_the_contract(bench, "github")


def a_service_that_forgets_who_was_added_is_found_out(bench):
    for service in bench.chain.relays:
        same(failed_steps(bench, service, "PUT"), {"shown", "owned"}, f"failed steps at {service}")


def a_service_that_keeps_who_was_removed_is_found_out(bench):
    for service in bench.chain.relays:
        same(failed_steps(bench, service, "DELETE"), {"gone"}, f"failed steps at {service}")


def add(suite):
    for function in (
        okta_keeps_the_whole_contract,
        github_keeps_the_whole_contract,
        a_service_that_forgets_who_was_added_is_found_out,
        a_service_that_keeps_who_was_removed_is_found_out,
    ):
        suite.needs_program(function)
