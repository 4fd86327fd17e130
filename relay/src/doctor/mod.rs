//! `muster-relay doctor`: is this host ready for these settings, and what should be changed?
//!
//! **Nothing is changed and nothing is assumed: every fact comes from [`Evidence`], so each finding can be tested with a
//! host that is made up.** A finding fails when the relay would not start or not serve; it warns when it would serve
//! worse than it could.

mod certificate;
mod clock;
mod kernel;
mod limits;
mod ports;

use std::{
    fmt::Write as _,
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
};

use serde_json::{Value as Json, json};

use crate::config::Settings;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// The relay serves, but worse than it could.
    Warn,
    /// The relay does not start, or does not serve.
    Fail,
}

impl Level {
    /// The word in both outputs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a short name that stays the same between versions.
    pub check: &'static str,
    /// How grave it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to change, with the exact command where there is one.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What a port is tried for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

/// How the doctor asks about the host.
pub struct Evidence<'a> {
    /// Reads a file: those of `/proc` and `/run`, and the certificate.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Tries a real ring with the real flags and a live datagram: what works, or why not.
    pub probe: &'a dyn Fn() -> Result<String, String>,
    /// Binds an address and lets it go again.
    pub bind: &'a dyn Fn(SocketAddr, Protocol) -> io::Result<()>,
    /// Seconds since 1970.
    pub unix_s: u64,
}

impl Evidence<'_> {
    /// The text of a small file, without surrounding space; none if it cannot be read.
    fn text(&self, path: &str) -> Option<String> {
        let bytes = (self.read)(Path::new(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The whole number that a file holds.
    fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
}

/// Looks at everything that `settings` depend on.
pub fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Report {
    let findings = [
        kernel::examine(settings, evidence),
        limits::examine(settings, evidence),
        ports::examine(settings, evidence),
        clock::examine(settings, evidence),
        certificate::examine(settings, evidence),
        vec![credentials(settings)],
    ];
    Report { findings: findings.into_iter().flatten().collect() }
}

fn credentials(settings: &Settings) -> Finding {
    let (users, secrets) = (settings.users.len(), settings.auth_secret.len());
    if users == 0 && secrets == 0 {
        return Finding::fail(
            "credentials",
            "no users and no secrets: `run` will refuse to start",
            "openssl rand -hex 32 > /etc/muster-relay/secrets, and set auth_secret_file to that file",
        );
    }
    Finding::ok("credentials", format!("{users} static users, {secrets} shared secrets"))
}

impl Report {
    /// The gravest level.
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }

    /// What the process ends with: 1 if something fails, 0 otherwise; a warning is no failure.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.level() == Level::Fail)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for Finding { check, level, found, advice } in &self.findings {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{:<5} {check:<18} {found}", level.word());
            if let Some(advice) = advice {
                let _ = writeln!(out, "      {:<18} -> {advice}", "");
            }
        }
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let _ = writeln!(out, "\n{} ok, {} warn, {} fail", count(Level::Ok), count(Level::Warn), count(Level::Fail));
        out
    }

    /// For programs: `level`, and `findings` with `check`, `level`, `found` and `advice` (null if nothing is to change).
    pub fn json(&self) -> Json {
        let findings: Vec<Json> = self
            .findings
            .iter()
            .map(|f| json!({ "check": f.check, "level": f.level.word(), "found": f.found, "advice": f.advice }))
            .collect();
        json!({ "level": self.level().word(), "findings": findings })
    }
}

/// Binds an address and lets it go again: the doctor's hand outside of tests.
///
/// # Errors
/// Those of the system.
pub fn try_bind(address: SocketAddr, protocol: Protocol) -> io::Result<()> {
    match protocol {
        Protocol::Udp => UdpSocket::bind(address).map(drop),
        Protocol::Tcp => TcpListener::bind(address).map(drop),
    }
}

#[cfg(test)]
mod tests;
