//! What a target is asked to show.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::SetOnce;

use crate::domain::{Access, Email};

/// What a target is asked to show.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub emails: Emails,
    /// As rules spell them; one may stand for many entitlements, as a tag does.
    pub entitlements: BTreeSet<String>,
    /// What we own there, which has to be shown as well although no rule may speak of it any more.
    pub owned: BTreeSet<Access>,
}

/// E-mails that are known once the sources have told who is on call; until then a target asks what needs none of them.
///
/// By default there are none, and this is known.
#[derive(Debug, Clone)]
pub struct Emails(Arc<SetOnce<BTreeSet<Email>>>);

impl Emails {
    /// Not known yet: [`tell`](Self::tell) says them.
    pub fn awaited() -> Self {
        Self(Arc::new(SetOnce::new()))
    }

    /// Says them, for good: what is known already stays.
    pub fn tell(&self, emails: BTreeSet<Email>) {
        // An error would bring back the later ones.
        drop(self.0.set(emails));
    }

    /// The e-mails, as soon as they are known.
    pub async fn known(&self) -> &BTreeSet<Email> {
        self.0.wait().await
    }
}

impl Default for Emails {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl FromIterator<Email> for Emails {
    fn from_iter<I: IntoIterator<Item = Email>>(emails: I) -> Self {
        Self(Arc::new(SetOnce::from(BTreeSet::from_iter(emails))))
    }
}

impl<const N: usize> From<[Email; N]> for Emails {
    fn from(emails: [Email; N]) -> Self {
        Self::from_iter(emails)
    }
}
