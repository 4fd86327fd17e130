//! Writes the recordings that the browser's decoder and its rehearsal are held to: `cargo run -p muster-core --example record-session`.

#[path = "../tests/recorded/mod.rs"]
mod recorded;
#[path = "../tests/session/mod.rs"]
mod session;
#[path = "../tests/walked/mod.rs"]
mod walked;

fn main() -> std::io::Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::write(root.join(recorded::PATH), recorded::recording())?;
    std::fs::write(root.join(walked::PATH), walked::walk())
}
