//! A viewer that has been there for a while does not allocate, nor does the server of a fight.
//!
//! Goal: taking in packets, advancing, commanding and reporting cost a viewer no allocation, and taking in reports, updates and
//! packets cost the server none. Method: an allocator that counts what the thread asks for while either is at work, over a lossy
//! network. A viewer is given some seconds in which its buffers grow. The server has its memory from the beginning: it is
//! given one second, in which everybody has been told of everything, and then two minutes of a fight that goes through more
//! cells, groups and events at a time than ever before, in which the count must not move.

mod session;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use muster_core::{
    Column, Entity, METRE,
    command::Action,
    sync::{
        client::ClientOptions,
        server::{SyncConfig, View, ViewPoint, ViewerOptions},
    },
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

/// What the server allocates in some ticks, by tick, and the most groups that there were.
fn serve(session: &mut Session, ticks: u64) -> (Vec<(u64, u64)>, u32) {
    let mut allocating = Vec::with_capacity(ticks as usize);
    let (mut groups, mut commands, mut events) = (0, Vec::with_capacity(64), Vec::new());
    let (mut departures, mut report) = (Vec::new(), Vec::new());
    for _ in 0..ticks {
        let now = session.now_us();
        let mut count = 0;
        for viewer in &mut session.viewers {
            for report in viewer.up.arrived(now) {
                let before = ALLOCATIONS.get();
                let _ = session.server.receive(viewer.id, &report, now);
                count += ALLOCATIONS.get() - before;
            }
            let before = ALLOCATIONS.get();
            session.server.take_inputs(viewer.id, &session.world, &mut commands).expect("it is there");
            count += ALLOCATIONS.get() - before;
            commands.clear();
        }
        session.world.step();
        let now = session.now_us();
        let before = ALLOCATIONS.get();
        let is_update = session.server.tick(&session.world);
        count += ALLOCATIONS.get() - before;
        groups = groups.max(session.server.stats().groups);
        for viewer in &mut session.viewers {
            if is_update {
                let (down, network) = (&mut viewer.down, &viewer.network);
                let before = ALLOCATIONS.get();
                let mut own = 0;
                let written = session.server.write(&session.world, viewer.id, now, |packet| {
                    let before = ALLOCATIONS.get();
                    down.send(network, now, packet);
                    own += ALLOCATIONS.get() - before;
                });
                written.expect("it is there");
                count += ALLOCATIONS.get() - before - own;
            }
            for packet in viewer.down.arrived(now) {
                let _ = viewer.client.receive(&packet, now);
            }
            viewer.client.advance(now);
            viewer.client.take_events(&mut events);
            viewer.client.take_departures(&mut departures);
            events.clear();
            departures.clear();
            report.clear();
            viewer.client.report(now, &mut report);
            viewer.up.send(&viewer.network, now, &report);
        }
        if count > 0 {
            allocating.push((session.world.tick(), count));
        }
        while session.world.entity_count() < 240 {
            session.spawn(session.world.tick() * 4096 + u64::from(session.world.entity_count()));
        }
    }
    (allocating, groups)
}

#[test]
fn a_server_of_a_fight_allocates_nothing() {
    // Small cells, so that fighters and points of view cross borders all the time, here of four sectors as well.
    let sync = SyncConfig { cell_shift: 21, ..sync_config() };
    let mut session = Session::with(config(), sync, None, 47, 240);
    let mut ids = Vec::new();
    session.world.ids(&mut ids);
    let everywhere = ViewerOptions { is_everywhere: true, budget: 10_000_000, ..ViewerOptions::default() };
    for (number, loss) in [(0, 0), (1, 5), (2, 20)] {
        let network = Network { loss, doubled: 2, delay_us: 30_000, jitter_us: 20_000 };
        let options = ViewerOptions { budget: [10_000_000, 64_000, 8_000][number], ..everywhere };
        session.join(network, options);
    }
    for number in 0..12 {
        let network = Network { loss: number % 3 * 4, doubled: 2, delay_us: 30_000, jitter_us: 20_000 };
        let options =
            ViewerOptions { player: 1 + number as u32, team: 1 + (number % 2) as u16, ..ViewerOptions::default() };
        let viewer = session.join(network, options);
        let entity = ids[number as usize * 17];
        // They do not die, so that their points of view are always on the way.
        for (column, value) in [(Column::Owner, 1 + number as i64), (Column::HealthMax, 0)] {
            session.world.set(entity, column, value).expect("it is a value");
        }
        let id = session.viewers[viewer].id;
        let view = View { point: ViewPoint::Entity(entity), enter: 40 * METRE, leave: 48 * METRE };
        session.server.set_views(id, &[view]).expect("it is a view");
        session.server.set_predicted(id, entity).expect("it is there");
    }
    let (_, groups_before) = serve(&mut session, 60);
    let (allocating, groups) = serve(&mut session, 7200);
    let stats = session.server.stats();
    assert!(groups > groups_before, "there were more groups than ever before: {groups_before}, then {groups}");
    assert!(stats.shares_sent > 100_000 && stats.shares_deferred > 100 && stats.event_bytes > 10_000, "{stats:?}");
    assert!(allocating.is_empty(), "ticks with their allocations: {allocating:?}");
}
