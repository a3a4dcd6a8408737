//! What somebody probably meant: names like the one that is unknown.

use crate::harmless::shown;

/// How alike (0 to 1, Jaro-Winkler) two names must be for one to be a slip of the other: lets typing errors through, and
/// not every name.
const ALIKE: f64 = 0.8;

/// How far behind the most alike another may be and still have been meant.
const RIVAL: f64 = 0.05;

/// More than these are a list to read and not a hint.
const OFFERED: usize = 3;

/// Bytes of a name beyond which it is nobody's slip, for comparing takes as many steps as the product of both lengths.
const LONGEST: usize = 1_000;

/// How alike two names are, from 0 to 1, without regard to case.
pub fn likeness(one: &str, other: &str) -> f64 {
    if one.len().max(other.len()) > LONGEST {
        return 0.0;
    }
    strsim::jaro_winkler(&one.to_lowercase(), &other.to_lowercase())
}

/// Those of `known` that `name` is probably a slip of, the most alike first.
pub fn near<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Vec<&'k str> {
    let alike = known.into_iter().map(|other| (likeness(name, other), other));
    let mut near: Vec<_> = alike.filter(|(likeness, _)| *likeness >= ALIKE).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    let best = near.first().map_or(0.0, |(likeness, _)| *likeness);
    near.retain(|(likeness, _)| *likeness >= best - RIVAL);
    near.dedup_by_key(|(_, name)| *name);
    near.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// The tail of a sentence about an unknown `name`: `; did you mean 'a' or 'b'?`, or nothing.
pub fn hint<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near: Vec<_> = near(name, known).into_iter().map(|name| format!("'{}'", shown(name))).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_slips_best_first_and_each_once() {
        let known = ["prod-mysql", "prod-postgres-2", "prod-postgres-1", "staging", "prod-postgres-1"];
        assert_eq!(hint("prod-postgres", known), "; did you mean 'prod-postgres-1' or 'prod-postgres-2'?");
        assert_eq!(hint("PROD-POSTGRES", ["prod-postgres"]), "; did you mean 'prod-postgres'?");
    }

    #[test]
    fn offers_nothing_where_nothing_is_alike() {
        assert_eq!(hint("kitchen", ["prod-postgres"]), "");
        assert_eq!(hint("anything", []), "");
    }
}
