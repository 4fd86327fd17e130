//! Goal: scenes stay what they are meant to be as the core changes. Method: each is played for a while and looked at: how
//! many move and how fast, whether they turn, whether what dies comes back; and twice with the same seed it is the same.

use super::*;
use muster_core::{Column, EntityId, event};

/// What was seen in some seconds of a scene, a look each twentieth of a second.
#[derive(Debug, Default)]
struct Seen {
    /// Of those looked at, the part that had moved a centimetre or more since the look before.
    moving: f64,
    /// Of those who moved, the part whose way had turned by more than 2 degrees.
    turning: f64,
    /// Metres a second, of those who moved.
    speed: f64,
    /// The fastest.
    fastest: f64,
    /// The least that were there.
    least: usize,
    /// Destroyed, a second.
    destroyed: f64,
    refused: usize,
}

fn look(kind: Kind, seconds: u32) -> Seen {
    let mut scene = kind.build(7, ONE_THREAD);
    (0..kind.ticks_before()).for_each(|_| scene.step());
    let mut seen = Seen { least: usize::MAX, ..Seen::default() };
    let (mut looks, mut moved, mut turned, mut speeds) = (0, 0, 0, 0.0);
    let mut before: std::collections::BTreeMap<EntityId, ((f64, f64), (f64, f64))> = Default::default();
    let mut ids = Vec::new();
    for tick in 0..seconds * TICK_RATE_HZ {
        scene.step();
        for event in scene.world().events() {
            seen.destroyed += f64::from(u8::from(event.kind == event::Kind::UnitDestroyed)) / f64::from(seconds);
            seen.refused += usize::from(event.kind == event::Kind::CommandRefused);
        }
        if tick % UPDATE_TICKS != 0 {
            continue;
        }
        scene.world().ids(&mut ids);
        seen.least = seen.least.min(ids.len());
        for id in &ids {
            let at = metres_between(CORNER, scene.world().position(*id).expect("it lives"));
            let Some((was, old)) = before.insert(*id, (at, (0.0, 0.0))) else { continue };
            let way = (at.0 - was.0, at.1 - was.1);
            before.insert(*id, (at, way));
            looks += 1;
            let length = way.0.hypot(way.1);
            if length >= 0.01 {
                moved += 1;
                let speed = length * f64::from(TICK_RATE_HZ / UPDATE_TICKS);
                speeds += speed;
                seen.fastest = seen.fastest.max(speed);
                let off = measure::short_way(old.1.atan2(old.0), way.1.atan2(way.0));
                turned += usize::from(old != (0.0, 0.0) && off.abs() > 0.035);
            }
        }
    }
    seen.moving = f64::from(moved) / f64::from(looks);
    seen.turning = turned as f64 / f64::from(moved.max(1));
    seen.speed = speeds / f64::from(moved.max(1));
    eprintln!("{kind:?}: {seen:.3?}");
    seen
}

#[test]
fn fighters_walk_turn_die_and_come_back() {
    let seen = look(Kind::Camp(250), 20);
    assert!((0.55..0.95).contains(&seen.moving), "{seen:?}");
    assert!(seen.turning > 0.3, "{seen:?}");
    assert!((2.0..6.0).contains(&seen.speed), "{seen:?}");
    assert!(seen.least > 200, "{seen:?}");
    assert!(seen.destroyed > 1.0, "{seen:?}");
}

#[test]
fn units_march_wheel_and_halt() {
    let seen = look(Kind::March(800), 30);
    assert!((0.6..0.98).contains(&seen.moving), "{seen:?}");
    assert!(seen.turning > 0.1 && seen.fastest < 6.0, "{seen:?}");
    assert!((1.5..2.6).contains(&seen.speed), "{seen:?}");
    assert_eq!(seen.least, 800);
}

#[test]
fn cars_race_round_and_brake() {
    let seen = look(Kind::Race(32), 30);
    assert!(seen.moving > 0.95, "{seen:?}");
    assert!((45.0..62.0).contains(&seen.fastest) && (20.0..50.0).contains(&seen.speed), "{seen:?}");
    assert!(seen.turning > 0.12, "{seen:?}");
}

#[test]
fn most_bodies_rest_while_a_large_one_rolls() {
    let seen = look(Kind::Katamari(901), 30);
    assert!((0.01..0.4).contains(&seen.moving), "{seen:?}");
    assert!(seen.turning > 0.3, "{seen:?}");
}

#[test]
fn discs_drift_on() {
    let seen = look(Kind::Drift(200), 5);
    assert!(seen.moving > 0.99 && seen.turning < 0.3, "{seen:?}");
}

#[test]
fn a_seed_is_a_scene() {
    for kind in
        [Kind::Camp(60), Kind::Walk(40, 300), Kind::March(120), Kind::Race(8), Kind::Katamari(60), Kind::Drift(30)]
    {
        let play = |seed| {
            let mut scene = kind.build(seed, ONE_THREAD);
            (0..300).for_each(|_| scene.step());
            let mut ids = Vec::new();
            scene.world().ids(&mut ids);
            let health = ids.iter().map(|id| scene.world().value(*id, Column::Health).expect("it lives")).sum::<i64>();
            (scene.world_mut().hash(), health)
        };
        assert_eq!(play(1), play(1), "{kind:?}");
        assert_ne!(play(1).0, play(2).0, "{kind:?}");
    }
}
