//! Foreign text made harmless: names come from other systems, and a terminal obeys what it is sent.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A name longer than this is cut: a table stays a table.
const LONGEST: usize = 80;

/// `text` with control characters and marks that turn the writing direction written out, and cut where it is endless.
pub fn shown(text: &str) -> Cow<'_, str> {
    let harmless = text.chars().take(LONGEST + 1).all(|c| !is_harmful(c));
    let long = text.chars().nth(LONGEST).is_some();
    if harmless && !long {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(LONGEST);
    for c in text.chars().take(LONGEST) {
        if is_harmful(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    if long {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Whole lines with everything written out that a terminal would obey, but for the ends of the lines.
pub fn harmless(lines: &str) -> Cow<'_, str> {
    let harmful = |c: char| c != '\n' && is_harmful(c);
    if !lines.contains(harmful) {
        return Cow::Borrowed(lines);
    }
    let written = |c: char| if harmful(c) { format!("\\u{{{:x}}}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(lines.chars().map(written).collect())
}

/// Whether a terminal would obey it, or nobody would see it: controls, marks that turn the writing direction, and blanks
/// without a width.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(shown("Zoë Ångström <zoe@example.com>"), "Zoë Ångström <zoe@example.com>");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(shown("a\u{1b}[31mb\nc\u{202e}d\0"), "a\\u{1b}[31mb\\u{a}c\\u{202e}d\\u{0}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(harmless("one\ntwo\n"), "one\ntwo\n");
        assert_eq!(harmless("one\u{1b}[2J\ntwo\r\n"), "one\\u{1b}[2J\ntwo\\u{d}\n");
    }

    #[test]
    fn an_endless_name_is_cut() {
        assert_eq!(shown(&"x".repeat(1 << 20)).chars().count(), LONGEST + 1);
    }
}
