//! Bots: entities that command themselves.
//!
//! **A bot does what a player could do**: out of a [`Behaviour`], what it sees and 64 bits of memory comes at most one
//! [`Action`], which goes the way of every command. It decides in some ticks only, and different bots in different ones.
//!
//! A behaviour is a list of steps. The first that applies decides, so the order says what matters more: `Flee, Chase,
//! Patrol` runs when it is hurt, else fights whom it sees, else goes its round. A step that finds that the bot is already
//! doing what it wants decides too, without an action, so that paths are not asked for again and again.

mod fight;
mod memory;
mod sight;
mod travel;

use memory::Memory;
pub use sight::{SEEN_MAX, Seen, Sight};

use crate::{
    command::{Action, Order, is_shorter},
    config::{Behaviour, Step},
    entity::EntityId,
    random::draw,
    space::{Angle, METRE, Position, cos_q15, sin_q15},
};

/// What a bot knows when it decides. Offsets are in units of length, to the right of and above the bot.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The world's seed.
    pub seed: u64,
    /// The tick.
    pub tick: u64,
    /// The bot.
    pub id: EntityId,
    /// Where it is.
    pub position: Position,
    /// Its side; 0 is nobody's.
    pub team: u16,
    /// What is left of it.
    pub health: i32,
    /// Its health when whole.
    pub health_max: i32,
    /// How far its weapon reaches; `None` without a weapon.
    pub weapon_range: Option<i32>,
    /// Whether its weapon is ready.
    pub weapon_is_ready: bool,
    /// What it is doing.
    pub order: Order,
    /// Where the order leads, if it is to go to a place.
    pub goal: Option<(i64, i64)>,
    /// The entity in its target column.
    pub target: EntityId,
    /// Where that one is; `None` if it is not alive or out of all reach.
    pub target_offset: Option<(i64, i64)>,
    /// The enemies that it sees.
    pub sight: &'a Sight,
    /// The map, if there is one.
    pub ground: Ground<'a>,
}

/// What bots know of a map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ground<'a> {
    /// What the map's coordinates are relative to.
    pub origin: Position,
    /// The patrols, places in map coordinates.
    pub routes: &'a [Vec<(i32, i32)>],
    /// The resource zones.
    pub resources: &'a [Resource],
}

/// A resource zone as bots see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resource {
    /// Its centre, in map coordinates.
    pub x: i32,
    /// Its centre, in map coordinates.
    pub y: i32,
    /// Whoever is no further from the centre than this is in it.
    pub radius: i32,
    /// The team that holds it; 0 is none.
    pub holder: u16,
}

/// What a step makes of a situation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    /// It does not apply.
    Pass,
    /// It applies, and the bot is already doing it.
    Keep,
    /// It applies.
    Act(Action),
}

/// How near to a place is being there.
const ARRIVED: i64 = 2 * METRE as i64;

/// Whether a bot decides in this tick: once in `think_ticks`, slot by slot in turn.
pub fn thinks_now(id: EntityId, tick: u64, think_ticks: u32) -> bool {
    let turn = id.bits() & u64::from(u32::MAX);
    tick.wrapping_add(turn).is_multiple_of(u64::from(think_ticks.max(1)))
}

/// The memory, for the column `bot_state`, of a bot whose post is where it is. A bot whose memory is 0 takes up its post
/// where it first decides.
pub fn begin(at: Position) -> i64 {
    let mut memory = Memory::default();
    memory.begin(at);
    memory.bits()
}

/// Decides: what to command, if anything, and the new memory.
///
/// Whatever comes in, however far away, something comes out.
pub fn decide(behaviour: &Behaviour, situation: &Situation<'_>, memory: i64) -> (Option<Action>, i64) {
    let mut memory = Memory::from_bits(memory);
    memory.begin(situation.position);
    let was_sent = core::mem::take(&mut memory.is_sent);
    let bot = Bot { situation, behaviour };
    let choice = behaviour
        .steps
        .iter()
        .map(|step| bot.choose(step, &mut memory, was_sent))
        .find(|choice| *choice != Choice::Pass);
    let action = match choice.unwrap_or_else(|| bot.give_up()) {
        Choice::Act(action) => Some(action),
        Choice::Keep | Choice::Pass => None,
    };
    (action, memory.bits())
}

/// A bot that decides.
struct Bot<'a> {
    situation: &'a Situation<'a>,
    behaviour: &'a Behaviour,
}

impl Bot<'_> {
    fn choose(&self, step: &Step, memory: &mut Memory, was_sent: bool) -> Choice {
        match *step {
            Step::Flee { below_percent } => self.flee(below_percent),
            Step::Chase => self.chase(),
            Step::Guard { radius } => self.guard(radius, *memory),
            Step::Capture => self.capture(),
            Step::Follow { distance } => self.follow(distance),
            Step::Patrol { route } => self.patrol(route, memory, was_sent),
            Step::Wander { radius } => self.wander(radius, *memory),
        }
    }

    /// Goes to a place, unless it is on the way to one at most `tolerance` from it.
    fn go_to(&self, offset: (i64, i64), tolerance: i64) -> Choice {
        let there =
            |goal: (i64, i64)| is_near((goal.0.saturating_sub(offset.0), goal.1.saturating_sub(offset.1)), tolerance);
        if self.is_going() && self.situation.goal.is_some_and(there) {
            return Choice::Keep;
        }
        Choice::Act(Action::MoveTo(self.situation.position.offset(offset.0, offset.1)))
    }

    fn is_going(&self) -> bool {
        self.situation.order == Order::MoveTo
    }

    /// Where a place of the map is; `None` if the map is out of all reach.
    fn offset_of(&self, (x, y): (i32, i32)) -> Option<(i64, i64)> {
        let (right, up) = self.situation.position.offset_to(self.situation.ground.origin)?;
        Some((right.saturating_add(i64::from(x)), up.saturating_add(i64::from(y))))
    }

    /// A random word for this decision.
    fn draw(&self, purpose: u32) -> u64 {
        draw(self.situation.seed, self.situation.tick, self.situation.id.bits(), purpose)
    }
}

/// Whether an offset is at most `distance` long.
fn is_near(offset: (i64, i64), distance: i64) -> bool {
    u64::try_from(distance)
        .is_ok_and(|distance| is_shorter((offset.0.unsigned_abs(), offset.1.unsigned_abs()), distance))
}

/// The offset that leads a `distance` of up to 2^31 along a heading.
fn along(heading: Angle, distance: i64) -> (i64, i64) {
    let part = |of_one: i32| (i64::from(of_one) * distance) >> 15;
    (part(cos_q15(heading)), part(sin_q15(heading)))
}

#[cfg(test)]
mod tests;
