"""What the program does to Okta's group and GitHub's team in the course of a shift."""

from emulated import world
from suite import same, succeeded

EVERYBODY = sorted({*world.ON_CALL, "eve"})
INSIDE = sorted(world.BEFORE)


def writes(exchanges):
    return [str(it) for it in exchanges if it.writes]


def lines(done):
    return done.stdout + done.stderr


def a_shift(bench, *names):
    """Given at its start, left alone in its midst, taken back at its end; who was in before stays in."""
    both = {"okta": 0, "github": 1}

    def check(expected, what):
        for name in names:
            same(bench.members()[both[name]], expected, f"{what}: members at {name}")

    check(INSIDE, "before")
    succeeded(bench.sync("--dry-run"))
    heard = bench.heard()
    assert heard, "a dry run asked nothing"
    same(writes(heard), [], "writes of a dry run")
    succeeded(bench.sync())
    check(EVERYBODY, "on call")
    same(len(writes(bench.heard())), 2 * len(names), "writes for two people who are not in yet")
    done = succeeded(bench.sync())
    assert "nothing to do" in lines(done).lower(), f"the second run: {lines(done)}"
    same(writes(bench.heard()), [], "writes of the second run")
    after = bench.start + world.A_DAY * 1.5
    succeeded(bench.sync(now=after))
    check(INSIDE, "after the shift")
    same(len(writes(bench.heard())), 2 * len(names), "writes to take back what is ours")
    succeeded(bench.sync(now=after))
    same(writes(bench.heard()), [], "writes of a run with nobody on call")


def a_shift_gives_and_takes_back_at_both(bench):
    bench.write()
    a_shift(bench, "okta", "github")
    role = bench.github("GET", f"/teams/{world.TEAM}/memberships/carol")["role"]
    same(role, "maintainer", "the role of a maintainer who was on call")


def a_github_app_does_it_as_well(bench):
    for installation in (True, False):
        title = f"installation_id {'given' if installation else 'found'}"
        bench.write_key(bench.keys[0])
        (bench.folder / "ledger.db").unlink(missing_ok=True)
        url = bench.chain.relays["github"].url
        app = world.github_app(url, world.ON_CALL, bench.folder / "app.pem", installation)
        bench.write(targets={"github": app})
        token = bench.exchanges("github")
        a_shift(bench, "github")
        said = bench.chain.relays["github"].exchanges[len(token) :]
        assert any(it.path.endswith("/access_tokens") and it.status == 201 for it in said), f"{title}: no token was fetched"


def a_github_app_with_another_key_is_refused(bench):
    bench.write_key(bench.keys[1])
    app = world.github_app(bench.chain.relays["github"].url, world.ON_CALL, bench.folder / "app.pem", True)
    bench.write(targets={"github": app})
    done = bench.sync()
    assert done.returncode != 0, f"exit code 0 with a wrong key:\n{lines(done)}"
    heard = bench.heard()
    assert any(it.path.endswith("/access_tokens") and it.status == 401 for it in heard), [str(it) for it in heard]
    same(writes(heard), [], "writes with a wrong key")
    assert "PRIVATE KEY" not in lines(done), "the key is printed"


def a_service_app_asks_for_a_token_by_its_key(bench):
    """emulate knows no app with a key and refuses it; the request is held against the description."""
    bench.write_key(bench.keys[0])
    bench.write(targets={"okta": world.okta_app(bench.chain.relays["okta"].url, bench.folder / "app.pem")})
    done = bench.sync()
    assert done.returncode != 0 and "invalid_client" in lines(done), f"with an app that Okta does not know:\n{lines(done)}"
    same({str(it) for it in bench.heard()}, {"POST /oauth2/v1/token -> 401"}, "what was asked without a token")


def the_scim_users_of_an_enterprise_are_asked_for(bench):
    """emulate has none; the request is held against the description."""
    github = world.github(bench.chain.relays["github"].url, []) + f'\nenterprise = "{world.ENTERPRISE}"'
    bench.write(people=("ada",), targets={"github": github})
    done = bench.sync()
    assert done.returncode != 0, f"exit code 0 without an answer:\n{lines(done)}"
    heard = bench.heard()
    assert any(f"/scim/v2/enterprises/{world.ENTERPRISE}/Users?startIndex=1" in it.target for it in heard), [str(it) for it in heard]
    same(writes(heard), [], "writes without knowing who is who")


def an_outsider_is_named_and_never_invited(bench):
    bench.write(people=("ada", "dave"), targets={"github": world.github(bench.chain.relays["github"].url, ["ada", "dave"])})
    done = bench.sync()
    assert done.returncode in (0, 1), lines(done)
    assert "dave" in lines(done), f"dave is not named:\n{lines(done)}"
    same([it for it in writes(bench.heard()) if "dave" in it], [], "writes for somebody outside the organisation")
    same(bench.members()[1], sorted({"ada", *INSIDE}), "members")


def a_member_of_a_child_team_only_is_given_the_team_itself(bench):
    bench.write(people=("erin",), targets={"github": world.github(bench.chain.relays["github"].url, ["erin"])})
    succeeded(bench.sync())
    same(bench.members()[1], sorted({"erin", *INSIDE}), "members")


def who_is_in_no_table_is_found_by_identity_and_by_verified_address(bench):
    bench.write(people=world.UNTOLD, targets={"github": world.github(bench.chain.relays["github"].url, ["ada"])})
    succeeded(bench.sync())
    same(bench.members()[1], sorted({*world.UNTOLD, *INSIDE}), "members")


def members_of_every_page_are_known(bench):
    """A team of more than a page: the last of them is on call, and is not given what he has."""
    for name in world.CROWD:
        bench.join(name)
    last = world.CROWD[-1]
    bench.write(people=("ada", last), targets={"github": world.github(bench.chain.relays["github"].url, ["ada", last])})
    succeeded(bench.sync())
    same(writes(bench.heard()), [f"PUT /orgs/{world.ORG}/teams/{world.TEAM}/memberships/ada -> 200"], "writes")


def a_suspended_user_is_named_and_not_given_the_group(bench):
    bench.okta("POST", f"/users/{bench.users['frank']}/lifecycle/suspend")
    bench.write(people=("ada", "frank"), targets={"okta": world.okta(bench.chain.relays["okta"].url)})
    done = bench.sync()
    assert done.returncode in (0, 1) and "frank" in lines(done), lines(done)
    same(bench.members()[0], sorted({"ada", *INSIDE}), "members")


def a_group_by_its_id_is_the_group_by_its_name(bench):
    bench.write(targets={"okta": world.okta(bench.chain.relays["okta"].url)}, grants={"okta": [bench.groups[world.GROUP]]})
    a_shift(bench, "okta")


def unknown_and_built_in_groups_and_teams_are_refused_by_name(bench):
    urls = {service: relay.url for service, relay in bench.chain.relays.items()}
    for target, lines_of, asked, wanted in (
        ("okta", world.okta(urls["okta"]), "oncall-db", world.GROUP),
        ("okta", world.okta(urls["okta"]), "Everyone", "Everyone"),
        ("okta", world.okta(urls["okta"]), "00gnobodyknowsmeatall", "00gnobodyknowsmeatall"),
        ("github", world.github(urls["github"], world.ON_CALL), "oncall-dbb", world.TEAM),
    ):
        bench.write(targets={target: lines_of}, grants={target: [asked]})
        done = bench.sync()
        assert done.returncode != 0, f"{asked}: exit code 0:\n{lines(done)}"
        assert asked in lines(done) and wanted in lines(done), f"{asked}: neither it nor '{wanted}' is named:\n{lines(done)}"
    same(writes(bench.heard()), [], "writes")


def add(suite):
    for function in (
        a_shift_gives_and_takes_back_at_both,
        a_github_app_does_it_as_well,
        a_github_app_with_another_key_is_refused,
        a_service_app_asks_for_a_token_by_its_key,
        the_scim_users_of_an_enterprise_are_asked_for,
        an_outsider_is_named_and_never_invited,
        a_member_of_a_child_team_only_is_given_the_team_itself,
        who_is_in_no_table_is_found_by_identity_and_by_verified_address,
        members_of_every_page_are_known,
        a_suspended_user_is_named_and_not_given_the_group,
        a_group_by_its_id_is_the_group_by_its_name,
        unknown_and_built_in_groups_and_teams_are_refused_by_name,
    ):
        suite.needs_program(function)
