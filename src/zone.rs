//! Time zones: what a clock on a wall shows, against the instant it is.
//!
//! The only file that knows zones. Their rules come from the data bundled with jiff, which is current; chrono-tz lends its
//! list of names, and not its rules: its newest release is an hour wrong in several zones (the tests below say which).

use std::fmt;
use std::sync::LazyLock;

use anyhow::{Result, anyhow, bail};
use chrono::{DateTime, Utc, Weekday};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};

use crate::near::hint;

/// Bundled data alone: a host's own may be years old, and then the same file would mean another time on another host.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The years in which every wall-clock time is an instant in every zone, with room for offsets at both ends.
const YEARS: std::ops::RangeInclusive<i16> = 1..=9998;

/// How a wall clock's time is spelled, without and with an offset; a `T` between date and time has become a space.
const CIVIL_FORMS: [&str; 2] = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"];
const OFFSET_FORMS: [&str; 2] = ["%Y-%m-%d %H:%M%:z", "%Y-%m-%d %H:%M:%S%.f%:z"];

/// What a clock on a wall shows: date and time, and no word of where the wall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil(civil::DateTime);

/// What wall-clock time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
}

/// How a wall-clock time became an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// The clock shows it once.
    Once,
    /// The clock never shows it: it was pushed on by the length of the gap.
    Skipped,
    /// The clock shows it twice: the first was taken.
    Doubled,
}

/// An instant, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub instant: DateTime<Utc>,
    pub placing: Placing,
}

/// A date and time as somebody wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Without an offset: some zone's wall clock.
    Civil(Civil),
    /// With an offset or `Z`: the same instant everywhere.
    Instant(DateTime<Utc>),
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Civil {
    fn new(time: civil::DateTime) -> Option<Self> {
        YEARS.contains(&time.year()).then_some(Self(time))
    }

    /// `count` units later on the wall clock, or earlier where it is negative; the day is clamped to the length of the
    /// month. `None` outside the years 1 to 9998.
    pub fn after(self, count: i64, unit: Unit) -> Option<Self> {
        let span = match unit {
            Unit::Minutes => Span::new().try_minutes(count),
            Unit::Hours => Span::new().try_hours(count),
            Unit::Days => Span::new().try_days(count),
            Unit::Weeks => Span::new().try_weeks(count),
            Unit::Months => Span::new().try_months(count),
        };
        Self::new(self.0.checked_add(span.ok()?).ok()?)
    }

    /// How many whole units lie between `earlier` and this, on the wall clock; negative where `earlier` is later.
    pub fn since(self, earlier: Self, unit: Unit) -> i64 {
        let (later, earlier) = (self.0, earlier.0);
        let seconds = (later.duration_since(earlier)).as_secs();
        match unit {
            Unit::Minutes => seconds.div_euclid(60),
            Unit::Hours => seconds.div_euclid(3_600),
            Unit::Days => seconds.div_euclid(86_400),
            Unit::Weeks => seconds.div_euclid(604_800),
            Unit::Months => {
                let months = |time: civil::DateTime| i64::from(time.year()) * 12 + i64::from(time.month());
                let within = |time: civil::DateTime| (time.day(), time.time());
                months(later) - months(earlier) - i64::from(within(later) < within(earlier))
            }
        }
    }

    /// The first moment of its day.
    pub fn midnight(self) -> Self {
        Self(self.0.date().at(0, 0, 0, 0))
    }

    pub fn weekday(self) -> Weekday {
        let monday_first = self.0.weekday().to_monday_zero_offset();
        Weekday::try_from(u8::try_from(monday_first).expect("0 to 6")).expect("0 to 6")
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(if self.0.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" }))
    }
}

impl Written {
    /// Reads `2026-01-05 09:00`, also with `T`, with seconds, with an offset (`+01:00`) or `Z`.
    pub fn parse(text: &str) -> Result<Self> {
        let spaced = text.trim().replacen(['T', 't'], " ", 1);
        let zulu = spaced.strip_suffix(['Z', 'z']).map(|civil| format!("{}+00:00", civil.trim_end()));
        let offset = zulu.as_deref().unwrap_or(&spaced);
        let instant = OFFSET_FORMS.iter().find_map(|form| DateTime::parse_from_str(offset, form).ok());
        if let Some(instant) = instant.map(|instant| instant.with_timezone(&Utc)) {
            let year = timestamp(instant).to_zoned(TimeZone::UTC).year();
            return YEARS.contains(&year).then_some(Self::Instant(instant)).ok_or_else(|| unreadable(text));
        }
        let civil = CIVIL_FORMS.iter().find_map(|form| civil::DateTime::strptime(form, &spaced).ok());
        civil.and_then(Civil::new).map(Self::Civil).ok_or_else(|| unreadable(text))
    }
}

impl Zone {
    /// The zone of that IANA name; an unknown name is an error with the nearest known one.
    pub fn parse(name: &str) -> Result<Self> {
        if let Ok(zone) = ZONES.get(name) {
            return Ok(Self(zone));
        }
        let hint = hint(name, chrono_tz::TZ_VARIANTS.iter().map(|known| known.name()));
        let hint = if hint.is_empty() { "; an IANA name like 'Europe/Berlin' is needed" } else { &hint };
        bail!("there is no time zone '{name}'{hint}")
    }

    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The instant at which the wall clock shows `civil`.
    pub fn place(&self, civil: Civil) -> Placed {
        let found = self.0.to_ambiguous_timestamp(civil.0);
        let placing = match found.offset() {
            AmbiguousOffset::Unambiguous { .. } => Placing::Once,
            AmbiguousOffset::Gap { .. } => Placing::Skipped,
            AmbiguousOffset::Fold { .. } => Placing::Doubled,
        };
        let found = found.compatible().expect("a civil time is within the years that have instants");
        let nanosecond = u32::try_from(found.subsec_nanosecond()).expect("after the year 1, a fraction is positive");
        let instant =
            DateTime::from_timestamp(found.as_second(), nanosecond).expect("chrono's years are wider than jiff's");
        Placed { instant, placing }
    }

    /// What the wall clock shows at `instant`; instants outside the years 1 to 9998 are taken as the nearest within.
    pub fn civil(&self, instant: DateTime<Utc>) -> Civil {
        let shown = self.0.to_datetime(timestamp(instant));
        let first = civil::date(*YEARS.start(), 1, 1).at(0, 0, 0, 0);
        let last = civil::date(*YEARS.end(), 12, 31).at(23, 59, 59, 0);
        Civil(shown.clamp(first, last))
    }

    /// The instant that somebody wrote: an offset decides where there is one, else this zone.
    pub fn parse_instant(&self, text: &str) -> Result<Placed> {
        Ok(match Written::parse(text)? {
            Written::Civil(civil) => self.place(civil),
            Written::Instant(instant) => Placed { instant, placing: Placing::Once },
        })
    }

    /// The instant for people, to the minute: `2026-12-01 09:00 CET`.
    pub fn format(&self, instant: DateTime<Utc>) -> String {
        let at = timestamp(instant);
        let shown = self.0.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string();
        format!("{shown} {}", self.0.to_offset_info(at).abbreviation())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// jiff's instant; beyond its years, the nearest that it has.
fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    let nanosecond = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or(0);
    let nearest = if instant < DateTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::new(instant.timestamp(), nanosecond).unwrap_or(nearest)
}

fn unreadable(text: &str) -> anyhow::Error {
    anyhow!(
        "'{text}' is no date and time; write it like '2026-01-05 09:00', or with an offset, '2026-01-05T09:00:00+01:00'"
    )
}

#[cfg(test)]
mod tests {
    use chrono::{Offset, TimeZone as _};

    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).expect("a known zone")
    }

    fn civil(text: &str) -> Civil {
        match Written::parse(text).expect("a date and time") {
            Written::Civil(civil) => civil,
            Written::Instant(_) => panic!("{text} has an offset"),
        }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("RFC 3339")
    }

    #[test]
    fn unknown_names_come_with_the_nearest_known_one() {
        let error = Zone::parse("Europe/Berlinn").expect_err("no such place").to_string();
        assert_eq!(error, "unknown time zone 'Europe/Berlinn'; did you mean 'Europe/Berlin'?");
        assert!(Zone::parse("Mars/Olympus Mons").expect_err("not yet").to_string().contains("IANA name"));
        assert!(Zone::parse("").is_err());
    }

    #[test]
    fn every_name_that_chrono_tz_knows_is_known() {
        let missing: Vec<_> = chrono_tz::TZ_VARIANTS.iter().filter(|tz| Zone::parse(tz.name()).is_err()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// chrono-tz 0.10.4 carries the data of 2025b. Where this test fails after an upgrade, look whether chrono-tz has
    /// caught up: then this file can do without jiff.
    #[test]
    fn chrono_tz_is_wrong_in_four_zones_and_we_are_not() {
        let nine = civil("2026-12-01 09:00");
        let naive =
            chrono::NaiveDate::from_ymd_opt(2026, 12, 1).and_then(|day| day.and_hms_opt(9, 0, 0)).expect("a time");
        let differing: Vec<String> = chrono_tz::TZ_VARIANTS
            .iter()
            .filter_map(|tz| {
                let theirs = tz.from_local_datetime(&naive).earliest()?.with_timezone(&Utc);
                let ours = zone(tz.name()).place(nine).instant;
                (ours != theirs)
                    .then(|| format!("{} {} not {}", tz.name(), ours.format("%H:%M"), theirs.format("%H:%M")))
            })
            .collect();
        for right in ["America/Vancouver 16:00 not 17:00", "America/Edmonton 15:00 not 16:00"] {
            assert!(differing.iter().any(|found| found == right), "{differing:?}");
        }
        for right in ["America/Yellowknife 15:00 not 16:00", "Africa/Casablanca 09:00 not 08:00"] {
            assert!(differing.iter().any(|found| found == right), "{differing:?}");
        }
    }

    #[test]
    fn agrees_with_chrono_tz_where_rules_have_not_changed_since() {
        for tz in [chrono_tz::Europe::Berlin, chrono_tz::America::New_York, chrono_tz::Australia::Lord_Howe] {
            for hour in 0..24 * 366 {
                let instant = utc("2026-01-01T00:00:00Z") + chrono::TimeDelta::hours(hour);
                let theirs = instant.with_timezone(&tz);
                let shown = zone(tz.name()).civil(instant);
                assert_eq!(
                    shown.to_string(),
                    theirs.format("%Y-%m-%d %H:%M").to_string(),
                    "{tz} {}",
                    theirs.offset().fix()
                );
            }
        }
    }

    #[test]
    fn times_in_a_gap_are_pushed_on_and_doubled_times_are_the_first() {
        let cases = [
            ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00Z", Placing::Skipped),
            ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z", Placing::Doubled),
            ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00Z", Placing::Once),
            ("America/New_York", "2026-03-08 02:00", "2026-03-08T07:00:00Z", Placing::Skipped),
            ("America/New_York", "2026-11-01 01:59:59", "2026-11-01T05:59:59Z", Placing::Doubled),
            ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:45:00Z", Placing::Skipped),
            ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00Z", Placing::Doubled),
            ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30T19:00:00Z", Placing::Skipped),
        ];
        for (name, text, instant, placing) in cases {
            let found = zone(name).place(civil(text));
            assert_eq!(found, Placed { instant: utc(instant), placing }, "{name} {text}");
        }
    }

    #[test]
    fn reads_the_usual_spellings_and_no_others() {
        let berlin = zone("Europe/Berlin");
        for text in [
            "2026-01-05 09:00",
            "2026-01-05T09:00",
            "2026-01-05 09:00:00",
            "2026-01-05T09:00:00.000",
            "2026-01-05T08:00Z",
            "2026-01-05 08:00:00 Z",
            "2026-01-05T09:00:00+01:00",
            "2026-01-05 03:00-05:00",
        ] {
            assert_eq!(berlin.parse_instant(text).expect(text).instant, utc("2026-01-05T08:00:00Z"), "{text}");
        }
        for text in
            ["", "2026-01-05", "09:00", "2026-02-30 09:00", "2026-01-05 25:00", "2026-01-05 09:00 CET", "monday"]
        {
            let error = berlin.parse_instant(text).expect_err(text).to_string();
            assert!(error.contains("2026-01-05 09:00"), "{error}");
        }
    }

    #[test]
    fn counts_on_the_wall_clock() {
        let cases = [
            ("2026-03-28 02:30", 1, Unit::Days, "2026-03-29 02:30"),
            ("2026-01-31 09:00", 1, Unit::Months, "2026-02-28 09:00"),
            ("2026-01-31 09:00", 2, Unit::Months, "2026-03-31 09:00"),
            ("2026-01-31 09:00", -2, Unit::Months, "2025-11-30 09:00"),
            ("2026-10-24 12:00", 24, Unit::Hours, "2026-10-25 12:00"),
            ("2026-12-28 09:00", 1, Unit::Weeks, "2027-01-04 09:00"),
        ];
        for (from, count, unit, to) in cases {
            assert_eq!(civil(from).after(count, unit), Some(civil(to)), "{from} {count} {unit:?}");
        }
        assert_eq!(civil("9998-12-31 09:00").after(1, Unit::Days), None);
        assert_eq!(civil("2026-01-31 09:00").after(i64::MAX, Unit::Months), None);
        assert_eq!(civil("2026-03-01 09:00").since(civil("2026-01-31 09:00"), Unit::Months), 1);
        assert_eq!(civil("2026-01-01 09:00").since(civil("2026-01-02 08:00"), Unit::Days), -1);
        assert_eq!(civil("2026-01-05 00:00").weekday(), Weekday::Mon);
    }

    #[test]
    fn shows_instants_for_people() {
        assert_eq!(zone("Europe/Berlin").format(utc("2026-12-01T08:00:00Z")), "2026-12-01 09:00 CET");
        assert_eq!(zone("America/Sao_Paulo").format(utc("2026-12-01T12:00:00Z")), "2026-12-01 09:00 -03");
        assert_eq!(Zone::utc().format(utc("2026-12-01T12:00:00Z")), "2026-12-01 12:00 UTC");
        assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    }

    #[test]
    fn the_ends_of_time_are_no_fault() {
        let berlin = zone("Europe/Berlin");
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let _ = berlin.place(berlin.civil(end));
            assert!(!berlin.format(end).is_empty());
        }
    }
}
