//! What whoever adopts, releases or takes back has to know.

use crate::decision::{Decision, Inputs};
use crate::domain::{Change, Purpose};

/// Sentences about what follows from this run; a sync needs none.
pub fn advice(inputs: &Inputs, decision: &Decision) -> Vec<String> {
    let mut changes = decision.plans.values().flatten().flat_map(|plan| &plan.changes);
    let says = match &inputs.purpose {
        Purpose::Sync => return Vec::new(),
        Purpose::Adopt(_) => changes.any(|change| matches!(change, Change::Adopt { .. })),
        Purpose::Release(_) => changes.any(|change| matches!(change, Change::Release { .. })),
        Purpose::Revoke(_) => changes.any(|change| matches!(change, Change::Revoke { .. })),
    };
    if !says {
        return Vec::new();
    }
    let mut advice: Vec<&str> = Vec::new();
    match &inputs.purpose {
        Purpose::Sync => {}
        Purpose::Adopt(_) => {
            advice.push("What is adopted is ours: syncs move it, take it back and end it like anything that we gave.");
            if inputs.partial {
                advice.push("Only some rules were looked at: a sync of all rules may decide otherwise.");
            }
            if inputs.purpose.only_shows() {
                advice.push("Nothing was changed. To adopt, say what: --id GRANT_ID, as often as needed, or --all.");
            }
        }
        Purpose::Release(_) => {
            advice.push("It stays on the target as a stranger's, and later syncs leave it alone (`already-held`).");
            advice.push(
                "What the target keeps an end of ends by itself; a membership without dates never ends by us: take it away there.",
            );
        }
        Purpose::Revoke(_) => {
            advice.push("The next sync gives it again to whoever is on call still.");
            advice.push("To keep it away, take the person off the schedule, or stop the timer of the syncs first.");
        }
    }
    advice.into_iter().map(str::to_owned).collect()
}
