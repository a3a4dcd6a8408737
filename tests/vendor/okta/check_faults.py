"""What Okta refused is reported in its words, waited for where it passes, and a mutilated answer is never taken for a whole one."""

import json
from dataclasses import replace
from email.utils import parsedate_to_datetime

from okta.bench import lines
from suite import same, succeeded


def whoever_and_whatever_is_not_there_is_named(bench):
    done = bench.sync(user=bench.missing_user)
    assert done.returncode == 1 and bench.login.lower() in lines(done).lower(), lines(done)
    same(bench.writes(), [], "writes for somebody who is not there")
    group = bench.missing_group.target.rpartition("/")[2]
    done = bench.sync(asked=[group], groups=bench.nobody, **{"groups like": bench.nobody})
    assert done.returncode != 0 and group in lines(done), lines(done)
    same(bench.writes(), [], "writes to a group that is not there")


def every_refusal_that_was_recorded_is_reported_in_oktas_words(bench):
    refusals = {}
    for it in bench.recordings.all:
        if it.status in (400, 401, 403, 404) and it.body.startswith('{"errorCode"'):
            refusals.setdefault((it.status, it.json["errorCode"]), it)
    assert len(refusals) >= 8, f"only {sorted(refusals)}"
    for (status, code), it in refusals.items():
        for kind in ("add", "members"):
            done = bench.sync(fresh=True, **{kind: it})
            if (kind, code) == ("members", "E0000007"):  # the group is gone, which is no refusal
                assert done.returncode != 0, lines(done)
            else:
                assert done.returncode != 0 and code in lines(done), f"{kind} answered {status} {code}: {lines(done)}"
            if kind == "members":
                same(bench.writes(), [], f"writes where the members were refused with {code}")
    return f"{len(refusals)} kinds of refusal"


# Seconds that a run may be late in asking again: the rest of a second that has begun, jitter, and a slow machine.
LATE = 6


def a_429_is_waited_for_by_oktas_own_clock(bench):
    """Recorded with eight seconds to go until the limit begins anew; then the same with two, as a control."""
    recorded = bench.recordings.one(r"GET /api/v1/apps/\S*/features 429", "test_comprehensive_coverage_push")
    date = parsedate_to_datetime(recorded.header("date")[0]).timestamp()
    for seconds in (int(recorded.header("x-rate-limit-reset")[0]) - int(date), 2):
        limited = recorded.having("x-rate-limit-reset", str(int(date) + seconds))
        succeeded(bench.sync(fresh=True, members=[limited, bench.outside]))
        first, second = bench.replay.of("members")[:2]
        same((first.said.status, second.said.status), (429, 200), "answers")
        waited = second.at - first.at
        assert seconds <= waited <= seconds + LATE, f"waited {waited:.1f} s, and Okta asked for {seconds} s"
        same(len(bench.writes()), 1, "writes")


def mutilated(bench):
    """(what was done to it, kind, answer): all of them have to be reported."""
    members, group, user = bench.inside, bench.group, bench.user
    cut = lambda it: replace(it, body=it.body[: len(it.body) // 2])  # noqa: E731

    def changed(it, change):
        whole = it.json
        change(whole[0] if isinstance(whole, list) else whole)
        return replace(it, body=json.dumps(whole))

    yield "members cut off", "members", cut(members)
    yield "members empty", "members", replace(members, body="")
    yield "members an object", "members", replace(members, body=json.dumps(members.json[0]))
    yield "a member without an id", "members", changed(members, lambda it: it.pop("id"))
    yield "a member whose id is a number", "members", changed(members, lambda it: it.update(id=7))
    yield "members in HTML", "members", replace(members, body="<html>maintenance</html>")
    yield "a group cut off", "groups", cut(group)
    yield "a group without an id", "groups", changed(group, lambda it: it.pop("id"))
    yield "a group without a type", "groups", changed(group, lambda it: it.pop("type"))
    yield "a group without a name", "groups", changed(group, lambda it: it.pop("profile"))
    yield "a user's groups cut off", "groups of", cut(bench.groups_of)
    yield "a user's groups an object", "groups of", replace(bench.groups_of, body=json.dumps(bench.groups_of.json[0]))
    yield "a user cut off", "user", cut(user)
    yield "a user without an id", "user", changed(user, lambda it: it.pop("id"))
    yield "a user of another login", "user", changed(user, lambda it: it.update(profile={"login": "a@b", "email": "a@b"}))


def a_mutilated_answer_is_reported_and_nothing_is_given(bench):
    count = 0
    for what, kind, answer in mutilated(bench):
        # Where a search finds nothing, names that begin like it are asked for: that answer is as mutilated.
        done = bench.sync(fresh=True, **{kind: answer}, **({"groups like": answer} if kind == "groups" else {}))
        assert done.returncode != 0, f"{what}: taken for a whole one:\n{lines(done)}"
        same(bench.writes(), [], f"{what}: writes")
        count += 1
    succeeded(bench.sync(fresh=True))
    same(len(bench.writes()), 1, "writes with whole answers")
    return f"{count} of them"


def add(suite):
    for function in (
        whoever_and_whatever_is_not_there_is_named,
        every_refusal_that_was_recorded_is_reported_in_oktas_words,
        a_429_is_waited_for_by_oktas_own_clock,
        a_mutilated_answer_is_reported_and_nothing_is_given,
    ):
        suite.needs_program(function)
