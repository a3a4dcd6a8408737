//! The methods that the stand-in knows, each a function of the world and the request's bytes.

use prost::Message;
use tonic::{Code, Status};

use super::filter::{Fields, Filter};
use super::wire::{self, ById, ListRequest, ListResponse, ListResponseMeta};
use super::world::{Account, Attachment, Cursors, Grant, Kind, Manners, Resource, Role, Several, World};

/// Why a call is not answered as asked.
pub enum Refusal {
    /// The client sent what the service does not know, or what no client should send: the test has failed.
    Violation(String),
    /// The service's own answer.
    Status(Status),
}

type Answer = Result<Vec<u8>, Refusal>;

/// Carries out one call.
pub fn call(world: &mut World, method: &str, request: &[u8]) -> Answer {
    match method {
        "Accounts.List" => list(world, request, ACCOUNT_FIELDS, |world| {
            world.accounts.iter().map(|account| (account_fields(account, &world.manners), account.encode())).collect()
        }),
        "Resources.List" => list(world, request, RESOURCE_FIELDS, |world| {
            world.resources.iter().map(|resource| (resource_fields(resource), resource.encode())).collect()
        }),
        "Roles.List" => list(world, request, &["id", "name", "managedby", "tag"], |world| {
            let fields = |role: &Role| vec![("id", role.id.clone()), ("name", role.name.clone())];
            world.roles.iter().map(|role| (fields(role), role.encode())).collect()
        }),
        "AccountGrants.List" => list(world, request, &["id", "accountid", "resourceid"], |world| {
            shown(world).map(|grant| (grant_fields(grant), grant.encode(&world.manners))).collect()
        }),
        "AccountGrants.Get" => get_grant(world, request),
        "AccountGrants.Create" => create_grant(world, request),
        "AccountGrants.Delete" => delete_grant(world, request),
        "AccountAttachments.List" => list(world, request, &["id", "accountid", "roleid"], |world| {
            world.attachments.iter().map(|attached| (attachment_fields(attached), attached.encode())).collect()
        }),
        "AccountAttachments.Create" => create_attachment(world, request),
        "AccountAttachments.Delete" => delete_attachment(world, request),
        _ => Err(violation(format!("the method {method} is unknown"))),
    }
}

/// The end of the grant that a call would create.
pub fn end_of(method: &str, request: &[u8]) -> Option<chrono::DateTime<chrono::Utc>> {
    let create = (method == "AccountGrants.Create").then(|| wire::GrantCreate::decode(request).ok())??;
    wire::instant(create.grant?.valid_until)
}

const ACCOUNT_FIELDS: &[&str] = &[
    "id",
    "type",
    "email",
    "name",
    "firstname",
    "lastname",
    "externalid",
    "managedby",
    "managerid",
    "employeenumber",
    "permissionlevelrw",
    "suspended",
    "suspendedro",
    "tag",
];

const RESOURCE_FIELDS: &[&str] = &["id", "name", "type", "hostname", "port", "username", "tag"];

fn violation(what: impl Into<String>) -> Refusal {
    Refusal::Violation(what.into())
}

/// The request, unless it holds anything that the message does not.
fn decode<M: Message + Default + std::fmt::Debug>(request: &[u8]) -> Result<M, Refusal> {
    let message = M::decode(request).map_err(|error| violation(format!("the request cannot be decoded: {error}")))?;
    if message.encode_to_vec() == request {
        return Ok(message);
    }
    Err(violation(format!("the request holds unknown fields or is not canonical; understood was {message:?}")))
}

fn list(
    world: &World,
    request: &[u8],
    known: &[&str],
    records: impl FnOnce(&World) -> Vec<(Fields, Vec<u8>)>,
) -> Answer {
    let ListRequest { meta, filter } = decode(request)?;
    let meta = meta.unwrap_or_default();
    let parsed = Filter::parse(&filter, known).map_err(violation)?;
    let key = format!("{}/{filter}", meta.limit);
    let start: usize = match meta.cursor.split_once('/') {
        _ if meta.cursor.is_empty() => 0,
        Some((start, of)) if of == key => start.parse().map_err(|_| violation("the cursor was made up"))?,
        _ => return Err(violation(format!("the cursor {:?} belongs to another list than {key:?}", meta.cursor))),
    };
    let limit = usize::try_from(meta.limit).map_err(|_| violation("the limit is negative"))?;
    let size = if limit == 0 { world.manners.page_size } else { limit.min(world.manners.page_size) };

    let mut found: Vec<_> = records(world).into_iter().filter(|(fields, _)| parsed.matches(fields)).collect();
    // No order is promised: by the id from behind, new and old are mixed.
    found.sort_by_key(|(fields, _)| fields[0].1.chars().rev().collect::<String>());
    let next = start + size;
    let next_cursor = match world.manners.cursors {
        Cursors::End if next >= found.len() => String::new(),
        Cursors::End | Cursors::NeverEnd => format!("{next}/{key}"),
        Cursors::Repeat => format!("0/{key}"),
    };
    let total = i32::try_from(found.len()).expect("a test's world is small");
    let items = found.into_iter().skip(start).take(size).map(|(_, item)| item).collect();
    let meta = Some(ListResponseMeta { next_cursor, total });
    Ok(ListResponse { meta, items, rate_limit: Some(rate_limit(world)) }.encode_to_vec())
}

fn item(world: &World, item: Vec<u8>) -> Answer {
    let meta = Some(wire::Empty {});
    Ok(wire::ItemResponse { meta, item, rate_limit: Some(rate_limit(world)) }.encode_to_vec())
}

fn deleted(world: &World) -> Answer {
    Ok(wire::DeleteResponse { meta: Some(wire::Empty {}), rate_limit: Some(rate_limit(world)) }.encode_to_vec())
}

fn rate_limit(world: &World) -> wire::RateLimit {
    let reset_at = Some(wire::timestamp(world.now()));
    wire::RateLimit { limit: 5000, remaining: 4999, reset_at, bucket: "read".to_owned() }
}

fn refusal(world: &World, code: Code, message: String, detail: &str) -> Refusal {
    if !world.manners.sends_details {
        return Refusal::Status(Status::new(code, message));
    }
    let entity = wire::EntityError { entity: message.clone() };
    let details = wire::details(code as i32, &message, detail, &entity);
    Refusal::Status(Status::with_details(code, message, details.into()))
}

fn not_found(world: &World, id: &str) -> Refusal {
    refusal(world, Code::NotFound, format!("item does not exist: {id}"), "NotFoundError")
}

fn already_exists(world: &World) -> Refusal {
    refusal(world, Code::AlreadyExists, "item already exists".to_owned(), "AlreadyExistsError")
}

fn shown(world: &World) -> impl Iterator<Item = &Grant> {
    let (now, all) = (world.now(), world.manners.shows_expired);
    world.grants.iter().filter(move |grant| all || !grant.is_expired(now))
}

fn get_grant(world: &World, request: &[u8]) -> Answer {
    let ById { id, .. } = decode(request)?;
    let grant = shown(world).find(|grant| grant.id == id).ok_or_else(|| not_found(world, &id))?;
    item(world, grant.encode(&world.manners))
}

fn create_grant(world: &mut World, request: &[u8]) -> Answer {
    let asked =
        decode::<wire::GrantCreate>(request)?.grant.ok_or_else(|| violation("a grant is created of nothing"))?;
    if !asked.id.is_empty() || !asked.access_request_id.is_empty() {
        return Err(violation("a grant is created with a field that only the service writes"));
    }
    if !matches!(asked.access_rule.as_str(), "" | "{}") {
        return Err(violation(format!("a grant is created with the access rule {}", asked.access_rule)));
    }
    let now = world.now();
    let from = wire::instant(asked.start_from).unwrap_or(now);
    let Some(until) = wire::instant(asked.valid_until) else {
        return Err(violation("a grant is created without an end"));
    };
    if until <= from || until <= now {
        return Err(violation(format!("a grant is created that has no time left: {from} to {until}, now {now}")));
    }
    let Some(account) = world.accounts.iter().find(|account| account.id == asked.account_id) else {
        return Err(not_found(world, &asked.account_id));
    };
    if world.manners.refuses_suspended && account.is_suspended() {
        return Err(Refusal::Status(Status::invalid_argument("the account is suspended")));
    }
    if !world.resources.iter().any(|resource| resource.id == asked.resource_id) {
        return Err(not_found(world, &asked.resource_id));
    }
    let grant = Grant {
        id: world.new_id("ag"),
        account: asked.account_id,
        resource: asked.resource_id,
        from: Some(from),
        until: Some(until),
        request: String::new(),
    };
    let in_the_way = |other: &Grant| match world.manners.several {
        Several::Any => false,
        Several::Disjoint => other.overlaps(&grant),
        Several::One => true,
    };
    let same_access = |other: &&Grant| (&other.account, &other.resource) == (&grant.account, &grant.resource);
    if world.grants.iter().filter(same_access).any(|other| !other.is_expired(now) && in_the_way(other)) {
        return Err(already_exists(world));
    }
    let created = grant.encode(&world.manners);
    let what = format!("{} was created for {} on {}", grant.id, grant.account, grant.resource);
    world.grants.push(grant);
    world.changed(what);
    item(world, created)
}

fn delete_grant(world: &mut World, request: &[u8]) -> Answer {
    let ById { id, .. } = decode(request)?;
    let at = world.grants.iter().position(|grant| grant.id == id).ok_or_else(|| not_found(world, &id))?;
    world.grants.remove(at);
    world.changed(format!("{id} was deleted"));
    deleted(world)
}

fn create_attachment(world: &mut World, request: &[u8]) -> Answer {
    let asked = decode::<wire::AttachmentCreate>(request)?.attachment;
    let asked = asked.ok_or_else(|| violation("an attachment is created of nothing"))?;
    if !asked.id.is_empty() {
        return Err(violation("an attachment is created with an id"));
    }
    if !world.accounts.iter().any(|account| account.id == asked.account_id) {
        return Err(not_found(world, &asked.account_id));
    }
    if !world.roles.iter().any(|role| role.id == asked.role_id) {
        return Err(not_found(world, &asked.role_id));
    }
    let same = |other: &Attachment| (&other.account, &other.role) == (&asked.account_id, &asked.role_id);
    if world.attachments.iter().any(same) {
        return Err(already_exists(world));
    }
    let attachment = Attachment { id: world.new_id("aa"), account: asked.account_id, role: asked.role_id };
    let created = attachment.encode();
    let what = format!("{} was attached to {}", attachment.account, attachment.role);
    world.attachments.push(attachment);
    world.changed(what);
    item(world, created)
}

fn delete_attachment(world: &mut World, request: &[u8]) -> Answer {
    let ById { id, .. } = decode(request)?;
    let at = world.attachments.iter().position(|attached| attached.id == id).ok_or_else(|| not_found(world, &id))?;
    world.attachments.remove(at);
    world.changed(format!("{id} was deleted"));
    deleted(world)
}

fn account_fields(account: &Account, manners: &Manners) -> Fields {
    let kind = match account.kind {
        Kind::User => "user",
        Kind::Service => "service",
        Kind::Token => "api",
    };
    let has_email = account.kind == Kind::User || manners.email_finds_machines;
    let mut fields = vec![("id", account.id.clone()), ("type", kind.to_owned())];
    if has_email {
        fields.push(("email", account.name.clone()));
    }
    if account.kind != Kind::User {
        fields.push(("name", account.name.clone()));
    }
    fields.push(("suspended", account.is_suspended().to_string()));
    fields.push(("suspendedro", account.is_suspended().to_string()));
    fields
}

fn resource_fields(resource: &Resource) -> Fields {
    let kind = match resource.kind {
        1300 => "postgres".to_owned(),
        1901 => "sshCert".to_owned(),
        other => format!("type{other}"),
    };
    let mut fields = vec![("id", resource.id.clone()), ("name", resource.name.clone()), ("type", kind)];
    fields.extend(resource.tags.iter().map(|(name, value)| ("tag", format!("{name}={value}"))));
    fields
}

fn grant_fields(grant: &Grant) -> Fields {
    vec![("id", grant.id.clone()), ("accountid", grant.account.clone()), ("resourceid", grant.resource.clone())]
}

fn attachment_fields(attached: &Attachment) -> Fields {
    vec![("id", attached.id.clone()), ("accountid", attached.account.clone()), ("roleid", attached.role.clone())]
}

impl Account {
    fn encode(&self) -> Vec<u8> {
        let machine = || wire::Machine { id: self.id.clone(), name: self.name.clone(), suspended: self.suspended };
        let kind = match self.kind {
            Kind::Service => wire::Kind::Service(machine()),
            Kind::Token => wire::Kind::Token(machine()),
            Kind::User => wire::Kind::User(wire::User {
                id: self.id.clone(),
                email: self.name.clone(),
                first_name: "A".to_owned(),
                last_name: "Person".to_owned(),
                suspended: self.suspended,
                tags: Some(wire::Tags::default()),
                suspended_read_only: self.suspended_read_only,
                permission_level: "user".to_owned(),
                scim: "{}".to_owned(),
                created_at: Some(wire::timestamp(chrono::DateTime::UNIX_EPOCH)),
            }),
        };
        wire::Account { kind: Some(kind) }.encode_to_vec()
    }
}

impl Resource {
    fn encode(&self) -> Vec<u8> {
        let pair = |(name, value): &(String, String)| wire::Pair { name: name.clone(), value: value.clone() };
        let body = wire::ResourceBody {
            hostname: "db.internal".to_owned(),
            port: 5432,
            flag: true,
            id: self.id.clone(),
            name: self.name.clone(),
            healthy: true,
            tags: Some(wire::Tags { pairs: self.tags.iter().map(pair).collect() }),
            secret_store_id: "se-1".to_owned(),
            subdomain: "db".to_owned(),
        };
        wire::resource(self.kind, &body)
    }
}

impl Role {
    fn encode(&self) -> Vec<u8> {
        let (id, name) = (self.id.clone(), self.name.clone());
        wire::Role { id, name, tags: None, access_rules: "[]".to_owned() }.encode_to_vec()
    }
}

impl Grant {
    fn encode(&self, manners: &Manners) -> Vec<u8> {
        let unset = manners.sends_epoch.then(prost_types::Timestamp::default);
        let grant = wire::AccountGrant {
            id: self.id.clone(),
            resource_id: self.resource.clone(),
            account_id: self.account.clone(),
            start_from: self.from.map(wire::timestamp).or(unset),
            valid_until: self.until.map(wire::timestamp).or(unset),
            access_rule: "{}".to_owned(),
            access_request_id: self.request.clone(),
        };
        grant.encode_to_vec()
    }
}

impl Attachment {
    fn encode(&self) -> Vec<u8> {
        let (id, account_id, role_id) = (self.id.clone(), self.account.clone(), self.role.clone());
        wire::AccountAttachment { id, account_id, role_id }.encode_to_vec()
    }
}
