//! coturn's own client and peer.

use std::{
    net::{SocketAddr, UdpSocket},
    process::Command,
    time::Duration,
};

use crate::{
    deadline,
    matrix::Family,
    ports::Ports,
    process::{self, Process},
    program,
};

/// How long one run may take; one that loses nothing takes about five seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// `turnutils_peer`, which echoes.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    _ports: Ports,
    _process: Process,
}

impl Peer {
    /// Starts it and waits until it echoes.
    ///
    /// # Panics
    /// When it is not installed or does not echo.
    #[track_caller]
    pub fn start(family: Family) -> Self {
        let mut ports = Ports::claim();
        let address = SocketAddr::new(family.loopback(), ports.listening());
        let mut command = Command::new(program::installed("turnutils_peer"));
        command.args(["-L", &address.ip().to_string(), "-p", &address.port().to_string()]);
        let process = Process::start(&mut command);
        let probe = UdpSocket::bind((family.loopback(), 0)).expect("loopback has free ports");
        probe.set_read_timeout(Some(Duration::from_millis(200))).expect("the timeout is not zero");
        deadline::until(Duration::from_secs(10), "turnutils_peer echoes", || {
            probe.send_to(b"there?", address).ok()?;
            probe.recv(&mut [0; 16]).ok()
        });
        Self { address, _ports: ports, _process: process }
    }

    /// Where it echoes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What `turnutils_uclient` counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages that it sent.
    pub sent: u64,
    /// Messages that came back to it.
    pub received: u64,
    /// Messages that it calls lost.
    pub lost: u64,
    /// Messages that it could not send.
    pub dropped: u64,
}

impl Counts {
    /// The counts of a run of `messages` in which everything arrived.
    pub fn complete(messages: u64) -> Self {
        Self { sent: messages, received: messages, lost: 0, dropped: 0 }
    }

    /// Reads the closing lines of the program.
    ///
    /// # Panics
    /// When they are not there.
    #[track_caller]
    pub fn parse(output: &str) -> Self {
        let after = |mark: &str| {
            let (_, rest) = output.rsplit_once(mark).unwrap_or_else(|| panic!("no {mark:?} in:\n{output}"));
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or_else(|_| panic!("no number after {mark:?} in:\n{output}"))
        };
        Self {
            sent: after("tot_send_msgs="),
            received: after("tot_recv_msgs="),
            lost: after("Total lost packets "),
            dropped: after("total send dropped "),
        }
    }
}

/// Runs the client with `arguments` against `server`.
///
/// # Panics
/// When it is not installed, fails, or does not end in time.
#[track_caller]
pub fn run(server: SocketAddr, arguments: &[&str]) -> Counts {
    let mut command = Command::new(program::installed("turnutils_uclient"));
    command.args(arguments).args(["-p", &server.port().to_string(), &server.ip().to_string()]);
    Counts::parse(&process::run(&mut command, LIMIT))
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn the_last_counts_are_read() {
        let output = "1: : start_mclient: msz=2, tot_send_msgs=0, tot_recv_msgs=0, tot_send_bytes ~ 0\n\
                      4: : start_mclient: tot_send_msgs=20, tot_recv_msgs=18\n\
                      4: : Total lost packets 2 (10.000000%), total send dropped 1 (5.000000%)\n";
        assert_eq!(Counts::parse(output), Counts { sent: 20, received: 18, lost: 2, dropped: 1 });
    }
}
