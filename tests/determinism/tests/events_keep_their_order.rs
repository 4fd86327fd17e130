//! Goal: the events of a tick are the same ones in the same order under every execution, also when there are more than
//! fit.
//! Method: a battle side by side in several executions; lists are compared element by element, and each is in the order
//! of its keys. Every kind of event occurs, and every class overflows.

use std::collections::BTreeSet;

use muster_core::event::Kind;
use muster_determinism::{Run, Setting, execution};

#[test]
fn lists_are_equal_and_in_order() {
    let setting = Setting::small(21, 700);
    let executions = [execution(1, 1, 0), execution(5, 2, 30), execution(16, 1, 0), execution(3, 3, 0)];
    let mut runs = executions.map(|execution| Run::new(setting, execution));
    let mut kinds = BTreeSet::new();
    for tick in 0..4_000 {
        for run in &mut runs {
            run.tick();
        }
        let [first, others @ ..] = &runs;
        let events = first.world().events();
        assert!(events.is_sorted_by_key(|event| event.key()), "tick {tick}");
        kinds.extend(events.iter().map(|event| event.kind));
        for (other, execution) in others.iter().zip(&executions[1..]) {
            assert_eq!(events, other.world().events(), "tick {tick}, {execution:?}");
        }
    }
    let expected = [
        Kind::UnitDestroyed,
        Kind::BaseDestroyed,
        Kind::MassiveBattle,
        Kind::ResourceCapture,
        Kind::Contact,
        Kind::Hit,
        Kind::ZoneEntered,
        Kind::ZoneLeft,
        Kind::PickupTaken,
        Kind::CommandRefused,
        Kind::Used,
        Kind::Custom,
        Kind::Fired,
    ];
    assert_eq!(kinds, BTreeSet::from(expected), "every kind occurs");
    let stats = runs.map(|run| run.world().stats().events_dropped);
    assert!(stats.iter().all(|dropped| dropped == &stats[0]), "{stats:?}");
    assert!(stats[0].iter().all(|dropped| *dropped > 0), "every class overflows: {stats:?}");
}
