//! What a rule's spelling stands for: `NAME`, `tag:KEY=VALUE` or `role:NAME`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::api::{Api, tag_term, term};
use super::wire::{Resource, Role, Unreadable};
use super::{ROLE, types};
use crate::domain::Entitlement;
use crate::near::hint;
use crate::words::count;

type Answers = BTreeMap<String, Result<BTreeSet<Entitlement>, String>>;

#[derive(Debug, PartialEq)]
enum Spelling<'a> {
    Resource(&'a str),
    Tag(&'a str, &'a str),
    Role(&'a str),
}

impl<'a> Spelling<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        if let Some(tag) = text.strip_prefix("tag:") {
            return match tag.split_once('=') {
                Some((key, value)) if !key.is_empty() => Ok(Self::Tag(key, value)),
                _ => Err(format!("'{text}' names no tag; write it as `tag:KEY=VALUE`")),
            };
        }
        let (named, name) = match text.strip_prefix(ROLE) {
            Some(role) => (Self::Role(role), role),
            None => (Self::Resource(text), text),
        };
        if name.is_empty() { Err(format!("'{text}' names nothing; a name belongs there")) } else { Ok(named) }
    }

    fn filter(&self) -> String {
        match self {
            Self::Resource(name) | Self::Role(name) => term("name", name),
            Self::Tag(key, value) => tag_term(key, value),
        }
    }
}

/// What strongDM has, as far as it was asked for.
#[derive(Default)]
struct Catalogue {
    resources: BTreeMap<String, Resource>,
    unreadable: Vec<Unreadable>,
    roles: BTreeMap<String, Role>,
}

impl Catalogue {
    async fn read(api: &Api, resources: &[String], roles: &[String]) -> Result<Self> {
        let (resources, roles) = tokio::try_join!(api.resources(resources), api.roles(roles))?;
        let mut catalogue = Self::default();
        for bytes in resources {
            match Resource::decode(&bytes) {
                Ok(resource) => drop(catalogue.resources.insert(resource.id.clone(), resource)),
                Err(unreadable) => catalogue.unreadable.push(unreadable),
            }
        }
        catalogue.roles = roles.into_iter().map(|role| (role.id.clone(), role)).collect();
        Ok(catalogue)
    }

    /// The entitlements behind a spelling; none where it is unknown.
    fn find(&self, spelling: &Spelling) -> Result<BTreeSet<Entitlement>, String> {
        let entitlement =
            |resource: &Resource| Entitlement { id: resource.id.as_str().into(), name: resource.name.as_str().into() };
        match spelling {
            Spelling::Resource(name) => {
                let found: Vec<_> = self.resources.values().filter(|resource| resource.name == *name).collect();
                if found.len() > 1 {
                    let each = found.iter().map(|found| format!("{} ({})", found.id, types::name(found.kind)));
                    let each = each.collect::<Vec<_>>().join(", ");
                    return Err(format!(
                        "strongDM has {} resources named '{name}': {each}; rename all but one, or select them by a tag \
                         (`tag:KEY=VALUE`)",
                        found.len()
                    ));
                }
                Ok(found.into_iter().map(entitlement).collect())
            }
            Spelling::Tag(key, value) => {
                let tagged =
                    |resource: &&Resource| resource.tags.iter().any(|tag| tag.name == *key && tag.value == *value);
                if let Some(doubt) = self.doubt() {
                    return Err(format!("which resources have the tag '{key}={value}' is not certain: {doubt}"));
                }
                Ok(self.resources.values().filter(tagged).map(entitlement).collect())
            }
            Spelling::Role(name) => {
                let found: Vec<_> = self.roles.values().filter(|role| role.name == *name).collect();
                if found.len() > 1 {
                    let each = found.iter().map(|role| role.id.as_str()).collect::<Vec<_>>().join(", ");
                    return Err(format!(
                        "strongDM has {} roles named '{name}': {each}; rename all but one",
                        found.len()
                    ));
                }
                let role = |role: &Role| Entitlement {
                    id: role.id.as_str().into(),
                    name: format!("{ROLE}{}", role.name).into(),
                };
                Ok(found.into_iter().map(role).collect())
            }
        }
    }

    /// Says so where part of the answer could not be read.
    fn doubt(&self) -> Option<String> {
        let kinds: BTreeSet<_> = self
            .unreadable
            .iter()
            .map(|unreadable| unreadable.kind.map_or("of no type".to_owned(), types::name))
            .collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        (!kinds.is_empty()).then(|| {
            let unread = count(self.unreadable.len(), "resource");
            format!("strongDM's records of {unread} ({kinds}) cannot be read; a newer oncall-sync may be needed")
        })
    }

    /// Why a spelling stands for nothing, with what may have been meant.
    fn unknown(&self, spelling: &Spelling) -> String {
        let (what, hints) = match spelling {
            Spelling::Resource(name) => {
                let names = self.resources.values().map(|resource| resource.name.as_str());
                (format!("resource named '{name}'"), hint(name, names))
            }
            Spelling::Role(name) => {
                (format!("role named '{name}'"), hint(name, self.roles.values().map(|role| role.name.as_str())))
            }
            Spelling::Tag(key, value) => (format!("resource with the tag '{key}={value}'"), String::new()),
        };
        let doubt = self.doubt().map_or(String::new(), |doubt| format!("; {doubt}"));
        format!("strongDM shows this API key no {what}{hints}{doubt}")
    }
}

/// What each spelling stands for, compared on our side: strongDM's filters ignore case and take `*` for anything.
pub async fn resolve(api: &Api, spellings: &BTreeSet<String>) -> Result<Answers> {
    let parsed: BTreeMap<_, _> = spellings.iter().map(|text| (text, Spelling::parse(text))).collect();
    let (mut resources, mut roles) = (Vec::new(), Vec::new());
    for spelling in parsed.values().flatten() {
        let filters = if matches!(spelling, Spelling::Role(_)) { &mut roles } else { &mut resources };
        filters.push(spelling.filter());
    }
    let catalogue = Catalogue::read(api, &resources, &roles).await?;
    for unreadable in &catalogue.unreadable {
        let kind = unreadable.kind.map_or("no type".to_owned(), types::name);
        tracing::warn!("strongDM's record of a resource ({kind}) cannot be read and is left out");
    }
    let mut answers = Answers::new();
    let mut unknown = Vec::new();
    for (text, spelling) in &parsed {
        let found = spelling.as_ref().map_err(Clone::clone).and_then(|spelling| catalogue.find(spelling));
        match (found, spelling) {
            (Ok(found), Ok(spelling)) if found.is_empty() => unknown.push(((*text).clone(), spelling)),
            (found, _) => drop(answers.insert((*text).clone(), found)),
        }
    }
    if !unknown.is_empty() {
        let everything = everything(api, &unknown).await;
        answers.extend(unknown.into_iter().map(|(text, spelling)| (text, Err(everything.unknown(spelling)))));
    }
    Ok(answers)
}

/// All there is, for hints. No hints are no reason to fail.
async fn everything(api: &Api, unknown: &[(String, &Spelling<'_>)]) -> Catalogue {
    let all = |wanted: bool| if wanted { vec![String::new()] } else { Vec::new() };
    let resources = all(unknown.iter().any(|(_, spelling)| matches!(spelling, Spelling::Resource(_))));
    let roles = all(unknown.iter().any(|(_, spelling)| matches!(spelling, Spelling::Role(_))));
    Catalogue::read(api, &resources, &roles).await.unwrap_or_else(|error| {
        tracing::debug!("no names to compare an unknown one with: {error:#}");
        Catalogue::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::wire::Tag;
    use super::*;

    fn catalogue(resources: &[(&str, &str, &str)]) -> Catalogue {
        let resource = |(id, name, env): &(&str, &str, &str)| {
            let tags = vec![Tag { name: "env".into(), value: (*env).into() }];
            ((*id).to_owned(), Resource { kind: 1300, id: (*id).into(), name: (*name).into(), tags })
        };
        Catalogue { resources: resources.iter().map(resource).collect(), ..Catalogue::default() }
    }

    fn ids(found: Result<BTreeSet<Entitlement>, String>) -> Vec<String> {
        found.unwrap().into_iter().map(|entitlement| entitlement.id.to_string()).collect()
    }

    #[test]
    fn reads_the_three_spellings() {
        assert_eq!(Spelling::parse("prod db"), Ok(Spelling::Resource("prod db")));
        assert_eq!(Spelling::parse("role:dba"), Ok(Spelling::Role("dba")));
        assert_eq!(Spelling::parse("tag:env=prod=eu"), Ok(Spelling::Tag("env", "prod=eu")));
        assert_eq!(Spelling::parse("tag:env="), Ok(Spelling::Tag("env", "")));
        for wrong in ["", "role:", "tag:env", "tag:=prod"] {
            assert!(Spelling::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_compared_exactly_whatever_the_filter_matched() {
        let catalogue = catalogue(&[("rs-1", "prod", "p"), ("rs-2", "PROD", "p"), ("rs-3", "prod-2", "p")]);
        assert_eq!(ids(catalogue.find(&Spelling::Resource("prod"))), ["rs-1"]);
        assert!(ids(catalogue.find(&Spelling::Resource("prod*"))).is_empty());
        assert_eq!(ids(catalogue.find(&Spelling::Tag("env", "p"))), ["rs-1", "rs-2", "rs-3"]);
        assert!(ids(catalogue.find(&Spelling::Tag("env", "P"))).is_empty());
    }

    #[test]
    fn two_of_one_name_are_listed_with_type_and_id() {
        let error = catalogue(&[("rs-1", "db", "a"), ("rs-2", "db", "b")]).find(&Spelling::Resource("db")).unwrap_err();
        assert!(error.contains("rs-1 (postgres), rs-2 (postgres)"), "{error}");
    }

    #[test]
    fn an_unknown_name_comes_with_near_ones() {
        let catalogue = catalogue(&[("rs-1", "prod-postgres", ""), ("rs-2", "billing", "")]);
        let error = catalogue.unknown(&Spelling::Resource("Prod-Postgers"));
        assert!(error.contains("'Prod-Postgers'") && error.contains("did you mean 'prod-postgres'?"), "{error}");
    }

    #[test]
    fn an_unreadable_record_makes_a_tag_uncertain_and_a_name_not() {
        let mut catalogue = catalogue(&[("rs-1", "db", "prod")]);
        catalogue.unreadable.push(Unreadable { kind: Some(9999) });
        assert_eq!(ids(catalogue.find(&Spelling::Resource("db"))), ["rs-1"]);
        let error = catalogue.find(&Spelling::Tag("env", "prod")).unwrap_err();
        assert!(error.contains("type 9999"), "{error}");
    }
}
