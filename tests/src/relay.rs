//! The real `muster-relay` program as a child process.

use std::{
    env,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::Duration,
};

use crate::{
    certificate::Certificate,
    credentials::Account,
    deadline,
    matrix::{Case, Family},
    metrics::{self, Metrics},
    ports::Ports,
    process::{Process, Signal},
    program,
    scratch::Scratch,
};

/// How long the relay may take to say that it is ready, on a machine that is busy with other tests.
const READY: Duration = Duration::from_secs(30);

/// How a test wants its relay. The defaults: the static user [`Setup::ACCOUNT`], both families of loopback as listening
/// and relayed addresses and as allowed peers.
#[derive(Debug)]
pub struct Setup {
    case: Case,
    arguments: Vec<String>,
    credentials: Vec<String>,
    certificate: Option<Certificate>,
    config: Option<String>,
    relay_ports: Option<RangeInclusive<u16>>,
    relay_ips: Vec<IpAddr>,
    peers: Vec<String>,
    files_max: Option<u32>,
    without_io_uring: bool,
}

impl Setup {
    /// Name and password of the user that exists unless a test asks for others.
    pub const ACCOUNT: (&'static str, &'static str) = ("alice", "wonderland");

    /// The defaults under `case`.
    pub fn new(case: Case) -> Self {
        let (name, password) = Self::ACCOUNT;
        Self {
            case,
            arguments: Vec::new(),
            credentials: vec!["--user".into(), format!("{name}:{password}")],
            certificate: None,
            config: None,
            relay_ports: None,
            relay_ips: Family::ALL.map(Family::loopback).to_vec(),
            peers: vec!["127.0.0.0/8".into(), "::1/128".into()],
            files_max: None,
            without_io_uring: false,
        }
    }

    /// Adds a flag with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Takes ephemeral credentials made with `secret`, and no static user.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.credentials = vec!["--auth-secret".into(), secret.to_owned()];
        self
    }

    /// Gives no credentials on the command line: the configuration file has them.
    #[must_use]
    pub fn credentials_from_file(mut self) -> Self {
        self.credentials.clear();
        self
    }

    /// Listens for TLS as well.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Gives a configuration file with this text, which [`Relay::rewrite_config`] replaces.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Takes the relayed ports from here instead of the test's own block.
    #[must_use]
    pub fn relay_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.relay_ports = Some(ports);
        self
    }

    /// Binds relayed sockets to this address only. A test that takes most ports of an address takes one of its own.
    #[must_use]
    pub fn relay_ip(mut self, address: IpAddr) -> Self {
        self.relay_ips = vec![address];
        self
    }

    /// Uses only the first `count` of the relayed ports of the test's block.
    #[must_use]
    pub fn few_relay_ports(self, ports: &Ports, count: u16) -> Self {
        let first = *ports.relayed().start();
        self.relay_ports(first..=first + count - 1)
    }

    /// Opens no range of peers on the command line: the configuration file does.
    #[must_use]
    pub fn peers_from_file(mut self) -> Self {
        self.peers.clear();
        self
    }

    /// Starts the relay with `--io auto` where the kernel refuses io_uring; see [`program_without_io_uring`].
    #[must_use]
    pub fn without_io_uring(mut self) -> Self {
        self.without_io_uring = true;
        self
    }

    /// Lowers the limit of open files, soft and hard, of the relay's process.
    #[must_use]
    pub fn files_max(mut self, count: u32) -> Self {
        self.files_max = Some(count);
        self
    }

    /// Starts the relay on ports of its own.
    ///
    /// # Panics
    /// When it is not ready in time.
    #[track_caller]
    pub fn start(self) -> Relay {
        self.start_on(Ports::claim())
    }

    /// Starts the relay on `ports`, for a test that needs to know them first.
    ///
    /// # Panics
    /// When it is not ready in time.
    #[track_caller]
    pub fn start_on(self, mut ports: Ports) -> Relay {
        let scratch = Scratch::new();
        let [plain, tls, admin] = [ports.listening(), ports.listening(), ports.listening()];
        let mut arguments = vec!["run".to_owned()];
        let mut push = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        push("--io", if self.without_io_uring { "auto" } else { self.case.io.flag() }.into());
        push("--workers", self.case.workers.to_string());
        for family in Family::ALL {
            let host = family.loopback();
            push("--listen", SocketAddr::new(host, plain).to_string());
            if self.certificate.is_some() {
                push("--listen-tls", SocketAddr::new(host, tls).to_string());
            }
        }
        for address in &self.relay_ips {
            push("--relay-ip", address.to_string());
        }
        let relayed = self.relay_ports.clone().unwrap_or_else(|| ports.relayed());
        push("--relay-ports", format!("{}-{}", relayed.start(), relayed.end()));
        for range in &self.peers {
            push("--allow-peer", range.clone());
        }
        let admin = SocketAddr::new(Family::V4.loopback(), admin);
        push("--admin", admin.to_string());
        if let Some(certificate) = &self.certificate {
            push("--tls-cert", certificate.chain().display().to_string());
            push("--tls-key", certificate.key().display().to_string());
        }
        if let Some(text) = &self.config {
            push("--config", scratch.write("relay.toml", text).display().to_string());
        }
        arguments.extend(self.credentials.iter().chain(&self.arguments).cloned());
        let process = spawn(&arguments, &self);
        let mut relay = Relay { process, arguments, setup: self, scratch, _ports: ports, plain, tls, admin };
        relay.await_ready();
        relay
    }
}

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    arguments: Vec<String>,
    setup: Setup,
    scratch: Scratch,
    _ports: Ports,
    plain: u16,
    tls: u16,
    admin: SocketAddr,
}

impl Relay {
    /// A relay with the defaults of [`Setup`].
    ///
    /// # Panics
    /// When it is not ready in time.
    #[track_caller]
    pub fn start(case: Case) -> Self {
        Setup::new(case).start()
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// When it has not ended within `limit`.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit)
    }

    /// Kills the process as `kill -9` does and starts it again at once, with the same arguments on the same ports.
    ///
    /// # Panics
    /// When it is not ready in time.
    #[track_caller]
    pub fn kill_and_restart(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.wait(Duration::from_secs(10));
        self.process = spawn(&self.arguments, &self.setup);
        self.await_ready();
    }

    /// Replaces the configuration file. The relay reads it at the next SIGHUP.
    ///
    /// # Panics
    /// When the test gave no configuration at the start.
    #[track_caller]
    pub fn rewrite_config(&self, text: &str) {
        assert!(self.setup.config.is_some(), "this relay was started without a configuration file");
        self.scratch.write("relay.toml", text);
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.status().is_none()
    }

    /// Where clients reach it over UDP and TCP.
    pub fn address(&self, family: Family) -> SocketAddr {
        SocketAddr::new(family.loopback(), self.plain)
    }

    /// Where clients reach it over TLS.
    pub fn tls_address(&self, family: Family) -> SocketAddr {
        SocketAddr::new(family.loopback(), self.tls)
    }

    /// The admin endpoint.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The static user of the defaults.
    pub fn account(&self) -> Account {
        let (name, password) = Setup::ACCOUNT;
        Account::new(name, password)
    }

    /// The certificate that the relay was started with.
    ///
    /// # Panics
    /// When it was started without TLS.
    #[track_caller]
    pub fn certificate(&self) -> &Certificate {
        self.setup.certificate.as_ref().expect("this relay was started without TLS")
    }

    /// The counters as they are now.
    ///
    /// # Panics
    /// When the admin endpoint does not answer with 200.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let (status, body) = metrics::get(self.admin, "/metrics").expect("the admin endpoint answers");
        assert_eq!(status, 200, "/metrics answered {status}: {body}");
        Metrics::parse(&body)
    }

    /// Waits until the relay counts exactly `expected` live allocations.
    ///
    /// # Panics
    /// With the last count when that is not so within `limit`.
    #[track_caller]
    pub fn await_allocations(&self, expected: u64, limit: Duration) {
        let mut last = None;
        let reached = deadline::within(limit, || {
            last = Some(self.metrics().allocations());
            (last == Some(expected)).then_some(())
        });
        assert!(reached.is_some(), "{expected} live allocations expected within {limit:?}, the last count is {last:?}");
    }

    /// Resident memory of the process in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        self.process.resident_bytes()
    }

    /// Open file descriptors of the process.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn open_files(&self) -> usize {
        self.process.open_files()
    }

    /// What it has logged so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    #[track_caller]
    fn await_ready(&mut self) {
        deadline::until(READY, "the relay is ready", || {
            if let Some(status) = self.process.status() {
                panic!("the relay ended before it was ready: {status}; it wrote:\n{}", self.process.output());
            }
            matches!(metrics::get(self.admin, "/readyz"), Ok((200, _))).then_some(())
        });
    }
}

#[track_caller]
fn spawn(arguments: &[String], setup: &Setup) -> Process {
    let mut command = match setup.files_max {
        None if setup.without_io_uring => program_without_io_uring(),
        None => program(),
        Some(count) => {
            // The shell lowers the limit and becomes the relay, so the process id stays the same.
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -n {count} && exec \"$@\""), "sh"]).arg(binary());
            without_settings(shell)
        }
    };
    Process::start(command.args(arguments))
}

/// The program under test, to be given arguments and started.
///
/// # Panics
/// As [`binary`].
pub fn program() -> Command {
    without_settings(Command::new(binary()))
}

/// The program under test in a process that may not call `io_uring_setup`, as under the seccomp profile of a container.
/// Python sets the filter and becomes the relay, so the process id stays the same.
///
/// # Panics
/// As [`binary`], or when Python is not installed.
#[track_caller]
pub fn program_without_io_uring() -> Command {
    let mut command = Command::new(program::installed("python3"));
    command.arg(program::workspace().join("tests/interop/without_io_uring.py")).arg(binary());
    without_settings(command)
}

/// Settings of the developer's own shell must not reach the relay under test.
fn without_settings(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_RELAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// The program under test: `MUSTER_RELAY_BIN` if set, as in `make test`, otherwise built once with the profile of the tests.
///
/// # Panics
/// When it does not build.
pub fn binary() -> PathBuf {
    program::built("muster-relay", "muster-relay", "MUSTER_RELAY_BIN")
}
