//! A viewer that has been there for a while does not allocate.
//!
//! Goal: taking in packets, advancing, commanding and reporting cost no allocation. Method: an allocator that counts what the
//! thread asks for while the viewer is at work, over a lossy network; after some seconds, in which every buffer has grown, the
//! count must not move.

mod session;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use muster_core::{
    Entity,
    command::Action,
    sync::{client::ClientOptions, server::ViewerOptions},
};
use session::{Network, Session, config, place, sync_config};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // At the end of a thread there is no counter any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: forwarded to the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: forwarded to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the viewer allocates in some ticks, by tick.
fn run(session: &mut Session, id: muster_core::EntityId, ticks: u64) -> Vec<(u64, u64)> {
    let mut report = Vec::with_capacity(2048);
    let (mut events, mut departures) = (Vec::with_capacity(8192), Vec::with_capacity(8192));
    let mut allocating = Vec::with_capacity(ticks as usize);
    let mut commands = Vec::new();
    for step in 0..ticks {
        let now = session.now_us();
        let viewer = &mut session.viewers[0];
        for report in viewer.up.arrived(now) {
            let _ = session.server.receive(viewer.id, &report, now);
        }
        session.server.take_inputs(viewer.id, &session.world, &mut commands).expect("it is there");
        for command in commands.drain(..) {
            session.world.command(command).expect("there is room");
        }
        session.world.step();
        let now = session.now_us();
        let viewer = &mut session.viewers[0];
        if session.server.tick(&session.world) {
            let (down, network) = (&mut viewer.down, &viewer.network);
            session
                .server
                .write(&session.world, viewer.id, now, |packet| down.send(network, now, packet))
                .expect("it is there");
        }
        let arrived = viewer.down.arrived(now);
        let before = ALLOCATIONS.get();
        for packet in &arrived {
            let _ = viewer.client.receive(packet, now);
        }
        if step % 5 == 0 {
            let x = if step % 240 < 120 { 200_000 } else { -200_000 };
            let _ = viewer.client.command(id, Action::SetVelocity { x, y: 1000 * (step % 7) as i32 });
        }
        viewer.client.advance(now);
        viewer.client.take_events(&mut events);
        viewer.client.take_departures(&mut departures);
        report.clear();
        viewer.client.report(now, &mut report);
        let count = ALLOCATIONS.get() - before;
        if count > 0 {
            allocating.push((session.world.tick(), count));
        }
        events.clear();
        departures.clear();
        viewer.up.send(&viewer.network, now, &report);
        if session.world.entity_count() < 200 {
            session.spawn(session.world.tick());
        }
    }
    allocating
}

#[test]
fn a_steady_viewer_allocates_nothing() {
    let mut session = Session::with(config(), sync_config(), None, 31, 200);
    let entity = Entity { bot: 0, owner: 1, health_max: 0, ..session::fighter(1, place(1000, 1000)) };
    let id = session.world.spawn(&entity).expect("there is room");
    let options = ViewerOptions { player: 1, is_everywhere: true, budget: 10_000_000, ..ViewerOptions::default() };
    let network = Network { loss: 5, doubled: 2, delay_us: 30_000, jitter_us: 20_000 };
    let viewer = session.join_with(network, options, &ClientOptions::default());
    session.server.set_predicted(session.viewers[viewer].id, id).expect("it is there");
    run(&mut session, id, 2400);
    let allocating = run(&mut session, id, 600);
    let statistics = session.viewers[0].client.statistics();
    assert!(statistics.entities > 150 && statistics.lost > 20 && statistics.corrections > 0, "{statistics:?}");
    assert!(allocating.is_empty(), "ticks with their allocations: {allocating:?}");
}
