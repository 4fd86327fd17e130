//! A peer that sends every datagram back to where it came from.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    client::{Client, Received},
    matrix::Family,
};

/// How long a datagram may take there and back on a busy machine.
const ROUND_TRIP: Duration = Duration::from_secs(10);

/// A thread with one socket, until it is dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Echo {
    /// Starts on a loopback address.
    ///
    /// # Panics
    /// When the socket cannot be bound.
    pub fn start(family: Family) -> Self {
        let socket = UdpSocket::bind((family.loopback(), 0)).expect("loopback has free ports");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("the timeout is not zero");
        let address = socket.local_addr().expect("the socket is bound");
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !end.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
        });
        Self { address, ended, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends `data` on a channel that is bound to this peer and waits for it to come back. A datagram may be lost, so
    /// it is sent up to three times.
    ///
    /// # Errors
    /// When the client's connection is broken or nothing comes back.
    pub fn answers(client: &mut Client, number: u16, data: &[u8]) -> io::Result<()> {
        for _ in 0..3 {
            client.send_channel(number, data)?;
            while let Some(received) = client.receive(ROUND_TRIP / 3)? {
                if received == (Received::Channel { number, data: data.to_vec() }) {
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
