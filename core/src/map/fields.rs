//! Values of a JSON document: objects with known fields, lists, texts, whole numbers and lengths.

use core::fmt;
use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

use super::error::{MapError, MapFault, Place, nearest};
use crate::space::{Angle, METRE};

/// Most decimals of a number.
const DECIMALS_MAX: u32 = 6;
/// Numbers are taken as so many of their smallest part: 10^6 to a one.
const PARTS: i64 = 1_000_000;

/// An object: its fields are known ones and each is there once.
pub(super) struct Fields<'a> {
    place: Place<'a>,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    pub(super) fn read(raw: &'a RawValue, place: Place<'a>, known: &[&'static str]) -> Result<Self, MapError> {
        let Ok(Pairs(fields)) = serde_json::from_str(raw.get()) else {
            return Err(MapError::expected(&place, "an object"));
        };
        for (index, (name, _)) in fields.iter().enumerate() {
            if !known.contains(&name.as_ref()) {
                let fault = MapFault::Unknown { nearest: nearest(name, known) };
                return Err(MapError::new(&place.field(name), fault));
            }
            // No more fields can stand before this one than there are known names, so this is no square of the input.
            if fields[..index].iter().any(|(before, _)| before == name) {
                return Err(MapError::new(&place.field(name), MapFault::Duplicate));
            }
        }
        Ok(Self { place, fields })
    }

    pub(super) fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue, Place<'_>) -> Result<T, MapError>,
    ) -> Result<T, MapError> {
        match self.raw(name) {
            Some(raw) => read(raw, self.place.field(name)),
            None => Err(MapError::new(&self.place.field(name), MapFault::Missing)),
        }
    }

    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&'a RawValue, Place<'_>) -> Result<T, MapError>,
        otherwise: T,
    ) -> Result<T, MapError> {
        self.raw(name).map_or(Ok(otherwise), |raw| read(raw, self.place.field(name)))
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, raw)| *raw)
    }
}

/// The fields of an object in their order, where a map of serde's would forget that one was there twice.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name, borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Name(name), raw)) = map.next_entry()? {
                    pairs.push((name, raw));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The one value that a document is.
pub(super) fn parse(document: &str) -> Result<&RawValue, MapError> {
    serde_json::from_str(document).map_err(|error| {
        debug_assert!(error.classify() != Category::Io, "a document is in memory");
        let fault = MapFault::Syntax { line: error.line() as u32, column: error.column() as u32 };
        MapError::new(&Place::Whole, fault)
    })
}

pub(super) fn items<'a>(raw: &'a RawValue, place: Place<'_>) -> Result<Vec<&'a RawValue>, MapError> {
    serde_json::from_str(raw.get()).map_err(|_| MapError::expected(&place, "a list"))
}

pub(super) fn text<'a>(raw: &'a RawValue, place: Place<'_>) -> Result<Cow<'a, str>, MapError> {
    serde_json::from_str(raw.get()).map(|Name(text)| text).map_err(|_| MapError::expected(&place, "a text"))
}

/// A whole number of a type of Rust's.
pub(super) fn integer<T: TryFrom<i64> + Whole>(raw: &RawValue, place: Place<'_>) -> Result<T, MapError> {
    let value = whole_number(raw.get()).and_then(|value| T::try_from(value).ok());
    value.ok_or_else(|| MapError::expected(&place, T::EXPECTED))
}

/// What to expect of an integer type.
pub(super) trait Whole {
    const EXPECTED: &'static str;
}

impl Whole for u16 {
    const EXPECTED: &'static str = "a whole number of 0 to 65535";
}

impl Whole for u32 {
    const EXPECTED: &'static str = "a whole number of 0 to 4294967295";
}

impl Whole for i32 {
    const EXPECTED: &'static str = "a whole number of -2147483648 to 2147483647";
}

impl Whole for i64 {
    const EXPECTED: &'static str = "a whole number of 64 bits";
}

/// Metres as units of length, to the nearest. What is beyond a map's largest size on either side is beyond it here too.
pub(super) fn length(raw: &RawValue, place: Place<'_>) -> Result<i32, MapError> {
    let Some(parts) = decimal(raw.get()) else {
        return Err(MapError::expected(&place, "a length in metres with at most 6 decimals, without exponent"));
    };
    // 2^30 metres in parts times 2^16 is 2^66: cut first, far beyond what any length may be.
    let parts = parts.clamp(-(1 << 44), 1 << 44);
    let twice = 2 * parts * i64::from(METRE) + PARTS;
    Ok(twice.div_euclid(2 * PARTS).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
}

/// Metres that are a power of two, as the power of two in units of length.
pub(super) fn power_of_two(raw: &RawValue, place: Place<'_>, expected: &'static str) -> Result<u32, MapError> {
    let units = length(raw, place)?;
    // A number that only rounds to the power is not it.
    let exact = |parts: i64| parts < 1 << 44 && i64::from(units) * PARTS == parts * i64::from(METRE);
    if units > 0 && decimal(raw.get()).is_some_and(exact) && units.cast_unsigned().is_power_of_two() {
        Ok(units.ilog2())
    } else {
        Err(MapError::expected(&place, expected))
    }
}

/// Degrees of 0 to below 360 as an angle, to the nearest.
pub(super) fn turn(raw: &RawValue, place: Place<'_>) -> Result<Angle, MapError> {
    match decimal(raw.get()) {
        // The nearest to just below 360 degrees is a whole turn, which is 0.
        Some(parts @ 0..360_000_000) => Ok(((parts * 65_536 + 180 * PARTS) / (360 * PARTS)) as Angle),
        _ => Err(MapError::expected(&place, "degrees of 0 to below 360")),
    }
}

/// The value of the text of a JSON number that is a whole one; `None` if it is not one or is beyond 64 bits.
pub(super) fn whole_number(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    (is_whole && is_number).then(|| whole.parse().ok())?
}

/// The value of the text of a JSON number in millionths. `None` with an exponent or more decimals, or when it is no
/// number. What is beyond 10^12 becomes that.
fn decimal(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) || fraction.len() > DECIMALS_MAX as usize {
        return None;
    }
    let whole = if whole.len() > 12 { 1_000_000_000_000 } else { whole.parse::<i64>().ok()? };
    let fraction = fraction.parse::<i64>().ok()? * 10_i64.pow(DECIMALS_MAX - fraction.len() as u32);
    Some(sign * (whole * PARTS + fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).expect("a value")
    }

    #[test]
    fn lengths_are_exact_to_the_nearest_unit() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("1", METRE),
            ("0.5", METRE / 2),
            ("0.25", METRE / 4),
            ("0.1", 6554),
            ("0.000007", 0),
            ("0.000008", 1),
            ("0.000015", 1),
            ("-1.5", -METRE - METRE / 2),
            ("16000", 16_000 * METRE),
            ("15999.999999", 16_000 * METRE),
            ("99999999999999999999999", i32::MAX),
            ("-99999999999999999999999", i32::MIN),
        ];
        for (text, units) in cases {
            assert_eq!(length(raw(text), Place::Whole), Ok(units), "{text}");
        }
        for text in ["1e3", "1E0", "0.0000001", "\"1\"", "null", "[]", "true"] {
            assert!(length(raw(text), Place::Whole).is_err(), "{text}");
        }
    }

    #[test]
    fn only_powers_of_two_are_sizes_of_cells() {
        for (text, shift) in [("0.25", 14), ("0.5", 15), ("1", 16), ("1.0", 16), ("64", 22)] {
            assert_eq!(power_of_two(raw(text), Place::Whole, ""), Ok(shift), "{text}");
        }
        for text in ["0", "-1", "3", "1.000001", "0.249999", "1e1", "99999999999"] {
            assert!(power_of_two(raw(text), Place::Whole, "").is_err(), "{text}");
        }
    }

    #[test]
    fn degrees_become_angles() {
        for (text, angle) in [("0", 0), ("90", 0x4000), ("270.0", 0xc000), ("359.999999", 0), ("0.005", 1)] {
            assert_eq!(turn(raw(text), Place::Whole), Ok(angle), "{text}");
        }
        for text in ["360", "-1", "1e1", "\"90\""] {
            assert!(turn(raw(text), Place::Whole).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_may_have_a_fraction_of_nothing() {
        for (text, value) in [("5", Some(5)), ("5.0", Some(5)), ("-5", Some(-5)), ("5.5", None), ("1e1", None)] {
            assert_eq!(whole_number(text), value, "{text}");
        }
        assert_eq!(whole_number("9223372036854775807"), Some(i64::MAX));
        assert_eq!(whole_number("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole_number("9223372036854775808"), None);
        assert!(integer::<u16>(raw("65536"), Place::Whole).is_err());
    }

    #[test]
    fn a_field_that_is_there_twice_is_an_error() {
        let error = Fields::read(raw(r#"{"a": 1, "b": 2, "\u0061": 3}"#), Place::Whole, &["a", "b"]).err();
        assert_eq!(error.map(|error| error.to_string()), Some("a: is there twice".into()));
    }
}
