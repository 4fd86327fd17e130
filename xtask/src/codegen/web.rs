//! What the browser's decoder is made of: TypeScript of the schemas, and the models' tables as the core has them.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};

use super::compiler::Compiler;

/// Where the models and the hash of the schemas go.
pub(super) const TABLES: &str = "web/src/sync/generated";
/// Where the compiler's TypeScript goes, a file for each table, struct and enum.
pub(super) const SCHEMAS: &str = "web/src/sync/generated/muster";

/// The core's tables, and the page that says their hash, which a test of the core compares with the code.
const MODELS: &str = "core/src/sync/codec/models_generated.rs";
const PAGE: &str = "docs/WIRE.md";

/// Schemas that no message to or from a browser needs.
const NOT_SPOKEN: [&str; 2] = ["map.fbs", "replay.fbs"];

/// Made of the schemas of events, whose kinds a browser needs: events themselves come as bits, and the compiler names a
/// parameter `class`, which TypeScript refuses.
const LEFT_OUT: [&str; 2] = ["event.ts", "events.ts"];

/// Writes everything for the browser below `out`.
pub(super) fn generate(
    compiler: &Compiler,
    names: &[String],
    hash: u64,
    root: &Path,
    out: &Path,
) -> anyhow::Result<()> {
    let tables = out.join(TABLES);
    fs::create_dir_all(&tables)?;
    for name in names.iter().filter(|name| !NOT_SPOKEN.contains(&name.as_str())) {
        compiler.typescript(name, &tables)?;
    }
    for name in LEFT_OUT {
        let file = out.join(SCHEMAS).join(name);
        fs::remove_file(&file).with_context(|| file.display().to_string())?;
    }
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    fs::write(tables.join("models_generated.ts"), models(&read(MODELS)?, &read(PAGE)?)?)?;
    fs::write(tables.join("schema_hash.ts"), schema_hash(hash))?;
    Ok(())
}

fn schema_hash(hash: u64) -> String {
    format!(
        "// Made by `cargo xtask codegen`. @generated\n\n\
         /** The hash of all schemas as the compiler understands them: comments and spaces do not count. */\n\
         export const SCHEMA_HASH = {hash:#018x}n;\n"
    )
}

/// The tables of the core's models in TypeScript.
fn models(source: &str, page: &str) -> anyhow::Result<String> {
    let mut text = String::from(
        "// Made by `cargo xtask codegen` from the core's tables. @generated\n\n\
         /** Which row each context has, and for each row the starts of its symbols' parts of 2^14. */\n\
         export interface Model {\n  readonly rows: readonly number[];\n  \
         readonly starts: readonly (readonly number[])[];\n}\n\n",
    );
    text.push_str(&format!("export const MODELS_HASH = {:#018x}n;\n", models_hash(page)?));
    let (mut opened, mut closed) = (0, 0);
    for line in source.lines() {
        let row = line.trim_start();
        if let Some(head) = line.strip_prefix("pub(super) static ") {
            let (name, _) = head.split_once(": Model<").with_context(|| format!("{MODELS}: no model in `{line}`"))?;
            text.push_str(&format!("\nexport const {name}: Model = {{ rows: [\n"));
            opened += 1;
        } else if line == "], starts: [" {
            text.push_str("], starts: [\n");
        } else if line == "] };" {
            text.push_str("] };\n");
            closed += 1;
        } else if opened > closed && row.starts_with(|sign: char| sign == '[' || sign.is_ascii_digit()) {
            text.push_str(&line.replace(' ', ""));
            text.push('\n');
        }
    }
    ensure!(opened > 0 && opened == closed, "{MODELS} has no models, or one that does not end");
    Ok(text)
}

/// The hash that the page has as a number.
fn models_hash(page: &str) -> anyhow::Result<u64> {
    let vector = page.split_once("```vector models-hash\n").and_then(|(_, rest)| rest.split_once("```"));
    let (digits, _) = vector.with_context(|| format!("{PAGE} has no vector models-hash"))?;
    u64::from_str_radix(digits.trim(), 16).with_context(|| format!("{PAGE}: models-hash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_their_hash_are_taken_over() {
        let page = "x\n```vector models-hash\n8000000000000201\n```\n";
        let source = "use super::x;\n\npub(super) static SAME: Model<2, 1, 1> = Model { field: Field::Same, rows: [\n    \
                      0,\n], starts: [\n    [0, 1049],\n] };\n";
        let text = models(source, page).expect("both are as they are in the tree");
        assert!(text.contains("MODELS_HASH = 0x8000000000000201n;"), "{text}");
        assert!(
            text.ends_with("\nexport const SAME: Model = { rows: [\n0,\n], starts: [\n[0,1049],\n] };\n"),
            "{text}"
        );
        assert!(models("", page).is_err() && models(source, "").is_err());
    }
}
