//! Goal: a TLS client that is not ours agrees on TLS 1.2 and on TLS 1.3 and trusts the certificate; older versions are
//! refused.
//! Method: `openssl s_client`, told which version to speak.

use std::{process::Command, time::Duration};

use muster_tests::{
    certificate::Certificate,
    matrix::{Case, Family},
    openssl,
    process::Process,
    program,
    relay::Setup,
};

#[test]
fn both_versions_under_both_drivers_and_families() {
    for case in Case::DRIVERS {
        let relay = Setup::new(case).tls(Certificate::new()).start();
        for family in Family::ALL {
            for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
                let output = openssl::handshake(relay.tls_address(family), flag, relay.certificate());
                assert!(output.contains(&format!("Protocol version: {version}")), "{case}:\n{output}");
                assert!(output.contains("Verification: OK"), "{case}:\n{output}");
            }
        }
    }
}

#[test]
fn tls_1_1_is_refused() {
    let relay = Setup::new(Case::DRIVERS[0]).tls(Certificate::new()).start();
    let address = relay.tls_address(Family::V4);
    let mut command = Command::new(program::installed("openssl"));
    // Security level 0, so that it is the relay and not the client that refuses.
    command.args(["s_client", "-brief", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    let mut client = Process::start(command.args(["-connect", &address.to_string()]));
    let status = client.wait(Duration::from_secs(20));
    assert!(!status.success(), "a handshake at TLS 1.1 succeeded:\n{}", client.output());
    // An alert, whichever of the two fits: the version or, since none of its cipher suites is left, the handshake.
    assert!(client.output().contains("SSL alert number"), "{}", client.output());
}
