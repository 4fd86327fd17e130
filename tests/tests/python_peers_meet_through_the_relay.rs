//! Goal: aioice agents and aiortc peers that may use only the relay exchange data both ways over UDP, TCP and TLS, under
//! both drivers.
//! Method: the scripts of `tests/interop`, which print what each side received.

use muster_tests::{
    certificate::Certificate,
    matrix::{Case, Family},
    python::{self, Server},
    relay::Setup,
};

fn meet(script: &str) {
    for case in Case::DRIVERS {
        let relay = Setup::new(case).tls(Certificate::new()).start();
        for transport in ["udp", "tcp", "tls"] {
            let secure = transport == "tls";
            let server = Server {
                address: if secure { relay.tls_address(Family::V4) } else { relay.address(Family::V4) },
                transport,
                certificate: secure.then(|| relay.certificate().chain()),
                account: relay.account(),
            };
            let output = python::run(script, &server);
            assert!(output.lines().any(|line| line == "received 50 50"), "{case}, {transport}:\n{output}");
        }
    }
}

#[test]
fn aioice_agents() {
    meet("aioice_pair.py");
}

#[test]
fn aiortc_peers() {
    meet("aiortc_pair.py");
}
