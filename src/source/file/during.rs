//! Hours of the week in which a layer counts: `Mon-Fri 18:00-09:00`, `Fri 18:00 - Mon 09:00`, `Sat,Sun`.

use anyhow::{Context as _, Result, anyhow, bail};
use chrono::Weekday;

use crate::domain::Period;
use crate::zone::{Civil, Unit, Zone};

const DAY: i64 = 24 * 60;
const WEEK: i64 = 7 * DAY;

/// A span of wall-clock time that comes back on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct During {
    /// The days it starts on, Monday first.
    days: [bool; 7],
    /// Minutes after midnight at which it starts.
    from: i64,
    /// Minutes after that midnight at which it ends, beyond 1440 where it crosses midnight.
    to: i64,
}

impl During {
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).with_context(|| {
            format!(
                "'{text}' is no span of the week; write it like 'Mon-Fri 09:00-17:00', 'Fri 18:00 - Mon 09:00' or 'Sat,Sun'"
            )
        })
    }

    fn read(text: &str) -> Result<Self> {
        let joined = |text: &str, sign: char| {
            let parts: Vec<&str> = text.split(sign).map(str::trim).collect();
            parts.join(&sign.to_string())
        };
        let tidy = joined(&joined(text, '-'), ',');
        match tidy.split_whitespace().collect::<Vec<_>>()[..] {
            [times] if times.contains(':') => Self::daily([true; 7], times),
            [on] => Ok(Self { days: days(on)?, from: 0, to: DAY }),
            [on, times] => Self::daily(days(on)?, times),
            [first, middle, last] => {
                let (from, until) = middle.split_once('-').context("a '-' between start and end is missing")?;
                let (first, until) = (weekday(first)?, weekday(until)?);
                let (from, to) = (minute(from)?, minute(last)?);
                let ahead = i64::from(until.days_since(first)) * DAY + to;
                let mut on = [false; 7];
                on[first.num_days_from_monday() as usize] = true;
                Ok(Self { days: on, from, to: if ahead > from { ahead } else { ahead + WEEK } })
            }
            _ => bail!("too many words"),
        }
    }

    fn daily(days: [bool; 7], times: &str) -> Result<Self> {
        let (from, to) = times.split_once('-').context("a '-' between start and end is missing")?;
        let (from, to) = (minute(from)?, minute(to)?);
        Ok(Self { days, from, to: if to > from { to } else { to + DAY } })
    }

    /// The span that starts on the day of `midnight`, placed in the zone.
    fn on(&self, midnight: Civil, zone: &Zone) -> Option<Period> {
        let place = |minute| Some(zone.place(midnight.after(minute, Unit::Minutes)?).instant);
        let starts = self.days[midnight.weekday().num_days_from_monday() as usize];
        starts.then(|| Period::new(place(self.from)?, place(self.to)?)).flatten()
    }
}

/// The hours of `horizon` that lie in one of the spans: in order, and neither touching nor overlapping.
pub fn hours(spans: &[During], zone: &Zone, horizon: Period) -> Vec<Period> {
    // A span lasts up to two weeks less a minute, and a civil day can lie a day off where a zone changed sides of the
    // date line.
    const BEFORE: i64 = 16;
    let first = zone.civil(horizon.start()).midnight();
    let last = zone.civil(horizon.end());
    let mut found: Vec<Period> = (-BEFORE..)
        .skip_while(|day| first.after(*day, Unit::Days).is_none())
        .map_while(|day| first.after(day, Unit::Days).filter(|midnight| *midnight <= last))
        .flat_map(|midnight| spans.iter().filter_map(move |span| span.on(midnight, zone)))
        .filter_map(|period| period.clip(&horizon))
        .collect();
    found.sort();
    let mut merged: Vec<Period> = Vec::with_capacity(found.len());
    for period in found {
        match merged.last_mut().filter(|last| last.touches(&period)) {
            Some(last) => *last = last.hull(&period),
            None => merged.push(period),
        }
    }
    merged
}

/// `Mon`, `Mon-Fri`, `Sat,Sun`, `Fri-Mon`.
fn days(text: &str) -> Result<[bool; 7]> {
    let mut on = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        for ahead in 0..=last.days_since(first) {
            on[((first.num_days_from_monday() + ahead) % 7) as usize] = true;
        }
    }
    Ok(on)
}

fn weekday(text: &str) -> Result<Weekday> {
    text.parse().map_err(|_| anyhow!("'{text}' is no day of the week"))
}

/// Minutes after midnight, `24:00` included.
fn minute(text: &str) -> Result<i64> {
    let wrong = || anyhow!("'{text}' is no time of day");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let well = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        well.then(|| digits.parse::<i64>().ok()).flatten().ok_or_else(wrong)
    };
    let of_day = number(hour)? * 60 + number(minute)?;
    let well = number(minute)? < 60 && minute.len() == 2 && of_day <= DAY;
    well.then_some(of_day).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spans of the week from Monday 2026-01-05 in Berlin, as `day hour-day hour`.
    fn week(texts: &[&str]) -> Vec<String> {
        let zone = Zone::parse("Europe/Berlin").expect("known");
        let at = |text: &str| zone.parse_instant(text).expect("a time").instant;
        let horizon = Period::new(at("2026-01-05 00:00"), at("2026-01-12 00:00")).expect("a week");
        let spans: Vec<During> = texts.iter().map(|text| During::parse(text).expect("a span")).collect();
        let shown = |instant| zone.civil(instant).to_string()[8..].to_owned();
        hours(&spans, &zone, horizon)
            .iter()
            .map(|period| format!("{} to {}", shown(period.start()), shown(period.end())))
            .collect()
    }

    #[test]
    fn reads_days_and_times() {
        assert_eq!(week(&["Mon-Tue 09:00-17:00"]), ["05 09:00 to 05 17:00", "06 09:00 to 06 17:00"]);
        assert_eq!(week(&["tuesday, Thu 9:00 - 10:30"]), ["06 09:00 to 06 10:30", "08 09:00 to 08 10:30"]);
        assert_eq!(week(&["Sat,Sun"]), ["10 00:00 to 12 00:00"]);
        assert_eq!(week(&["Sun-Mon 10:00-11:00"]), ["05 10:00 to 05 11:00", "11 10:00 to 11 11:00"]);
        assert_eq!(week(&["00:00-24:00"]), ["05 00:00 to 12 00:00"]);
        assert_eq!(week(&["00:00-00:00"]), ["05 00:00 to 12 00:00"]);
    }

    #[test]
    fn crosses_midnight_and_the_weekend() {
        assert_eq!(week(&["Wed 22:00-06:00"]), ["07 22:00 to 08 06:00"]);
        assert_eq!(week(&["Fri 18:00 - Mon 09:00"]), ["05 00:00 to 05 09:00", "09 18:00 to 12 00:00"]);
        assert_eq!(week(&["Wed 12:00 - Wed 11:00"]), ["05 00:00 to 07 11:00", "07 12:00 to 12 00:00"]);
        assert_eq!(
            week(&["Mon-Fri 18:00-09:00", "Fri 18:00 - Mon 09:00"]),
            [
                "05 00:00 to 05 09:00",
                "05 18:00 to 06 09:00",
                "06 18:00 to 07 09:00",
                "07 18:00 to 08 09:00",
                "08 18:00 to 09 09:00",
                "09 18:00 to 12 00:00",
            ]
        );
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in
            ["", "Mo", "Mon 9-17", "Mon-Fri 09:00", "Mon 25:00-26:00", "Mon 09:60-10:00", "Mon 09:00-Tue", "a b c d"]
        {
            let error = format!("{:#}", During::parse(text).expect_err(text));
            assert!(error.contains("is no span of the week"), "{error}");
        }
    }
}
