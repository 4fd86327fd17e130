//! The receiving side: time to take an update in, and what it asks of the heap.

use anyhow::Result;
use muster_benches::{
    clock::thread_seconds,
    row::Finding,
    scene::{Kind, ONE_THREAD, Scene},
};
use muster_core::sync::server::{View, ViewPoint, ViewerOptions};

use crate::{
    guest::Guest,
    heap::counted,
    row::Plan,
    service::{FAR, Service, UNCAPPED, config, is_update_due, now_us},
};

/// Updates until the viewer is told of changes only.
const UPDATES_BEFORE: u32 = 40;
/// Updates until all memory that updates reuse is there.
const STEADY_UPDATES_BEFORE: u32 = 600;

/// A camp and a viewer of all of it.
struct Seat {
    scene: Box<dyn Scene>,
    service: Service,
    guest: Guest,
    events: Vec<muster_core::event::Event>,
}

impl Seat {
    fn new(fighters: usize, updates_before: u32) -> Result<Self> {
        let kind = Kind::Camp(fighters);
        let mut scene = kind.build(19, ONE_THREAD);
        (0..kind.ticks_before()).for_each(|_| scene.step());
        let mut service = Service::new(scene.world(), config(scene.world()))?;
        let options = ViewerOptions { budget: UNCAPPED, ..ViewerOptions::default() };
        let guest = Guest::new(&mut service, scene.world(), &options, 0.0)?;
        let view = View { point: ViewPoint::Place(kind.middle()), enter: FAR, leave: FAR };
        service.server.set_views(guest.id, &[view])?;
        let mut seat = Self { scene, service, guest, events: Vec::with_capacity(65_536) };
        for _ in 0..updates_before {
            seat.play()?;
            seat.guest.exchange(&mut seat.service, seat.scene.world())?;
            seat.write()?;
        }
        Ok(seat)
    }

    /// Up to the next update, which is not yet made.
    fn play(&mut self) -> Result<()> {
        loop {
            self.scene.step();
            if is_update_due(self.scene.world()) {
                return Ok(());
            }
            self.service.tick(self.scene.world());
        }
    }

    fn write(&mut self) -> Result<()> {
        self.service.tick(self.scene.world());
        self.guest.write(&mut self.service, self.scene.world())?;
        self.guest.client.take_events(&mut self.events);
        self.events.clear();
        Ok(())
    }
}

/// Microseconds to take in the packets of one update.
pub(crate) fn decode(plan: &Plan, fighters: usize) -> Result<Finding> {
    let mut seat = Seat::new(fighters, UPDATES_BEFORE)?;
    let (mut decode, mut show, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (mut decode_s, mut show_s, mut sum) = (0.0, 0.0, 0);
        for _ in 0..plan.updates() {
            seat.play()?;
            let now = now_us(seat.scene.world());
            sum += seat.guest.arriving.iter().map(Vec::len).sum::<usize>();
            for packet in &seat.guest.arriving {
                let client = &mut seat.guest.client;
                let mut result = None;
                decode_s += thread_seconds(|| result = Some(client.receive(packet, now)));
                result.expect("it was done")?;
            }
            show_s += thread_seconds(|| seat.guest.client.advance(now));
            seat.guest.arriving.clear();
            seat.guest.exchange(&mut seat.service, seat.scene.world())?;
            seat.write()?;
        }
        let mean = |sum: f64| sum / f64::from(plan.updates());
        decode.push(1e6 * mean(decode_s));
        show.push(1e6 * mean(show_s));
        bytes.push(mean(sum as f64));
    }
    let mut finding = Finding { rounds: decode.clone(), ..Finding::default() };
    let of = format!("{} entities", seat.guest.client.statistics().entities);
    finding.add(&of, "taking in an update, us", decode);
    finding.add(&of, "showing all of them at a time, us", show);
    finding.add(&of, "bytes an update", bytes);
    Ok(finding)
}

/// Allocations of the receiving side in an update: packets, what is shown, the report, events.
pub(crate) fn allocations(plan: &Plan, fighters: usize) -> Result<Finding> {
    let mut seat = Seat::new(fighters, STEADY_UPDATES_BEFORE.min(plan.updates() * 30))?;
    let updates = plan.updates() * 5;
    let (mut allocations, mut bytes) = (0, 0);
    for _ in 0..updates {
        seat.play()?;
        let world = seat.scene.world();
        let (guest, service) = (&mut seat.guest, &mut seat.service);
        // The server's part of it, to take in a report, is counted as well; it is to ask for nothing either.
        let (result, heap) = counted(|| guest.exchange(service, world));
        result?;
        allocations += heap.allocations;
        bytes += heap.bytes;
        seat.write()?;
    }
    let per_update = allocations as f64 / f64::from(updates);
    let mut finding = Finding { rounds: vec![per_update], ..Finding::default() };
    let of = format!("client, {fighters} fighters");
    finding.add(&of, "allocations an update", vec![per_update]);
    finding.add(&of, "bytes more an update", vec![bytes as f64 / f64::from(updates)]);
    Ok(finding)
}
