//! One viewer with the real receiving side, on a network that loses packets and takes its time.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use muster_benches::scene::Chance;
use muster_core::{
    World,
    sync::{
        client::{ClientOptions, SyncClient},
        server::{ViewerId, ViewerOptions},
    },
};

use crate::service::{Service, now_us};

/// A viewer who reads what it gets. Packets are there 50 ms after they were sent, and so are reports.
pub(crate) struct Guest {
    pub(crate) id: ViewerId,
    pub(crate) client: SyncClient,
    loss: f64,
    chance: Chance,
    /// Packets on their way.
    pub(crate) arriving: VecDeque<Vec<u8>>,
    /// Emptied, for their room.
    spare: Vec<Vec<u8>>,
    report: Vec<u8>,
    is_reported: bool,
}

impl Guest {
    /// Lets a viewer in, and gives it what it needs to know.
    pub(crate) fn new(service: &mut Service, world: &World, options: &ViewerOptions, loss: f64) -> Result<Self> {
        let id = service.server.add_viewer(options)?;
        let (mut hello, mut welcome) = (Vec::new(), Vec::new());
        SyncClient::hello(&mut hello);
        service.server.welcome(world, &hello, options.player, &mut welcome)?;
        let client = SyncClient::new(&welcome, world.map().cloned(), &ClientOptions::default())?;
        Ok(Self {
            id,
            client,
            loss,
            chance: Chance::new(id.bits() ^ 77),
            arriving: VecDeque::new(),
            // More than an update ever has, so that the network asks nothing of the heap.
            spare: (0..64).map(|_| Vec::with_capacity(1_500)).collect(),
            report: Vec::with_capacity(1_500),
            is_reported: false,
        })
    }

    /// The server hears the report that was sent an update ago, and the viewer takes in the packets that were.
    pub(crate) fn exchange(&mut self, service: &mut Service, world: &World) -> Result<()> {
        let now = now_us(world);
        if std::mem::take(&mut self.is_reported) {
            service.server.receive(self.id, &self.report, now).context("reports of the receiving side are good")?;
        }
        while let Some(packet) = self.arriving.pop_front() {
            self.client.receive(&packet, now).context("packets of the server are good")?;
            self.spare.push(packet);
        }
        self.client.advance(now);
        self.report.clear();
        self.client.report(now, &mut self.report);
        self.is_reported = self.chance.unit() >= self.loss;
        Ok(())
    }

    /// The server writes to the viewer. Returns the bytes that were sent, lost ones included.
    pub(crate) fn write(&mut self, service: &mut Service, world: &World) -> Result<usize> {
        let Self { arriving, spare, chance, loss, .. } = self;
        let mut bytes = 0;
        service.server.write(world, self.id, now_us(world), |packet| {
            bytes += packet.len();
            if chance.unit() >= *loss {
                let mut kept = spare.pop().unwrap_or_default();
                kept.clear();
                kept.extend_from_slice(packet);
                arriving.push_back(kept);
            }
        })?;
        Ok(bytes)
    }
}
