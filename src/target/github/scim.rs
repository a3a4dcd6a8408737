//! Whom the enterprise's identity provider has put into GitHub, by SCIM.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;

use super::api::Api;
use super::fault::explained;
use super::graphql::{MAX_PAGES, PAGE};
use super::wire::{ScimPage, ScimUser};

/// People of one enterprise: as many as the longest list of members may hold.
const MOST: usize = PAGE * MAX_PAGES;

impl Api {
    /// Everybody whom the identity provider of `enterprise` has put into GitHub and not deleted for good.
    ///
    /// # Errors
    /// Where the list is not whole.
    pub async fn scim_users(&self, enterprise: &str) -> Result<Vec<ScimUser>> {
        // A server is one enterprise, and its path names none.
        let path = if self.is_server() {
            vec!["scim", "v2", "Users"]
        } else {
            vec!["scim", "v2", "enterprises", enterprise, "Users"]
        };
        let page = async |start: usize| {
            let query = [("startIndex", start), ("count", PAGE)];
            self.rest.get(&path).query(&query).answer::<ScimPage>().await.map_err(explained)
        };
        let first = page(1).await?;
        let (total, length) = (first.total_results, first.resources.len());
        ensure!(total <= MOST, "GitHub speaks of {total} SCIM users; an answer that makes no sense is not used");
        let mut users = first.resources;
        if length > 0 && length < total {
            let rest = try_join_all((length + 1..=total).step_by(length).map(page)).await?;
            users.extend(rest.into_iter().flat_map(|page| page.resources));
        }
        ensure!(users.len() >= total, "GitHub lists {} of {total} SCIM users; half a list is none", users.len());
        Ok(users)
    }
}
