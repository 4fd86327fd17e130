//! Maintenance commands: `cargo xtask settings` writes the page of settings.

use std::{fs, path::Path};

use anyhow::Context as _;
use muster_relay::config::settings_page;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate has a parent folder")?;
    let page = root.join("docs/SETTINGS.md");
    fs::write(&page, settings_page::markdown()).with_context(|| page.display().to_string())
}
