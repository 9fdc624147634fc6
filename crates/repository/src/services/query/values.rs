//! Values of columns: compared exactly by their form NFC, ordered by what of them counts whatever the case.

use std::cmp::Ordering;

use cartulary_model::key::utf16;
use cartulary_model::ql::{Comparison, Literal};
use cartulary_model::{PropertyKind, Timestamp, nfc, text_key};
use serde_json::Value;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum {
    /// A text in form NFC.
    Text(String),
    Int(i64),
    Real(f64),
    Bool(bool),
    /// Milliseconds.
    Instant(i64),
}

impl Datum {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(nfc(text))
    }

    /// Reads a value of a property; nothing when it is of another kind.
    pub(super) fn of(kind: PropertyKind, value: &Value) -> Option<Self> {
        match (kind, value) {
            (PropertyKind::Datetime, Value::String(text)) => {
                Timestamp::parse(text).ok().map(|at| Self::Instant(at.as_millis()))
            }
            (PropertyKind::Integer, Value::Number(number)) => number.as_i64().map(Self::Int),
            (PropertyKind::Decimal, Value::Number(number)) => number.as_f64().map(Self::Real),
            (PropertyKind::Boolean, Value::Bool(flag)) => Some(Self::Bool(*flag)),
            (PropertyKind::Nested, _) => None,
            (_, Value::String(text)) => Some(Self::text(text)),
            _ => None,
        }
    }

    /// Reads what a statement compares a value of a kind with.
    ///
    /// # Errors
    /// What it has to be, in words.
    pub(super) fn of_literal(kind: PropertyKind, literal: &Literal) -> Result<Self, &'static str> {
        match (kind, literal) {
            (PropertyKind::Datetime, Literal::Instant(at)) => Ok(Self::Instant(at.as_millis())),
            (PropertyKind::Datetime, _) => Err("is an instant: compare it with TIMESTAMP '…'"),
            (PropertyKind::Integer | PropertyKind::Decimal, Literal::Integer(number)) => Ok(Self::Int(*number)),
            (PropertyKind::Integer | PropertyKind::Decimal, Literal::Decimal(number)) => Ok(Self::Real(*number)),
            (PropertyKind::Integer | PropertyKind::Decimal, _) => Err("is a number: compare it with a number"),
            (PropertyKind::Boolean, Literal::Boolean(flag)) => Ok(Self::Bool(*flag)),
            (PropertyKind::Boolean, _) => Err("is TRUE or FALSE"),
            (PropertyKind::Nested, _) => Err("is nested: name a field of it"),
            (PropertyKind::Html, _) => Err("is HTML, which is not compared: look in it with CONTAINS"),
            (_, Literal::Text(text)) => Ok(Self::text(text)),
            _ => Err("is a text: compare it with a text in quotes"),
        }
    }

    /// Says whether two values are the same, exactly.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(_) | Self::Real(_), Self::Int(_) | Self::Real(_)) => self.order(other).is_eq(),
            _ => self == other,
        }
    }

    /// Orders two values of one kind: texts whatever the case.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => text_key(one).cmp(&text_key(other)),
            (Self::Int(one), Self::Int(other)) | (Self::Instant(one), Self::Instant(other)) => one.cmp(other),
            (Self::Real(one), Self::Real(other)) => one.total_cmp(other),
            (Self::Int(whole), Self::Real(real)) => whole_and_real(*whole, *real),
            (Self::Real(real), Self::Int(whole)) => whole_and_real(*whole, *real).reverse(),
            (Self::Bool(one), Self::Bool(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }

    /// Says whether a comparison holds.
    pub(super) fn compares(&self, comparison: Comparison, other: &Self) -> bool {
        match comparison {
            Comparison::Equal => self.equals(other),
            Comparison::NotEqual => !self.equals(other),
            Comparison::Less => self.order(other).is_lt(),
            Comparison::LessOrEqual => self.order(other).is_le(),
            Comparison::Greater => self.order(other).is_gt(),
            Comparison::GreaterOrEqual => self.order(other).is_ge(),
        }
    }
}

/// Compares a whole number with a real one, exactly: not every whole number of 64 bits is a real one.
fn whole_and_real(whole: i64, real: f64) -> Ordering {
    // The first power of two that no whole number of 64 bits reaches.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() || real >= BEYOND {
        return Ordering::Less;
    }
    if real < -BEYOND {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it lies within the whole numbers of 64 bits")]
    let floor = real.floor() as i64;
    whole.cmp(&floor).then(if real > real.floor() { Ordering::Less } else { Ordering::Equal })
}

/// What a row is ordered by in one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SortKey {
    /// A text: folded, then whole.
    Text(Vec<u8>, Vec<u8>),
    Other(Datum),
    /// No value: last, whatever the direction.
    Missing,
}

impl SortKey {
    pub(super) fn of(value: Option<Datum>) -> Self {
        match value {
            Some(Datum::Text(text)) => Self::Text(text_key(&text), utf16(&text)),
            Some(other) => Self::Other(other),
            None => Self::Missing,
        }
    }

    /// Returns how much it takes, roughly. *Units*: bytes.
    pub(super) fn size(&self) -> usize {
        let of_text = match self {
            Self::Text(key, whole) => key.capacity() + whole.capacity(),
            Self::Other(Datum::Text(text)) => text.capacity(),
            Self::Other(_) | Self::Missing => 0,
        };
        size_of::<Self>() + of_text
    }

    /// Orders two rows by a column.
    pub(super) fn order(&self, other: &Self, descending: bool) -> Ordering {
        let upwards = match (self, other) {
            (Self::Missing, Self::Missing) => return Ordering::Equal,
            (Self::Missing, _) => return Ordering::Greater,
            (_, Self::Missing) => return Ordering::Less,
            (Self::Text(key, whole), Self::Text(other_key, other_whole)) => {
                key.cmp(other_key).then_with(|| whole.cmp(other_whole))
            }
            (Self::Other(one), Self::Other(other)) => one.order(other),
            _ => Ordering::Equal,
        };
        if descending { upwards.reverse() } else { upwards }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_real_numbers_are_compared_exactly() {
        let check = |whole: i64, real: f64, expect: Ordering| {
            assert_eq!(Datum::Int(whole).order(&Datum::Real(real)), expect, "{whole} {real}");
            assert_eq!(Datum::Real(real).order(&Datum::Int(whole)), expect.reverse(), "{real} {whole}");
        };
        check(1, 1.0, Ordering::Equal);
        check(1, 1.5, Ordering::Less);
        check(-1, -1.5, Ordering::Greater);
        check(i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less);
        check(i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal);
        check(9_007_199_254_740_993, 9_007_199_254_740_992.0, Ordering::Greater);
        check(i64::MIN, f64::NEG_INFINITY, Ordering::Greater);
    }

    #[test]
    fn texts_are_equal_exactly_and_ordered_whatever_the_case() {
        let (small, great) = (Datum::text("abc"), Datum::text("ABC"));
        assert!(!small.equals(&great) && small.order(&great).is_eq());
        assert!(Datum::text("e\u{301}").equals(&Datum::text("\u{e9}")));
        let key = |datum: &Datum| SortKey::of(Some(datum.clone()));
        assert!(key(&great).order(&key(&small), false).is_lt(), "a tie is broken by the whole value");
        assert!(SortKey::Missing.order(&key(&small), true).is_gt(), "what is missing comes last");
    }
}
