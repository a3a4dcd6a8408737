//! What a target brings to the contract: who is there, and what can be brought about.

use super::*;

/// A target with ALICE, BOB and perhaps CAROL, and one entitlement that nobody holds.
///
/// The methods with a default stand for what some targets lack; [`run`](super::run) answers which of them it went without.
pub trait Stage {
    /// How to connect; called once for each instance.
    fn config(&self) -> TargetConfig;

    /// The entitlement as a rule spells it.
    fn entitlement(&self) -> &str;

    /// The entitlement's tenure, which says what dates are compared and whether there is anything to amend.
    fn tenure(&self) -> Tenure;

    /// Somebody else gives BOB the entitlement, without an end; answers how the target calls that grant.
    fn stranger(&mut self) -> Option<GrantId> {
        None
    }

    /// Whether accounts can be suspended, and CAROL's is.
    fn suspends(&self) -> bool {
        false
    }

    /// Whether a reading asks who holds what before it is known who is on call, for the target looks again before it gives.
    fn reads_ahead(&self) -> bool {
        false
    }

    /// From now on every list is cut into pages of one. False: lists have no pages.
    fn small_pages(&mut self) -> bool {
        false
    }

    /// The next request is refused with the wish to come again within two seconds. False: no such refusal exists.
    fn refuse_next(&mut self) -> bool {
        false
    }

    /// A config whose credential is not accepted. `None`: the target has no credential.
    fn wrong_token(&self) -> Option<WrongToken> {
        None
    }

    /// Forgets what was seen so far; from here on each change of state is watched for [`Stage::absences`].
    fn watch(&mut self) {}

    /// Each change since `watch` that left the access absent, in words. `None`: the target cannot be watched.
    fn absences(&self, _access: &Access) -> Option<Vec<String>> {
        None
    }

    /// The last word, for instance that nothing was sent that the target would not know.
    fn finish(&mut self) {}
}

/// A credential that is not accepted, and what an error about it has to say and must not say.
pub struct WrongToken {
    pub config: TargetConfig,
    /// A word of the error, in lower case, by which a person knows what to look at.
    pub says: &'static str,
    /// The credential itself, which no error may show.
    pub secret: String,
}
