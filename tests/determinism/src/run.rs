//! Runs of the battle, and what they are compared by.

use std::fmt::{Debug, Write as _};

use muster_core::{
    EntityId, Execution, Input, METRE, World, event::Event, random::fold, replay::compare, world::Filter,
};

use crate::{
    Dice, Script, Setting,
    battle::{found, somewhere},
    execution,
    golden::{GOLDEN, first_difference},
};

/// The environment variable that replaces how many ticks the long runs take.
const VARIABLE: &str = "MUSTER_DETERMINISM_TICKS";

/// The purpose of the draws of what is asked.
const QUESTIONS: u32 = 0x5c_0002;

/// How many ticks the long runs take: 100,000, or what `MUSTER_DETERMINISM_TICKS` says.
///
/// # Panics
/// When the variable is no number of at least the first golden value's tick.
pub fn ticks() -> u64 {
    let ticks =
        std::env::var(VARIABLE).map_or(100_000, |text| text.parse().expect("MUSTER_DETERMINISM_TICKS is a number"));
    assert!(ticks >= GOLDEN[0].tick, "MUSTER_DETERMINISM_TICKS is at least {}", GOLDEN[0].tick);
    ticks
}

/// How many entities there are at least in every tick of the battle of the golden values.
pub const FEWEST: u32 = 2_000;

/// How many ticks pass until they all are there.
const WARM_UP: u64 = 250;

/// How many ticks lie between questions.
const QUESTIONS_TICKS: u64 = 8;

/// What a tick came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The hash of the world's state after the tick.
    pub hash: u64,
    /// A digest of the tick's events in their order.
    pub events: u64,
    /// A digest of what the world answered to the inputs, and to questions after the tick.
    pub answers: u64,
}

/// What a run has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How many bytes a snapshot takes.
    pub size: u64,
    /// A digest of every [`Moment`] so far.
    pub digest: u64,
    /// How many ticks that were.
    pub tick: u64,
}

/// One run of a battle.
pub struct Run {
    world: World,
    script: Script,
    digest: u64,
    outcomes: Vec<Outcome>,
    found: Vec<EntityId>,
    fewest: u32,
}

impl Run {
    /// A battle before its first tick.
    pub fn new(setting: Setting, execution: Execution) -> Self {
        Self {
            world: found(setting, execution),
            script: Script::new(setting),
            digest: 0,
            outcomes: Vec::new(),
            found: Vec::new(),
            fewest: u32::MAX,
        }
    }

    /// The world, for changes that must not show.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// What the script has for the coming tick, without the step.
    pub fn inputs(&mut self) -> &[Input] {
        self.script.inputs(&self.world)
    }

    /// One tick of the battle.
    pub fn tick(&mut self) -> Moment {
        self.tick_with(World::apply)
    }

    /// One tick of the battle, in which `apply` gives the world its inputs.
    pub fn tick_with<A: Debug, E: Debug>(
        &mut self,
        mut apply: impl FnMut(&mut World, &Input) -> Result<A, E>,
    ) -> Moment {
        let mut answers = 0;
        for input in self.script.inputs(&self.world) {
            let answer = match apply(&mut self.world, input) {
                Ok(applied) => digest_of(&applied),
                Err(error) => digest_of(&error),
            };
            answers = fold(answers, answer);
        }
        assert!(apply(&mut self.world, &Input::Step).is_ok(), "a step is never refused");
        if self.world.tick().is_multiple_of(QUESTIONS_TICKS) {
            answers = fold(answers, self.ask());
        }
        if self.world.tick() > WARM_UP {
            self.fewest = self.fewest.min(self.world.entity_count());
        }
        let events = digest_of_events(self.world.events());
        let moment = Moment { hash: self.world.hash(), events, answers };
        self.digest = [moment.hash, events, answers].into_iter().fold(self.digest, fold);
        if GOLDEN.iter().any(|golden| golden.tick == self.world.tick()) {
            self.outcomes.push(self.outcome());
        }
        moment
    }

    /// A digest of what the world answers to questions about somewhere.
    fn ask(&mut self) -> u64 {
        let mut dice = Dice::new(self.world.config().seed, self.world.tick(), QUESTIONS);
        let (here, there) = (somewhere(&mut dice), somewhere(&mut dice));
        let filter =
            Filter { layers: dice.of(&[1, 4, u16::MAX]), except_team: dice.below(4) as u16, ..Filter::default() };
        let distance = dice.between(1, 40) * i64::from(METRE);
        let mut digest = 0;
        let mut take_in = |ids: &[EntityId]| {
            digest = ids.iter().fold(fold(digest, ids.len() as u64), |digest, id| fold(digest, id.bits()));
        };
        self.world.radius(here, distance, &filter, &mut self.found);
        take_in(&self.found);
        self.world.nearest(here, 4 * distance, 5, &filter, &mut self.found);
        take_in(&self.found);
        self.world.in_box(there, distance, distance / 2, &filter, &mut self.found);
        take_in(&self.found);
        let hit = self.world.raycast(here, 5 * distance, -3 * distance, METRE / 4, &filter);
        [digest_of(&hit), self.world.line_of_sight(here, there).into()].into_iter().fold(digest, fold)
    }

    /// What the run has come to now.
    pub fn outcome(&self) -> Outcome {
        let mut snapshot = Vec::new();
        self.world.save(&mut snapshot);
        Outcome { size: snapshot.len() as u64, digest: self.digest, tick: self.world.tick() }
    }

    /// What the run came to at the ticks of [`GOLDEN`] that it has passed.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }
}

/// A digest of whatever has a debug form.
fn digest_of(value: &impl Debug) -> u64 {
    struct Sink(u64);
    impl core::fmt::Write for Sink {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0 = text
                .bytes()
                .fold(self.0, |digest, byte| digest.rotate_left(8).wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
            Ok(())
        }
    }
    let mut sink = Sink(0);
    write!(sink, "{value:?}").expect("a sink takes everything");
    sink.0
}

/// A digest of events in their order.
pub fn digest_of_events(events: &[Event]) -> u64 {
    events.iter().fold(0, |digest, event| fold(digest, digest_of_event(event)))
}

/// A digest of everything in an event.
fn digest_of_event(event: &Event) -> u64 {
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    [
        event.tick,
        pair(event.class as u32, event.kind as u32),
        event.sector.x.cast_unsigned(),
        event.sector.y.cast_unsigned(),
        pair(event.x.cast_unsigned(), event.y.cast_unsigned()),
        event.subject.bits(),
        event.object.bits(),
        pair(event.detail, event.count),
        event.value.cast_unsigned(),
    ]
    .into_iter()
    .fold(0, fold)
}

/// One way to run the battle: how it begins and what is done between ticks, none of which may show.
pub struct Way {
    name: String,
    execution: Execution,
    between: Between,
}

type Between = Box<dyn Fn(&mut World) + Send + Sync>;

impl Way {
    /// The same execution all the time.
    pub fn steady(execution: Execution) -> Self {
        Self::changing(format!("{execution:?}"), execution, |_| {})
    }

    /// Something is done to the world before each tick.
    pub fn changing(
        name: impl Into<String>,
        execution: Execution,
        between: impl Fn(&mut World) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), execution, between: Box::new(between) }
    }

    fn tick(&self, run: &mut Run) -> Moment {
        (self.between)(run.world_mut());
        run.tick()
    }

    fn run(&self, setting: Setting, ticks: u64) -> (Vec<Moment>, Run) {
        let mut run = Run::new(setting, self.execution);
        let trace = (0..ticks).map(|_| self.tick(&mut run)).collect();
        (trace, run)
    }
}

/// Fights the battle of the golden values in one way and checks that it comes to those, with as many entities in every
/// tick as there are to be. Returns the world at its end.
///
/// # Panics
/// When it comes to something else. If it is the way that differs from the plainest one, the report says where.
pub fn fight(way: &Way) -> World {
    let setting = Setting::default();
    let (trace, run) = way.run(setting, ticks());
    check_size(&run);
    let Some(golden) = first_difference(run.outcomes()) else { return run.world };
    let plain = Way::steady(execution(1, 1, 0));
    let (expected, _) = plain.run(setting, golden.tick);
    let Some(at) = (0..expected.len()).find(|at| expected[*at] != trace[*at]) else {
        panic!("the battle takes another course; if that is meant, the values are now\n{:#?}", run.outcomes());
    };
    let report = report(setting, at as u64 + 1, [&plain, way]);
    panic!("tick {at} differs\n  {}: {:?}\n  {}: {:?}\n{report}", plain.name, expected[at], way.name, trace[at]);
}

/// Checks that a run of the default setting had as many entities in every tick as the battle is said to have.
///
/// # Panics
/// If it had fewer.
pub fn check_size(run: &Run) {
    assert!(run.fewest >= FEWEST, "there were times with only {} entities", run.fewest);
}

/// Runs two ways again to where they differ, to say what differs.
fn report(setting: Setting, ticks: u64, ways: [&Way; 2]) -> String {
    let [left, right] = ways.map(|way| way.run(setting, ticks).1);
    let (first, second) = (left.world().events(), right.world().events());
    let only = |these: &[Event], those: &[Event]| {
        these.iter().filter(|event| !those.contains(event)).copied().collect::<Vec<_>>()
    };
    let events = format!("events of one only: {:?}\n  of the other: {:?}\n", only(first, second), only(second, first));
    let state = compare(left.world(), right.world()).map_or_else(|| "equal states".into(), |found| found.to_string());
    format!("{events}{state}\n{:?}\n{:?}", left.world(), right.world())
}
