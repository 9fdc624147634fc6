//! Periods of the calendar, as retention counts them: years, months and days.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// How many years a period may have, and as many months and days as they have.
const YEARS_MAX: i32 = 1_000;

/// A period: some years, months and days, at least a day.
///
/// *Shape*: as ISO 8601 writes it, such as `P10Y`, `P1Y6M` or `P30D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    years: i32,
    months: i32,
    days: i32,
}

/// Says that a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a period is written as years, months and days, such as P10Y, P1Y6M or P30D, of a day to 1,000 years")]
pub struct InvalidPeriod;

impl Period {
    /// Returns the instant at which it ends when it begins at another, by the calendar in UTC: a month after 31 January is
    /// the last day of February.
    pub fn after(self, begin: Timestamp) -> Timestamp {
        let span = jiff::Span::new().years(self.years).months(self.months).days(self.days);
        let zoned = jiff::Timestamp::from_millisecond(begin.as_millis()).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
        let end = zoned.and_then(|zoned| zoned.checked_add(span));
        // What lies beyond the calendar is kept for ever: until its last whole second, which can be read back.
        let last = Timestamp::from_millis(jiff::Timestamp::MAX.as_second() * 1_000);
        end.map_or(last, |end| Timestamp::from_millis(end.timestamp().as_millisecond()))
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text.strip_prefix('P').ok_or(InvalidPeriod)?;
        let mut part = |unit: char, most: i32| -> Result<i32, InvalidPeriod> {
            let Some((digits, after)) = rest.split_once(unit) else { return Ok(0) };
            let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
            let number = digits.parse::<i32>().ok().filter(|number| is_number && *number <= most);
            rest = after;
            number.ok_or(InvalidPeriod)
        };
        let (years, months) = (part('Y', YEARS_MAX)?, part('M', YEARS_MAX * 12)?);
        let days = part('D', YEARS_MAX * 366)?;
        let is_something = years + months + days > 0;
        if rest.is_empty() && is_something { Ok(Self { years, months, days }) } else { Err(InvalidPeriod) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (number, unit) in [(self.years, 'Y'), (self.months, 'M'), (self.days, 'D')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_period_ends_by_the_calendar() {
        let check = |period: &str, begin: &str, end: &str| {
            let period: Period = period.parse().unwrap();
            assert_eq!(period.after(Timestamp::parse(begin).unwrap()).to_string(), end, "{period}");
        };
        check("P1M", "2026-01-31T10:00:00Z", "2026-02-28T10:00:00.000Z");
        check("P10Y", "2024-02-29T00:00:00Z", "2034-02-28T00:00:00.000Z");
        check("P1Y6M3D", "2026-01-01T00:00:00.007Z", "2027-07-04T00:00:00.007Z");
        let far: Period = "P1000Y".parse().unwrap();
        assert_eq!(far.after(Timestamp::parse("9999-01-01T00:00:00Z").unwrap()).to_string().get(..4), Some("9999"));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in
            ["", "P", "10Y", "P0D", "P1W", "P1Y ", "P-1Y", "P1D1Y", "P1.5Y", "P9999999999Y", "P1001Y", "PT1H", "P١Y"]
        {
            assert_eq!(text.parse::<Period>(), Err(InvalidPeriod), "{text}");
        }
        assert_eq!("P1Y6M".parse::<Period>().unwrap().to_string(), "P1Y6M");
    }
}
