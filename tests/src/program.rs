//! Finding the programs that the tests drive.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
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

/// A program of the workspace: the file that the environment variable names if it is set, otherwise built once with the profile
/// of the tests.
///
/// # Panics
/// When it does not build.
#[track_caller]
pub fn built(package: &str, program: &'static str, variable: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .entry(program)
        .or_insert_with(|| env::var_os(variable).map_or_else(|| build(package, program), PathBuf::from))
        .clone()
}

#[track_caller]
fn build(package: &str, program: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["build", "--locked", "--package", package, "--bin", program]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let built = command.output().expect("cargo runs");
    assert!(built.status.success(), "{program} does not build:\n{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut artifacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let executable = artifacts.find_map(|message| {
        let is_it = message["target"]["name"] == program;
        is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    executable.expect("cargo names the program it built")
}
