//! Goal: the program says where each setting comes from, refuses to serve with a secret that is none, and its commands say
//! what is wrong.
//!
//! Method: the program is run with files, variables and flags, and its output read.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

use crate::stage::{DISCS, Scratch, muster};
use muster_server::{
    code::ErrorCode,
    metrics::{Carrier, Metrics, StoreOutcome},
};
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

    // The page for readers has every setting.
    let page = include_str!("../../../docs/SERVER_SETTINGS.md");
    assert!(
        page == muster_server::config::settings_page::markdown(),
        "docs/SERVER_SETTINGS.md is stale: cargo run --package muster-server --example server-settings-page > docs/SERVER_SETTINGS.md"
    );

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
    let typed =
        format!("--!strict\n{DISCS}\nlocal function wrong(): string return 1 end").replace("return rules\n", "");
    scratch.write_mode("typed", &format!("{typed}\nreturn rules"));
    let output = check("typed");
    assert!(
        !output.status.success() && text(&output).contains("error: "),
        "what is strict has no mistakes: {}",
        text(&output)
    );
    scratch.write_mode("untyped", &format!("{}\nreturn rules", typed.replace("--!strict", "--!nonstrict")));
    assert!(check("untyped").status.success(), "{}", text(&check("untyped")));
    // The limits of the server are those of the check.
    scratch.write_mode("large", &format!("local kept = table.create(200_000, 0)\n{DISCS}"));
    assert!(check("large").status.success(), "{}", text(&check("large")));
    let output =
        muster(&["check"]).arg(folder.join("large")).env("MUSTER_LIMIT_SCRIPT_MEMORY_BYTES", "1048576").output();
    let output = output.expect("it runs");
    assert!(!output.status.success() && text(&output).contains("memory"), "{}", text(&output));
    // Of a configuration nothing else is looked at: it may be that of another machine.
    let file = scratch.path().join("muster.toml");
    let elsewhere =
        "listen = 'nowhere'\n[limits]\nscript_memory_bytes = 1048576\n[relay]\nauth_secret_file = '/nowhere/none'\n";
    std::fs::write(&file, elsewhere).expect("it is written");
    let by_file = |mode: &str| {
        let mut command = muster(&["check", "--config"]);
        command.arg(&file).arg(folder.join(mode)).env("MUSTER_NOTHING", "1").output().expect("it runs")
    };
    assert!(by_file("duel").status.success(), "{}", text(&by_file("duel")));
    assert!(!by_file("large").status.success() && text(&by_file("large")).contains("memory"));
    std::fs::write(&file, "[limits]\nscript_memory_bytes = 1000000000\n").expect("it is written");
    let said = text(&by_file("duel"));
    assert!(said.contains("limits.script_host_memory_bytes, which is 268435456"), "{said}");
    // An error is not lost among warnings.
    let noisy: String =
        (0..40).map(|number| format!("local function f{number}() return unknown_{number} end\n")).collect();
    let fails = DISCS.replace("for _, message in messages do", "error('always') for _, message in messages do");
    scratch.write_mode("noisy", &format!("{noisy}{fails}"));
    let output = check("noisy");
    assert!(!output.status.success() && text(&output).contains("error: always"), "{}", text(&output));
    scratch.write_mode("loud", r#"error("before \27[2J after")"#);
    let output = check("loud");
    assert!(!output.status.success() && text(&output).contains("before"), "{}", text(&output));
    assert!(!text(&output).contains('\u{1b}'), "what a mode says moves no cursor: {:?}", text(&output));
    let output = muster(&["version"]).output().expect("it runs");
    assert_eq!(text(&output), format!("muster {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_log_is_lines_of_json_if_that_is_asked_for() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let log = scratch.path().join("log");
    let mut command = muster(&["dev", "--listen", "127.0.0.1:0", "--log-json", "true", "--log", "debug"]);
    command.arg("--modes").arg(scratch.path().join("modes")).arg("--data").arg(scratch.path().join("data"));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(File::create(&log).expect("it can be made"))
        .spawn()
        .expect("the server starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    said.read_line(&mut String::new()).expect("it says where it is");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("there is a kill").success());
    assert!(child.wait().expect("it ends").success());
    let lines = std::fs::read_to_string(&log).expect("there is a log");
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON"))).collect();
    for line in &lines {
        for key in ["timestamp", "level", "target", "fields"] {
            assert!(line.get(key).is_some(), "{line} has no {key}");
        }
    }
    let has = |level: &str| lines.iter().any(|line| line["level"] == level && line["target"].as_str().is_some());
    assert!(has("INFO") && has("DEBUG"), "both levels are there: {lines:?}");
}

#[test]
fn metrics_stand_in_the_document() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATING.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let rows = page.lines().skip_while(|line| !line.starts_with("| metric of the server |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    let said: BTreeSet<String> = rows.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    let metrics = Metrics::new();
    // What has labels is there when it was counted once.
    metrics.refused(ErrorCode::Busy);
    metrics.cut(ErrorCode::Idle);
    metrics.stored(StoreOutcome::Done);
    metrics.traffic(Carrier::WebRtc).came(1);
    let text = metrics.render();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let counted: BTreeSet<String> =
        types.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect();
    assert!(counted.len() > 30, "hardly a metric in:\n{text}");
    assert_eq!(said, counted);
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
    let codes: Vec<(&str, &str)> = ErrorCode::ALL.iter().map(|code| (code.text(), code.message())).collect();
    assert_eq!(rows, codes);
}
