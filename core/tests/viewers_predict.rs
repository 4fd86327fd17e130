//! A player's own entity obeys at once, and comes out where the server has it.
//!
//! Goal: without loss the prediction is never put right, though inputs take their time; with loss and delay it is put right and
//! comes to where the server has it; other attributes of the owner arrive. Method: a player who drives to and fro on a map with
//! walls, behind networks in virtual time; where its entity was predicted to be at a tick is compared with where the server had
//! it at that tick.

mod session;

use std::collections::BTreeMap;

use muster_core::{
    Entity, EntityId, METRE, Position,
    command::Action,
    sync::{client::ClientOptions, server::ViewerOptions},
};
use session::{Network, Session, config, place, sync_config};

const MAP: &str = r#"{
    "version": 1,
    "origin": { "sector": [3, -2], "at": [900, 900] },
    "size": [200, 200],
    "walls": [
        { "box": { "min": [0, 0], "max": [200, 2] } }, { "box": { "min": [0, 198], "max": [200, 200] } },
        { "box": { "min": [0, 2], "max": [2, 198] } }, { "box": { "min": [198, 2], "max": [200, 198] } },
        { "segment": { "from": [60, 2], "to": [60, 150] } }
    ]
}"#;

fn with_player(network: Network, map: Option<&str>) -> (Session, EntityId) {
    let mut session = Session::with(config(), sync_config(), map, 21, 0);
    let entity = Entity { bot: 0, owner: 1, ..session::fighter(1, place(990, 1000)) };
    let id = session.world.spawn(&entity).expect("there is room");
    let options = ViewerOptions { player: 1, is_everywhere: true, budget: 1_000_000, ..ViewerOptions::default() };
    let viewer = session.join_with(network, options, &ClientOptions::default());
    session.server.set_predicted(session.viewers[viewer].id, id).expect("it is there");
    (session, id)
}

/// Drives for some ticks. Returns how often, and how far in units of length, prediction and server differed.
fn drive(session: &mut Session, id: EntityId, ticks: u64) -> (u32, i64) {
    let mut predicted: BTreeMap<u64, Position> = BTreeMap::new();
    let (mut differed, mut farthest) = (0, 0);
    for step in 0..ticks {
        if step % 20 == 0 {
            let turn = (step / 20 * 7919) as u16;
            let speed = |part: i32| part / 8 * 6;
            let x = speed(muster_core::space::cos_q15(turn.wrapping_mul(9))) * 16;
            let y = speed(muster_core::space::sin_q15(turn.wrapping_mul(9))) * 16;
            let client = &mut session.viewers[0].client;
            client.command(id, Action::SetVelocity { x, y }).expect("there is room");
            if step % 60 == 0 {
                client.command(id, Action::Fire { heading: turn }).expect("there is room");
            }
        }
        session.step();
        if let Some(view) = session.viewers[0].client.predicted() {
            assert_eq!(view.id, id);
            predicted.entry(view.tick).or_insert(view.position);
        }
        let tick = session.world.tick();
        let real = session.world.position(id).expect("it lives");
        // What is shown is within a tick of where it is at that tick.
        if let Some(shown) = predicted.get(&tick) {
            let (x, y) = shown.offset_to(real).expect("it is near");
            let off = x.abs().max(y.abs());
            farthest = farthest.max(off);
            differed += u32::from(off > 6 * i64::from(METRE) / 60 + 2);
        }
    }
    (differed, farthest)
}

#[test]
fn without_loss_nothing_is_put_right() {
    for map in [None, Some(MAP)] {
        for delay_us in [0, 20_000, 80_000] {
            let (mut session, id) = with_player(Network { delay_us, ..Network::default() }, map);
            for _ in 0..120 {
                session.step();
            }
            let (differed, farthest) = drive(&mut session, id, 900);
            let statistics = session.viewers[0].client.statistics();
            assert_eq!(statistics.corrections, 0, "{delay_us}: {statistics:?}");
            assert_eq!(differed, 0, "{delay_us}: {farthest}");
            let view = session.viewers[0].client.predicted().expect("it is predicted");
            // As far ahead as the way there and back, and a few ticks.
            let ahead = view.tick - session.world.tick();
            assert!((2..8 + 2 * delay_us * 60 / 1_000_000).contains(&ahead), "{ahead}");
        }
    }
}

#[test]
fn with_loss_it_comes_out_right() {
    let network = Network { loss: 5, doubled: 2, delay_us: 40_000, jitter_us: 20_000 };
    let (mut session, id) = with_player(network, Some(MAP));
    for _ in 0..120 {
        session.step();
    }
    let (differed, farthest) = drive(&mut session, id, 1800);
    let statistics = session.viewers[0].client.statistics();
    // Inputs ride along again and again, but one that comes too late is carried out late.
    assert!(differed < 200 && farthest < 4 * i64::from(METRE), "{differed} {farthest} {statistics:?}");
    session.viewers[0].client.command(id, Action::Stop).expect("there is room");
    for _ in 0..180 {
        session.step();
    }
    let view = session.viewers[0].client.predicted().expect("it is predicted");
    assert_eq!(view.position, session.world.position(id).expect("it lives"));
}

#[test]
fn what_others_do_to_it_is_a_correction_that_is_smoothed() {
    let (mut session, id) = with_player(Network { delay_us: 40_000, ..Network::default() }, None);
    for _ in 0..120 {
        session.step();
    }
    // Somebody moves it by a metre.
    let at = session.world.position(id).expect("it lives");
    session.world.place_at(id, at.offset(METRE.into(), 0)).expect("there is room");
    let mut last = session.viewers[0].client.predicted().expect("it is predicted").position;
    let mut largest = 0;
    for _ in 0..60 {
        session.step();
        let now = session.viewers[0].client.predicted().expect("it is predicted").position;
        largest = largest.max(last.offset_to(now).expect("it is near").0);
        last = now;
    }
    assert_eq!(session.viewers[0].client.statistics().corrections, 1);
    assert!((1..i64::from(METRE) / 2).contains(&largest), "it goes there, and does not jump: {largest}");
    let off = last.offset_to(at.offset(METRE.into(), 0)).expect("it is near");
    assert!(off.0.abs() < i64::from(METRE) / 100, "{off:?}");
    // What only its owner sees is there too.
    assert_eq!(session.viewers[0].client.owner_value(id, 0), Some(1001));
    // It is taken away: nothing is predicted any more.
    session.world.despawn(id).expect("it lives");
    for _ in 0..30 {
        session.step();
    }
    assert_eq!(session.viewers[0].client.predicted(), None);
}
