//! A length of time as the config spells it, for instance `30s`, `7d` or `1h 30m`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// A length of time, never negative; a day has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let problem = |error| serde::de::Error::custom(format!("'{text}' is not a duration such as \"30s\": {error}"));
        let span: jiff::Span = text.parse().map_err(problem)?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(problem)?;
        Duration::try_from(length).map(Self).map_err(problem)
    }
}
