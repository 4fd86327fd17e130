//! What the kernel alone takes for as many bytes each way, by plain TCP: below this no server gets.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use muster_benches::{clock::thread_now, pinned::pin_to};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Updates a second, and messages of a client.
const HERTZ: u32 = 20;

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    pub(crate) clients: usize,
    /// Bytes of an update.
    pub(crate) down: usize,
    /// Bytes of what a client says; 0 is nothing.
    pub(crate) up: usize,
}

impl Floor {
    /// Seconds of the server's core in a second.
    ///
    /// # Errors
    /// When there are no sockets to be had.
    pub(crate) fn busy(self, server_core: usize, load_core: usize, time: Duration) -> Result<f64> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                pin_to(server_core)?;
                self.serve(&listener, time, &is_over)
            });
            let load = pin_to(load_core).and_then(|()| self.load(address, &is_over));
            is_over.store(true, Ordering::Relaxed);
            let served = server.join().ok().context("the bare server broke")?;
            load.and(served)
        })
    }

    fn serve(self, listener: &TcpListener, time: Duration, is_over: &AtomicBool) -> Result<f64> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut streams = Vec::new();
        for number in 0..self.clients {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            streams.push(stream);
        }
        let (update, mut heard) = (vec![0xa5; self.down], [0; 4096]);
        let mut events = vec![EpollEvent::empty(); self.clients];
        let period = Duration::from_secs(1) / HERTZ;
        let warm_up = time / 4;
        let (begun, mut next, mut counted) = (Instant::now(), period, None);
        while begun.elapsed() < warm_up + time {
            if counted.is_none() && begun.elapsed() >= warm_up {
                counted = Some((Instant::now(), thread_now()));
            }
            // To look once an update is the cheapest: there is one wake, and all is at hand.
            thread::sleep(next.saturating_sub(begun.elapsed()));
            next += period;
            let ready = epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            for event in &events[..ready] {
                drop((&streams[event.data() as usize]).read(&mut heard));
            }
            // What finds no room is lost, as where it is measured.
            streams.iter().for_each(|mut stream| drop(stream.write(&update)));
        }
        is_over.store(true, Ordering::Relaxed);
        let (since, before) = counted.context("the time is long enough")?;
        Ok((thread_now() - before) / since.elapsed().as_secs_f64())
    }

    fn load(self, address: SocketAddr, is_over: &AtomicBool) -> Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut streams = Vec::new();
        for number in 0..self.clients {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            streams.push(stream);
        }
        let (said, mut heard) = (vec![0x5a; self.up], vec![0; 65_536]);
        let (begun, mut next) = (Instant::now(), 0_u64);
        let per_second = f64::from(HERTZ) * self.clients as f64;
        while !is_over.load(Ordering::Relaxed) {
            let due = (begun.elapsed().as_secs_f64() * per_second) as u64;
            while self.up > 0 && next < due {
                drop((&streams[(next % self.clients as u64) as usize]).write(&said));
                next += 1;
            }
            let mut events = [EpollEvent::empty(); 64];
            let ready = epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            for event in &events[..ready] {
                let read = (&streams[event.data() as usize]).read(&mut heard);
                match read {
                    Ok(0) => return Ok(()),
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return Ok(()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
