//! Who stands behind an account, as an identity provider tells it: for the GraphQL API.

use apollo_compiler::resolvers::ResolvedValue;

use super::object::{Answer, Given, Object, Thing, leaf};
use super::world::{Identity, ORG};

impl<'w> Object<'w> {
    pub(super) fn provider<'a>(&'a self, of_enterprise: bool, field: &str, given: &Given) -> Answer<'a> {
        let world = self.scene.world;
        match field {
            "id" => leaf("OIP_1"),
            "issuer" | "ssoUrl" => leaf("https://idp.example.com/sso"),
            "organization" => self.maybe((!of_enterprise).then_some(Thing::Org(ORG))),
            _ => {
                let all = world.saml.iter().flatten().filter(|identity| {
                    let user = identity.user.map(|user| world.user(user));
                    let member = user.is_some_and(|user| world.members.contains_key(&user.id));
                    let named = |name: &str| {
                        [&identity.name_id, &identity.scim_username].into_iter().flatten().any(|known| known == name)
                    };
                    (!given.flag("membersOnly") || member)
                        && given.text("login").is_none_or(|login| user.is_some_and(|user| user.login == login))
                        && given.text("userName").is_none_or(named)
                });
                self.page("ExternalIdentity", all.map(|identity| (Thing::Identity(identity), None)).collect(), given)
            }
        }
    }

    pub(super) fn identity<'a>(&'a self, identity: &'w Identity, field: &str) -> Answer<'a> {
        let saml = identity.name_id.is_some() || !identity.emails.is_empty();
        let scim = identity.scim_username.is_some() || !identity.scim_emails.is_empty();
        match field {
            "guid" => leaf(identity.guid.as_str()),
            "id" => leaf(format!("EI_{}", identity.guid)),
            "samlIdentity" => self.maybe(saml.then_some(Thing::Saml(identity))),
            "scimIdentity" => self.maybe(scim.then_some(Thing::Scim(identity))),
            _ => self.maybe(identity.user.map(|user| Thing::User(self.scene.world.user(user)))),
        }
    }

    pub(super) fn saml<'a>(&'a self, identity: &'w Identity, field: &str) -> Answer<'a> {
        match field {
            "nameId" | "username" => identity.name_id.as_deref().map_or(Ok(ResolvedValue::null()), leaf),
            "emails" => self.emails(&identity.emails),
            "attributes" => self.list(identity.emails.iter().map(|email| Thing::Attribute("emails", email.as_str()))),
            _ => Ok(ResolvedValue::null()),
        }
    }

    pub(super) fn scim<'a>(&'a self, identity: &'w Identity, field: &str) -> Answer<'a> {
        match field {
            "username" => identity.scim_username.as_deref().map_or(Ok(ResolvedValue::null()), leaf),
            "emails" => self.emails(&identity.scim_emails),
            _ => Ok(ResolvedValue::null()),
        }
    }

    fn emails<'a>(&'a self, emails: &'w [String]) -> Answer<'a> {
        self.list(emails.iter().enumerate().map(|(place, email)| Thing::Email(email, place == 0)))
    }
}
