//! The Python clients: aioice and aiortc, in an environment that `tests/install` makes.

use std::{net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use crate::{credentials::Account, process, program};

/// How long one script may take.
const LIMIT: Duration = Duration::from_secs(90);

/// How a script reaches the relay.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// The only certificate to trust, for `tls`.
    pub certificate: Option<PathBuf>,
    /// Who the script says it is.
    pub account: Account,
}

/// Runs a script of `tests/interop` and returns what it printed.
///
/// # Panics
/// When the environment is not installed, or the script fails or does not end in time.
#[track_caller]
pub fn run(script: &str, server: &Server) -> String {
    let tests = program::workspace().join("tests");
    let python = tests.join(".venv/bin/python");
    assert!(python.is_file(), "aioice and aiortc are not installed; `make install-tools` installs what the tests need");
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(tests.join("interop").join(script));
    command.args(["--host", &server.address.ip().to_string(), "--port", &server.address.port().to_string()]);
    command.args(["--transport", server.transport]);
    command.args(["--username", &server.account.name, "--password", &server.account.password]);
    if let Some(certificate) = &server.certificate {
        // Python's default context takes its trusted certificates from here.
        command.env("SSL_CERT_FILE", certificate);
    }
    process::run(&mut command, LIMIT)
}
