//! The files of a mode.

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

use muster_core::{Map, MapError};
use twox_hash::XxHash3_64;

/// Most files of a bundle.
const FILES_MAX: usize = 256;
/// Most bytes of a file.
const FILE_BYTES_MAX: usize = 4 << 20;
/// Most bytes of all files.
const BYTES_MAX: usize = 16 << 20;
/// How deep folders in a bundle may lie.
const DEPTH_MAX: usize = 4;

/// The file that every mode has.
pub(crate) const RULES: &str = "rules.lua";
/// The file of the map, if there is one.
const MAP: &str = "map.json";

/// The files of a mode: `rules.lua`, other scripts that it requires, and `map.json` if it has a map.
///
/// **A bundle never changes**, and its version is a hash of what is in it: bundles of the same name and version are equal.
#[derive(Debug)]
pub struct Bundle {
    name: String,
    version: String,
    files: BTreeMap<String, String>,
    map: Option<Map>,
    wants_stored: bool,
}

/// Why files are no bundle.
#[derive(Debug)]
pub enum BundleError {
    /// The folder or one of its files cannot be read.
    Read {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// There is no `rules.lua`.
    NoRules,
    /// There are more than 256 files, they are larger than 4 MiB each or 16 MiB together, or folders lie too deep.
    TooLarge(String),
    /// A file is no text of UTF-8.
    NotText(String),
    /// A name is not of letters, digits, `_`, `-` and `.`, with `/` between folders.
    Name(String),
    /// The map is none.
    Map(MapError),
}

impl Bundle {
    /// Reads a mode's folder: its `.lua`, `.luau` and `.json` files, and those of folders in it. Others are left alone, and
    /// so is what begins with a dot. The folder's name is the mode's.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn load(folder: &Path) -> Result<Self, BundleError> {
        let shown = || folder.display().to_string();
        let path = folder.canonicalize().map_err(|error| BundleError::Read { path: shown(), error })?;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| BundleError::Name(shown()))?;
        let mut files = Vec::new();
        read_folder(folder, "", 0, &mut files)?;
        Self::from_files(name, files)
    }

    /// Makes a bundle of files that are there already: their names, with `/` between folders, and what is in them.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn from_files(name: &str, files: Vec<(String, Vec<u8>)>) -> Result<Self, BundleError> {
        if !is_name(name) || name.contains('/') {
            return Err(BundleError::Name(name.into()));
        }
        if files.len() > FILES_MAX {
            return Err(BundleError::TooLarge(name.into()));
        }
        let mut texts = BTreeMap::new();
        let mut bytes_left = BYTES_MAX;
        for (path, bytes) in files {
            if !is_name(&path) {
                return Err(BundleError::Name(path));
            }
            let left = bytes_left.checked_sub(bytes.len());
            let Some(left) = left.filter(|_| bytes.len() <= FILE_BYTES_MAX) else {
                return Err(BundleError::TooLarge(path));
            };
            bytes_left = left;
            match String::from_utf8(bytes) {
                Ok(text) => _ = texts.insert(path, text),
                Err(_) => return Err(BundleError::NotText(path)),
            }
        }
        if !texts.contains_key(RULES) {
            return Err(BundleError::NoRules);
        }
        let map = texts.get(MAP).map(|text| Map::from_json(text)).transpose().map_err(BundleError::Map)?;
        let mut bundle =
            Self { name: name.into(), version: version(name, &texts), files: texts, map, wants_stored: false };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_script = |name: &&String| name.ends_with(".lua") || name.ends_with(".luau");
        let scripts = || bundle.files.iter().filter(|(name, _)| is_script(name)).map(|(_, text)| text);
        let has = |word: &str| scripts().any(|text| text.split(|c| !is_word(c)).any(|found| found == word));
        bundle.wants_stored = has("store") && has("known")
            || has("nakama")
                && ["storage_read", "storage_list", "storage_write", "storage_delete"].into_iter().any(has);
        Ok(bundle)
    }

    /// The mode's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Twelve hexadecimal digits that tell bundles apart.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The map, if there is one.
    pub const fn map(&self) -> Option<&Map> {
        self.map.as_ref()
    }

    /// What names the map by its text, 16 hexadecimal digits; of what is the same text it is the same.
    pub fn map_id(&self) -> Option<String> {
        self.map_text().map(|text| format!("{:016x}", XxHash3_64::oneshot(text.as_bytes())))
    }

    /// Whether its scripts may want to know at once what the store holds.
    pub const fn wants_stored(&self) -> bool {
        self.wants_stored
    }

    /// The text of the map, if there is one.
    pub fn map_text(&self) -> Option<&str> {
        self.files.get(MAP).map(String::as_str)
    }

    /// Every file and its text, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text of a file.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), BundleError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| BundleError::Read { path, error }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let full = format!("{prefix}{name}");
        let metadata = fs::metadata(&path).map_err(failed(&path))?;
        if metadata.is_dir() {
            if depth == DEPTH_MAX {
                return Err(BundleError::TooLarge(full));
            }
            read_folder(&path, &format!("{full}/"), depth + 1, files)?;
            continue;
        }
        let is_ours = [".lua", ".luau", ".json"].iter().any(|end| name.ends_with(end));
        if !is_ours || name.ends_with(".d.luau") {
            continue;
        }
        if metadata.len() > FILE_BYTES_MAX as u64 || files.len() == FILES_MAX {
            return Err(BundleError::TooLarge(full));
        }
        files.push((full, fs::read(&path).map_err(failed(&path))?));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    name.len() <= 128 && name.split('/').all(is_part)
}

fn version(name: &str, files: &BTreeMap<String, String>) -> String {
    let mut bytes = Vec::new();
    let texts = files.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    for text in [name].into_iter().chain(texts) {
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    format!("{:012x}", XxHash3_64::oneshot(&bytes) >> 16)
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "{path}: {error}"),
            Self::NoRules => f.write_str("a mode needs a file rules.lua"),
            Self::TooLarge(path) => {
                write!(f, "{path}: a mode has at most 256 files of 4 MiB, 16 MiB together, in folders at most 4 deep")
            }
            Self::NotText(path) => write!(f, "{path}: must be text in UTF-8"),
            Self::Name(name) => write!(f, "{name}: names are of letters, digits, `_`, `-` and `.`"),
            Self::Map(error) => write!(f, "{MAP}: {error}"),
        }
    }
}

impl std::error::Error for BundleError {}
