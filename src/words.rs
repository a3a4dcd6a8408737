//! Counted words: one shift, two shifts.

/// So many of what is called `one`, for instance `2 live grants`.
pub fn count(count: usize, one: &str) -> String {
    let ending = if one.ends_with("ch") { "es" } else { "s" };
    format!("{count} {one}{}", agree(count, "", ending))
}

/// The form of a verb, or another word, that agrees with `count`.
pub fn agree<'w>(count: usize, one: &'w str, many: &'w str) -> &'w str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_are_many() {
        assert_eq!([0, 1, 2].map(|number| count(number, "shift")), ["0 shifts", "1 shift", "2 shifts"]);
        assert_eq!(count(2, "more stretch"), "2 more stretches");
        assert_eq!([0, 1, 2].map(|number| agree(number, "is", "are")), ["are", "is", "are"]);
    }
}
