//! `muster new mode NAME`: a mode that works, to begin with.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

/// Writes the folder. What is there already is left alone.
///
/// # Errors
/// When the name is none, the folder is there, or cannot be written.
pub fn write(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    ensure!(is_name, "{name:?} is no name for a mode; allowed: letters, digits, _ and -");
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mode = folder.join(name);
    match fs::create_dir(&mode) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            anyhow::bail!("{} is there already: choose another name, or another folder with --in", mode.display())
        }
        made => made.with_context(|| mode.display().to_string())?,
    }
    for (file, text) in muster_scripts::new_mode(name) {
        let path = mode.join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(mode.join("rules.lua"))
}
