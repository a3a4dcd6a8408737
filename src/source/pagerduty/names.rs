//! Which schedule a text means: its id, or its exact name.

use std::collections::BTreeMap;

use super::api::{Reference, Schedules};
use crate::harmless::shown;
use crate::near::likeness;

/// Names offered when none matches: as many as one reads at a glance.
const OFFERED: usize = 5;

/// Likeness (Jaro-Winkler, 0 to 1) from which a name is offered; a slip of one or two letters stays above it.
const ALIKE: f64 = 0.84;

/// Whether a text can be an id: upper-case letters and digits, 7 or 14 of them in PagerDuty today.
pub fn like_id(text: &str) -> bool {
    (6..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The schedule that `text` means, or a sentence that says why there is not exactly one. An id goes before a name.
pub fn resolve<'a>(text: &str, schedules: &'a Schedules) -> Result<&'a Reference, String> {
    let by_id = schedules.all.iter().find(|schedule| schedule.id == text);
    if let Some(schedule) = by_id {
        return Ok(schedule);
    }
    let named = schedules.all.iter().filter(|schedule| schedule.summary.as_deref() == Some(text));
    let named: BTreeMap<&str, &Reference> = named.map(|schedule| (schedule.id.as_str(), schedule)).collect();
    match named.len() {
        1 => Ok(named.into_values().next().expect("there is one")),
        0 => Err(format!("PagerDuty has no schedule '{text}'; {}{}", near(text, schedules), unseen(schedules))),
        many => {
            let ids: Vec<_> = named.into_keys().map(shown).collect();
            Err(format!(
                "{many} schedules in PagerDuty are named '{text}': name the one meant by its id, of {}",
                ids.join(", ")
            ))
        }
    }
}

/// What could not be searched, as the rest of a sentence.
fn unseen(schedules: &Schedules) -> String {
    let lacking = schedules.lacking.as_ref();
    lacking
        .map(|lacking| format!("; shift-based schedules could not be searched ({})", lacking.why))
        .unwrap_or_default()
}

/// What a person may have meant.
fn near(text: &str, schedules: &Schedules) -> String {
    let wanted = text.trim().to_lowercase();
    let alike = |known: &str| {
        let known = known.to_lowercase();
        let part = wanted.len() >= 3 && known.contains(&wanted);
        if part { 1.0 } else { likeness(&wanted, &known) }
    };
    let mut near: Vec<(f64, &str, &str)> = schedules
        .all
        .iter()
        .map(|schedule| {
            let name = schedule.summary.as_deref().unwrap_or_default();
            (alike(&schedule.id).max(alike(name)), name, schedule.id.as_str())
        })
        .filter(|(likeness, ..)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
    near.dedup_by_key(|(_, _, id)| *id);
    let near: Vec<String> =
        near.iter().take(OFFERED).map(|(_, name, id)| format!("'{}' ({})", shown(name), shown(id))).collect();
    match (near.is_empty(), schedules.all.len()) {
        (false, _) => format!("near matches: {}", near.join(", ")),
        (true, 0) => "the API key sees no schedule at all".to_owned(),
        (true, all) => format!("none of the {all} that the API key sees has a similar name or id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedules() -> Schedules {
        let all = [("PI7DH85", "DBA Primary"), ("PAAAAA1", "DBA Secondary"), ("PAAAAA2", "Web"), ("PAAAAA3", "Web")];
        let all = all.map(|(id, name)| Reference { id: id.into(), summary: Some(name.into()) });
        Schedules { all: all.into(), lacking: None }
    }

    #[test]
    fn a_schedule_goes_by_its_id_or_its_exact_name() {
        let schedules = schedules();
        let id = |text| resolve(text, &schedules).map(|schedule| schedule.id.as_str());
        assert_eq!(id("PI7DH85"), Ok("PI7DH85"));
        assert_eq!(id("DBA Primary"), Ok("PI7DH85"));
        assert!(id("Web").expect_err("two").contains("PAAAAA2, PAAAAA3"));
    }

    #[test]
    fn what_is_unknown_comes_with_what_may_be_meant() {
        let schedules = schedules();
        let unknown = |text| resolve(text, &schedules).expect_err("unknown");
        assert!(unknown("  PI7DH85 ").contains("'DBA Primary' (PI7DH85)"));
        assert!(unknown("pi7dh85").contains("(PI7DH85)"));
        assert!(unknown("dba primry").contains("near matches: 'DBA Primary' (PI7DH85)"));
        assert!(unknown("secondary").contains("'DBA Secondary' (PAAAAA1)"));
        assert!(unknown("Kitchen").contains("none of the 4"));
        assert!(resolve("x", &Schedules::default()).expect_err("unknown").contains("no schedule at all"));
    }

    #[test]
    fn only_what_can_be_an_id_is_tried_as_one() {
        for id in ["PI7DH85", "P0EXAMPLEID123", "DATABASE"] {
            assert!(like_id(id), "{id}");
        }
        for name in ["", "WEB", "pi7dh85", " PI7DH85", "DBA Primary", "PÄRCHEN"] {
            assert!(!like_id(name), "{name}");
        }
    }
}
