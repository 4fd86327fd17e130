//! Goal: a second relay on an address that a first one serves refuses to start and names the address, instead of taking
//! half of its clients in silence, which SO_REUSEPORT would allow.
//! Method: one relay with TLS, and a second one that shares exactly one of its addresses.

use std::{net::SocketAddr, time::Duration};

use muster_tests::{
    certificate::Certificate,
    client::Client,
    matrix::{Case, Family},
    ports::Ports,
    process::Process,
    relay::{self, Relay, Setup},
    wire::Via,
};

const SOON: Duration = Duration::from_secs(20);

/// A relay with free addresses but for those that are given; what it wrote when it refused to start.
fn refusal(case: Case, first: &Relay, plain: Option<SocketAddr>, tls: Option<SocketAddr>) -> String {
    let mut ports = Ports::claim();
    let mut free = || SocketAddr::new(Family::V4.loopback(), ports.listening());
    let [plain, tls, admin] = [plain.unwrap_or_else(&mut free), tls.unwrap_or_else(&mut free), free()];
    let mut program = relay::program();
    program.args(["run", "--io", case.io.flag(), "--workers", &case.workers.to_string(), "--user", "alice:wonderland"]);
    program.args(["--listen", &plain.to_string(), "--listen-tls", &tls.to_string(), "--admin", &admin.to_string()]);
    program.arg("--tls-cert").arg(first.certificate().chain()).arg("--tls-key").arg(first.certificate().key());
    let relayed = ports.relayed();
    program.args(["--relay-ip", "127.0.0.1", "--relay-ports", &format!("{}-{}", relayed.start(), relayed.end())]);
    let mut process = Process::start(&mut program);
    let status = process.wait(SOON);
    assert!(!status.success(), "{case}: the address is taken, but it started:\n{}", process.output());
    process.output()
}

#[test]
fn and_named() {
    for case in Case::ALL {
        let first = Setup::new(case).tls(Certificate::new()).start();
        let (plain, tls) = (first.address(Family::V4), first.tls_address(Family::V4));
        for (taken, output) in
            [(plain, refusal(case, &first, Some(plain), None)), (tls, refusal(case, &first, None, Some(tls)))]
        {
            assert!(output.contains(&taken.to_string()), "{case}: {taken} is not named in:\n{output}");
        }
        let mut client = Client::connect(tls, &Via::Tls(first.certificate().client()), first.account()).unwrap();
        client.allocate(Family::V4).unwrap();
    }
}
