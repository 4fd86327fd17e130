//! `openssl s_client`, a TLS client that is not ours.

use std::{net::SocketAddr, process::Command, time::Duration};

use crate::{certificate::Certificate, process, program};

/// Shakes hands with `server` at exactly the version of `flag` (`-tls1_2`, `-tls1_3`), trusting only `certificate`, and
/// returns what the program tells about the connection.
///
/// # Panics
/// When it is not installed, the handshake fails, or the certificate is not trusted.
#[track_caller]
pub fn handshake(server: SocketAddr, flag: &str, certificate: &Certificate) -> String {
    let mut command = Command::new(program::installed("openssl"));
    command.args(["s_client", flag, "-brief", "-verify_return_error", "-verify_ip", &server.ip().to_string()]);
    command.arg("-CAfile").arg(certificate.chain());
    command.args(["-connect", &server.to_string()]);
    process::run(&mut command, Duration::from_secs(20))
}
