//! Instants, as the repository keeps them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC.
///
/// *Units*: milliseconds since 1970-01-01T00:00:00Z. Written as ISO 8601 with three decimals and `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const EPOCH: jiff::civil::DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
/// The last instant that is written with four figures of a year: 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Returns the instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns this instant moved by `millis` milliseconds, stopping at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Parses ISO 8601 with an offset ("2026-11-22T18:00:00.000Z"); what is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] when the text is not such an instant.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_millisecond()));
        }
        // The last hours of the calendar, in which a period without an end is often said to end.
        let pieces = jiff::fmt::temporal::Pieces::parse(text).map_err(|_| InvalidTimestamp)?;
        let (time, offset) = pieces.time().zip(pieces.to_numeric_offset()).ok_or(InvalidTimestamp)?;
        let since = pieces.date().to_datetime(time).duration_since(EPOCH)
            - jiff::SignedDuration::from_secs(offset.seconds().into());
        let millis = i64::try_from(since.as_millis()).map_err(|_| InvalidTimestamp)?;
        if (0..=LAST_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }
}

/// Says that a text is not an ISO 8601 instant with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an instant is written like 2026-11-22T18:00:00.000Z")]
pub struct InvalidTimestamp;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) if (0..=LAST_MILLIS).contains(&self.0) => {
                write!(f, "{:.3}Z", EPOCH.saturating_add(jiff::SignedDuration::from_millis(self.0)))
            }
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_the_calendar_was_refused() {
        for text in ["9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59.999Z", "9999-12-30T22:00:00.000Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        let offset = Timestamp::parse("9999-12-31T23:59:59.9999+02:00").unwrap();
        assert_eq!(offset.to_string(), "9999-12-31T21:59:59.999Z");
        for beyond in
            ["9999-12-31T23:59:59-01:00", "9999-12-32T00:00:00Z", "9999-12-31T23:59:59", "10000-01-01T00:00:00Z"]
        {
            assert_eq!(Timestamp::parse(beyond), Err(InvalidTimestamp), "{beyond}");
        }
    }

    #[test]
    fn an_instant_is_written_with_milliseconds_and_read_back() {
        let instant = Timestamp::from_millis(1_795_370_400_007);
        assert_eq!(instant.to_string(), "2026-11-22T18:00:00.007Z");
        assert_eq!(Timestamp::parse("2026-11-22T18:00:00.007Z"), Ok(instant));
        assert_eq!(Timestamp::parse("2026-11-22"), Err(InvalidTimestamp));
    }
}
