//! Foreign text made harmless: names come from other systems, and a terminal obeys what it is sent.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::words::count;

/// A name longer than this is cut: a table stays a table.
const LONGEST: usize = 80;

/// A line longer than this loses its middle: some screens of a terminal, and every sentence of ours with a few hundred
/// names in it.
const LONGEST_LINE: usize = 4_000;

/// What is left of the end of such a line, where a sentence says what to do.
const TAIL: usize = 500;

/// More lines than these of one message are counted: more than what is told of a faulty file.
const MOST_LINES: usize = 120;

/// `text` with control characters and marks that turn the writing direction written out, and cut where it is endless.
pub fn shown(text: &str) -> Cow<'_, str> {
    let harmless = text.chars().take(LONGEST + 1).all(|c| !is_harmful(c));
    let long = text.chars().nth(LONGEST).is_some();
    if harmless && !long {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(LONGEST);
    text.chars().take(LONGEST).for_each(|c| write_out(c, &mut out));
    if long {
        out.push('…');
    }
    Cow::Owned(out)
}

/// A sentence on one line, whatever it quotes: the ends of lines are written out too, and of an endless one the middle is
/// left out.
pub fn line(sentence: &str) -> Cow<'_, str> {
    if sentence.len() <= LONGEST_LINE && !sentence.contains(is_harmful) {
        return Cow::Borrowed(sentence);
    }
    let mut out = String::with_capacity(sentence.len().min(2 * LONGEST_LINE));
    let ends = |place| sentence.char_indices().nth(place).map(|(end, _)| end);
    let tail = ends(LONGEST_LINE).and_then(|_| sentence.char_indices().rev().nth(TAIL - 1).map(|(start, _)| start));
    let head = tail.and_then(|_| ends(LONGEST_LINE - TAIL)).unwrap_or(sentence.len());
    sentence[..head].chars().for_each(|c| write_out(c, &mut out));
    if let Some(tail) = tail {
        out.push('…');
        sentence[tail..].chars().for_each(|c| write_out(c, &mut out));
    }
    Cow::Owned(out)
}

/// A message of one or more lines. All but the first are indented, so that nothing in them can pass for a line of ours.
pub fn message(text: &str) -> String {
    let mut lines = text.trim_end_matches('\n').split('\n');
    let mut out = String::new();
    for (place, one) in lines.by_ref().take(MOST_LINES).enumerate() {
        out.push_str(if place == 0 { "" } else { "\n    " });
        out.push_str(&line(one));
    }
    let more = lines.count();
    if more > 0 {
        let _ = write!(out, "\n    … and {}", count(more, "more line"));
    }
    out
}

/// Whole lines with everything written out that a terminal would obey, but for the ends of the lines.
pub fn harmless(lines: &str) -> Cow<'_, str> {
    if lines.split('\n').all(|one| matches!(line(one), Cow::Borrowed(_))) {
        return Cow::Borrowed(lines);
    }
    Cow::Owned(lines.split('\n').map(line).collect::<Vec<_>>().join("\n"))
}

fn write_out(c: char, out: &mut String) {
    if is_harmful(c) {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Whether a terminal would obey it, or nobody would see it: controls, marks that turn the writing direction, and all
/// that Unicode says to show as nothing, but for the selectors of an emoji's form.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(shown("Zoë Ångström <zoe@example.com>"), "Zoë Ångström <zoe@example.com>");
        assert_eq!(line("佐藤 太郎 is on call ☎\u{fe0f}"), "佐藤 太郎 is on call ☎\u{fe0f}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(shown("a\u{1b}[31mb\nc\u{202e}d\0"), "a\\u{1b}[31mb\\u{a}c\\u{202e}d\\u{0}");
        assert_eq!(line("a\u{9b}31m\u{61c}\u{e0041}\nb"), "a\\u{9b}31m\\u{61c}\\u{e0041}\\u{a}b");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(harmless("one\ntwo\n"), "one\ntwo\n");
        assert_eq!(harmless("one\u{1b}[2J\ntwo\r\n"), "one\\u{1b}[2J\ntwo\\u{d}\n");
    }

    #[test]
    fn a_line_in_a_message_never_passes_for_one_of_ours() {
        assert_eq!(message("no 'x\nDone: all is well.' here\n"), "no 'x\n    Done: all is well.' here");
        assert_eq!(message("one\r"), "one\\u{d}");
    }

    #[test]
    fn an_endless_name_is_cut() {
        assert_eq!(shown(&"x".repeat(1 << 20)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn an_endless_line_keeps_its_end() {
        let whole = format!("no resource named '{}'; did you mean 'prod'?", "é".repeat(1 << 20));
        let cut = line(&whole);
        assert_eq!(cut.chars().count(), LONGEST_LINE + 1);
        assert!(cut.starts_with("no resource named 'é") && cut.ends_with("é'; did you mean 'prod'?"), "{cut}");
        let longest = "é".repeat(LONGEST_LINE);
        assert_eq!(line(&longest), longest, "not longer than it may be");
        assert_eq!(harmless(&format!("{whole}\n{whole}\n")), format!("{cut}\n{cut}\n"));
    }

    #[test]
    fn an_endless_message_is_counted() {
        let message = message(&"\n".repeat(1_000).replace('\n', "x\n"));
        assert_eq!(message.lines().count(), MOST_LINES + 1);
        assert!(message.ends_with(&format!("… and {} more lines", 1_000 - MOST_LINES)), "{message}");
    }
}
