//! The steps that only read.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Actor, Contract, Step, Subject, listed, of};
use crate::domain::{Account, Current, Email, Entitlement};
use crate::target::Asked;

impl Contract<'_> {
    /// The account and the entitlement, with the reading that shows whether it holds that already; `None` where one of them is
    /// not found.
    ///
    /// # Errors
    /// Where it has to end early.
    pub async fn begins_empty(&mut self) -> Result<Option<(Actor, Current)>> {
        let Some(current) = self.reading(Step::Answers, &self.asked(None)).await? else { return Ok(None) };
        let account = self.account(&current);
        self.nobody(&current);
        let Some(entitlement) = self.entitlement(&current) else { return Ok(None) };
        let Some(account) = account else { return Ok(None) };
        let Some(target) = self.connect(Step::Answers).await? else { return Ok(None) };
        // Who keeps time is asked after a reading alone.
        if let Err(error) = self.read(&*target, &self.asked(None)).await? {
            self.findings.failed(Step::Steady, format!("another reading failed: {error:#}"));
            return Ok(None);
        }
        let tenure = target.tenure(&entitlement);
        let actor = Actor { account, entitlement, tenure };
        let ids: Vec<_> = of(&current, &actor.access()).into_iter().map(|held| held.id.clone()).collect();
        if !ids.is_empty() {
            let Subject { email, spelling, .. } = &self.subject;
            let seen = format!("{email} holds '{spelling}' already, by {}; take another account", listed(&ids));
            self.findings.failed(Step::Empty, seen);
        } else {
            self.findings.held(Step::Empty);
        }
        Ok(Some((actor, current)))
    }

    fn account(&mut self, current: &Current) -> Option<Account> {
        let email = &self.subject.email;
        let found: Vec<&Account> = current.accounts.iter().filter(|account| account.email == *email).collect();
        let seen = match &found[..] {
            [account] if account.suspended => Err(format!("the account of {email} is suspended; take another")),
            [account] if account.id.0.is_empty() => Err(format!("the account of {email} has no id")),
            [_] => Ok(()),
            [] => Err(match current.absent.get(email) {
                Some(why) => format!("no account was found for {email}: {why}"),
                None => format!("no account was found for {email}"),
            }),
            all => Err(format!("{} accounts were found for {email}", all.len())),
        };
        let strange = current.accounts.iter().find(|account| ![email, &self.subject.nobody].contains(&&account.email));
        let seen = match strange {
            Some(account) => Err(format!("it shows the account of {}, which was not asked for", account.email)),
            None => seen,
        };
        let account = seen.is_ok().then(|| found.first().copied().cloned()).flatten();
        self.findings.judge(Step::Account, seen);
        account
    }

    fn nobody(&mut self, current: &Current) {
        if self.takes_any.account {
            let why = "it has no list of accounts, so every address is one, and a slip in an address is given access";
            return self.findings.skipped(Step::Nobody, why);
        }
        let nobody = &self.subject.nobody;
        let seen = match current.accounts.iter().find(|account| account.email == *nobody) {
            Some(account) => Err(format!(
                "{nobody}, whom nobody should know, leads to the account '{}': a slip in an address would be given access",
                account.id
            )),
            None => Ok(()),
        };
        self.findings.judge(Step::Nobody, seen);
    }

    fn entitlement(&mut self, current: &Current) -> Option<Entitlement> {
        let spelling = &self.subject.spelling;
        let Some(answer) = current.entitlements.get(spelling) else {
            self.findings.failed(Step::Answers, format!("it says nothing about '{spelling}'"));
            return None;
        };
        self.findings.held(Step::Answers);
        let seen = match answer {
            Err(why) => Err(format!("'{spelling}' is unknown to it: {why}")),
            Ok(found) if found.is_empty() => {
                Err(format!("it found nothing for '{spelling}', and does not call that an error"))
            }
            Ok(found) if found.len() > 1 => {
                Err(format!("'{spelling}' stands for {} entitlements; name one that stands for one", found.len()))
            }
            Ok(found) => Ok(found.first().cloned()),
        };
        let found = seen.clone().ok().flatten();
        self.findings.judge(Step::Entitlement, seen.map(drop));
        found
    }

    /// # Errors
    /// Where it has to end early.
    pub async fn names_what_it_does_not_know(&mut self, actor: &Actor) -> Result<()> {
        let spelling = self.subject.spelling.clone();
        let misspelled = format!("{spelling}x");
        let shorter: String = spelling.chars().take(spelling.chars().count() - 1).collect();
        let variants = [format!("x{spelling}"), shorter, "*".to_owned()];
        let variants: BTreeSet<String> =
            variants.into_iter().filter(|one| !one.is_empty() && *one != spelling).collect();
        let mut entitlements: BTreeSet<String> = [misspelled.clone(), spelling.clone()].into();
        let asked = Asked { entitlements: entitlements.clone(), ..Asked::default() };
        let Some(current) = self.reading(Step::Unknown, &asked).await? else { return Ok(()) };
        match self.takes_any.entitlement {
            true => {
                let why =
                    "it has no list of entitlements, so every name is one, and a slip in a rule gives something else";
                [Step::Unknown, Step::Near].into_iter().for_each(|step| self.findings.skipped(step, why));
            }
            false => self.misspelled(&current, &misspelled),
        }
        self.spares(&current, &misspelled, actor);
        entitlements.extend(variants.iter().cloned());
        let asked = Asked { entitlements, ..Asked::default() };
        let Some(current) = self.reading(Step::Exact, &asked).await? else { return Ok(()) };
        let is_ours = |one: &&String| match current.entitlements.get(*one) {
            Some(Ok(found)) => found.contains(&actor.entitlement),
            _ => false,
        };
        let seen = match variants.iter().chain([&misspelled]).find(is_ours) {
            Some(loose) => Err(format!("'{loose}' stands for '{spelling}' as well: a slip in a rule would give it")),
            None => Ok(()),
        };
        self.findings.judge(Step::Exact, seen);
        Ok(())
    }

    fn misspelled(&mut self, current: &Current, misspelled: &str) {
        // A prefix such as `role:` may be put in words.
        let name = |spelling: &str| spelling.rsplit(':').next().expect("never empty").to_owned();
        let (unknown, near) = (name(misspelled), name(&self.subject.spelling));
        let (named, nearby) = match current.entitlements.get(misspelled) {
            None => (Err(format!("it says nothing about '{misspelled}'")), None),
            Some(Ok(found)) if found.is_empty() => {
                let says = "is taken for known and stands for nothing: what rests on it would be taken back";
                (Err(format!("'{misspelled}' {says}; it has to be an error")), None)
            }
            Some(Ok(found)) => {
                let ids: Vec<&str> = found.iter().map(|one| &*one.id).collect();
                (Err(format!("'{misspelled}', which should not exist, stands for '{}'", ids.join("', '"))), None)
            }
            Some(Err(error)) if !error.contains(&unknown) => {
                (Err(format!("its error does not name '{unknown}': {error}")), Some(error))
            }
            Some(Err(error)) => (Ok(()), Some(error)),
        };
        self.findings.judge(Step::Unknown, named);
        match nearby {
            Some(error) if !error.replace(&unknown, "").contains(&near) => {
                self.findings.failed(Step::Near, format!("its error does not offer '{near}': {error}"));
            }
            Some(_) => self.findings.held(Step::Near),
            None => self.findings.skipped(Step::Near, "there was no such error"),
        }
    }

    fn spares(&mut self, current: &Current, misspelled: &str, actor: &Actor) {
        let spelling = &self.subject.spelling;
        let seen = match current.entitlements.get(spelling) {
            Some(Ok(found)) if found.contains(&actor.entitlement) => Ok(()),
            Some(Ok(_)) => Err(format!("beside '{misspelled}', '{spelling}' stands for something else")),
            Some(Err(error)) => Err(format!("beside '{misspelled}', '{spelling}' is an error as well: {error}")),
            None => Err(format!("beside '{misspelled}', '{spelling}' has no answer")),
        };
        self.findings.judge(Step::Spares, seen);
    }

    /// # Errors
    /// Where it has to end early.
    pub async fn tells_people_apart(&mut self, actor: &Actor) -> Result<()> {
        let emails = look_alikes(&actor.account.email);
        let asked = Asked {
            emails: emails.iter().cloned().collect(),
            entitlements: [self.subject.spelling.clone()].into(),
            ..Asked::default()
        };
        let Some(current) = self.reading(Step::LookAlikes, &asked).await? else { return Ok(()) };
        let seen = match current.accounts.iter().find(|one| one.id == actor.account.id || !emails.contains(&one.email))
        {
            Some(account) => {
                let (email, id) = (&account.email, &account.id);
                Err(format!(
                    "it shows the account '{id}' for '{email}', which is not the e-mail of {}",
                    actor.account.email
                ))
            }
            None => Ok(()),
        };
        self.findings.judge(Step::LookAlikes, seen);
        Ok(())
    }
}

/// E-mails that are not this one, and that a careless search, a shell or an SQL statement would take for it.
fn look_alikes(email: &Email) -> BTreeSet<Email> {
    let whole = email.as_str();
    let (local, domain) = whole.split_once('@').unwrap_or((whole, "example.com"));
    let shorter: String = whole.chars().take(whole.chars().count() - 1).collect();
    let all = [
        "*".to_owned(),
        format!("*@{domain}"),
        format!("{local}*"),
        format!("%@{domain}"),
        format!("\"{whole}\""),
        format!("'{whole}'"),
        "' or '1'='1".to_owned(),
        local.to_owned(),
        shorter,
        format!("x{whole}"),
        format!("{whole}x"),
        whole.replace('.', "_"),
    ];
    all.iter().map(|one| Email::new(one)).filter(|one| one != email && !one.as_str().is_empty()).collect()
}
