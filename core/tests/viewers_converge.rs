//! What viewers have is what the server had, over any network.
//!
//! Goal: whatever is lost, doubled or late, every state that a viewer has of an update is to the bit what the server had in
//! that update; and after any outage, and for those who join late, everybody has everything. Method: a fight of some hundred
//! fighters who die and come again, a server and viewers behind networks of every kind, in virtual time. What each viewer
//! has is compared with the world in every update; at the end everybody stands still and is compared with the world that is.

mod session;

use muster_core::{
    event::Class,
    sync::{
        client::Departure,
        server::{View, ViewPoint, ViewerOptions},
    },
};
use session::{Network, Session, everywhere, place};

const CALM: Network = Network { loss: 0, doubled: 0, delay_us: 20_000, jitter_us: 0 };

fn run(session: &mut Session, ticks: u64) {
    for _ in 0..ticks {
        session.step();
        session.check_states();
        let lives = u64::from(session.world.entity_count());
        if lives < 150 {
            session.spawn(session.world.tick());
        }
    }
}

fn settle(session: &mut Session) {
    session.calm();
    for viewer in &mut session.viewers {
        viewer.network.loss = viewer.network.loss.min(20);
    }
    // Projectiles fly on for a while.
    for _ in 0..240 {
        session.calm();
        session.step();
    }
    for viewer in &mut session.viewers {
        viewer.network = CALM;
    }
    for _ in 0..120 {
        session.step();
    }
    session.check_states();
    session.check_converged();
}

#[test]
fn states_are_exact_under_loss_doubling_and_disorder() {
    for (seed, loss) in [(1, 0), (2, 1), (3, 5), (4, 20), (5, 50)] {
        let mut session = Session::new(seed, 200);
        session.join(Network { loss, doubled: 5, delay_us: 50_000, jitter_us: 60_000 }, everywhere());
        session.join(Network { loss, doubled: 0, delay_us: 5_000, jitter_us: 0 }, everywhere());
        run(&mut session, 600);
        for viewer in &session.viewers {
            let statistics = viewer.client.statistics();
            assert!(viewer.states_checked > 50_000, "enough was compared: {}", viewer.states_checked);
            assert_eq!(loss > 0, statistics.lost > 0, "{statistics:?}");
            assert_eq!(statistics.refused[9], 0, "no share was refused");
        }
        settle(&mut session);
    }
}

#[test]
fn an_outage_of_seconds_is_made_up_for() {
    for seconds in [1, 3, 12] {
        let mut session = Session::new(7, 150);
        let viewer = session.join(CALM, everywhere());
        run(&mut session, 120);
        session.viewers[viewer].network.loss = 100;
        run(&mut session, 60 * seconds);
        session.viewers[viewer].network.loss = 0;
        run(&mut session, 60);
        settle(&mut session);
    }
}

#[test]
fn those_who_join_late_have_everything() {
    let mut session = Session::new(9, 150);
    for _ in 0..5 {
        session.join(Network { loss: 5, doubled: 1, delay_us: 40_000, jitter_us: 30_000 }, everywhere());
        run(&mut session, 100);
    }
    settle(&mut session);
}

#[test]
fn events_that_matter_come_once_and_in_order() {
    let mut session = Session::new(11, 200);
    session.join(CALM, everywhere());
    session.join(Network { loss: 20, doubled: 10, delay_us: 60_000, jitter_us: 80_000 }, everywhere());
    let mut happened = Vec::new();
    for _ in 0..900 {
        session.step();
        let events = session.world.events().iter().filter(|event| event.class <= Class::High);
        happened.extend(events.map(|event| (event.tick, event.kind, event.subject, event.detail)));
    }
    session.calm();
    for _ in 0..240 {
        session.step();
        let events = session.world.events().iter().filter(|event| event.class <= Class::High);
        happened.extend(events.map(|event| (event.tick, event.kind, event.subject, event.detail)));
    }
    assert!(happened.len() > 50, "fighters died: {}", happened.len());
    for viewer in &session.viewers {
        let came: Vec<_> = viewer
            .events
            .iter()
            .filter(|event| event.class <= Class::High)
            .map(|event| (event.tick, event.kind, event.subject, event.detail))
            .collect();
        assert_eq!(came, happened);
    }
}

#[test]
fn leaving_is_not_dying() {
    let mut session = Session::new(13, 0);
    let viewer = session.join(CALM, ViewerOptions { budget: 1_000_000, ..ViewerOptions::default() });
    let view = |x| View { point: ViewPoint::Place(place(x, 950)), enter: 90 * 65_536, leave: 100 * 65_536 };
    session.server.set_views(session.viewers[viewer].id, &[view(950)]).expect("it is a view");
    let mut stay = Vec::new();
    for number in 0..40 {
        let at = place(930 + number as i64, 950);
        let entity = muster_core::Entity { bot: 0, weapon: 0, ..session::fighter(number, at) };
        stay.push(session.world.spawn(&entity).expect("there is room"));
    }
    for _ in 0..60 {
        session.step();
    }
    assert_eq!(session.viewers[viewer].client.shown().len(), 40);
    // One is destroyed, and later the viewer goes away from the others.
    session.world.set(stay[3], muster_core::Column::Health, 1).expect("it lives");
    let shot = muster_core::Projectile {
        position: place(930 + 3, 952),
        velocity_y: -30 * 65_536,
        radius: 6_000,
        damage: 50,
        range: 5 * 65_536,
        hits: 1,
        ..muster_core::Projectile::default()
    };
    session.world.fire(&shot).expect("it flies");
    for _ in 0..60 {
        session.step();
    }
    assert!(!session.world.is_alive(stay[3]), "it was hit");
    assert_eq!(session.viewers[viewer].departures, [(stay[3], Departure::Destroyed)]);
    session.server.set_views(session.viewers[viewer].id, &[view(2950)]).expect("it is a view");
    for _ in 0..90 {
        session.step();
    }
    let departures = &session.viewers[viewer].departures;
    assert_eq!(departures.len(), 40);
    assert!(departures[1..].iter().all(|(_, how)| *how == Departure::Left), "{departures:?}");
    assert!(session.viewers[viewer].client.shown().is_empty());
    // And back again.
    session.server.set_views(session.viewers[viewer].id, &[view(950)]).expect("it is a view");
    for _ in 0..60 {
        session.step();
    }
    assert_eq!(session.viewers[viewer].client.shown().len(), 39);
}
