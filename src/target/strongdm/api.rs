//! strongDM's requests, in its own words.

use std::collections::BTreeSet;

use anyhow::{Context as _, Error, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use prost_types::Timestamp;
use tonic::Code;
use tonic::metadata::MetadataMap;

use super::sign::Keys;
use super::wire::{
    Account, AccountAttachment, AccountAttachmentCreate, AccountAttachmentPage, AccountGrant, AccountGrantCreate,
    AccountGrantPage, AccountPage, DeleteRequest, DeleteResponse, ListRequest, ListRequestMetadata, Page,
    RateLimitMetadata, RequirementsMetadata, ResourcePage, Role, RolePage, Status,
};
use crate::net::grpc::{self, Client, Method, Vendor};
use crate::net::{Context, Reach};

const ACCOUNTS: Method = Method("/v1.Accounts/List");
const RESOURCES: Method = Method("/v1.Resources/List");
const ROLES: Method = Method("/v1.Roles/List");
const GRANTS: Method = Method("/v1.AccountGrants/List");
const GRANT_CREATE: Method = Method("/v1.AccountGrants/Create");
const GRANT_DELETE: Method = Method("/v1.AccountGrants/Delete");
const ATTACHMENTS: Method = Method("/v1.AccountAttachments/List");
const ATTACHMENT_CREATE: Method = Method("/v1.AccountAttachments/Create");
const ATTACHMENT_DELETE: Method = Method("/v1.AccountAttachments/Delete");

/// Items asked for in one page. The default is 50 (comment in the vendor's Go SDK) and no upper bound is published: a
/// thousand spares most organisations a second page, and a server that wants to give less does so.
const PAGE: i32 = 1000;

/// Look-ups that are worth one page. Look-ups go out side by side and pages one after the other, so a page that spares only
/// a few look-ups costs more time than it saves.
const LOOKUPS_FOR_A_PAGE: usize = 10;

/// Pages after which a list is taken for one without an end: a million items, or fifty thousand at the default of 50.
const PAGES: usize = 1_000;

impl Vendor for Keys {
    fn metadata(&self, method: Method, message: &[u8], now: DateTime<Utc>) -> MetadataMap {
        Keys::metadata(self, &method.to_string(), message, now)
    }

    fn reset_at(&self, error: &grpc::Error) -> Option<DateTime<Utc>> {
        let limit: RateLimitMetadata = Status::detail(&error.details, "v1.RateLimitMetadata")?;
        instant(limit.reset_at)
    }
}

/// strongDM's requests, by one API key.
pub struct Api {
    client: Client<Keys>,
}

impl Api {
    pub fn new(reach: Reach<'_>, keys: Keys, context: Context) -> Result<Self> {
        Ok(Self { client: Client::new(reach, keys, context)? })
    }

    pub fn context(&self) -> &Context {
        self.client.context()
    }

    pub async fn accounts(&self, filters: &[String]) -> Result<Vec<Account>> {
        self.gather::<AccountPage>(ACCOUNTS, filters).await
    }

    pub async fn resources(&self, filters: &[String]) -> Result<Vec<Vec<u8>>> {
        self.gather::<ResourcePage>(RESOURCES, filters).await
    }

    pub async fn roles(&self, filters: &[String]) -> Result<Vec<Role>> {
        self.gather::<RolePage>(ROLES, filters).await
    }

    pub async fn account_grants(&self, filters: &[String]) -> Result<Vec<AccountGrant>> {
        self.gather::<AccountGrantPage>(GRANTS, filters).await
    }

    pub async fn account_attachments(&self, filters: &[String]) -> Result<Vec<AccountAttachment>> {
        self.gather::<AccountAttachmentPage>(ATTACHMENTS, filters).await
    }

    /// Every grant of this account on this resource.
    pub async fn account_grants_on(&self, account: &str, resource: &str) -> Result<Vec<AccountGrant>> {
        let filter = format!("{} {}", term("accountid", account), term("resourceid", resource));
        let mut grants = self.account_grants(&[filter]).await?;
        grants.retain(|grant| grant.account_id == account && grant.resource_id == resource);
        Ok(grants)
    }

    /// This account's membership of this role, if any.
    pub async fn account_attachment_to(&self, account: &str, role: &str) -> Result<Option<AccountAttachment>> {
        let filter = format!("{} {}", term("accountid", account), term("roleid", role));
        let found = self.account_attachments(&[filter]).await?;
        Ok(found.into_iter().find(|attachment| attachment.account_id == account && attachment.role_id == role))
    }

    /// Creates a grant; its id.
    pub async fn create_account_grant(&self, grant: AccountGrant) -> Result<String> {
        let message = AccountGrantCreate { account_grant: Some(grant.clone()) };
        let look = async || {
            let standing = self.account_grants_on(&grant.account_id, &grant.resource_id).await?;
            let same = standing.into_iter().find(|other| is_same(other, &grant));
            Ok(same.map(|account_grant| AccountGrantCreate { account_grant: Some(account_grant) }))
        };
        let answer: Result<AccountGrantCreate> = self.client.create(GRANT_CREATE, &message, look).await;
        let created = answer.map_err(|error| self.explain(GRANT_CREATE, error))?.account_grant.unwrap_or_default();
        ensure!(!created.id.is_empty(), "strongDM answers {GRANT_CREATE} without the id of the grant");
        Ok(created.id)
    }

    /// Puts an account into a role; the id of the membership.
    pub async fn create_account_attachment(&self, account: &str, role: &str) -> Result<String> {
        let (account_id, role_id) = (account.to_owned(), role.to_owned());
        let attachment = AccountAttachment { id: String::new(), account_id, role_id };
        let message = AccountAttachmentCreate { account_attachment: Some(attachment) };
        let look = async || {
            let standing = self.account_attachment_to(account, role).await?;
            Ok(standing.map(|attachment| AccountAttachmentCreate { account_attachment: Some(attachment) }))
        };
        let answer: Result<AccountAttachmentCreate> = self.client.create(ATTACHMENT_CREATE, &message, look).await;
        let answer = answer.map_err(|error| self.explain(ATTACHMENT_CREATE, error))?;
        let created = answer.account_attachment.unwrap_or_default();
        ensure!(!created.id.is_empty(), "strongDM answers {ATTACHMENT_CREATE} without the id of the membership");
        Ok(created.id)
    }

    pub async fn delete_account_grant(&self, id: &str) -> Result<()> {
        self.delete(GRANT_DELETE, id).await
    }

    pub async fn delete_account_attachment(&self, id: &str) -> Result<()> {
        self.delete(ATTACHMENT_DELETE, id).await
    }

    /// Deletes; what is gone already is gone, and so is what a lost attempt deleted.
    async fn delete(&self, method: Method, id: &str) -> Result<()> {
        let answer = self.client.call::<_, DeleteResponse>(method, &DeleteRequest { id: id.to_owned() }).await;
        match answer {
            Err(error) if code(&error) == Some(Code::NotFound) => Ok(()),
            Err(error) => Err(self.explain(method, error)),
            Ok(_) => Ok(()),
        }
    }

    /// At least everything that any of the filters matches; none asks for nothing, an empty one for all.
    ///
    /// Only ids can be given several times in one filter, so each costs a look-up of its own. Where there are many, the
    /// whole list is read instead, for as long as it takes far fewer pages than look-ups; beyond that it is dropped.
    async fn gather<P: Page>(&self, method: Method, filters: &[String]) -> Result<Vec<P::Item>> {
        let worth = filters.len() / LOOKUPS_FOR_A_PAGE;
        if worth > 0
            && let Some(all) = self.list::<P>(method, "", worth).await?
        {
            return Ok(all);
        }
        let each = filters.iter().map(async |filter| {
            let whole = self.list::<P>(method, filter, PAGES).await?;
            whole.with_context(|| {
                format!("strongDM's answer to {method} has no end; it was dropped after {PAGES} pages")
            })
        });
        Ok(try_join_all(each).await?.into_iter().flatten().collect())
    }

    /// Every item of the list; `None` where it has more than so many pages.
    async fn list<P: Page>(&self, method: Method, filter: &str, pages: usize) -> Result<Option<Vec<P::Item>>> {
        let mut items = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut cursor = String::new();
        let mut limit = PAGE;
        for _ in 0..pages {
            let meta = Some(ListRequestMetadata { cursor: cursor.clone(), limit });
            let request = ListRequest { meta, filter: filter.to_owned() };
            let page: P = match self.client.call(method, &request).await {
                Ok(page) => page,
                // Some services say this of a filter that matches nothing, for instance the id of a role long gone. Of a later
                // page it would cut the list short.
                Err(error) if !filter.is_empty() && cursor.is_empty() && code(&error) == Some(Code::NotFound) => {
                    P::default()
                }
                // Perhaps more than it gives at once; then as many as it likes.
                Err(error) if limit != 0 && code(&error) == Some(Code::InvalidArgument) => {
                    limit = 0;
                    continue;
                }
                Err(error) => return Err(self.explain(method, error)),
            };
            let (more, meta) = page.into_parts();
            items.extend(more);
            cursor = meta.unwrap_or_default().next_cursor;
            if cursor.is_empty() {
                return Ok(Some(items));
            }
            ensure!(
                cursors.insert(cursor.clone()),
                "strongDM's answer to {method} goes round in circles: a page names an earlier one as its next"
            );
        }
        Ok(None)
    }

    /// What a refusal means, and what to do about it.
    fn explain(&self, method: Method, error: Error) -> Error {
        let Some(refusal) = grpc::cause(&error).filter(|error| error.is_answer()) else { return error };
        match refusal.code {
            Code::Unauthenticated => {
                let day = self.context().now().date_naive();
                error.context(format!(
                    "strongDM refuses the API key: the access key or the secret key is wrong, expired or deleted, or the \
                     clock of this machine is on another day (the request was signed for {day}, UTC)"
                ))
            }
            Code::PermissionDenied => {
                let wanted: Option<RequirementsMetadata> = Status::detail(&refusal.details, "v1.RequirementsMetadata");
                let sentence = match wanted.filter(|wanted| !wanted.requirements.is_empty()) {
                    Some(wanted) => {
                        let kinds: Vec<_> =
                            wanted.requirements.iter().map(|requirement| requirement.kind.as_str()).collect();
                        format!(
                            "strongDM wants more than an API key for {method} ({}), which nobody is here to give; exempt \
                             the API key from it",
                            kinds.join(", ")
                        )
                    }
                    None => format!(
                        "strongDM does not let this API key do {method}; the right it needs is probably `{}`",
                        right(method)
                    ),
                };
                error.context(sentence)
            }
            _ => error,
        }
    }
}

/// The right behind a method, by the names of the rights in the SDKs; which right guards which method is not published.
fn right(method: Method) -> &'static str {
    match method {
        ACCOUNTS => "user:list",
        RESOURCES => "datasource:list",
        GRANTS => "grant:read",
        GRANT_CREATE | GRANT_DELETE => "grant:write",
        ROLES | ATTACHMENTS => "role:list",
        _ => "user:assign",
    }
}

/// What the server answered to the request behind this error, if it did.
pub fn code(error: &Error) -> Option<Code> {
    grpc::cause(error).filter(|error| error.is_answer()).map(|error| error.code)
}

/// `field:"value"`: filters read a value in quotes as a JSON string. A `*` stays a wildcard even so, and case never
/// matters, so that the answer has to be compared again.
pub fn term(field: &str, value: &str) -> String {
    format!("{field}:{}", json(value))
}

/// `tag:"key"="value"`, likewise.
pub fn tag_term(key: &str, value: &str) -> String {
    format!("tag:{}={}", json(key), json(value))
}

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// Whether both give the same account the same resource for the same time, neither of them by an access request.
pub fn is_same(one: &AccountGrant, other: &AccountGrant) -> bool {
    one.account_id == other.account_id
        && one.resource_id == other.resource_id
        && is_same_instant(instant(one.start_from), instant(other.start_from))
        && is_same_instant(instant(one.valid_until), instant(other.valid_until))
        && one.access_request_id.is_empty()
        && other.access_request_id.is_empty()
}

/// Whether both are the same date, or both none. Dates within a second of each other are: a server that keeps fewer
/// digits than were sent still keeps the date.
pub fn is_same_instant(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < TimeDelta::seconds(1),
        (one, other) => one == other,
    }
}

/// An instant, where there is one: not set and the zero instant both mean none.
pub fn instant(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let Timestamp { seconds, nanos } = timestamp.filter(|timestamp| *timestamp != Timestamp::default())?;
    DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap_or_default())
}

pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: instant.timestamp(), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(term("name", "prod db, eu"), r#"name:"prod db, eu""#);
        assert_eq!(term("name", r#"a" name:"b"#), r#"name:"a\" name:\"b""#);
        assert_eq!(term("name", r"back\slash"), r#"name:"back\\slash""#);
        assert_eq!(term("name", "line\nbreak"), r#"name:"line\nbreak""#);
        assert_eq!(term("email", "zoë*@example.com"), r#"email:"zoë*@example.com""#);
        assert_eq!(tag_term("a=b", r#"c"d"#), r#"tag:"a=b"="c\"d""#);
    }

    #[test]
    fn the_zero_instant_is_none() {
        assert_eq!(instant(None), None);
        assert_eq!(instant(Some(Timestamp::default())), None);
        assert_eq!(instant(Some(Timestamp { seconds: i64::MAX, nanos: 0 })), None);
        let exact = DateTime::from_timestamp(1_772_409_600, 5).unwrap();
        assert_eq!(instant(Some(timestamp(exact))), Some(exact));
    }

    #[test]
    fn a_grant_by_an_access_request_is_never_the_same() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let ours = AccountGrant { start_from: at(10), valid_until: at(20), ..AccountGrant::default() };
        assert!(is_same(&ours, &AccountGrant { id: "ag-1".into(), ..ours.clone() }));
        assert!(!is_same(&ours, &AccountGrant { valid_until: at(21), ..ours.clone() }));
        assert!(!is_same(&ours, &AccountGrant { valid_until: None, ..ours.clone() }));
        assert!(!is_same(&ours, &AccountGrant { access_request_id: "aq-1".into(), ..ours.clone() }));
        let rounded = Some(Timestamp { seconds: 19, nanos: 999_999_000 });
        assert!(is_same(&ours, &AccountGrant { valid_until: rounded, ..ours.clone() }));
    }
}
