//! Prints docs/SERVER_SETTINGS.md: `cargo run --package muster-server --example server-settings-page > docs/SERVER_SETTINGS.md`.

fn main() {
    print!("{}", muster_server::config::settings_page::markdown());
}
