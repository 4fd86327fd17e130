//! Finds out, by doing it, whether io_uring works here.
//!
//! Containers, some clouds and some system settings refuse io_uring, and not all at the same step: so the probe builds
//! the ring that the relay would use and moves one datagram through it.

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use super::{Driver, DriverConfig, Forward, Handler, IcmpError, Readiness, Token, UdpOptions, UringDriver, bind_udp};
use crate::{config::IoMode, slot::Slot};

/// How long the datagram of the probe may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the probe sends.
const DATAGRAM: &[u8] = b"does io_uring work here?";

/// What io_uring can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UringFacts {
    /// A batching window is possible (Linux 6.12).
    pub batch_window: bool,
    /// The ring's descriptor can be registered (Linux 5.18).
    pub registered_ring: bool,
}

/// Which driver to run.
#[derive(Debug)]
pub enum Choice {
    /// io_uring.
    Uring(UringFacts),
    /// epoll.
    Epoll {
        /// Why not io_uring; `None` if epoll was asked for.
        reason: Option<ProbeError>,
    },
}

/// What the probe was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeStep {
    /// Making the ring.
    Setup,
    /// Registering a table of sockets.
    RegisterFiles,
    /// Mapping memory for datagrams.
    MapBuffers,
    /// Registering a ring of buffers.
    RegisterBuffers,
    /// Opening a socket on the loopback interface and taking it into the ring.
    Open,
    /// Sending and receiving one datagram.
    Datagram,
}

/// Why io_uring cannot be used.
#[derive(Debug)]
pub struct ProbeError {
    /// What failed.
    pub step: ProbeStep,
    /// What the kernel said.
    pub error: io::Error,
}

impl ProbeError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        remedy(self.step, self.error.raw_os_error(), disabled_by_sysctl())
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            ProbeStep::Setup => "setting up a ring",
            ProbeStep::RegisterFiles => "registering a table of sockets",
            ProbeStep::MapBuffers => "mapping memory for datagrams",
            ProbeStep::RegisterBuffers => "registering a ring of buffers",
            ProbeStep::Open => "opening a socket",
            ProbeStep::Datagram => "moving a datagram over the loopback interface",
        };
        write!(f, "io_uring is not usable: {step} failed: {}; {}", self.error, self.remedy())
    }
}

impl std::error::Error for ProbeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The value of the `kernel.io_uring_disabled` setting, 0 where there is none.
fn disabled_by_sysctl() -> u8 {
    let text = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn remedy(step: ProbeStep, errno: Option<i32>, disabled: u8) -> &'static str {
    match (step, errno) {
        (ProbeStep::Setup, Some(libc::EPERM | libc::EACCES)) if disabled > 0 => {
            "the setting kernel.io_uring_disabled forbids it: set it to 0, or to 1 and give the relay CAP_SYS_ADMIN or \
             the group of kernel.io_uring_group"
        }
        (_, Some(libc::EPERM | libc::EACCES)) => {
            "a security policy forbids it, most likely the container runtime's seccomp profile: allow io_uring_setup, \
             io_uring_enter and io_uring_register"
        }
        (_, Some(libc::ENOSYS)) => {
            "the kernel was built without io_uring, or a seccomp profile hides it: allow io_uring_setup, \
             io_uring_enter and io_uring_register"
        }
        (ProbeStep::RegisterFiles, Some(libc::EMFILE)) => {
            "the limit on open files is lower than the number of sockets: raise it (LimitNOFILE=, ulimit -n)"
        }
        (_, Some(libc::ENOMEM)) => "the limit on locked memory is too low: raise it (LimitMEMLOCK=, ulimit -l)",
        (ProbeStep::Setup | ProbeStep::RegisterBuffers | ProbeStep::Datagram, Some(libc::EINVAL)) => {
            "the kernel is too old: Linux 6.1 or later is needed"
        }
        (ProbeStep::Datagram, _) => {
            "multishot receives do not work here: Linux 6.1 or later is needed, and a loopback interface that is up"
        }
        _ => "run with epoll instead (--io epoll)",
    }
}

/// Builds a ring as the relay does and moves one datagram through it and back. Takes a few milliseconds.
///
/// # Errors
/// Says which step failed.
pub fn probe() -> Result<UringFacts, ProbeError> {
    let config = DriverConfig { sockets_max: 8, slot_bytes: 2_048, slots: 8, batch_window_us: 0 };
    let mut driver = UringDriver::new(config)?;
    let refuse = |step| move |error| ProbeError { step, error };
    let home = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = bind_udp(home, UdpOptions::default()).map_err(refuse(ProbeStep::Open))?;
    let near = socket.local_addr().map_err(refuse(ProbeStep::Open))?;
    let far = UdpSocket::bind(home).map_err(refuse(ProbeStep::Open))?;
    far.set_nonblocking(true).map_err(refuse(ProbeStep::Open))?;
    let mut echo = Echo { socket: driver.open(socket, 0).map_err(refuse(ProbeStep::Open))?, seen: false };
    far.send_to(DATAGRAM, near).map_err(refuse(ProbeStep::Datagram))?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        driver.turn(&mut echo, Some(Duration::from_millis(50))).map_err(refuse(ProbeStep::Datagram))?;
        driver.flush().map_err(refuse(ProbeStep::Datagram))?;
        if echo.seen {
            let mut back = [0; 64];
            let length = far.recv(&mut back).map_err(refuse(ProbeStep::Datagram))?;
            if &back[..length] != DATAGRAM {
                break;
            }
            return Ok(driver.facts());
        }
    }
    Err(ProbeError { step: ProbeStep::Datagram, error: io::ErrorKind::TimedOut.into() })
}

/// Decides which driver to run.
///
/// # Errors
/// When io_uring was asked for and does not work.
pub fn choose(mode: IoMode) -> Result<Choice, ProbeError> {
    match mode {
        IoMode::Epoll => Ok(Choice::Epoll { reason: None }),
        IoMode::Uring => probe().map(Choice::Uring),
        IoMode::Auto => Ok(probe().map_or_else(|error| Choice::Epoll { reason: Some(error) }, Choice::Uring)),
    }
}

/// Sends the first datagram back.
struct Echo {
    socket: super::SocketId,
    seen: bool,
}

impl Handler for Echo {
    fn handle_datagram(&mut self, _: Token, from: SocketAddr, _: &mut Slot<'_>) -> Forward {
        self.seen = true;
        Forward::Send { socket: self.socket, to: from }
    }

    fn handle_icmp(&mut self, _: Token, _: IcmpError) {}

    fn handle_ready(&mut self, _: Token, _: Readiness) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_remedy_that_names_what_to_change() {
        let check = |step, errno, disabled, word| {
            let text = remedy(step, Some(errno), disabled);
            assert!(text.contains(word), "{step:?} {errno}: {text}");
        };
        check(ProbeStep::Setup, libc::EPERM, 2, "kernel.io_uring_disabled");
        check(ProbeStep::Setup, libc::EPERM, 0, "seccomp");
        check(ProbeStep::Setup, libc::ENOSYS, 0, "seccomp");
        check(ProbeStep::Setup, libc::EINVAL, 0, "6.1");
        check(ProbeStep::Setup, libc::ENOMEM, 0, "LimitMEMLOCK");
        check(ProbeStep::RegisterFiles, libc::EMFILE, 0, "LimitNOFILE");
        check(ProbeStep::Datagram, libc::ETIMEDOUT, 0, "loopback");
        let error = ProbeError { step: ProbeStep::Setup, error: io::Error::from_raw_os_error(libc::ENOSYS) };
        assert!(error.to_string().contains("setting up a ring"));
    }

    #[test]
    fn what_is_chosen_is_what_works() {
        let choice = choose(IoMode::Auto).expect("there is always epoll");
        match (probe(), choice) {
            (Ok(facts), Choice::Uring(chosen)) => assert_eq!(facts, chosen),
            (Err(error), Choice::Epoll { reason: Some(reason) }) => assert_eq!(error.step, reason.step),
            (probed, choice) => panic!("{probed:?} but {choice:?}"),
        }
    }

    #[test]
    fn asking_for_epoll_needs_no_probe() {
        assert!(matches!(choose(IoMode::Epoll), Ok(Choice::Epoll { reason: None })));
    }
}
