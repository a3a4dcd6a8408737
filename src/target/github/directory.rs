//! Who is in the organisation, and whom its identity provider knows.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::Value;

use super::api::Api;
use super::fault::explained;
use super::graphql::{Cursor, PAGE, Problem, ask};
use super::wire::{Directory, DirectoryPage, Identity, In, Page, Provided};

/// Identities looked up in one call. Each is a list of its own, and a hundred lists are one point of the rate limit.
const IDENTITIES: usize = 100;

/// Identities of one name, of which there should be one.
const NAMESAKES: usize = 5;

/// What is asked of each identity, but for whose it is.
const IDENTITY: &str = "samlIdentity { nameId username emails { value } } scimIdentity { username emails { value } }";

impl Api {
    /// The identities whose name at the organisation's identity provider is one of these, a list for each; `None` where it has
    /// no provider, or none that this token sees.
    ///
    /// # Errors
    /// Where GitHub does not answer.
    pub async fn identities(&self, names: &[String]) -> Result<Option<Vec<Vec<Identity>>>> {
        // Whether there is a provider at all, the first call tells.
        let (first, rest) = names.split_at(names.len().min(IDENTITIES));
        let Some(mut found) = self.some_identities(first).await? else { return Ok(None) };
        let rest = try_join_all(rest.chunks(IDENTITIES).map(|names| self.some_identities(names))).await?;
        for some in rest {
            let Some(some) = some else { return Ok(None) };
            found.extend(some);
        }
        Ok(Some(found))
    }

    async fn some_identities(&self, names: &[String]) -> Result<Option<Vec<Vec<Identity>>>> {
        let user = self.user();
        let mut variables = self.variables();
        let mut body = String::from("organization(login: $org) { samlIdentityProvider {");
        for (index, name) in names.iter().enumerate() {
            variables.give(&format!("n{index}"), "String!", name.as_str());
            body += &format!(
                " i{index}: externalIdentities(first: {NAMESAKES}, userName: $n{index}) {{ nodes {{ {IDENTITY} user {{ {user} }} }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " } }"));
        let reply = ask::<In<Provided>>(&self.graphql, &question, values).await.map_err(explained)?;
        let Some(mut found) = self.found(reply.unless(Problem::is_of_part)?)?.saml_identity_provider else {
            return Ok(None);
        };
        let of = |index| {
            found.remove(&format!("i{index}")).map_or(Vec::new(), |page| page.nodes.into_iter().flatten().collect())
        };
        Ok(Some((0..names.len()).map(of).collect()))
    }

    /// Every member with their addresses, and, where `identities`, every identity; both lists page by page side by side.
    ///
    /// # Errors
    /// Where a list is not whole.
    pub async fn directory(&self, identities: bool) -> Result<Directory> {
        let mut directory = Directory::default();
        let (mut members, mut provided) = (Some(Cursor::default()), identities.then(Cursor::default));
        while members.is_some() || provided.is_some() {
            let page = self.directory_page(members.as_ref(), provided.as_ref()).await?;
            let rows = page.members_with_role;
            members = next(members, rows, &mut directory.members)?;
            let rows = page.saml_identity_provider.map(|provider| provider.external_identities);
            provided = next(provided, rows, &mut directory.identities)?;
        }
        Ok(directory)
    }

    async fn directory_page(&self, members: Option<&Cursor>, identities: Option<&Cursor>) -> Result<DirectoryPage> {
        let user = self.user();
        let mut variables = self.variables();
        let mut body = String::from("organization(login: $org) {");
        let page_info = "pageInfo { hasNextPage endCursor }";
        if let Some(cursor) = members {
            variables.give("m", "String", cursor.after().map_or(Value::Null, Value::from));
            body += &format!(
                " membersWithRole(first: {PAGE}, after: $m) {{ nodes {{ {user} organizationVerifiedDomainEmails(login: $org) }} {page_info} }}"
            );
        }
        if let Some(cursor) = identities {
            variables.give("i", "String", cursor.after().map_or(Value::Null, Value::from));
            body += &format!(
                " samlIdentityProvider {{ externalIdentities(first: {PAGE}, after: $i) {{ nodes {{ {IDENTITY} user {{ {user} }} }} {page_info} }} }}"
            );
        }
        let (question, values) = variables.question(&(body + " }"));
        let reply = ask::<In<DirectoryPage>>(&self.graphql, &question, values).await.map_err(explained)?;
        self.found(reply.unless(Problem::is_of_part)?)
    }
}

/// Adds a page to its list and moves on, or ends a list that has no more.
fn next<T>(cursor: Option<Cursor>, page: Option<Page<T>>, rows: &mut Vec<T>) -> Result<Option<Cursor>> {
    let (Some(mut cursor), Some(page)) = (cursor, page) else { return Ok(None) };
    let more = cursor.advance(&page.page_info)?;
    rows.extend(page.nodes.into_iter().flatten());
    Ok(more.then_some(cursor))
}
