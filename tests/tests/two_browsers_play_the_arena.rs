//! Goal: two real browsers play the arena to its end over WebRTC with loss, one on a desktop and one by touch on a phone. One is
//! loaded again in mid-match and comes back; somebody looks on; a rule that is edited shows on both within a second, a mistake is
//! shown to both while they play on; both are back where they were after `kill -9` of the server, after it has ended in order and
//! was started again, and after their lines were cut;
//! both see the result, and look at the replay. No request leaves the machine, and what others wrote is text. The other modes are
//! played for a moment.
//! Method: the scripts of `web/e2e` start the real server with the page built into it and headless Chromium, and report what they
//! saw. They wait for conditions that the page tells, never for a time. The screenshots are kept beside the program, in the folder
//! `screenshots`.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use muster_tests::{ports::Ports, process::Process, program, scratch::Scratch};
use serde_json::{Value, json};

/// A page is slow to draw where no graphics card is.
const LIMIT: Duration = Duration::from_secs(420);

/// Runs a script, and returns what it saw.
fn drive(script: &str, options: &[&str]) -> Value {
    // One at a time: each draws without a graphics card.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let page = program::workspace().join("web/dist/index.html");
    assert!(page.is_file(), "the server has no page; `make web` builds it");
    let muster = program::built("muster-server", "muster", "MUSTER_BIN");
    let mut ports = Ports::claim();
    let data = Scratch::new();
    let mut command = Command::new(program::installed("node"));
    command.current_dir(program::workspace().join("web")).arg(Path::new("e2e").join(script).with_extension("mjs"));
    // Settings of the developer's own shell must not reach the server under test.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
        command.env_remove(name);
    }
    command.arg("--screenshots").arg(muster.with_file_name("screenshots").join(script));
    command.args(["--listen", &format!("127.0.0.1:{}", ports.listening())]);
    command.arg("--muster").arg(&muster).arg("--data").arg(data.path());
    command.arg("--modes").arg(program::workspace().join("scripts/modes"));
    let mut process = Process::start(command.args(options).env("CHROMIUM", program::installed("chromium")));
    // A script that failed says what it saw too.
    process.wait(LIMIT);
    let output = process.output();
    let report = output.lines().last().unwrap_or_default();
    let report: Value = serde_json::from_str(report).unwrap_or_else(|error| panic!("{error} in {output}"));
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["faults"], json!([]), "{report:#}");
    assert_eq!(report["foreignHosts"], json!([]), "a request has left the machine: {report:#}");
    report
}

#[test]
fn two_browsers_play_a_match_to_its_end() {
    let report = drive("arena", &["--loss", "10"]);
    assert_eq!(report["carriers"], json!(["webrtc", "webrtc"]), "{report:#}");
    assert_eq!(report["isOneMatch"], true, "{report:#}");
    assert_eq!(report["isDrawn"], json!([true, true]), "{report:#}");
    assert_eq!(report["isBack"], true, "{report:#}");
    assert_eq!(report["watcher"], json!([0, "websocket"]), "{report:#}");
    // The first times may meet a busy machine; a rule that is not looked for within a second never shows within one.
    let edits: Vec<u64> = report["editsMs"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    assert!(edits.iter().min().is_some_and(|soonest| *soonest < 1000), "a rule shows late: {report:#}");
    assert!(report["backMs"].as_u64().is_some_and(|back| back < 5000), "{report:#}");
    assert_eq!(report["isSameEntity"], json!([true, true]), "{report:#}");
    assert_eq!(report["isWhereItWas"], json!([true, true]), "{report:#}");
    assert_eq!(report["exit"], 0, "{report:#}");
    assert_eq!(report["isWhereItEnded"], json!([true, true]), "{report:#}");
    assert_eq!(report["markup"], 0, "a text became markup: {report:#}");
    let ends = report["ends"].as_array().expect("both pages say how it ended");
    assert_eq!(ends.len(), 2, "{report:#}");
    for end in ends {
        let (winner, team) = (&end["result"]["winner"], &end["team"]);
        let middle = end["middle"].as_str().unwrap_or_default();
        // Two may fall in the same tick.
        let wanted = match winner.as_u64() {
            Some(0) => "Nobody has won".to_owned(),
            Some(_) if winner == team => "Your side has won".to_owned(),
            Some(other) => format!("Side {other} has won"),
            None => panic!("the match has no result: {report:#}"),
        };
        assert!(middle.contains(&wanted), "{report:#}");
    }
    let statistics = report["statistics"].as_array().expect("two pages say what they counted");
    for page in statistics {
        assert!(page["packets"].as_u64().is_some_and(|packets| packets > 50), "{report:#}");
    }
    let lost: u64 = statistics.iter().filter_map(|page| page["lost"].as_u64()).sum();
    assert!(lost > 0, "the loss that was dialled in is seen: {report:#}");
    assert!(report["replayTicks"].as_u64().is_some_and(|ticks| ticks > 60), "{report:#}");
}

#[test]
fn the_other_modes_answer() {
    let report = drive("modes", &[]);
    assert_eq!(report["images"], 0, "a message became markup: {report:#}");
    assert_eq!(report["carrier"], "websocket", "{report:#}");
}
