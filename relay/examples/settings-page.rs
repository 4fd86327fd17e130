//! Prints docs/SETTINGS.md: `cargo run --package muster-relay --example settings-page > docs/SETTINGS.md`.

fn main() {
    print!("{}", muster_relay::config::settings_page::markdown());
}
