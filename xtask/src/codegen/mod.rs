//! Code from the schemas: Rust, C++ and TypeScript, committed, so that who builds Muster needs no schema compiler.
//!
//! **What is committed is what the pinned compiler makes of the schemas beside it**: `check` makes it again in a folder of
//! its own and compares, and holds the schemas to what was released.

mod compiler;
mod drift;
mod web;

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context as _;
use compiler::Compiler;

/// Where the schemas are.
const SCHEMAS: &str = "schemas";
/// Where the generated Rust goes.
const RUST: &str = "schemas/src/generated";
/// Where the generated C++ goes.
const CPP: &str = "schemas/cpp/muster/schemas";
/// Where the schemas of releases are kept, a folder each.
const RELEASED: &str = "schemas/released";

/// Writes the generated code into the tree.
pub(crate) fn write(root: &Path) -> anyhow::Result<ExitCode> {
    let compiler = Compiler::find(root)?;
    for folder in [RUST, CPP, web::TABLES] {
        // What a schema that is gone has left behind goes too.
        let folder = root.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
    }
    generate(&compiler, root, root)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the generated code in the tree with what the compiler makes, and the schemas with the released ones.
pub(crate) fn check(root: &Path) -> anyhow::Result<ExitCode> {
    let compiler = Compiler::find(root)?;
    let fresh = std::env::temp_dir().join(format!("muster-codegen-{}", std::process::id()));
    let findings = generate(&compiler, root, &fresh).and_then(|()| {
        let mut findings = drift::findings(root, &fresh, &[RUST, CPP, web::TABLES, web::SCHEMAS])?;
        findings.extend(evolution(&compiler, root)?);
        Ok(findings)
    });
    fs::remove_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    let findings = findings?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("codegen: {} findings", findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keeps the schemas as they are now as those of a release.
pub(crate) fn release(root: &Path, version: &str) -> anyhow::Result<ExitCode> {
    let folder = root.join(RELEASED).join(version);
    anyhow::ensure!(!folder.exists(), "{RELEASED}/{version} is released already; what is released does not change");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for name in schemas(&root.join(SCHEMAS))? {
        fs::copy(root.join(SCHEMAS).join(&name), folder.join(&name)).with_context(|| name.clone())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file names of the schemas in a folder, sorted.
fn schemas(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".fbs") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Makes everything that is generated from the schemas of `root` below `out`.
fn generate(compiler: &Compiler, root: &Path, out: &Path) -> anyhow::Result<()> {
    let names = schemas(&root.join(SCHEMAS))?;
    let (rust, cpp) = (out.join(RUST), out.join(CPP));
    fs::create_dir_all(&rust)?;
    fs::create_dir_all(&cpp)?;
    let mut hash = Fnv::default();
    for name in &names {
        compiler.rust(name, &rust)?;
        compiler.cpp(name, &cpp)?;
        hash.add(name.as_bytes());
        hash.add(&compiler.binary(name)?);
    }
    fs::write(rust.join("mod.rs"), modules(&names))?;
    fs::write(rust.join("schema_hash.rs"), rust_hash(hash.0))?;
    fs::write(cpp.join("schema_hash.h"), cpp_hash(hash.0))?;
    web::generate(compiler, &names, hash.0, root, out)?;
    Ok(())
}

/// The root of the generated Rust.
fn modules(names: &[String]) -> String {
    let mut text = String::from("// Made by `cargo xtask codegen`. @generated\n\n");
    for name in names {
        let stem = name.trim_end_matches(".fbs");
        text.push_str(&format!("pub(crate) mod {stem}_generated;\n"));
    }
    text.push_str("pub(crate) mod schema_hash;\n");
    text
}

fn rust_hash(hash: u64) -> String {
    format!(
        "// Made by `cargo xtask codegen`. @generated\n\n\
         /// The hash of all schemas as the compiler understands them: comments and spaces do not count. Files carry it, \
         so that\n/// a reader can tell with which schemas they were written.\n\
         pub const SCHEMA_HASH: u64 = {hash:#018x};\n"
    )
}

fn cpp_hash(hash: u64) -> String {
    format!(
        "// Made by `cargo xtask codegen`. @generated\n\
         #pragma once\n\n#include <cstdint>\n\nnamespace muster {{\n\n\
         /// The hash of all schemas as the compiler understands them: comments and spaces do not count.\n\
         inline constexpr std::uint64_t SCHEMA_HASH = {hash:#018x};\n\n\
         }}  // namespace muster\n"
    )
}

/// Whether every schema still reads what was written by the released ones.
fn evolution(compiler: &Compiler, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let released = root.join(RELEASED);
    if !released.exists() {
        return Ok(findings);
    }
    let mut versions: Vec<String> = fs::read_dir(&released)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<anyhow::Result<_>>()?;
    versions.sort();
    for version in versions {
        for name in schemas(&released.join(&version))? {
            if !root.join(SCHEMAS).join(&name).exists() {
                findings.push(format!("{SCHEMAS}/{name} is gone, but release {version} has it; instead: keep it"));
            } else if let Some(fault) = compiler.conform(&released.join(&version), &name)? {
                findings.push(format!(
                    "{SCHEMAS}/{name} does not read what release {version} wrote: {fault}; instead: the rules in \
                     {SCHEMAS}/README.md"
                ));
            }
        }
    }
    Ok(findings)
}

/// FNV-1a with 64 bits, over parts that are told apart by their lengths. Nobody attacks this hash: it tells versions of
/// our own schemas apart.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, part: &[u8]) {
        for byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_hash_do_not_run_together() {
        let hash = |parts: &[&str]| {
            let mut hash = Fnv::default();
            parts.iter().for_each(|part| hash.add(part.as_bytes()));
            hash.0
        };
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab"]), hash(&["ab", ""]));
    }

    #[test]
    fn modules_are_those_of_the_schemas() {
        let text = modules(&["common.fbs".into(), "map.fbs".into()]);
        assert!(text.contains("mod common_generated;\npub(crate) mod map_generated;\npub(crate) mod schema_hash;"));
    }
}
