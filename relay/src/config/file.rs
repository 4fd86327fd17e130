//! The settings of a TOML file, each with its line and column.

use std::{ops::Range, path::Path};

use toml_edit::{Document, Item, TableLike, Value as Toml};

use super::{
    layer::{Given, Layer},
    problem::{Origin, Problem, did_you_mean, quoted},
    table::{Chapter, Setting, settings},
    value::Raw,
};

/// The table of the file that holds the limits.
const LIMITS: &str = "limits";

/// Reads the text of the file `path`. What cannot be read is added to `problems`; the rest is still returned.
pub(super) fn layer(path: &Path, bytes: &[u8], problems: &mut Vec<Problem>) -> Layer {
    let mut reader = Reader { path, text: "", layer: Layer::default(), problems };
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            // Editors of other systems put a byte order mark first; it means nothing in UTF-8.
            reader.text = text.strip_prefix('\u{feff}').unwrap_or(text);
            reader.document();
        }
        Err(error) => {
            reader.text = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("");
            let at = reader.text.len();
            reader.refuse("file", at..at, "bytes that are not UTF-8".into(), "a TOML file in UTF-8".into(), None);
        }
    }
    reader.layer
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn document(&mut self) {
        match Document::parse(self.text) {
            Ok(document) => {
                let root = document.as_table();
                self.table(root, false);
            }
            Err(error) => {
                let at = error.span().unwrap_or(0..0);
                let message = error.message().trim().replace('\n', ", ");
                self.refuse("file", at, format!("what is not TOML: {message}"), "a TOML file".into(), None);
            }
        }
    }

    fn table(&mut self, table: &dyn TableLike, in_limits: bool) {
        for (name, item) in table.iter() {
            let at = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span()).unwrap_or(0..0);
            if name == LIMITS && !in_limits {
                match item.as_table_like() {
                    Some(limits) => self.table(limits, true),
                    None => self.refuse(LIMITS, at, describe(item), "a table, [limits]".into(), None),
                }
                continue;
            }
            match settings().iter().position(|s| s.key == name && (s.chapter == Chapter::Limits) == in_limits) {
                Some(index) => self.setting(index, item, at),
                None => self.unknown(name, in_limits, at),
            }
        }
    }

    fn setting(&mut self, index: usize, item: &Item, key_at: Range<usize>) {
        let setting = &settings()[index];
        let Some(value) = item.as_value() else {
            self.wrong(setting, key_at, describe(item));
            return;
        };
        let values: Vec<&Toml> = match value {
            Toml::Array(values) if setting.is_repeatable() => values.iter().collect(),
            one => vec![one],
        };
        let at = value.span().unwrap_or(key_at);
        let given = values
            .into_iter()
            .map(|value| Given { raw: raw(value), origin: self.origin(value.span().unwrap_or_else(|| at.clone())) })
            .collect();
        self.layer.insert(index, given, self.origin(at));
    }

    fn unknown(&mut self, name: &str, in_limits: bool, at: Range<usize>) {
        let here = |s: &&Setting| (s.chapter == Chapter::Limits) == in_limits;
        let elsewhere = settings().iter().find(|s| s.key == name.replace('-', "_") && !here(s));
        let hint = match elsewhere {
            Some(setting) if in_limits => Some(format!("{} stands above [limits], not in it", setting.key)),
            Some(setting) => Some(format!("{} stands in the table [limits]", setting.key)),
            None => did_you_mean(name, settings().iter().filter(here).map(|s| s.key)),
        };
        let allowed = if in_limits {
            "the limits that `muster-relay run --help` lists"
        } else {
            "the settings that `muster-relay run --help` lists"
        };
        self.refuse(&shown_key(name), at, "an unknown setting".into(), allowed.into(), hint);
    }

    fn wrong(&mut self, setting: &Setting, at: Range<usize>, found: String) {
        self.refuse(setting.path(), at, found, setting.kind.allowed(), None);
    }

    fn refuse(&mut self, key: &str, at: Range<usize>, found: String, allowed: String, hint: Option<String>) {
        let origin = self.origin(at);
        self.problems.push(Problem { origin, key: key.to_owned(), found, allowed, hint });
    }

    fn origin(&self, at: Range<usize>) -> Origin {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A name from outside: as it is if it is an ordinary one, quoted and cut otherwise.
fn shown_key(name: &str) -> String {
    let ordinary = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if ordinary { name.to_owned() } else { quoted(name) }
}

fn raw(value: &Toml) -> Raw {
    match value {
        Toml::String(text) => Raw::Text(text.value().clone()),
        Toml::Integer(number) => Raw::Integer(*number.value()),
        Toml::Float(_) => Raw::Other("a number with a fraction"),
        Toml::Boolean(_) => Raw::Other("a boolean"),
        Toml::Datetime(_) => Raw::Other("a date or time"),
        Toml::Array(_) => Raw::Other("a list"),
        Toml::InlineTable(_) => Raw::Other("a table"),
    }
}

fn describe(item: &Item) -> String {
    match item {
        Item::Value(Toml::String(text)) => format!("the text {}", quoted(text.value())),
        Item::Value(Toml::Integer(number)) => format!("the number {}", number.value()),
        Item::Value(value) => match raw(value) {
            Raw::Other(what) => what.into(),
            Raw::Untyped(_) | Raw::Text(_) | Raw::Integer(_) => "a value".into(),
        },
        Item::None => "nothing".into(),
        Item::Table(_) => "a table".into(),
        Item::ArrayOfTables(_) => "a list of tables".into(),
    }
}
