//! Goal: what is shipped as an example is a good configuration, commented or not.
//! Method: `deploy/relay.toml` is loaded as it is, and with every commented setting switched on.

use std::collections::BTreeSet;

use muster_relay::config::{report, settings_page, table::settings};

use super::Given;

const UNIT: &str = include_str!("../../../deploy/muster-relay.service");
const SECCOMP: &str = include_str!("../../../deploy/seccomp-io-uring.json");
const EXAMPLE: &str = include_str!("../../../deploy/relay.toml");
const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";

fn given(text: &str) -> Given {
    Given::nothing()
        .config(text)
        .file("/etc/muster-relay/users", "alice:wonderland")
        .file("/etc/muster-relay/secrets", "0123456789abcdef")
        .file("/etc/muster-relay/tls/fullchain.pem", PEM)
        .file("/etc/muster-relay/tls/privkey.pem", PEM)
}

#[test]
fn the_example_loads_as_it_is() {
    let settings = given(EXAMPLE).settings();
    assert_eq!(settings.auth_secret.len(), 1);
}

#[test]
fn the_example_shows_every_setting_and_all_of_them_load() {
    let switched_on: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let shown: BTreeSet<&str> = switched_on
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    let all: BTreeSet<&str> = settings().iter().map(|setting| setting.key).collect();
    assert_eq!(shown, all);
    assert_eq!(given(&switched_on).settings().limits.handshakes, 512);
}

#[test]
fn the_report_says_what_would_run_without_secrets() {
    let given = given(EXAMPLE).flags("--user alice:hunter2 --allow-peer 127.0.0.0/8 --listen 10.0.0.5");
    let settings = given.settings();
    let text = report::text(&settings);
    for setting in settings_shown() {
        assert!(text.contains(setting), "{setting} is missing:\n{text}");
    }
    let json = report::json(&settings);
    assert_eq!(json["settings"]["user"][0], "alice");
    assert_eq!(json["settings"]["auth_secret"], 1, "only their number is told");
    assert_eq!(json["settings"]["limits"]["handshakes"], 512);
    assert_eq!(json["capacity"]["relayed_addresses"], 16_384);
    assert!(json["notes"].to_string().contains("loopback services"), "{json}");
    assert!(!text.contains("hunter2") && !json.to_string().contains("hunter2"));
    assert!(!text.contains("0123456789abcdef") && !json.to_string().contains("0123456789abcdef"));
}

fn settings_shown() -> impl Iterator<Item = &'static str> {
    settings().iter().map(|setting| setting.key)
}

#[test]
fn the_page_is_the_one_in_the_tree() {
    let committed = include_str!("../../../docs/SETTINGS.md");
    assert!(
        committed == settings_page::markdown(),
        "docs/SETTINGS.md is stale: cargo run --package muster-relay --example settings-page > docs/SETTINGS.md"
    );
}

/// The value of a line `NAME=VALUE` of the systemd unit.
fn unit(name: &str) -> &'static str {
    let value = UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("the unit has no {name}"))
}

#[test]
fn the_unit_gives_the_relay_what_its_settings_need() {
    let settings = given(EXAMPLE).settings();
    assert!(unit("TimeoutStopSec").parse::<u64>().unwrap() > settings.drain_deadline.as_secs(), "a drain is cut short");
    let needed = 2 * settings.limits.allocations + settings.limits.connections;
    assert!(unit("LimitNOFILE").parse::<u32>().unwrap() > needed, "allocations run out of files");
    assert_eq!(unit("Environment"), "MUSTER_RELAY_CONFIG=/etc/muster-relay/relay.toml");
}

#[test]
fn unit_and_container_profile_allow_the_same_calls() {
    let profile: serde_json::Value = serde_json::from_str(SECCOMP).unwrap();
    let names = profile["syscalls"][0]["names"].as_array().unwrap();
    let mut calls: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
    calls.sort_unstable();
    assert_eq!(calls, ["io_uring_enter", "io_uring_register", "io_uring_setup"]);
    let line = UNIT.lines().find(|line| line.starts_with("SystemCallFilter=io_uring")).unwrap();
    assert!(calls.iter().all(|call| line.contains(call)), "{line}");
}
