//! Goal: two real browsers play the arena over WebRTC with loss, and over the WebSocket alone: they move, see each other, and one
//! that is loaded again in mid-match comes back to its seat; somebody looks on; no request leaves the machine. The other modes
//! are played for a moment.
//! Method: the real server with the page built into it, headless Chromium under the scripts of `web/e2e`, on a desktop's and a phone's
//! size. The screenshots are kept beside the program, in the folder `screenshots`.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use muster_tests::{
    deadline,
    ports::Ports,
    process::{Process, run},
    program,
    scratch::Scratch,
};
use serde_json::{Value, json};

/// A page is slow to draw where no graphics card is.
const LIMIT: Duration = Duration::from_secs(280);
const START: Duration = Duration::from_secs(20);

fn play(name: &str, options: &[&str]) -> Value {
    drive("arena.mjs", name, options)
}

/// Starts a server, drives browsers by a script, and returns what it saw.
fn drive(script: &str, name: &str, options: &[&str]) -> Value {
    // One at a time: each draws without a graphics card.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let page = program::workspace().join("web/dist/index.html");
    assert!(page.is_file(), "the server has no page; `make web` builds it");
    let muster = program::built("muster-server", "muster", "MUSTER_BIN");
    let mut ports = Ports::claim();
    let address = format!("127.0.0.1:{}", ports.listening());
    let data = Scratch::new();
    let mut command = Command::new(&muster);
    command.args(["dev", "--listen", &address, "--rtc-listen", &address, "--modes"]);
    command.arg(program::workspace().join("scripts/modes")).arg("--data").arg(data.path());
    // Settings of the developer's own shell must not reach the server under test.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
        command.env_remove(name);
    }
    let server = Process::start(&mut command);
    let is_up = deadline::within(START, || std::net::TcpStream::connect(&address).ok());
    assert!(is_up.is_some(), "the server does not start: {}", server.output());

    let screenshots = muster.with_file_name("screenshots").join(name);
    let mut command = Command::new(program::installed("node"));
    command
        .current_dir(program::workspace().join("web"))
        .arg(Path::new("e2e").join(script))
        .arg(format!("http://{address}"));
    command.arg(screenshots).args(options).env("CHROMIUM", program::installed("chromium"));
    let output = run(&mut command, LIMIT);
    let report = output.lines().last().unwrap_or_default();
    serde_json::from_str(report).unwrap_or_else(|error| panic!("{error} in {output}"))
}

fn check(report: &Value, carrier: &str) {
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["carriers"], json!([carrier, carrier]), "{report:#}");
    assert_eq!(report["isOneMatch"], true, "{report:#}");
    assert_eq!(report["isBack"], true, "{report:#}");
    assert_eq!(report["markup"], 0, "a name became markup: {report:#}");
    assert_eq!(report["foreignHosts"], json!([]), "{report:#}");
    assert_eq!(report["faults"], json!([]), "{report:#}");
    for page in report["statistics"].as_array().expect("two pages say what they counted") {
        assert!(page["packets"].as_u64().is_some_and(|packets| packets > 50), "{report:#}");
        assert_eq!(page["refused"], 0, "{report:#}");
    }
}

#[test]
fn over_webrtc_with_loss() {
    let report = play("webrtc", &["--loss", "10"]);
    check(&report, "webrtc");
    let lost: u64 =
        report["statistics"].as_array().into_iter().flatten().filter_map(|page| page["lost"].as_u64()).sum();
    assert!(lost > 0, "the loss that was dialled in is seen: {report:#}");
}

#[test]
fn over_the_websocket_alone() {
    check(&play("websocket", &["--transport", "websocket"]), "websocket");
}

#[test]
fn the_other_modes_answer() {
    let report = drive("modes.mjs", "modes", &[]);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["faults"], json!([]), "{report:#}");
    assert_eq!(report["images"], 0, "a message became markup: {report:#}");
}
