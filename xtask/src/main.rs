//! Maintenance commands: `cargo xtask tidy` checks what the compiler does not, `cargo xtask codegen` writes the code of the
//! schemas, `cargo xtask symbols` checks what the core reaches.

#![forbid(unsafe_code)]

mod codegen;
mod symbols;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

const USAGE: &str = "\
cargo xtask tidy [FOLDER]   check what the compiler does not, in this repository or another checkout
cargo xtask codegen         write the Rust and C++ of schemas/*.fbs
cargo xtask codegen check   compare them with what is committed, and the schemas with the released ones
cargo xtask codegen release VERSION   keep the schemas as those of a release
cargo xtask symbols         build the core and check that it reaches nothing but memory and threads";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = || -> anyhow::Result<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate has a parent folder")?;
        Ok(root.to_owned())
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy(&root()?),
        ["tidy", folder] => tidy(Path::new(folder)),
        ["symbols"] => symbols::check(&root()?),
        ["codegen"] => codegen::write(&root()?),
        ["codegen", "check"] => codegen::check(&root()?),
        ["codegen", "release", version] => codegen::release(&root()?, version),
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}

fn tidy(root: &Path) -> anyhow::Result<ExitCode> {
    let tree = tidy::Tree::from_git(root)?;
    let findings = tidy::check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", tree.paths.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
