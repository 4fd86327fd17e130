//! Who is measured, and how each is started.

use std::{
    env,
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use muster_benches::{pinned::pinned, usage::Accounts};

use crate::{floor, turn_client, turn_taking};

/// Every server binds here: an address of the loopback network that nothing else is likely to use.
pub(crate) const SERVER_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 77, 1);
/// Where clients send from.
pub(crate) const CLIENT_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 77, 2);
/// Where peers are.
pub(crate) const PEER_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 77, 3);
/// The account of every client.
pub(crate) const USER: &str = "bench";
/// Its password.
pub(crate) const PASSWORD: &str = "bench";

const LISTEN_PORT: u16 = 9478;
const ADMIN_PORT: u16 = 9479;
/// Relayed ports: below the range that the kernel gives to the load's own sockets, so the two never collide.
const RELAY_PORTS: (u16, u16) = (10_000, 31_999);
/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(10);

/// One server in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// muster-relay on io_uring.
    MusterUring,
    /// muster-relay on io_uring with a batching window of 250 us.
    MusterUringWindow,
    /// muster-relay on epoll.
    MusterEpoll,
    /// coturn.
    Coturn,
    /// The bare forwarder on io_uring.
    FloorUring,
    /// The bare forwarder on epoll.
    FloorEpoll,
}

/// How clients set up their flows with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// TURN with long-term credentials.
    Turn,
    /// The bare forwarder's two registration datagrams.
    Floor,
}

/// The programs that are not this one.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The `muster-relay` binary.
    pub(crate) relay: PathBuf,
    /// coturn's `turnserver`.
    pub(crate) turnserver: PathBuf,
    /// The core that servers are kept on.
    pub(crate) server_core: usize,
}

impl Contender {
    /// All, in the order of tables.
    pub(crate) const ALL: [Self; 6] = [
        Self::MusterUring,
        Self::MusterUringWindow,
        Self::MusterEpoll,
        Self::Coturn,
        Self::FloorUring,
        Self::FloorEpoll,
    ];

    /// What `--contender` matches and tables show.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MusterUring => "muster-uring",
            Self::MusterUringWindow => "muster-uring-w250",
            Self::MusterEpoll => "muster-epoll",
            Self::Coturn => "coturn",
            Self::FloorUring => "floor-uring",
            Self::FloorEpoll => "floor-epoll",
        }
    }

    /// How flows are set up.
    pub(crate) fn control(self) -> Control {
        match self {
            Self::FloorUring | Self::FloorEpoll => Control::Floor,
            _ => Control::Turn,
        }
    }

    /// The program that must exist for this contender.
    pub(crate) fn program(self, programs: &Programs) -> Option<&Path> {
        match self {
            Self::MusterUring | Self::MusterUringWindow | Self::MusterEpoll => Some(&programs.relay),
            Self::Coturn => Some(&programs.turnserver),
            Self::FloorUring | Self::FloorEpoll => None,
        }
    }

    fn arguments(self, programs: &Programs, folder: &Path) -> Result<Vec<OsString>> {
        let words = match self {
            Self::MusterUring => muster(&programs.relay, "uring", 0),
            Self::MusterUringWindow => muster(&programs.relay, "uring", 250),
            Self::MusterEpoll => muster(&programs.relay, "epoll", 0),
            Self::Coturn => coturn(&programs.turnserver, folder),
            Self::FloorUring => floor("uring")?,
            Self::FloorEpoll => floor("epoll")?,
        };
        Ok(words)
    }
}

fn words(program: &Path, line: &str) -> Vec<OsString> {
    std::iter::once(program.into()).chain(line.split_whitespace().map(OsString::from)).collect()
}

fn floor(io: &str) -> Result<Vec<OsString>> {
    let own = env::current_exe().context("this program's own path is unknown")?;
    Ok(words(&own, &format!("floor --io {io} --listen {SERVER_IP}:{LISTEN_PORT}")))
}

/// Limits are raised so that one client address and one user can hold every allocation of a case.
fn muster(program: &Path, io: &str, window_us: u32) -> Vec<OsString> {
    let (low, high) = RELAY_PORTS;
    words(
        program,
        &format!(
            "run --listen {SERVER_IP}:{LISTEN_PORT} --relay-ip {SERVER_IP} --relay-ports {low}-{high} \
             --realm muster.bench --user {USER}:{PASSWORD} --allow-peer 127.0.0.0/8 --workers 1 --io {io} \
             --batch-window-us {window_us} --admin {SERVER_IP}:{ADMIN_PORT} --limit-allocations 20000 \
             --limit-allocations-per-user 20000 --limit-allocations-per-address 20000 \
             --limit-unproven-replies-per-second 1000000"
        ),
    )
}

/// coturn as it is cheapest on one core: one relay thread, no TLS, no command line server, no database, no log, no
/// look-ups of lists that change, no SOFTWARE attribute.
fn coturn(program: &Path, folder: &Path) -> Vec<OsString> {
    let (low, high) = RELAY_PORTS;
    let folder = folder.display();
    words(
        program,
        &format!(
            "-n --listening-ip {SERVER_IP} --listening-port {LISTEN_PORT} --relay-ip {SERVER_IP} --min-port {low} \
             --max-port {high} --relay-threads 1 --lt-cred-mech --realm muster.bench --user {USER}:{PASSWORD} \
             --allow-loopback-peers --no-tls --no-dtls --no-tcp-relay --no-cli --no-rfc5780 --no-dynamic-ip-list \
             --no-dynamic-realms --no-software-attribute --userdb {folder}/turndb --pidfile {folder}/pid \
             --log-file /dev/null --simple-log --no-stdout-log"
        ),
    )
}

/// A running server. Dropping it ends the process and removes its folder.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// What it has used.
    pub(crate) accounts: Accounts,
    /// Where its admin endpoint is, if it has one.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Starts `contender` on its core and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, ends at once or stays silent; with what it wrote to its standard error.
    pub(crate) fn start(contender: Contender, programs: &Programs) -> Result<Self> {
        turn_taking::wait_for_free_ports()?;
        let folder = env::temp_dir().join(format!("bench-relay-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let errors = fs::File::create(folder.join("stderr"))?;
        let child = pinned(programs.server_core)?
            .args(contender.arguments(programs, &folder)?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .context("cannot start a server")?;
        let accounts = Accounts::open(child.id())?;
        let admin = match contender {
            Contender::MusterUring | Contender::MusterUringWindow | Contender::MusterEpoll => {
                Some(SocketAddr::V4(SocketAddrV4::new(SERVER_IP, ADMIN_PORT)))
            }
            _ => None,
        };
        let mut server = Self { child, folder, accounts, admin };
        server.wait_until_it_answers(contender)?;
        Ok(server)
    }

    /// Where clients send to.
    pub(crate) fn address() -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(SERVER_IP, LISTEN_PORT))
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    /// With the way it ended and what it wrote to its standard error.
    pub(crate) fn must_live(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let written = fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        bail!("the server ended with {status}: {}", written.trim());
    }

    fn wait_until_it_answers(&mut self, contender: Contender) -> Result<()> {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            self.must_live()?;
            // A fresh socket each time: one that was refused once would report it again.
            let probe = UdpSocket::bind((CLIENT_IP, 0))?;
            probe.connect(Self::address())?;
            probe.set_nonblocking(true)?;
            let patience = Duration::from_millis(50);
            let answered = match contender.control() {
                Control::Turn => turn_client::answers_binding(&probe, patience),
                Control::Floor => floor::registration::answers(&probe, patience),
            };
            if answered {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let written = fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        bail!("{} did not answer within {START:?}: {}", contender.name(), written.trim());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself; neither call has anything to report then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
