//! Goal: the program says where each setting comes from, refuses to serve with a secret that is none, and its commands say
//! what is wrong.
//!
//! Method: the program is run with files, variables and flags, and its output read.

use std::process::Output;

use crate::stage::{DISCS, Scratch, muster};
use serde_json::Value;

const SECRET: &str = "gXh4Z0l2b3J5LXRvd2VyLWJhdHRlcnktc3RhcGxl";

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn serve_refuses_what_everybody_knows() {
    let scratch = Scratch::new();
    for secret in [None, Some("short"), Some("defaultkeydefaultkeydefaultkeydefaultkey"), Some(&*"a".repeat(40))] {
        let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(scratch.path());
        if let Some(secret) = secret {
            command.env("MUSTER_SECRET", secret);
        }
        let output = command.output().expect("it runs");
        assert!(!output.status.success(), "{secret:?}");
        let said = text(&output);
        assert!(said.contains("secret") && said.contains("openssl rand"), "{said}");
        assert!(secret.is_none_or(|secret| secret == "short" || !said.contains(secret)), "{said}");
    }
}

#[test]
fn every_setting_says_where_it_came_from() {
    let scratch = Scratch::new();
    let file = scratch.path().join("muster.toml");
    std::fs::write(&file, format!("secret = '{SECRET}'\nworkers = 3\n[limits]\nmatches = 7\n")).expect("it is written");
    let mut command = muster(&["serve", "--print-config", "--json", "--listen", "127.0.0.1:9", "--config"]);
    let output = command.arg(&file).env("MUSTER_WORKERS", "4").output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output));
    assert!(!text(&output).contains(SECRET));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let origin = |key: &str| shown[key]["origin"].as_str().expect("it has an origin").to_owned();
    assert_eq!(shown["workers"]["value"], "4");
    assert_eq!(origin("workers"), "environment MUSTER_WORKERS");
    assert_eq!(origin("listen"), "flag --listen");
    assert_eq!(origin("limits.matches"), format!("file {}", file.display()));
    assert_eq!(origin("drain_seconds"), "default");

    // What is printed can be used as the file.
    let output = muster(&["dev", "--print-config"]).output().expect("it runs");
    std::fs::write(&file, &output.stdout).expect("it is written");
    let again = muster(&["dev", "--print-config", "--config"]).arg(&file).output().expect("it runs");
    assert!(again.status.success(), "{}", text(&again));

    std::fs::write(&file, "workrs = 3").expect("it is written");
    let output = muster(&["dev", "--config"]).arg(&file).output().expect("it runs");
    assert!(!output.status.success() && text(&output).contains("the nearest is workers"), "{}", text(&output));
}

#[test]
fn modes_are_written_and_checked() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("modes");
    let new = || muster(&["new", "mode", "duel", "--in"]).arg(&folder).output().expect("it runs");
    assert!(new().status.success());
    assert!(!new().status.success(), "what is there is left alone");
    let check = |mode: &str| muster(&["check"]).arg(folder.join(mode)).output().expect("it runs");
    let output = check("duel");
    assert!(output.status.success(), "{}", text(&output));

    scratch.write_mode("broken", &DISCS.replace("function rules.match_loop(self, tick, messages)", "function ("));
    let output = check("broken");
    assert!(!output.status.success());
    assert!(text(&output).contains("rules.lua:19"), "{}", text(&output));
    scratch.write_mode(
        "late",
        &DISCS.replace(
            "for _, message in messages do",
            "if tick == 50 then nothing.x = 1 end for _, message in messages do",
        ),
    );
    let output = muster(&["check", "--json"]).arg(folder.join("late")).output().expect("it runs");
    let trials: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert!(!output.status.success() && trials[0]["errors"][0]["line"] == 20, "{trials}");
    scratch.write_mode("loud", r#"error("before \27[2J after")"#);
    let output = check("loud");
    assert!(!output.status.success() && text(&output).contains("before"), "{}", text(&output));
    assert!(!text(&output).contains('\u{1b}'), "what a mode says moves no cursor: {:?}", text(&output));
    let output = muster(&["version"]).output().expect("it runs");
    assert_eq!(text(&output), format!("muster {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn codes_stand_in_the_document() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/DOORS.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .filter(|(code, _)| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect();
    let codes: Vec<(&str, &str)> =
        muster_server::code::ErrorCode::ALL.iter().map(|code| (code.text(), code.message())).collect();
    assert_eq!(rows, codes);
}
