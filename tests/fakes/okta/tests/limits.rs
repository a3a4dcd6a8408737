//! Pages, rates, and how much may be under way.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::*;

fn crowd(people: usize) -> World {
    (0..people).fold(world(), |world, number| {
        let id = format!("00v{number:03}");
        world.user(&id, &format!("p{number}@example.com")).member("00g1", &id)
    })
}

/// Every page of a list from `path` on: their sizes, and the ids in order.
async fn pages(fake: &Fake, path: &str) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut ids, mut next) = (Vec::new(), Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let told = get(fake, &path).await;
        assert_eq!(told.status, 200, "{told:?}");
        sizes.push(told.ids().len());
        ids.extend(told.ids().into_iter().map(str::to_owned));
        next = told.next();
    }
    (sizes, ids)
}

#[tokio::test]
async fn lists_are_followed_by_links() {
    let fake = Okta::start(crowd(5));
    let all = fake.members("00g1");
    let list = "/api/v1/groups/00g1/users";
    assert_eq!(pages(&fake, list).await, (vec![5], all.clone()));
    assert_eq!(pages(&fake, &format!("{list}?limit=2")).await, (vec![2, 2, 1], all.clone()));
    fake.change(|world| world.manners.page_size = 1);
    assert_eq!(pages(&fake, &format!("{list}?limit=200")).await, (vec![1; 5], all.clone()));
    fake.change(|world| world.manners.empty_last_page = true);
    assert_eq!(pages(&fake, list).await.0, [1, 1, 1, 1, 1, 0]);
    fake.change(|world| world.manners.one_link = true);
    assert_eq!(pages(&fake, list).await.1, all);
    let search = "/api/v1/users?search=profile.login%20sw%20%22p%22";
    assert_eq!(pages(&fake, search).await.1, all, "a search keeps what it searches for");

    let first = get(&fake, &format!("{list}?limit=3")).await;
    assert_eq!(first.links().len(), 1);
    fake.change(|world| world.manners.one_link = false);
    let first = get(&fake, &format!("{list}?limit=3")).await;
    let links = first.links();
    assert_eq!(links[0], format!("<{}{list}?limit=3>; rel=\"self\"", fake.url()));
    assert!(links[1].starts_with(&format!("<{}{list}?after=", fake.url())), "{links:?}");
    assert!(links[1].contains("%3D%3D&limit=3>"), "the cursor has signs that must be left as they are: {links:?}");
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    let fake = Okta::start(crowd(3).member("00g2", "00u1"));
    let next = get(&fake, "/api/v1/groups/00g1/users?limit=1").await.next().expect("more");
    for path in [next.replace("00g1", "00g2"), next.replace("after=", "after=x"), next.replace("%3D", "%253D")] {
        assert_eq!(get(&fake, &path).await.error(), (400, "E0000029"), "{path}");
    }
    assert_eq!(get(&fake, &next).await.ids(), ["00v001"]);
    assert_eq!(get(&fake, &next).await.ids(), ["00v001"], "an attempt may be repeated");
    fake.fail("00g1/users", 2, Fault::Endless);
    let endless = get(&fake, "/api/v1/groups/00g1/users?limit=1").await.next().expect("more");
    let same = get(&fake, &endless).await;
    assert_eq!((same.ids(), same.next()), (vec!["00v000"], Some(endless)));
    fake.fail("00g1/users", 1, Fault::NextAt("http://elsewhere.example/".to_owned()));
    let astray = get(&fake, "/api/v1/groups/00g1/users?limit=1").await;
    assert_eq!(astray.next().as_deref(), Some("http://elsewhere.example/"));
}

#[tokio::test]
async fn limits_have_bounds() {
    let fake = Okta::start(world());
    for path in [
        "/api/v1/groups/00g1/users?limit=0",
        "/api/v1/groups/00g1/users?limit=-1",
        "/api/v1/groups/00g1/users?limit=x",
        "/api/v1/groups/00g1/users?limit=1001",
        "/api/v1/groups?limit=10001",
        "/api/v1/groups/rules?limit=201",
        "/api/v1/users?search=id%20eq%20%22a%22&limit=201",
    ] {
        assert_eq!(get(&fake, path).await.error(), (400, "E0000001"), "{path}");
    }
    let terms = |count: usize| vec!["profile.login eq \"somebody@example.com\""; count].join(" or ");
    assert_eq!(search(&fake, "users", &terms(100)).await.status, 200);
    assert_eq!(search(&fake, "users", &terms(200)).await.status, 414);
}

#[tokio::test]
async fn a_request_too_many_is_refused_until_the_reset_of_its_own_clock() {
    let fake = Okta::start(world().manners(|manners| manners.rate = (2, TimeDelta::seconds(1))));
    fake.ahead(TimeDelta::hours(1));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(get(&fake, "/api/v1/groups/00g1").await);
    }
    assert_eq!([seen[0].status, seen[1].status, seen[2].status], [200, 200, 429]);
    let told = &seen[2];
    assert_eq!(told.error(), (429, "E0000047"));
    assert_eq!((told.header("x-rate-limit-remaining"), told.header("retry-after")), ("0", ""));
    assert_eq!(told.headers.get_all("x-rate-limit-reset").iter().count(), 1);
    let reset: i64 = told.header("x-rate-limit-reset").parse().expect("seconds");
    assert!((3600..=3602).contains(&(reset - now().timestamp())), "an hour ahead, by its own clock");
    assert!(told.header("date").starts_with("Sun, 01 Mar 2026 13:00:0"), "{told:?}");
    assert_eq!(get(&fake, "/api/v1/users/bob").await.status, 200, "another limit");
    fake.ahead(TimeDelta::hours(1) + TimeDelta::seconds(2));
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.status, 200);
    fake.fail("00g1", 1, Fault::RateLimited { seconds: 7 });
    let told = get(&fake, "/api/v1/groups/00g1").await;
    let reset: i64 = told.header("x-rate-limit-reset").parse().expect("seconds");
    assert!((3609..=3611).contains(&(reset - now().timestamp())), "{reset}");
}

#[tokio::test]
async fn only_so_much_may_be_under_way() {
    let world = world().manners(|manners| (manners.concurrent, manners.latency) = (2, Duration::from_millis(300)));
    let fake = Okta::start(world);
    let told = join_all((0..5).map(|_| get(&fake, "/api/v1/groups/00g1"))).await;
    let refused: Vec<_> = told.iter().filter(|told| told.status == 429).collect();
    assert_eq!((refused.len(), fake.widest()), (3, 5));
    assert_eq!((refused[0].error(), refused[0].header("x-rate-limit-limit")), ((429, "E0000047"), "2"));
    assert_eq!(get(&fake, "/api/v1/groups/00g1").await.status, 200);
}
