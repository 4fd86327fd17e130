//! Writes the recording that the browser's decoder is held to: `cargo run -p muster-core --example record-session`.

#[path = "../tests/recorded/mod.rs"]
mod recorded;
#[path = "../tests/session/mod.rs"]
mod session;

fn main() -> std::io::Result<()> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(recorded::PATH);
    std::fs::write(path, recorded::recording())
}
