//! Which group a spelling means.

use super::*;

/// The id of the group that a spelling stands for, or what is said instead.
async fn resolve(fake: &Fake, spelling: &str) -> Result<String, String> {
    let mut current = read_by(&fake.toml(), context(), &[], &[spelling]).await.expect("a reading");
    let found = current.entitlements.remove(spelling).expect("every spelling asked for has an answer");
    found.map(|found| {
        assert_eq!(found.len(), 1, "one spelling, one group: {found:?}");
        found.first().expect("one").id.to_string()
    })
}

fn groups(names: &[&str]) -> World {
    let numbered = names.iter().enumerate();
    numbered.fold(World::at(now()), |world, (number, name)| world.group(&group(number), name))
}

#[tokio::test]
async fn names_match_exactly() {
    let fake = Okta::start(groups(&["oncall", "Oncall", "oncall-2"]));
    for (number, name) in ["oncall", "Oncall", "oncall-2"].into_iter().enumerate() {
        assert_eq!(resolve(&fake, name).await, Ok(group(number)), "{name}");
    }
    for name in ["ONCALL", "oncal", "oncall-", " oncall", "oncall "] {
        let error = resolve(&fake, name).await.expect_err("no such group");
        assert!(error.contains(name.trim()), "{error}");
    }
    fake.change(|world| world.manners.loose_search = true);
    assert_eq!(resolve(&fake, "oncall").await, Ok(group(0)), "whatever the index throws in");
    resolve(&fake, "oncal").await.expect_err("no such group");
}

#[tokio::test]
async fn an_id_is_a_spelling_too_and_the_name_is_okta_s() {
    let fake = Okta::start(groups(&["Oncall Database"]));
    let id = group(0);
    let current = read_by(&fake.toml(), context(), &[], &[&id, "Oncall Database"]).await.expect("a reading");
    let named: Vec<_> = current.entitlements.values().map(|found| found.as_ref().expect("it is there")).collect();
    assert_eq!(named[0], named[1]);
    assert_eq!(&*named[0].first().expect("one").name, "Oncall Database");
    let error = resolve(&fake, &group(7)).await.expect_err("no such group");
    assert!(error.contains(&group(7)), "{error}");
}

#[tokio::test]
async fn a_group_whose_name_is_another_s_id_does_not_hide_it() {
    let (one, two) = (group(1), group(2));
    let fake = Okta::start(World::at(now()).group(&one, "oncall").group(&two, &one));
    assert_eq!(resolve(&fake, &one).await, Ok(one));
}

#[tokio::test]
async fn two_groups_of_one_name_are_told_by_their_ids() {
    let fake = Okta::start(groups(&["oncall", "other", "oncall"]));
    let error = resolve(&fake, "oncall").await.expect_err("which?");
    assert!(["oncall", &group(0), &group(2)].iter().all(|part| error.contains(part)), "{error}");
    assert!(!error.contains(&group(1)), "{error}");
    assert_eq!(resolve(&fake, &group(2)).await, Ok(group(2)));
    fake.change(|world| world.manners.page_size = 1);
    resolve(&fake, "oncall").await.expect_err("also where the other is on the next page");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_answered_with_one_that_is() {
    let fake = Okta::start(groups(&["oncall-dba", "oncall-dbb", "sales", "Everybody"]));
    for misspelled in ["oncall-dbx", "oncal-dba", "oncall-dba2", "Oncall-DBA"] {
        let error = resolve(&fake, misspelled).await.expect_err("no such group");
        assert!(error.contains(misspelled) && error.contains("oncall-dba"), "{error}");
        assert!(!error.contains("sales"), "{error}");
    }
}

#[tokio::test]
async fn groups_that_are_not_okta_s_to_change_are_refused_with_the_reason() {
    let world = World::at(now())
        .group_of(&group(1), "Directory", Kind::App)
        .group_of(&group(2), "Everyone", Kind::BuiltIn)
        .group(&group(3), "oncall");
    let fake = Okta::start(world);
    for (spellings, reasons) in [
        (["Directory".to_owned(), group(1)], ["app_group", "import"]),
        (["Everyone".to_owned(), group(2)], ["built_in", "built-in"]),
    ] {
        for spelling in spellings {
            let error = resolve(&fake, &spelling).await.expect_err("nobody is put there");
            let lower = error.to_lowercase();
            assert!(error.contains(&spelling) && reasons.iter().any(|reason| lower.contains(reason)), "{error}");
        }
    }
    let current = read_by(&fake.toml(), context(), &[], &["Everyone", "oncall"]).await.expect("a reading");
    assert!(current.entitlements["oncall"].is_ok(), "one spoils no other");
}

/// A directory and Okta may have a group of the same name; only one of them can be meant.
#[tokio::test]
async fn an_imported_namesake_does_not_hide_okta_s_own_group_silently() {
    let fake = Okta::start(World::at(now()).group_of(&group(1), "oncall", Kind::App).group(&group(2), "oncall"));
    match resolve(&fake, "oncall").await {
        Ok(found) => assert_eq!(found, group(2), "the one that can be changed"),
        Err(error) => assert!(error.contains(&group(1)) && error.contains(&group(2)), "{error}"),
    }
}

#[tokio::test]
async fn odd_names_are_found_and_mean_nothing_else() {
    let names = [
        "Prod \"DB\" é*",
        "a, b",
        "a",
        "b",
        "back\\slash",
        "sla/sh",
        "rules",
        "me",
        "..",
        "(x) or profile.name sw \"",
        "a\" or profile.name eq \"b",
        "データベース",
        "100%",
        "a+b",
        "a&b=c#d",
        "00gshort",
        "{00g}",
    ];
    let fake = Okta::start(groups(&names));
    for (number, name) in names.into_iter().enumerate() {
        assert_eq!(resolve(&fake, name).await, Ok(group(number)), "{name}");
    }
    let fake = Okta::start(groups(&["oncall", "a"]));
    for name in ["*", "oncall*", "\"", "\\", "x\" or profile.name eq \"a", "rules", "..", ".", "", "rules/../x"] {
        resolve(&fake, name).await.expect_err("no such group");
    }
}

#[tokio::test]
async fn one_group_in_two_spellings_is_listed_once() {
    let fake = Okta::start(world().member(&group(1), &user(2)));
    let current = read_by(&fake.toml(), context(), &[ALICE], &[GROUP, &group(1)]).await.expect("a reading");
    let ids: Vec<_> = current.grants.into_iter().map(|held| held.id).collect();
    assert_eq!(ids, [id(2)]);
    assert_eq!(fake.count("GET", &format!("/api/v1/groups/{}/users", group(1))), 1);
}
