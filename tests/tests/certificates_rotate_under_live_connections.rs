//! Goal: a renewed certificate is shown to new TLS connections after SIGHUP; a live one goes on. A broken file leaves
//! the old certificate in place.
//! Method: both files are replaced as a renewal does, and each client trusts one certificate only.

use std::time::Duration;

use muster_tests::{
    certificate::Certificate,
    client::Client,
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    process::Signal,
    relay::Setup,
    wire::Via,
};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn new_connections_see_the_new_certificate() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).tls(Certificate::new()).start();
        let echo = Echo::start(Family::V4);
        let server = relay.tls_address(Family::V4);
        let (old, trusts_old) = (relay.certificate().der(), relay.certificate().client());
        let mut client = Client::connect(server, &Via::Tls(trusts_old.clone()), relay.account()).unwrap();
        assert_eq!(client.wire().server_certificate(), Some(old), "{case}");
        client.allocate(Family::V4).unwrap();
        client.bind(0x4003, echo.address()).unwrap();
        Echo::answers(&mut client, 0x4003, b"before the renewal").unwrap();

        relay.certificate().replace();
        let (new, trusts_new) = (relay.certificate().der(), relay.certificate().client());
        relay.signal(Signal::Hup);
        let mut later = deadline::until(SOON, "the new certificate is shown", || {
            Client::connect(server, &Via::Tls(trusts_new.clone()), relay.account()).ok()
        });
        assert_eq!(later.wire().server_certificate(), Some(new), "{case}");
        later.allocate(Family::V4).unwrap();
        let untrusted = Client::connect(server, &Via::Tls(trusts_old), relay.account());
        assert!(untrusted.is_err(), "{case}: the old certificate is not shown any more");
        Echo::answers(&mut client, 0x4003, b"after the renewal").unwrap();
        assert!(client.refresh(600).unwrap() >= 600, "{case}");
    }
}

#[test]
fn a_broken_certificate_changes_nothing() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).tls(Certificate::new()).start();
        let trusts = relay.certificate().client();
        let chain = relay.certificate().chain();
        std::fs::write(&chain, "not a certificate").unwrap();
        relay.signal(Signal::Hup);
        deadline::until(SOON, "the relay names the broken file", || relay.output().contains("cert.pem").then_some(()));
        assert!(relay.is_running(), "{case}");
        let mut client = Client::connect(relay.tls_address(Family::V4), &Via::Tls(trusts), relay.account()).unwrap();
        client.allocate(Family::V4).unwrap();
    }
}
