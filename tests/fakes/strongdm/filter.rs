//! strongDM's filters: `field:value` terms, all of which must match.
//!
//! After the vendor's documentation and what its own clients build: terms are parted by commas or blanks, values may be
//! JSON strings, `*` stands for anything (inside quotes too), case does not matter, underscores in field names neither,
//! and `id` alone may be given several times, which means any of them. What the documentation does not know is refused.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    terms: Vec<(String, String)>,
}

/// What a record shows to a filter: its fields, several of one name allowed (tags).
pub type Fields = Vec<(&'static str, String)>;

impl Filter {
    /// The filter, or a sentence about what the service would not know; `known` are the service's field names.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut rest = text.chars().peekable();
        let mut terms = Vec::new();
        loop {
            while rest.next_if(|c| matches!(c, ',' | ' ')).is_some() {}
            if rest.peek().is_none() {
                return Ok(Self { terms });
            }
            let field: String = take_while(&mut rest, |c| !matches!(c, ':' | ',' | ' '));
            if rest.next_if_eq(&':').is_none() {
                return Err(format!("the filter {text:?} has the bare word {field:?}"));
            }
            let name = field.replace('_', "").to_lowercase();
            if !known.contains(&name.as_str()) {
                return Err(format!("the filter {text:?} has the unknown field {field:?}"));
            }
            let mut value = part(&mut rest).map_err(|error| format!("the filter {text:?} {error}"))?;
            if name == "tag" && rest.next_if_eq(&'=').is_some() {
                value = format!("{value}={}", part(&mut rest).map_err(|error| format!("the filter {text:?} {error}"))?);
            }
            if rest.peek().is_some_and(|c| !matches!(c, ',' | ' ')) {
                return Err(format!("the filter {text:?} goes on right after a value"));
            }
            terms.push((name, value.to_lowercase()));
        }
    }

    pub fn matches(&self, fields: &Fields) -> bool {
        let holds = |(name, pattern): &(String, String)| {
            fields.iter().any(|(field, value)| field == name && like(pattern, &value.to_lowercase()))
        };
        let (ids, others): (Vec<_>, Vec<_>) = self.terms.iter().partition(|(name, _)| name == "id");
        (ids.is_empty() || ids.into_iter().any(holds)) && others.into_iter().all(holds)
    }
}

fn take_while(rest: &mut Peekable<Chars<'_>>, wanted: impl Fn(&char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(&wanted)).collect()
}

/// A value or half a tag: a JSON string, or characters up to a comma, blank or `=`.
fn part(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    if rest.peek() != Some(&'"') {
        let bare = take_while(rest, |c| !matches!(c, ',' | ' ' | '=' | '"'));
        return if bare.is_empty() { Err("has an empty value".to_owned()) } else { Ok(bare) };
    }
    let mut quoted = String::from(rest.next().expect("peeked"));
    while let Some(c) = rest.next() {
        quoted.push(c);
        match c {
            '\\' => quoted.extend(rest.next()),
            '"' => break,
            _ => {}
        }
    }
    serde_json::from_str(&quoted).map_err(|_| format!("has the value {quoted}, which is no JSON string"))
}

/// Whether `text` is `pattern`, in which each `*` stands for any characters.
fn like(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| like(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn finds(filter: &str, name: &str) -> bool {
        let fields = vec![("id", "rs-1".to_owned()), ("name", name.to_owned()), ("tag", "env=prod".to_owned())];
        Filter::parse(filter, &["id", "name", "tag"]).expect(filter).matches(&fields)
    }

    #[test]
    fn matches_as_documented() {
        assert!(finds("", "anything"));
        assert!(finds("name:PROD*", "prod db"));
        assert!(finds(r#"name:"Prod \"DB\" \u00e9*""#, "prod \"db\" éa"));
        assert!(!finds(r#"name:"prod""#, "prod db"));
        assert!(finds("id:rs-9,id:rs-1", "x"));
        assert!(!finds("name:x name:y", "x"));
        assert!(finds("tag:env=prod name:x", "x"));
        assert!(finds(r#"tag:"env"="p*""#, "x"));
        assert!(!finds("tag:env=test", "x"));
    }

    #[test]
    fn refuses_what_is_not_documented() {
        for filter in ["prod", "colour:red", "name:", "name:\"open", r#"name:"a"b"#, "name:a\"b"] {
            assert!(Filter::parse(filter, &["name"]).is_err(), "{filter}");
        }
    }
}
