//! Okta's `search` expressions: values escaped, and many questions put into as few requests as URLs allow.

/// Bytes of one expression in a URL. Okta publishes no bound and says that an overly long one is an error; a server in
/// front that goes by the usual defaults takes a request line of 8 kB, of which this is half.
const LONGEST: usize = 4_000;

/// Questions in one expression. Okta says that an overly complex one is an error, and not from where on; whoever is asked
/// for takes two comparisons. Where these are too many all the same, they are asked in halves.
const MOST: usize = 25;

/// The comparison of a property with any text, which is a JSON string there (as in SCIM, RFC 7644, 3.4.2.2).
pub fn equals(property: &str, value: &str) -> String {
    format!("{property} eq {}", serde_json::Value::from(value))
}

/// One expression for each batch of `terms`.
pub fn any_of(terms: &[String]) -> String {
    terms.join(" or ")
}

/// The terms in as few batches as there may be; one that is too long for any is left out, for nothing in Okta has such a name.
pub fn batches(terms: &[String]) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut length = 0;
    for term in terms {
        let own = encoded(term) + encoded(" or ");
        if own > LONGEST {
            continue;
        }
        match batches.last_mut().filter(|batch| batch.len() < MOST && length + own <= LONGEST) {
            Some(batch) => {
                batch.push(term.clone());
                length += own;
            }
            None => {
                batches.push(vec![term.clone()]);
                length = own;
            }
        }
    }
    batches
}

/// The batch as two, where it is more than one question.
pub fn halves(batch: &[String]) -> Option<[Vec<String>; 2]> {
    let (left, right) = batch.split_at(batch.len() / 2);
    (!left.is_empty()).then(|| [left.to_vec(), right.to_vec()])
}

/// Bytes that a text takes in a query.
fn encoded(text: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" *-._".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes() {
        assert_eq!(equals("profile.login", "a@x"), r#"profile.login eq "a@x""#);
        for (value, quoted) in [
            (r#"" or id pr or profile.login eq ""#, r#""\" or id pr or profile.login eq \"""#),
            ("a\\", r#""a\\""#),
            ("a\n\u{7}*é", r#""a\n\u0007*é""#),
        ] {
            assert_eq!(equals("p", value), format!("p eq {quoted}"));
        }
    }

    #[test]
    fn batches_hold_every_term_once_and_stay_short() {
        let terms: Vec<String> = (0..200).map(|number| equals("profile.login", &format!("p{number}@x.com"))).collect();
        let many = batches(&terms);
        assert_eq!(many.len(), 200 / MOST);
        assert_eq!(many.concat(), terms);
        let wide: Vec<String> = (0..40).map(|_| equals("profile.name", &"é".repeat(100))).collect();
        for batch in batches(&wide) {
            let query = reqwest::Url::parse_with_params("https://x/", [("search", any_of(&batch))]).expect("a URL");
            let length = query.query().expect("a query").len();
            assert!(length <= LONGEST && length > LONGEST / 2, "{length}");
        }
        assert_eq!(batches(&wide).concat(), wide);
    }

    #[test]
    fn what_is_too_long_for_any_name_is_not_asked_for() {
        let terms = ["a".repeat(LONGEST), "b".to_owned()];
        assert_eq!(batches(&terms), [["b"]]);
        assert_eq!(batches(&[]), [[""; 0]; 0]);
    }

    #[test]
    fn halves_are_the_whole() {
        let three = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(halves(&three).expect("halves").concat(), three);
        assert_eq!(halves(&three[..1]), None);
    }
}
