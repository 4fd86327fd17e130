//! The viewer's own entity as it will be: its inputs are carried out here at once, and again when the server was of another
//! opinion.
//!
//! **The rehearsal is a world of its own, with the same code, the same map and nobody else in it.** What others do to the
//! entity comes from the server, as a correction.

use super::clock::TICK;
use crate::{
    ConfigError, Execution, Map, World, WorldConfig,
    command::{Action, Command, Order},
    entity::EntityId,
    space::Position,
    sync::{
        own::{Predicted, Traits},
        report::TickInput,
    },
};

/// How many ticks of the rehearsal are remembered.
const PAST: usize = 256;

/// The predicted entity at a tick.
#[derive(Clone, Copy, Debug)]
struct Past {
    tick: i64,
    state: Predicted,
}

/// What a viewer predicts.
#[derive(Debug)]
pub(super) struct Prediction {
    world: World,
    /// The tick that ticks are counted from.
    origin: u64,
    /// The entity, and what it is in the rehearsal.
    id: EntityId,
    inner: EntityId,
    /// What is known of it that seldom changes: of whom, the update that told, and what.
    traits: Option<(EntityId, u32, Traits)>,
    /// The tick that the last own part was of.
    told: i64,
    is_active: bool,
    /// The tick that comes next.
    tick: i64,
    past: Vec<Past>,
    /// What is shown beside where it is, in units of length.
    error: (i64, i64),
    smooth_us: i64,
    snap: i64,
    pub(super) corrections: u64,
}

impl Prediction {
    pub(super) fn new(
        config: &WorldConfig,
        map: Option<Map>,
        origin: u64,
        smooth_us: u32,
        snap: i32,
    ) -> Result<Self, ConfigError> {
        let config = WorldConfig {
            entities_max: 2,
            projectiles_max: 64,
            sectors_max: 16,
            events_max: [16; 4],
            massive_battle_min: 0,
            commands_per_tick_max: 64,
            paths_max: config.paths_max.min(16),
            ..config.clone()
        };
        let execution = Execution { shards: 1, threads: 1, ..Execution::default() };
        let mut world = World::new(config, map, execution)?;
        world.go_to_tick(origin);
        let nothing = Past { tick: i64::MIN, state: Predicted::default() };
        Ok(Self {
            world,
            origin,
            id: EntityId::NULL,
            inner: EntityId::NULL,
            traits: None,
            told: i64::MIN,
            is_active: false,
            tick: 0,
            past: vec![nothing; PAST],
            error: (0, 0),
            smooth_us: i64::from(smooth_us.max(1)),
            snap: i64::from(snap),
            corrections: 0,
        })
    }

    /// The entity that is predicted; null if none is.
    pub(super) fn id(&self) -> EntityId {
        if self.is_active { self.id } else { EntityId::NULL }
    }

    /// The tick that comes next.
    pub(super) fn tick(&self) -> i64 {
        self.tick
    }

    /// The server says how the entity was at a tick. `inputs` are those that it had not carried out by then.
    pub(super) fn handle_state(&mut self, state: Option<&Predicted>, tick: i64, update: u32, inputs: &[TickInput]) {
        if let Some((id, traits)) = state.and_then(|state| state.traits.map(|traits| (state.id, traits)))
            && self.traits.is_none_or(|(known, since, _)| known != id || !super::group::is_after(since, update))
        {
            self.traits = Some((id, update, traits));
        }
        if tick <= self.told {
            return;
        }
        self.told = tick;
        let known = self.traits.zip(state).filter(|((id, ..), state)| *id == state.id);
        let Some(((_, _, traits), state)) = known.filter(|((_, _, traits), _)| traits.bot == 0) else {
            self.is_active = false;
            return;
        };
        let is_new = !self.is_active || self.id != state.id || tick > self.tick;
        let past = &self.past[tick.rem_euclid(PAST as i64) as usize];
        let state = Predicted { traits: Some(traits), ..*state };
        let is_as_told = past.tick == tick && past.state == state;
        if !is_new && is_as_told {
            return;
        }
        // Whom it attacks is not in the rehearsal, so that it only goes on as it went: no surprise that it went otherwise.
        let is_followed = state.order == Order::Attack as u8;
        let until = self.tick;
        let was = self.position();
        self.id = state.id;
        if !self.restore(&state, &traits, tick) {
            return;
        }
        let first = tick;
        while self.tick < until && until - first <= PAST as i64 {
            let now = self.tick;
            let origin = self.origin;
            let inputs = inputs.iter().filter(|input| whole_tick(origin, input.tick, now).max(first) == now);
            let commands = inputs.flat_map(|input| input.commands().iter().copied());
            // The world is borrowed by the step, and the inputs are not the world's.
            Self::give(&mut self.world, self.id, self.inner, commands);
            self.step();
        }
        if is_new {
            self.error = (0, 0);
            return;
        }
        self.corrections += u64::from(!is_followed);
        let is_now = self.position();
        if let Some((x, y)) = is_now.zip(was).and_then(|(is_now, was)| is_now.offset_to(was)) {
            self.error = (self.error.0.saturating_add(x), self.error.1.saturating_add(y));
        }
        if self.error.0.abs().max(self.error.1.abs()) > self.snap {
            self.error = (0, 0);
        }
    }

    /// Makes the rehearsal what the server's world was at a tick.
    fn restore(&mut self, state: &Predicted, traits: &Traits, tick: i64) -> bool {
        // A stale id is of an entity that has ended in the rehearsal.
        let _ = self.world.despawn(self.inner);
        self.world.go_to_tick(self.origin.wrapping_add_signed(tick));
        self.tick = tick;
        let mut entity = state.entity(traits);
        if entity.order == Order::Attack as u8 {
            entity.order = Order::Velocity as u8;
            (entity.goal_x, entity.goal_y) = (entity.velocity_x.into(), entity.velocity_y.into());
        }
        let goal = Position::new(entity.position.sector, entity.goal_x, entity.goal_y);
        match self.world.spawn(&entity) {
            Ok(inner) => {
                (self.inner, self.is_active) = (inner, true);
                if entity.order == Order::MoveTo as u8 && self.world.map().is_some() {
                    // The way round walls is not told; another is looked for.
                    Self::give(&mut self.world, self.id, inner, [(self.id, Action::MoveTo(goal))].into_iter());
                }
                self.remember(Predicted { traits: Some(*traits), ..*state });
            }
            Err(_) => (self.inner, self.is_active) = (EntityId::NULL, false),
        }
        self.is_active
    }

    fn remember(&mut self, state: Predicted) {
        self.past[self.tick.rem_euclid(PAST as i64) as usize] = Past { tick: self.tick, state };
    }

    /// Brings the rehearsal to a tick without an entity in it.
    pub(super) fn skip_to(&mut self, tick: i64) {
        self.is_active = false;
        self.tick = tick;
    }

    /// Carries out an input, if there is one, and the tick.
    pub(super) fn advance(&mut self, input: Option<&TickInput>) {
        if !self.is_active {
            self.tick += 1;
            return;
        }
        let commands = input.into_iter().flat_map(|input| input.commands().iter().copied());
        Self::give(&mut self.world, self.id, self.inner, commands);
        self.step();
    }

    fn give(world: &mut World, id: EntityId, inner: EntityId, commands: impl Iterator<Item = (EntityId, Action)>) {
        for (entity, action) in commands {
            let is_rehearsed =
                matches!(action, Action::MoveTo(_) | Action::SetVelocity { .. } | Action::Fire { .. } | Action::Stop);
            if entity == id && is_rehearsed {
                // Whether it is refused shows in what the entity does.
                let _ = world.command(Command { player: 0, entity: inner, sector: None, rewind: 0, action });
            }
        }
    }

    fn step(&mut self) {
        self.world.step();
        self.tick += 1;
        match self.state() {
            Some(state) => self.remember(state),
            None => self.is_active = false,
        }
    }

    /// The entity as it is now.
    fn state(&self) -> Option<Predicted> {
        let (columns, row, sector) = self.world.row(self.inner)?;
        Some(Predicted { id: self.id, ..Predicted::of_row(columns, row, sector) })
    }

    fn position(&self) -> Option<Position> {
        self.world.position(self.inner).ok().filter(|_| self.is_active)
    }

    /// Lets what is shown come nearer to what is.
    pub(super) fn smooth(&mut self, elapsed_us: i64) {
        let left = (self.smooth_us - elapsed_us).max(0);
        let less = |part: i64| (i128::from(part) * i128::from(left) / i128::from(self.smooth_us)) as i64;
        self.error = (less(self.error.0), less(self.error.1));
    }

    /// Where the entity is shown at a moment, which way it faces, and its velocity.
    pub(super) fn shown(&self, moment: i64) -> Option<(Position, u16, (i32, i32))> {
        let now = self.state().filter(|_| self.is_active)?;
        let before = &self.past[(self.tick - 1).rem_euclid(PAST as i64) as usize];
        // Between the last two ticks, one behind the moment, which is long ago until time has first come to one.
        let part = moment.saturating_sub(self.tick * TICK).clamp(0, TICK);
        let back = (before.tick == self.tick - 1).then(|| now.position.offset_to(before.state.position)).flatten();
        let (x, y) = back.filter(|(x, y)| x.abs().max(y.abs()) < 1 << 40).unwrap_or((0, 0));
        let along = |back: i64, error: i64| back * (TICK - part) / TICK + error;
        let position = now.position.offset(along(x, self.error.0), along(y, self.error.1));
        Some((position, now.heading, (now.velocity_x, now.velocity_y)))
    }
}

/// A tick of 32 bits, counted from `origin`, that is near another.
const fn whole_tick(origin: u64, tick: u32, near: i64) -> i64 {
    let now = origin.wrapping_add_signed(near);
    near + tick.wrapping_sub(now as u32).cast_signed() as i64
}
