//! Goal: file, environment and flags name the same settings, and the higher source wins.
//! Method: every row of the table is given its own example through each source; the settings must be equal.

use muster_relay::config::{
    Command, LoadError, settings_page,
    table::{Chapter, Setting, settings},
};

use super::Given;

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";

/// Everything that some example needs besides itself.
fn given() -> Given {
    Given::nothing()
        .file("/etc/muster-relay/fullchain.pem", PEM)
        .file("/etc/muster-relay/privkey.pem", PEM)
        .file("/etc/muster-relay/users", "bob:builder\n")
        .file("/etc/muster-relay/secrets", "newest\nolder\n")
}

fn by_file(setting: &Setting, value: &str) -> String {
    let value = if setting.kind.is_number() { value.to_owned() } else { format!("{value:?}") };
    match setting.chapter {
        Chapter::Limits => format!("[limits]\n{} = {value}\n", setting.key),
        _ => format!("{} = {value}\n", setting.key),
    }
}

/// What one example needs beside it to be a whole configuration.
fn needs(setting: &Setting) -> &'static str {
    match setting.key {
        "listen_tls" => "--user a:b --tls-cert /etc/muster-relay/fullchain.pem --tls-key /etc/muster-relay/privkey.pem",
        "external_ip" => "--user a:b --listen 10.0.0.5",
        "user" | "user_file" | "auth_secret" | "auth_secret_file" => "",
        _ => "--user a:b",
    }
}

#[test]
fn every_setting_means_the_same_from_every_source() {
    for setting in settings() {
        let base = given().flags(needs(setting));
        let flag = base.clone().flags(&format!("--{} {}", setting.flag(), setting.example)).settings();
        let variable = base.clone().variable(setting.variable(), setting.example).settings();
        let file = base.clone().config(by_file(setting, setting.example)).settings();
        assert!(flag == variable && variable == file, "{} differs between sources", setting.path());
        assert!(!setting.help.is_empty() && setting.help.ends_with('.'), "{} has no help", setting.path());
    }
}

#[test]
fn names_follow_one_rule() {
    let names = |path: &str| {
        let setting = settings().iter().find(|setting| setting.path() == path).unwrap();
        (setting.flag().to_owned(), setting.variable().to_owned())
    };
    assert_eq!(names("batch_window_us"), ("batch-window-us".into(), "MUSTER_RELAY_BATCH_WINDOW_US".into()));
    assert_eq!(names("limits.allocations"), ("limit-allocations".into(), "MUSTER_RELAY_LIMIT_ALLOCATIONS".into()));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = Given::new().config("batch_window_us = 1\n[limits]\nhandshakes = 10");
    assert_eq!(file.settings().batch_window_us, 1);
    assert_eq!(file.settings().limits.handshakes, 10);
    let variable = file.variable("MUSTER_RELAY_BATCH_WINDOW_US", "2");
    assert_eq!(variable.settings().batch_window_us, 2);
    let flag = variable.flags("--batch-window-us 3");
    assert_eq!(flag.settings().batch_window_us, 3);
    assert_eq!(flag.settings().limits.handshakes, 10, "what the flag does not name stays");
}

#[test]
fn a_list_replaces_the_whole_list_below_it() {
    let networks = |given: &Given| given.settings().allow_peer.iter().map(ToString::to_string).collect::<Vec<_>>();
    let file = Given::new().config("allow_peer = ['10.0.0.0/8', '192.168.0.0/16']");
    assert_eq!(networks(&file), ["10.0.0.0/8", "192.168.0.0/16"]);
    let variable = file.clone().variable("MUSTER_RELAY_ALLOW_PEER", "172.16.0.0/12, fd00::/8");
    assert_eq!(networks(&variable), ["172.16.0.0/12", "fd00::/8"]);
    let flag = variable.flags("--allow-peer 10.1.0.0/16 --allow-peer 10.2.3.4");
    assert_eq!(networks(&flag), ["10.1.0.0/16", "10.2.3.4/32"]);
    assert_eq!(networks(&file.variable("MUSTER_RELAY_ALLOW_PEER", "")), [""; 0], "an empty variable is an empty list");
}

#[test]
fn the_file_may_be_named_by_a_variable_and_the_flag_wins() {
    let given = Given::new().file("a.toml", "realm = 'a'").file("b.toml", "realm = 'b'");
    let variable = given.variable("MUSTER_RELAY_CONFIG", "a.toml");
    assert_eq!(variable.settings().realm, "a");
    assert_eq!(variable.flags("--config b.toml").settings().realm, "b");
}

#[test]
fn variables_that_describe_a_service_to_its_neighbours_are_no_settings() {
    let mut given = Given::new();
    for name in ["SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_3478_UDP", "PORT_3478_UDP_ADDR"] {
        given = given.variable(&format!("MUSTER_RELAY_{name}"), "10.96.0.7");
    }
    assert_eq!(given.settings(), Given::new().settings());
}

#[test]
fn credentials_come_from_files_too() {
    let settings = given()
        .flags("--user alice:wonder:land --user-file /etc/muster-relay/users")
        .flags("--auth-secret first --auth-secret-file /etc/muster-relay/secrets")
        .settings();
    let users: Vec<_> = settings.users.iter().map(|user| (user.name.as_str(), user.password.as_str())).collect();
    assert_eq!(users, [("alice", "wonder:land"), ("bob", "builder")]);
    assert_eq!(settings.auth_secret, ["first", "newest", "older"]);
}

#[test]
fn each_command_is_told_apart() {
    assert!(matches!(Given::new().load(), Ok(Command::Run { .. })));
    assert!(matches!(Given::new().verb("check").load(), Ok(Command::Check { json: false, .. })));
    assert!(matches!(Given::new().verb("check").flags("--json").load(), Ok(Command::Check { json: true, .. })));
    assert!(matches!(Given::nothing().verb("doctor").flags("--json").load(), Ok(Command::Doctor { json: true, .. })));
    assert!(matches!(Given::nothing().verb("--version").load(), Ok(Command::Version(text)) if text.contains("0.1")));
    assert!(matches!(Given::nothing().verb("").load(), Err(LoadError::Usage(_))));
    assert!(matches!(Given::new().flags("--json").load(), Err(LoadError::Usage(_))), "run prints no JSON");
    let Err(LoadError::Usage(text)) = Given::new().flags("--batch-windw-us 1").load() else { panic!("accepted") };
    assert!(text.contains("--batch-window-us"), "{text}");
    let Err(LoadError::Usage(text)) = Given::new().flags("--realm a --realm b").load() else { panic!("accepted") };
    assert!(text.contains("--realm"), "{text}");
}

#[test]
fn help_and_the_page_list_every_setting() {
    let page = settings_page::markdown();
    for (verb, flag) in [("run", "--help"), ("check", "--help"), ("doctor", "--help"), ("run", "-h")] {
        let Ok(Command::Help(text)) = Given::nothing().verb(verb).flags(flag).load() else { panic!("no help") };
        for setting in settings() {
            assert!(text.contains(&format!("--{} <", setting.flag())), "{verb} {flag}: {}", setting.path());
        }
        assert!(text.contains("Examples:"), "{verb} {flag}");
    }
    for setting in settings() {
        assert!(page.contains(setting.variable()) && page.contains(&format!("`--{} ", setting.flag())));
    }
}
