//! What is wrong with a map, and where.

use core::fmt;

/// Why there is no map. It names the place, as JSON has it, and what belongs there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapError {
    /// Where: `zones[3].circle.radius`; empty for the document as a whole.
    pub place: String,
    /// What is wrong there.
    pub fault: MapFault,
}

/// What is wrong with a part of a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapFault {
    /// The text is not JSON.
    Syntax {
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
    },
    /// The value is not what belongs there.
    Expected(&'static str),
    /// A field that must be there is not.
    Missing,
    /// There is no such field.
    Unknown {
        /// The field of that place whose name is the most alike.
        nearest: &'static str,
    },
    /// The field is there twice.
    Duplicate,
    /// Too many of something, or too much.
    TooMany {
        /// How many there may be.
        most: u32,
    },
}

impl MapError {
    pub(super) fn new(place: &Place<'_>, fault: MapFault) -> Self {
        Self { place: place.to_string(), fault }
    }

    pub(super) fn expected(place: &Place<'_>, expected: &'static str) -> Self {
        Self::new(place, MapFault::Expected(expected))
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.place.is_empty() { "the map" } else { &self.place })?;
        match &self.fault {
            MapFault::Syntax { line, column } => write!(f, ": is not JSON at line {line}, column {column}"),
            MapFault::Expected(expected) => write!(f, ": must be {expected}"),
            MapFault::Missing => f.write_str(": must be there"),
            MapFault::Unknown { nearest } => write!(f, ": there is no such field; the nearest is \"{nearest}\""),
            MapFault::Duplicate => f.write_str(": is there twice"),
            MapFault::TooMany { most } => write!(f, ": must be at most {most}"),
        }
    }
}

impl core::error::Error for MapError {}

/// A place in a map while it is read: a list of steps from the innermost out, on the stack, so that it costs nothing
/// until something is wrong.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Whole,
    Field(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl<'a> Place<'a> {
    pub(super) const fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(super) const fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Field(Place::Whole, name) => write_name(f, name),
            Self::Field(outer, name) => {
                write!(f, "{outer}.")?;
                write_name(f, name)
            }
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

/// Names come from the document: they are shown short, and with nothing that a terminal would obey.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let mut shown = name.chars();
    for letter in shown.by_ref().take(64) {
        write!(f, "{}", if letter.is_control() { '?' } else { letter })?;
    }
    if shown.next().is_some() { f.write_str("...") } else { Ok(()) }
}

/// The one of `names` that takes the fewest changes of a letter to be made from `name`.
pub(super) fn nearest(name: &str, names: &[&'static str]) -> &'static str {
    // What is much longer than any name is as far from all of them.
    let name: Vec<char> = name.chars().take(64).collect();
    names.iter().copied().min_by_key(|known| changes(&name, known)).unwrap_or("")
}

fn changes(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (line, letter) in to.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 1..row.len() {
            let replaced = diagonal + usize::from(from[column - 1] != letter);
            diagonal = row[column];
            row[column] = replaced.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[from.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_json_has_it() {
        let zones = Place::Whole.field("zones");
        let zone = zones.item(3);
        let radius = zone.field("radius");
        let error = MapError::expected(&radius, "a length of 0 to 16000 m");
        assert_eq!(error.to_string(), "zones[3].radius: must be a length of 0 to 16000 m");
        assert_eq!(MapError::new(&Place::Whole, MapFault::Missing).to_string(), "the map: must be there");
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        for (name, meant) in [("zone", "zones"), ("wals", "walls"), ("respwan_ticks", "respawn_ticks")] {
            assert_eq!(nearest(name, &["respawn_ticks", "walls", "zones"]), meant);
        }
    }

    #[test]
    fn names_of_the_document_are_shown_short_and_harmless() {
        let long = "x".repeat(1000);
        assert!(Place::Whole.field(&long).to_string().len() < 80);
        assert_eq!(Place::Whole.field("a\u{1b}[31m").to_string(), "a?[31m");
    }
}
