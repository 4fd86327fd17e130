//! Goal: where the kernel refuses io_uring, as under many containers' seccomp profiles, `--io auto` relays with epoll and
//! says why, `--io uring` refuses to start and says what to change, and `doctor` finds it beforehand.
//! Method: the real program behind a seccomp filter that answers io_uring_setup with EPERM.

use std::time::Duration;

use muster_tests::{
    client::Client,
    echo::Echo,
    matrix::{Case, Family},
    ports::Ports,
    process::Process,
    relay::{self, Setup},
    wire::Via,
};

const SOON: Duration = Duration::from_secs(20);

/// Runs a command of the program to its end behind the filter; whether it succeeded, and what it wrote.
fn outcome(command: &str, io: &str) -> (bool, String) {
    let mut ports = Ports::claim();
    let [listen, admin] = [ports.listening(), ports.listening()].map(|port| format!("127.0.0.1:{port}"));
    let mut program = relay::program_without_io_uring();
    program.args([command, "--io", io, "--workers", "1", "--user", "alice:wonderland"]);
    program.args(["--listen", &listen, "--admin", &admin, "--relay-ip", "127.0.0.1"]);
    let mut process = Process::start(&mut program);
    let status = process.wait(SOON);
    (status.success(), process.output())
}

#[test]
fn auto_goes_on_with_epoll_and_says_why() {
    let relay = Setup::new(Case::DRIVERS[0]).without_io_uring().start();
    let log = relay.output();
    assert!(log.contains("going on with epoll") && log.contains("seccomp"), "no reason in the log:\n{log}");

    let metrics = relay.metrics();
    let driver = "muster_relay_driver";
    assert_eq!(metrics.labelled(driver, &[("driver", "epoll")]), 1.0, "{metrics:?}");
    assert_eq!(metrics.labelled(driver, &[("driver", "epoll"), ("stepped_down", "")]), 0.0, "no reason: {metrics:?}");

    let echo = Echo::start(Family::V4);
    let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, relay.account()).unwrap();
    client.allocate(Family::V4).unwrap();
    client.bind(0x4001, echo.address()).unwrap();
    Echo::answers(&mut client, 0x4001, b"without io_uring").unwrap();
}

#[test]
fn uring_refuses_to_start_and_says_what_to_change() {
    let (success, output) = outcome("run", "uring");
    assert!(!success, "it was told to use io_uring and nothing else:\n{output}");
    for word in ["--io uring", "seccomp", "allow io_uring_setup"] {
        assert!(output.contains(word), "{word:?} is missing in:\n{output}");
    }
}

#[test]
fn doctor_finds_it() {
    for (io, may_run) in [("uring", false), ("auto", true)] {
        let (success, output) = outcome("doctor", io);
        assert_eq!(success, may_run, "--io {io}:\n{output}");
        assert!(output.contains("allow io_uring_setup"), "--io {io}, no remedy in:\n{output}");
    }
}
