//! Worlds that are worked on in different ways stay the same world whatever the host does, and what is refused changes
//! nothing.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use muster_core::{
    Entity, EntityId, Execution, Input, Position, World, WorldConfig, event::Event, map::Map, world::Applied,
};

use crate::operation::{self, Operation};

/// A run is ended when it has become long: more of the same finds nothing.
const STEPS_MAX: u32 = 100;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    // Bytes that end in the middle of an operation end the run.
    let _ = operate(&mut Unstructured::new(bytes));
}

fn operate(input: &mut Unstructured<'_>) -> Result<()> {
    let config = operation::config(input)?;
    let plain = Execution { shards: 1, threads: 1, inline_below: u32::MAX, split_above: 0 };
    let map = operation::map(input)?;
    let world = |execution| World::new(config.clone(), map.clone(), execution).expect("the configuration is valid");
    let mut pair = Pair {
        plain: world(plain),
        other: world(operation::execution(input)?),
        config: config.clone(),
        map: map.clone(),
        known: Vec::new(),
    };
    let mut steps = 0;
    while !input.is_empty() && steps < STEPS_MAX {
        match Operation::next(input, &pair.known)? {
            Operation::Input(change) => pair.apply(&change),
            Operation::Execution(execution) => {
                pair.other.set_execution(execution).expect("the execution is valid");
                pair.compare();
            }
            Operation::Save(execution) => pair.save(execution),
            Operation::Steps(count) => {
                for _ in 0..count {
                    pair.step();
                }
                steps += u32::from(count);
            }
        }
    }
    pair.step();
    Ok(())
}

/// One world, worked on in two ways.
struct Pair {
    plain: World,
    other: World,
    config: WorldConfig,
    map: Option<Map>,
    /// Ids that were given out.
    known: Vec<EntityId>,
}

impl Pair {
    fn apply(&mut self, input: &Input) {
        let before = (self.plain.hash(), self.plain.entity_count());
        let result = self.plain.apply(input);
        assert_eq!(result, self.other.apply(input), "{input:?}");
        if result.is_err() {
            assert_eq!((self.plain.hash(), self.plain.entity_count()), before, "refused: {input:?}");
        }
        if let (Input::Spawn(entity), Ok(Applied::Spawned(id))) = (input, result) {
            assert!(!self.known.contains(&id), "{id} was given out before");
            self.known.push(id);
            self.check_new(id, entity);
        }
        if let (Input::Despawn(id), Ok(_)) = (input, result) {
            assert!(!self.plain.is_alive(*id) && self.plain.entity(*id).is_err());
        }
        self.compare();
    }

    /// An entity is what it was spawned from.
    fn check_new(&self, id: EntityId, expect: &Entity) {
        let mut found = self.plain.entity(id).expect("it has just been made");
        found.attributes.truncate(expect.attributes.len());
        assert_eq!(&found, expect);
    }

    fn step(&mut self) {
        let tick = self.plain.tick();
        self.plain.step();
        self.other.step();
        assert_eq!(self.plain.tick(), tick + 1);
        assert_eq!(self.plain.events(), self.other.events(), "tick {tick}");
        self.check_events(tick);
        self.check_entities();
        self.compare();
    }

    /// One of the worlds goes on from a snapshot of the other.
    fn save(&mut self, execution: Execution) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        self.plain.save(&mut left);
        self.other.save(&mut right);
        assert_eq!(left, right, "a state has one form");
        self.other = World::restore(&left, self.map.clone(), execution).expect("it has just been saved");
        right.clear();
        self.other.save(&mut right);
        assert_eq!(left, right, "a restored world is the same");
        self.compare();
    }

    fn compare(&mut self) {
        if self.plain.hash() != self.other.hash() {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            self.plain.sector_hashes(&mut left);
            self.other.sector_hashes(&mut right);
            panic!("tick {}: {left:?} is not {right:?}", self.plain.tick());
        }
    }

    fn check_events(&self, tick: u64) {
        let events = self.plain.events();
        assert!(events.is_sorted_by_key(Event::key), "{events:?}");
        for (class, events_max) in self.config.events_max.iter().enumerate() {
            let count = events.iter().filter(|event| event.class as usize == class).count();
            assert!(count <= *events_max as usize, "{count} events of class {class}");
        }
        assert!(events.iter().all(|event| event.tick == tick || event.tick == tick + 1), "tick {tick}: {events:?}");
    }

    fn check_entities(&self) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        self.plain.ids(&mut left);
        self.other.ids(&mut right);
        assert_eq!(left, right);
        assert_eq!(left.len(), self.plain.entity_count() as usize);
        assert!(left.len() <= self.config.entities_max as usize);
        assert_eq!(left.iter().collect::<BTreeSet<_>>().len(), left.len(), "no entity is there twice");
        let mut sectors = BTreeSet::new();
        for id in left {
            let position: Position = self.plain.position(id).expect("it lives");
            assert!(position.is_canonical(), "{id}: {position:?}");
            assert_eq!(self.other.entity(id), self.plain.entity(id));
            sectors.insert(position.sector);
        }
        assert!(sectors.len() <= self.config.sectors_max as usize, "{} sectors", sectors.len());
    }
}
