//! Connections of the GraphQL API: one page of a list, with its edges and its cursor.

use std::rc::Rc;

use apollo_compiler::resolvers::ResolvedValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::object::{Answer, Given, Object, Thing, failed, leaf};
use super::world::Role;

/// "Values of `first` and `last` must be within 1-100"; and as many ids at once.
pub(super) const MAX_PAGE: usize = 100;

/// One page of a connection.
pub(super) struct Page<'w> {
    /// `Team` of `TeamConnection`.
    pub kind: &'static str,
    /// Each with its role, where the edge has one.
    rows: Vec<(Thing<'w>, Option<Role>)>,
    /// The place of the first row among all.
    from: usize,
    total: usize,
    more: bool,
}

fn cursor(place: usize) -> String {
    BASE64_STANDARD.encode(format!("cursor:v2:{place}"))
}

impl<'w> Object<'w> {
    /// A page as Relay has it, with GitHub's bounds.
    pub(super) fn page<'a>(
        &'a self,
        kind: &'static str,
        rows: Vec<(Thing<'w>, Option<Role>)>,
        given: &Given,
    ) -> Answer<'a> {
        let connection = "connection";
        let (first, last) = (given.0["first"].as_i64(), given.0["last"].as_i64());
        let Some(asked) = first.or(last) else {
            let missing =
                format!("You must provide a `first` or `last` value to properly paginate the `{kind}` {connection}.");
            return Err(failed("MISSING_PAGINATION_BOUNDARIES", &missing));
        };
        let word = if first.is_some() { "first" } else { "last" };
        let asked = usize::try_from(asked).ok().filter(|asked| (1..=MAX_PAGE).contains(asked)).ok_or_else(|| {
            let many = format!(
                "Requesting {asked} records on the `{kind}` {connection} exceeds the `{word}` limit of 100 records."
            );
            failed("EXCESSIVE_PAGINATION", &many)
        })?;
        let size = asked.min(self.scene.world.page_limit);
        let total = rows.len();
        let after = match given.text("after").filter(|_| !self.scene.endless) {
            None => 0,
            Some(after) => (1..=total).find(|place| cursor(*place) == after).ok_or_else(|| {
                failed("INVALID_CURSOR_ARGUMENTS", &format!("`{after}` does not appear to be a valid cursor."))
            })?,
        };
        let from = if first.is_some() { after } else { total.saturating_sub(size) };
        let rows: Vec<_> = rows.into_iter().skip(from).take(size).collect();
        let more = from + rows.len() < total || self.scene.endless;
        self.object(Thing::Connection(Rc::new(Page { kind, rows, from, total, more })))
    }

    pub(super) fn connection<'a>(&'a self, page: &Rc<Page<'w>>, field: &str) -> Answer<'a> {
        match field {
            "totalCount" => leaf(page.total),
            "pageInfo" => self.object(Thing::PageInfo(Rc::clone(page))),
            "nodes" => self.list(page.rows.iter().map(|(thing, _)| thing.clone()).collect::<Vec<_>>()),
            _ => self.list((0..page.rows.len()).map(|place| Thing::Edge(Rc::clone(page), place)).collect::<Vec<_>>()),
        }
    }

    pub(super) fn page_info<'a>(page: &Page<'w>, field: &str) -> Answer<'a> {
        let end = page.from + page.rows.len();
        match field {
            "hasNextPage" => leaf(page.more),
            "hasPreviousPage" => leaf(page.from > 0),
            _ if page.rows.is_empty() => Ok(ResolvedValue::null()),
            "endCursor" => leaf(cursor(end)),
            _ => leaf(cursor(page.from + 1)),
        }
    }

    pub(super) fn edge<'a>(&'a self, page: &Rc<Page<'w>>, place: usize, field: &str) -> Answer<'a> {
        let (thing, role) = &page.rows[place];
        match field {
            "cursor" => leaf(cursor(page.from + place + 1)),
            "node" => self.object(thing.clone()),
            "role" if page.kind == "OrganizationMember" => {
                leaf(if *role == Some(Role::Maintainer) { "ADMIN" } else { "MEMBER" })
            }
            "role" => leaf(role.expect("members have roles").rest().to_uppercase()),
            "hasTwoFactorEnabled" => leaf(true),
            _ => leaf("https://github.com/orgs/acme/people"),
        }
    }
}
