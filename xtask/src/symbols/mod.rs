//! What the simulation reaches of the operating system: memory and threads, and nothing else.
//!
//! The core is built as it is released. From every function of its own, the references are followed through the crates
//! that it uses; **where they leave those crates, for the standard library or for C, the name must be in the table of
//! what is allowed**. So a crate may have functions that read a clock as long as the core calls none of them.

mod allowed;
mod graph;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, ensure};
use graph::Graph;

/// The crate that is looked at.
const PACKAGE: &str = "muster-core";
/// Its name among libraries.
const LIBRARY: &str = "muster_core";
/// A core of fewer functions is not the core: something went wrong with reading it.
const FUNCTIONS_MIN: usize = 100;

/// Builds the core and checks it.
pub(crate) fn check(root: &Path) -> anyhow::Result<ExitCode> {
    let libraries = build(root)?;
    let mut graph = Graph::default();
    for (name, path) in &libraries {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        graph.add_library(name, &bytes).with_context(|| path.display().to_string())?;
    }
    let reached = graph.reached_from(LIBRARY);
    ensure!(reached.functions >= FUNCTIONS_MIN, "only {} functions were found in {LIBRARY}", reached.functions);
    let findings: Vec<_> = reached.outside.iter().filter(|reference| !allowed::is_allowed(reference)).collect();
    for finding in &findings {
        println!(
            "{}: `{}` refers to `{}`, which is neither memory nor threads; it is reached from `{}`; instead: an argument",
            finding.object, finding.from, finding.symbol, finding.root
        );
    }
    println!(
        "symbols: {} functions, {} references outside, {} findings",
        reached.functions,
        reached.outside.len(),
        findings.len()
    );
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the core for its profile and returns the libraries of it and of what it uses, with their crates' names.
fn build(root: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--quiet", "--package", PACKAGE, "--lib", "--profile", "symbols"])
        .args(["--message-format", "json"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo is needed to build the core")?;
    ensure!(output.status.success(), "{PACKAGE} cannot be built");
    let mut libraries = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).context("cargo prints JSON")?;
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(|file| file.as_str());
        for file in files.filter(|file| file.ends_with(".rlib")) {
            libraries.push((name.replace('-', "_"), PathBuf::from(file)));
        }
    }
    ensure!(libraries.iter().any(|(name, _)| name == LIBRARY), "cargo named no library of {PACKAGE}");
    Ok(libraries)
}
