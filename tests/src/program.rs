//! Finding the programs that the tests drive.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace")
}

/// The path of a program that some package installs.
///
/// # Panics
/// When it is not on the `PATH`, with the command that installs it.
#[track_caller]
pub fn installed(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not installed; `make install-tools` installs what the tests need"))
}
