//! What no word of a program may show: the secrets that it was given.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// Shorter values are words that stand in other places too, and would only be spoiled there.
const SHORTEST_LINE: usize = 6;

/// So much of a secret at the end of a cut text is taken for its beginning.
const SHORTEST_START: usize = 4;

/// Secrets by the variables that hold them.
#[derive(Clone, Default)]
pub struct Hidden {
    /// The longest first, so that no part of one is left where another is a part of it.
    pieces: Vec<(String, SecretString)>,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pieces.iter().map(|(name, _)| name)).finish()
    }
}

impl Hidden {
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Self {
        let mut pieces = Vec::new();
        for (name, secret) in secrets {
            let whole = secret.expose_secret();
            // A key of many lines is said line by line.
            let lines = whole.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && *line != whole);
            for piece in std::iter::once(whole).chain(lines).filter(|piece| !piece.is_empty()) {
                pieces.push((name.to_owned(), SecretString::from(piece)));
            }
        }
        pieces.sort_by_key(|(_, piece)| std::cmp::Reverse(piece.expose_secret().len()));
        Self { pieces }
    }

    /// The text with the name of the variable wherever a secret stood.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, piece) in &self.pieces {
            let piece = piece.expose_secret();
            if text.contains(piece) {
                text = text.replace(piece, &format!("${name}"));
            }
        }
        text
    }

    /// The same for a text that was cut at its end, perhaps in the middle of a secret.
    pub fn clean_cut(&self, text: &str) -> String {
        let mut text = self.clean(text);
        for (name, piece) in &self.pieces {
            let piece = piece.expose_secret();
            let starts = piece.char_indices().map(|(end, _)| &piece[..end]).rev();
            let start = starts.take_while(|start| start.len() >= SHORTEST_START).find(|start| text.ends_with(start));
            if let Some(start) = start {
                text.truncate(text.len() - start.len());
                text.push_str(&format!("${name}"));
            }
        }
        text
    }

    /// The variable whose secret stands in `text`, where it is long enough not to stand there by chance.
    pub fn variable_in(&self, text: &str) -> Option<&str> {
        let holds = |(_, piece): &&(String, SecretString)| {
            piece.expose_secret().len() >= SHORTEST_LINE && text.contains(piece.expose_secret())
        };
        self.pieces.iter().find(holds).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secrets: &[(&str, &str)]) -> Hidden {
        let secrets: Vec<_> = secrets.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect();
        Hidden::new(secrets.iter().map(|(name, value)| (*name, value)))
    }

    #[test]
    fn secrets_are_taken_out_of_words() {
        let hidden = hidden(&[("A", "hunter2"), ("B", "hunter2-and-more"), ("C", "")]);
        assert_eq!(hidden.clean("no hunter2, no hunter2-and-more"), "no $A, no $B");
        assert_eq!(hidden.clean("nothing"), "nothing");
        assert_eq!(format!("{hidden:?}"), r#"["B", "A"]"#);
    }

    #[test]
    fn a_key_of_many_lines_is_hidden_line_by_line() {
        let hidden = hidden(&[("KEY", "-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----")]);
        assert_eq!(hidden.clean("line 2: MIIEvQIBADAN"), "line 2: $KEY");
        assert_eq!(hidden.clean("cab"), "cab", "two letters are no line of a key");
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_end_is_hidden() {
        let hidden = hidden(&[("A", "hunter2secret")]);
        assert_eq!(hidden.clean_cut("it is hunter2se"), "it is $A");
        assert_eq!(hidden.clean_cut("hunter2secret, then hunter2se"), "$A, then $A");
        assert_eq!(hidden.clean_cut("it is hun"), "it is hun");
    }

    #[test]
    fn a_secret_in_an_id_is_found() {
        let hidden = hidden(&[("A", "hunter2"), ("B", "dba")]);
        assert_eq!(hidden.variable_in("id-hunter2"), Some("A"));
        assert_eq!(hidden.variable_in("dba"), None);
    }
}
