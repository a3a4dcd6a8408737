"""The built program between strongDM's own messages and PagerDuty's own description."""

import json
import re
import sys
from datetime import datetime, timedelta, timezone

import world as worlds
from checks import (
    RESOURCES_OF,
    RULES,
    WINDOW_HOURS,
    check,
    clipped,
    given,
    needs_program,
    wanted,
)
from harness import HERE, run
from standin import parse_time
from suite import same, succeeded


def settled(bench, world, now):
    """Every grant made is one that the world asks for, and the other way round."""
    until_now = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=1)
    expected = clipped(wanted(world, now, RESOURCES_OF), until_now)
    same(given(bench.ours(), until_now), expected, "access given")
    same(len(bench.stranger()), 1, "the stranger's grant")


@needs_program
def a_dry_run_writes_nothing(bench):
    succeeded(bench.sync("--dry-run"))
    state = bench.servers.strongdm.state()
    same((state["writes"], len(state["grants"])), (0, 1), "writes and grants")
    assert state["total"] > 0, "strongDM was not asked at all"


@needs_program
def a_whole_sync_gives_just_what_the_schedules_say(bench):
    now = datetime.now(timezone.utc)
    succeeded(bench.sync())
    settled(bench, bench.world, now)
    state = bench.servers.strongdm.state()
    same([(item["account_id"], item["role_id"]) for item in state["attachments"]], [("a-0004", "r-0001")], "roles")
    same(state["refusals"], {}, "refused calls")
    same(bench.violations(), [], "violations of PagerDuty's description")


@needs_program
def the_bytes_of_each_create_decode_to_what_was_meant(bench):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    succeeded(bench.sync())
    state = bench.servers.strongdm.state()
    meant = wanted(bench.world, before, RESOURCES_OF)
    expected = sorted((*access, span) for access, spans in meant.items() for span in spans)
    found = []
    for made in state["creates"]:
        start, end = parse_time(made["start_from"]), parse_time(made["valid_until"])
        access = (made["account_id"], made["resource_id"])
        span = next(((begins, ends) for begins, ends in meant.get(access, []) if ends == end), None)
        assert span, f"no shift of {access} ends at {end}"
        # A shift in progress may be granted from its start or from now on, a future one from its start.
        allowed = start is None or start == span[0] or span[0] <= start <= datetime.now(timezone.utc)
        assert allowed and (span[0] <= before or start == span[0]), f"{access} begins {start}, the shift {span[0]}"
        found.append((*access, span))
    same(sorted(found), expected, "grants created")
    same(state["unusual"], [], "requests whose bytes are not the canonical ones")


@needs_program
def a_second_run_finds_nothing_to_do(bench):
    succeeded(bench.sync())
    before = bench.servers.strongdm.state()
    succeeded(bench.sync())
    after = bench.servers.strongdm.state()
    same(after["writes"], before["writes"], "writes")
    same(after["grants"], before["grants"], "grants")


@needs_program
def a_changed_schedule_is_followed(bench):
    succeeded(bench.sync())
    changed = json.loads(json.dumps(bench.world))
    now = worlds.now()
    oncalls = [entry for entry in changed["pagerduty"]["oncalls"] if entry["schedule"] != "PSCHED3"]
    oncalls.append(worlds.entry(now, "PSCHED3", "PUSER06", 2, 8))
    oncalls.append(worlds.entry(now, "PSCHED3", "PUSER02", 8, 26))
    changed["pagerduty"]["oncalls"] = oncalls
    bench.servers.pagerduty.load(changed)
    succeeded(bench.sync())
    settled(bench, changed, now)


@needs_program
def the_report_counts_what_the_servers_count(bench):
    done = succeeded(bench.sync("--output", "json"))
    report = json.loads(done.stdout)
    same((report["exit_code"], report["dry_run"]), (0, False), "exit code and dry run")

    def numbers(node):
        return sum(numbers(item) for item in node.values()) if isinstance(node, dict) else node

    asked = bench.servers.pagerduty.state()["total"] + bench.servers.strongdm.state()["total"]
    same(numbers(report["requests"]), asked, "requests")


@needs_program
def a_wrong_secret_is_refused_and_explained(bench):
    secret = worlds.base64.b64encode(bytes(32)).decode()
    done = bench.sync(SDM_API_SECRET_KEY=secret)
    assert done.returncode in (1, 2), f"exit code {done.returncode}"
    said = done.stdout + done.stderr
    assert re.search(r"\bkey|\bclock", said), f"neither key nor clock is spoken of: {said}"
    assert secret not in said and bench.world["pagerduty"]["token"] not in said, "a secret is printed"
    state = bench.servers.strongdm.state()
    same(state["creates"], [], "creates")
    assert state["refusals"], "the server refused nothing"


@needs_program
def a_wrong_pagerduty_key_takes_nothing_away(bench):
    succeeded(bench.sync())
    before = bench.servers.strongdm.state()
    done = bench.sync(PAGERDUTY_API_KEY="u+another")
    assert done.returncode in (1, 2), f"exit code {done.returncode}"
    assert re.search(r"\bkey|401", done.stdout + done.stderr), done.stdout + done.stderr
    same(bench.servers.strongdm.state()["grants"], before["grants"], "grants")


@needs_program
def people_who_cannot_be_served_are_named_and_the_others_served(bench):
    bench.world = worlds.awkward(worlds.now())
    bench.servers.load(bench.world)
    now = datetime.now(timezone.utc)
    done = succeeded(bench.sync(), code=1)
    for name in ["Gone Girl", "No Account", "Sus Pended"]:
        assert name in done.stdout + done.stderr, f"{name} is not named:\n{done.stdout}\n{done.stderr}"
    served = json.loads(json.dumps(bench.world))
    unserved = {"PGONE", "PNOACC", "PSUSP"}
    oncalls = served["pagerduty"]["oncalls"]
    served["pagerduty"]["oncalls"] = [entry for entry in oncalls if entry["schedule"] and entry["user"] not in unserved]
    settled(bench, served, now)
    same(bench.violations(), [], "violations of PagerDuty's description")


@needs_program
def where_an_access_can_have_one_grant_only_the_nearest_shift_has_it(bench):
    """Reports tell of a strongDM that refuses a second grant; later shifts then wait, and nobody goes without meanwhile."""
    bench.world["strongdm"]["one_grant_per_access"] = True
    bench.servers.load(bench.world)
    now = datetime.now(timezone.utc)
    succeeded(bench.sync())
    since = worlds.now() + timedelta(seconds=1)
    nearest = {access: spans[:1] for access, spans in clipped(wanted(bench.world, now, RESOURCES_OF), since).items()}
    same(given(bench.ours(), since), nearest, "access given")


def example(bench, *options):
    arguments = ["--schedule", "PSCHED1", "--resource", "prod-postgres", "--hours", str(WINDOW_HOURS), *options]
    script = [sys.executable, str(HERE / "strongdm" / "example_script.py"), *arguments]
    return succeeded(run(script, bench.servers.environment(bench.world, bench.folder)))


@check
def the_example_script_gives_every_shift_when_it_pages(bench):
    now = datetime.now(timezone.utc)
    example(bench)
    first_page = len(bench.servers.strongdm.state()["creates"])
    bench.servers.load(bench.world)
    example(bench, "--paged")
    assert len(bench.servers.strongdm.state()["creates"]) > first_page, "paging gave nothing more"
    since = worlds.now() + timedelta(seconds=1)
    meant = clipped(wanted(bench.world, now, {"PSCHED1": "rs-0001"}), since)
    same(given(bench.ours(), since), meant, "access given")


@needs_program
def the_program_gives_what_the_example_script_gives(bench):
    example(bench, "--paged")
    theirs = bench.ours()
    bench.servers.load(bench.world)
    succeeded(bench.sync(rules={"database": RULES["database"]}))
    since = worlds.now() + timedelta(seconds=1)
    same(given(bench.ours(), since), given(theirs, since), "access given")
