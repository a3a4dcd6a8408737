//! A length of time as people write it: `15m`, `1h 30m`, `7d`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, never negative; a day is 24 hours and a week 7 days, whatever a zone's clocks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A unit's name and its length in milliseconds.
type Unit = (&'static str, u64);

/// Units from the longest to the shortest.
const UNITS: [Unit; 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Ten years: longer than any shift, and far inside what a date can be moved by without overflow.
const LONGEST: u64 = 3650 * 86_400_000;

/// The same grammar for editors that read the schema: units in order, each at most once, and at least one.
const PATTERN: &str = r"^(?=.*[0-9])\s*([0-9]+\s*w\s*)?([0-9]+\s*d\s*)?([0-9]+\s*h\s*)?([0-9]+\s*m(?!s)\s*)?([0-9]+\s*s\s*)?([0-9]+\s*ms\s*)?$";

/// A text that is no length of time, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no length of time: {why}")]
pub struct SpanError {
    text: String,
    why: String,
}

impl Span {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// As chrono has it. What was parsed is bounded far below chrono's end.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::from_std(self.0).unwrap_or(TimeDelta::MAX)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        parse(text)
            .map(|millis| Self(Duration::from_millis(millis)))
            .map_err(|why| SpanError { text: text.into(), why })
    }
}

/// `text` in milliseconds, or the reason why it is none.
fn parse(text: &str) -> Result<u64, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("it is empty; write for instance 15m, 1h 30m or 7d".into());
    }
    if rest.starts_with('-') {
        return Err("it must not be negative".into());
    }
    let mut total = 0_u64;
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        if number.is_empty() {
            return Err("write whole numbers with a unit each, for instance 15m, 1h 30m or 7d".into());
        }
        let (unit, after) = split(after.trim_start(), char::is_alphabetic);
        let (length, smaller) = take_unit(number, unit, after, units)?;
        units = smaller;
        total = (number.parse::<u64>().ok())
            .and_then(|count| count.checked_mul(length))
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or("the longest is 3650d (ten years)")?;
        rest = after.trim_start();
    }
    Ok(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// The length of `unit`, and the units that may still follow it.
fn take_unit<'u>(number: &str, unit: &str, after: &str, units: &'u [Unit]) -> Result<(u64, &'u [Unit]), String> {
    if let Some(place) = units.iter().position(|(name, _)| *name == unit) {
        return Ok((units[place].1, &units[place + 1..]));
    }
    if UNITS.iter().any(|(name, _)| *name == unit) {
        return Err("units go from the longest to the shortest, each once, as in 1d 2h 30m".into());
    }
    Err(match unit {
        "" if after.starts_with(['.', ',']) => "only whole numbers count; write 1h 30m for 1.5h".into(),
        "" => format!("{number} has no unit; write {number}m for minutes, or use w, d, h, s or ms"),
        "M" | "mo" | "month" | "months" | "y" | "year" | "years" => {
            "months and years differ in length; say it in days (d) or weeks (w)".into()
        }
        _ => format!("there is no unit '{unit}'; the units are w, d, h, m, s and ms"),
    })
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut gap = "";
        for (unit, length) in UNITS.into_iter().filter(|(unit, _)| *unit != "w") {
            if rest >= length {
                write!(f, "{gap}{}{unit}", rest / length)?;
                gap = " ";
            }
            rest %= length;
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl de::Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"15m\" or \"1h 30m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Span, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time: 30s, 15m, 1h 30m, 7d, 2w. A day is 24 hours.",
            "pattern": PATTERN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> u64 {
        text.parse::<Span>().expect(text).0.as_secs()
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(seconds("30s"), 30);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("1h 30m"), 5400);
        assert_eq!(seconds(" 1h30m "), 5400);
        assert_eq!(seconds("7d"), 7 * 86_400);
        assert_eq!(seconds("2w"), 14 * 86_400);
        assert_eq!(seconds("0s"), 0);
        assert_eq!("250ms".parse::<Span>().expect("milliseconds").0, Duration::from_millis(250));
    }

    #[test]
    fn says_why_a_text_is_no_length_of_time() {
        for (text, why) in [
            ("", "it is empty; write for instance 15m, 1h 30m or 7d"),
            ("-5m", "it must not be negative"),
            ("soon", "write whole numbers with a unit each, for instance 15m, 1h 30m or 7d"),
            ("15", "15 has no unit; write 15m for minutes, or use w, d, h, s or ms"),
            ("1.5h", "only whole numbers count; write 1h 30m for 1.5h"),
            ("3x", "there is no unit 'x'; the units are w, d, h, m, s and ms"),
            ("2months", "months and years differ in length; say it in days (d) or weeks (w)"),
            ("30m 1h", "units go from the longest to the shortest, each once, as in 1d 2h 30m"),
            ("1h 1h", "units go from the longest to the shortest, each once, as in 1d 2h 30m"),
            ("11y", "months and years differ in length; say it in days (d) or weeks (w)"),
            ("3651d", "the longest is 3650d (ten years)"),
            ("99999999999999999999w", "the longest is 3650d (ten years)"),
        ] {
            let error = text.parse::<Span>().expect_err(text);
            assert_eq!(error.to_string(), format!("'{text}' is no length of time: {why}"));
        }
    }

    #[test]
    fn what_it_prints_it_reads_back() {
        for (text, shown) in [
            ("90m", "1h 30m"),
            ("7d", "7d"),
            ("2w", "14d"),
            ("0s", "0s"),
            ("86399s", "23h 59m 59s"),
            ("1s 5ms", "1s 5ms"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse(), Ok(span));
            assert_eq!(serde_json::to_string(&span).expect("a string"), format!("\"{shown}\""));
        }
    }
}
