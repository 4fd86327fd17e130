//! Goal: two `RTCPeerConnection`s of a real browser that may use only the relay exchange data both ways over UDP, TCP
//! and TLS, under both drivers.
//! Method: headless Chromium opens `tests/browser/relay.html`, whose report names the candidates that were used.

use muster_tests::{
    browser::{self, Visit},
    certificate::Certificate,
    matrix::{Case, Family},
    relay::Setup,
};
use serde_json::json;

const MESSAGES: u32 = 200;
const BYTES: u32 = 1_000;

fn meet(scheme: &str, transport: &str, relay_protocol: &str) {
    for case in Case::DRIVERS {
        let relay = Setup::new(case).tls(Certificate::new()).start();
        let secure = scheme == "turns";
        let server = if secure { relay.tls_address(Family::V4) } else { relay.address(Family::V4) };
        let key = relay.certificate().public_key_sha256();
        let account = relay.account();
        let report = browser::visit(
            "relay.html",
            &Visit {
                url: &format!("{scheme}:{server}?transport={transport}"),
                username: &account.name,
                credential: &account.password,
                messages: MESSAGES,
                bytes: BYTES,
                public_key_sha256: secure.then_some(&key),
            },
        );
        assert_eq!(report["ok"], true, "{case}: {report:#}");
        assert_eq!(report["received"], json!([MESSAGES, MESSAGES]), "{case}: {report:#}");
        assert_eq!(report["bytes"], json!([MESSAGES * BYTES, MESSAGES * BYTES]), "{case}: {report:#}");
        let pair = json!({ "local": "relay", "remote": "relay", "relayProtocol": relay_protocol });
        assert_eq!(report["pairs"], json!([pair, pair]), "{case}: {report:#}");
    }
}

#[test]
fn over_udp() {
    meet("turn", "udp", "udp");
}

#[test]
fn over_tcp() {
    meet("turn", "tcp", "tcp");
}

#[test]
fn over_tls() {
    meet("turns", "tcp", "tls");
}
