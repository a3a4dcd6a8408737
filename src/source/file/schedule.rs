//! A schedule as it was written, and what a person should know of its lines.

use chrono::{DateTime, Utc};

use super::expand::{Override, Rotation};
use crate::zone::{Placed, Placing, Written, Zone};

/// What stands for a turn that nobody takes.
pub const NOBODY: &str = "nobody";

/// One schedule of a rota.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub rotation: Rotation,
    /// The line of its name.
    pub line: usize,
    pub remarks: Vec<Remark>,
}

/// What a person should know of one line of a rota.
#[derive(Debug, Clone)]
pub struct Remark {
    pub line: usize,
    /// When it stops mattering.
    pub until: DateTime<Utc>,
    pub sentence: String,
}

/// How many later entries an entry is held against. Whoever mends these sees the rest at the next run, and a list in which
/// everything overlaps is told in no time.
const OVERLAPS_TOLD: usize = 3;

/// Overrides that overlap and put different people on call: the later in the file counts, and a person should know.
pub fn overlaps(overrides: &[Override], zone: &Zone) -> Vec<Remark> {
    let mut sorted: Vec<&Override> = overrides.iter().collect();
    sorted.sort_by_key(|change| (change.period, change.line));
    let mut remarks = Vec::new();
    for (place, earlier) in sorted.iter().enumerate() {
        let others = sorted[place + 1..].iter().take_while(|other| other.period.overlaps(&earlier.period));
        let contradicting = |other: &&&Override| {
            let together = earlier.replaces.is_some() && other.replaces.is_some() && earlier.replaces != other.replaces;
            earlier.group != other.group && !together
        };
        for other in others.filter(contradicting).take(OVERLAPS_TOLD) {
            let both = earlier.period.clip(&other.period).expect("they overlap");
            let (first, last) = (earlier.line.min(other.line), earlier.line.max(other.line));
            remarks.push(Remark {
                line: last,
                until: both.end(),
                sentence: format!(
                    "two entries put different people on call from {} to {}: the one in line {last} covers the one in line {first}",
                    zone.format(both.start()),
                    zone.format(both.end()),
                ),
            });
        }
    }
    remarks
}

/// A date and time as somebody wrote it.
pub struct Time {
    pub written: Written,
    pub instant: DateTime<Utc>,
    /// On a wall-clock time that does not exist or occurs twice.
    pub remark: Option<Remark>,
}

impl Time {
    /// Reads the time in line `line`; one without an offset is by `zone`, and a fault where there is none.
    pub fn parse(text: &str, zone: Option<&Zone>, line: usize) -> Result<Self, String> {
        let written = Written::parse(text).map_err(|error| error.to_string())?;
        let (civil, zone) = match (written, zone) {
            (Written::Instant(instant), _) => return Ok(Self { written, instant, remark: None }),
            (Written::Civil(_), None) => {
                return Err(format!(
                    "'{text}' is no instant without a zone: add a column 'timezone', set `timezone` of the source, or write an \
                     offset"
                ));
            }
            (Written::Civil(civil), Some(zone)) => (civil, zone),
        };
        let Placed { instant, placing } = zone.place(civil);
        Ok(Self { written, instant, remark: odd_time(line, text, zone, instant, placing) })
    }
}

/// The remark on a wall-clock time that does not exist or occurs twice; none on any other.
fn odd_time(line: usize, text: &str, zone: &Zone, instant: DateTime<Utc>, placing: Placing) -> Option<Remark> {
    let why = match placing {
        Placing::Once => return None,
        Placing::Skipped => "does not exist: clocks are put forward then",
        Placing::Doubled => "occurs twice: clocks are put back then",
    };
    let taken = zone.format(instant);
    let utc = instant.format("%Y-%m-%dT%H:%M:%SZ");
    let sentence = format!("'{text}' in {zone} {why}; taken as {taken} ({utc})");
    Some(Remark { line, until: instant, sentence })
}
