//! The modes of a folder, and what changes in it.
//!
//! **A mode that was good stays until a better one is there**, also over a start: files with an error are told of, and change
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use muster_scripts::{Bundle, BundleError, Host, Limits, MatchOptions, ScriptError};
use serde::Serialize;

use crate::door::message::ScriptFault;

/// Most modes of a folder.
const MODES_MAX: usize = 256;
/// Most files of a mode that are looked at for changes.
const FILES_MAX: usize = 1024;
/// How deep a mode's folders are looked into.
const DEPTH_MAX: usize = 5;

/// The modes of a folder.
pub struct Modes {
    folder: PathBuf,
    /// Where the files of the last version that was good are, of each mode.
    kept: PathBuf,
    /// Where every map is that a mode has had, for matches and replays that have it.
    maps: PathBuf,
    limits: Limits,
    table: RwLock<BTreeMap<String, Mode>>,
}

struct Mode {
    /// The last that was good.
    bundle: Option<Arc<Bundle>>,
    fault: Option<ScriptFault>,
    stamp: Stamp,
}

/// By which a change of files shows: each with its time and size.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// What has changed.
#[derive(Debug)]
pub enum Change {
    /// A mode has other rules, or is new.
    Loaded(Arc<Bundle>),
    /// A mode's files have an error.
    Broken {
        /// The mode.
        mode: String,
        /// What is wrong.
        fault: ScriptFault,
    },
    /// A mode's folder is gone. Its matches go on.
    Gone(String),
}

/// A mode, as others see it.
#[derive(Clone, Debug, Serialize)]
pub struct ModeListing {
    /// Its name.
    pub name: String,
    /// The version of its rules; none has never been good.
    pub version: Option<String>,
    /// What names its map.
    pub map: Option<String>,
    /// What is wrong with its files.
    pub error: Option<ScriptFault>,
}

impl Modes {
    /// A folder, not yet looked at; the folder of data; and what scripts may do.
    pub fn new(folder: &Path, data: &Path, limits: &Limits) -> Self {
        Self {
            folder: folder.into(),
            kept: data.join("kept-modes"),
            maps: data.join("kept-maps"),
            limits: limits.clone(),
            table: RwLock::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The rules of a mode, or what is wrong with them; `None` if there is no such mode.
    pub fn bundle(&self, name: &str) -> Option<Result<Arc<Bundle>, ScriptFault>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mode = table.get(name)?;
        Some(mode.bundle.clone().ok_or_else(|| mode.fault.clone().unwrap_or_default()))
    }

    /// Every mode.
    pub fn list(&self) -> Vec<ModeListing> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let listing = |(name, mode): (&String, &Mode)| ModeListing {
            name: name.clone(),
            version: mode.bundle.as_ref().map(|bundle| bundle.version().to_owned()),
            map: mode.bundle.as_ref().and_then(|bundle| bundle.map_id()),
            error: mode.fault.clone(),
        };
        table.iter().map(listing).collect()
    }

    /// Looks for what has changed since the last time.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn refresh(&self) -> std::io::Result<Vec<Change>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if names.len() < MODES_MAX && entry.path().is_dir() {
                names.push(name.to_owned());
            }
        }
        names.sort();
        let mut changes = Vec::new();
        for name in &names {
            let folder = self.folder.join(name);
            let mut stamp = Stamp::new();
            read_stamp(&folder, 0, &mut stamp);
            stamp.sort();
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let known = table.get(name);
            if known.is_some_and(|mode| mode.stamp == stamp) {
                continue;
            }
            let was_good = known.is_some_and(|mode| mode.bundle.is_some());
            drop(table);
            let change = load(name, &folder, &self.limits);
            let mut kept = None;
            match &change {
                Change::Loaded(bundle) => {
                    self.keep(name, bundle);
                    self.keep_map(bundle);
                }
                // Saved matches go on with what was good before the start, if somebody has not taken the rules away.
                _ if !was_good && folder.join("rules.lua").is_file() => {
                    kept = self.kept(name);
                    kept.iter().for_each(|bundle| self.keep_map(bundle));
                }
                _ => {}
            }
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let was = table.remove(name);
            let was_broken = was.as_ref().is_some_and(|mode| mode.fault.is_some());
            let old = was.and_then(|mode| mode.bundle).or(kept);
            let (bundle, fault) = match &change {
                Change::Loaded(bundle) => (Some(bundle.clone()), None),
                Change::Broken { fault, .. } => (old.clone(), Some(fault.clone())),
                Change::Gone(_) => (None, None),
            };
            let is_news = bundle.as_ref().map(|bundle| bundle.version()) != old.as_ref().map(|bundle| bundle.version());
            table.insert(name.clone(), Mode { bundle, fault, stamp });
            // Who takes a mistake back has the old rules again, and is told that they are good.
            if is_news || was_broken || matches!(change, Change::Broken { .. }) {
                changes.push(change);
            }
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.retain(|name, _| {
            let is_there = names.binary_search(name).is_ok();
            if !is_there {
                changes.push(Change::Gone(name.clone()));
                // What is not there any more is mostly the file, too.
                _ = fs::remove_file(self.kept_file(name));
            }
            is_there
        });
        Ok(changes)
    }
}

impl Modes {
    /// Keeps the files of a mode that is good. A power cut may take that back, and costs nothing but this.
    fn keep(&self, name: &str, bundle: &Bundle) {
        let files: BTreeMap<&str, &str> = bundle.files().collect();
        let text = serde_json::to_vec(&files).expect("files are texts");
        let path = self.kept_file(name);
        if fs::read(&path).is_ok_and(|kept| kept == text) {
            return;
        }
        let beside = path.with_extension("new");
        let written = fs::create_dir_all(&self.kept).and_then(|()| fs::write(&beside, text));
        if let Err(error) = written.and_then(|()| fs::rename(&beside, &path)) {
            tracing::warn!(mode = name, %error, "the rules are not kept for a start with broken ones");
        }
    }

    fn kept_file(&self, name: &str) -> PathBuf {
        self.kept.join(format!("{name}.json"))
    }

    /// Keeps the map of a mode for the matches and replays that have it, whatever becomes of the mode's.
    fn keep_map(&self, bundle: &Bundle) {
        let (Some(id), Some(text)) = (bundle.map_id(), bundle.map_text()) else { return };
        let path = self.map_file(&id);
        if fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
            return;
        }
        let beside = path.with_extension("new");
        let written = fs::create_dir_all(&self.maps).and_then(|()| {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
            fs::rename(&beside, &path)
        });
        if let Err(error) = written {
            tracing::warn!(mode = bundle.name(), %error, "the map is not kept for matches that have it");
        }
    }

    fn map_file(&self, id: &str) -> PathBuf {
        self.maps.join(format!("{id}.json"))
    }

    /// The text of a map that a mode has, or that a match or a replay had.
    pub fn map_text(&self, id: &str) -> Option<String> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut bundles = table.values().filter_map(|mode| mode.bundle.as_ref());
        if let Some(bundle) = bundles.find(|bundle| bundle.map_id().as_deref() == Some(id)) {
            return bundle.map_text().map(str::to_owned);
        }
        drop(table);
        let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| fs::read_to_string(self.map_file(id)).ok()).flatten()
    }

    /// Forgets the maps that no mode has and that are not among these.
    pub fn forget_maps(&self, used: &BTreeSet<String>) {
        let of_modes: BTreeSet<String> = self.list().into_iter().filter_map(|mode| mode.map).collect();
        for entry in fs::read_dir(&self.maps).into_iter().flatten().flatten() {
            let path = entry.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !used.contains(id) && !of_modes.contains(id) {
                // It is tried again at the next start.
                _ = fs::remove_file(&path);
            }
        }
    }

    /// What of a mode was good last, if it is kept and still is.
    fn kept(&self, name: &str) -> Option<Arc<Bundle>> {
        let text = fs::read(self.kept_file(name)).ok()?;
        let files: BTreeMap<String, String> = serde_json::from_slice(&text).ok()?;
        let files = files.into_iter().map(|(file, text)| (file, text.into_bytes())).collect();
        let bundle = Arc::new(Bundle::from_files(name, files).ok()?);
        try_out(&bundle, &self.limits).ok()?;
        tracing::warn!(mode = name, version = %bundle.version(), "the mode's files have an error: it goes on as it was last good");
        Some(bundle)
    }
}

/// Rules are good if a match can be opened by them: it is, and goes again.
fn try_out(bundle: &Arc<Bundle>, limits: &Limits) -> Result<(), Box<ScriptError>> {
    let host = Host::new(bundle.clone(), limits.clone())?;
    let open = || host.open(&MatchOptions::default()).map(|_| ());
    // What was stopped for its time may have met a processor that had others to serve.
    open().or_else(|error| if error.is_killed { open() } else { Err(error) })
}

fn load(name: &str, folder: &Path, limits: &Limits) -> Change {
    let broken = |fault| Change::Broken { mode: name.into(), fault };
    let bundle = match Bundle::load(folder) {
        Ok(bundle) => Arc::new(bundle),
        Err(error) => {
            let file = match &error {
                BundleError::Map(_) => "map.json".into(),
                BundleError::NoRules => "rules.lua".into(),
                BundleError::Read { path, .. } | BundleError::TooLarge(path) => path.clone(),
                BundleError::NotText(path) | BundleError::Name(path) => path.clone(),
            };
            return broken(ScriptFault { file, message: error.to_string(), ..ScriptFault::default() });
        }
    };
    match try_out(&bundle, limits) {
        Ok(()) => Change::Loaded(bundle),
        Err(error) => broken(ScriptFault::from(&*error)),
    }
}

fn read_stamp(folder: &Path, depth: usize, stamp: &mut Stamp) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if stamp.len() >= FILES_MAX || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(data) = fs::metadata(&path) else { continue };
        if data.is_dir() {
            if depth < DEPTH_MAX {
                read_stamp(&path, depth + 1, stamp);
            }
        } else {
            stamp.push((path, data.modified().ok(), data.len()));
        }
    }
}
