//! Goal: a reload reads the files again, tells what needs a restart, and changes only the rest; a broken file changes
//! nothing.
//! Method: a running relay's sources are read again over changed files in memory.

use muster_relay::config::{Command, Settings, Sources, table::settings};

use super::Given;

fn start(given: &Given) -> (Settings, Sources) {
    match given.load() {
        Ok(Command::Run { settings, sources }) => (settings, sources),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_read_again() {
    let before =
        Given::nothing().config("auth_secret_file = 'secrets'\n[limits]\nhandshakes = 5").file("secrets", "old");
    let (running, sources) = start(&before);
    let after = before.file("relay.toml", "auth_secret_file = 'secrets'\nrealm = 'new'\n[limits]\nhandshakes = 6");
    let after = after.file("secrets", "new\nold");
    let new = sources.reload_with(&|path| after.read(path)).unwrap();
    assert_eq!(running.restart_needed_for(&new), ["realm"]);
    let live = running.with_live_of(&new);
    assert_eq!(live.auth_secret, ["new", "old"]);
    assert_eq!(live.limits.handshakes, 6);
    assert_eq!(live.realm, "muster", "what needs a restart stays");
}

#[test]
fn a_broken_file_changes_nothing() {
    let before = Given::new().config("workers = 2");
    let (_, sources) = start(&before);
    let after = before.file("relay.toml", "workers = ");
    assert!(sources.reload_with(&|path| after.read(path)).is_err());
}

/// The table's `live` mark and what [`Settings::with_live_of`] takes must be the same thing.
#[test]
fn what_the_table_calls_live_is_what_a_reload_takes() {
    let pem = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
    let base = Given::new().flags("--listen 10.0.0.5").file("pem", pem);
    let running = base.settings();
    for (flags, path) in [
        ("--tls-cert pem", "tls_cert"),
        ("--tls-key pem", "tls_key"),
        ("--user x:y", "user"),
        ("--auth-secret x", "auth_secret"),
        ("--allow-peer 10.0.0.0/8", "allow_peer"),
        ("--alternate-server 192.0.2.1:1", "alternate_server"),
        ("--drain-deadline-s 1", "drain_deadline_s"),
        ("--limit-connections 7", "limits.connections"),
        ("--limit-lifetime-max-s 700", "limits.lifetime_max_s"),
        ("--realm x", "realm"),
        ("--relay-ip 10.0.0.6", "relay_ip"),
        ("--external-ip 192.0.2.1", "external_ip"),
        ("--listen 10.0.0.5:4000", "listen"),
        ("--relay-ports 5000-6000", "relay_ports"),
        ("--workers 9", "workers"),
        ("--io epoll", "io"),
        ("--batch-window-us 9", "batch_window_us"),
        ("--slots 64", "slots"),
        ("--slot-bytes 4096", "slot_bytes"),
        ("--admin 127.0.0.1:9", "admin"),
    ] {
        let new = base.clone().flags(flags).settings();
        let setting = settings().iter().find(|setting| setting.path() == path).unwrap();
        assert_ne!(setting.view(&running), setting.view(&new), "{path} was changed");
        let live = running.with_live_of(&new);
        assert_eq!(setting.view(&live) == setting.view(&new), setting.live, "{path}");
        assert_eq!(running.restart_needed_for(&new).contains(&path), !setting.live, "{path}");
    }
}
