//! Many clients on one core, never asleep.
//!
//! **The loop polls and never blocks**, as that of `bench-relay`: a server that answers a sleeping load would pay for waking
//! it, on a virtual machine an interrupt to another core.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tungstenite::Message;

use crate::web::Socket;

/// Events taken at once. Small, so that what is due is not held up by a burst of answers.
const EVENTS: usize = 64;

/// Sockets, and what tells which of them have something.
pub(crate) struct Swarm {
    epoll: Epoll,
    pub(crate) sockets: Vec<Socket>,
    begun: Instant,
}

/// Somebody who does things with the sockets of a swarm.
pub(crate) trait Actor {
    /// A message came.
    fn hear(&mut self, client: usize, message: Message, socket: &mut Socket, now_us: u64) -> Result<()>;
    /// A client's turn, which it has so many times a second.
    fn act(&mut self, client: usize, socket: &mut Socket, now_us: u64) -> Result<()>;
}

impl Swarm {
    pub(crate) fn new() -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, sockets: Vec::new(), begun: Instant::now() })
    }

    /// Takes in a socket, which waits for nothing any more.
    pub(crate) fn add(&mut self, mut socket: Socket) -> Result<()> {
        socket.stop_waiting()?;
        self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, self.sockets.len() as u64))?;
        self.sockets.push(socket);
        Ok(())
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    /// Runs for a time. Everybody has a turn `hertz` times a second, spread evenly over it; 0 is no turns.
    pub(crate) fn run(&mut self, time: Duration, hertz: u32, actor: &mut impl Actor) -> Result<()> {
        let begun = Instant::now();
        let mut next = 0_u64;
        let per_second = f64::from(hertz) * self.sockets.len() as f64;
        loop {
            let elapsed = begun.elapsed();
            if elapsed >= time {
                return Ok(());
            }
            let due = (elapsed.as_secs_f64() * per_second) as u64;
            // A stall of this process is made up for in bounded steps, so that answers are taken in between.
            let until = due.min(next + EVENTS as u64);
            while next < until {
                let client = (next % self.sockets.len() as u64) as usize;
                let now_us = self.now_us();
                actor.act(client, &mut self.sockets[client], now_us)?;
                next += 1;
            }
            self.take_events(actor)?;
        }
    }

    /// Takes in some of what is there. Returns whether there may be more.
    pub(crate) fn take_events(&mut self, actor: &mut impl Actor) -> Result<bool> {
        let mut events = [EpollEvent::empty(); EVENTS];
        // Interrupted is as good as nothing: the loop comes back at once.
        let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in &events[..ready] {
            let client = event.data() as usize;
            loop {
                let message = self.sockets[client].poll().with_context(|| format!("of client {client}"))?;
                let Some(message) = message else { break };
                let now_us = self.now_us();
                actor.hear(client, message, &mut self.sockets[client], now_us)?;
            }
        }
        Ok(ready == EVENTS)
    }
}
