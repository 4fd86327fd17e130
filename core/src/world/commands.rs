//! Commands of players, and who else commands.

use super::{InputError, World};
use crate::{
    EntityId,
    command::{Command, Facts, Refusal, check},
    config::PROJECTILE_RADIUS_MAX,
    entity::Place,
    event::{Class, Event, Kind},
    input::Projectile,
    space::{Position, square_of_length},
    tick::message::Shot,
};

/// A bit of [`crate::Column::Flags`]: a bot commands the entity while its player is away.
pub const FLAG_TAKEN_OVER: u32 = 1 << 30;

impl World {
    /// Gives a command for the coming tick. It is checked when the tick begins; a refusal then is an event. A player who
    /// has given too many is refused here, and an event says so too.
    pub fn command(&mut self, command: Command) -> Result<(), Refusal> {
        // What waits is part of the state, so it must mean the same once it was saved.
        let command = command.canonical();
        let result = self.commands.handle_command(command);
        if let Err(refusal) = result {
            self.refuse(&command, refusal);
        }
        result
    }

    /// Puts a projectile into the world.
    pub fn fire(&mut self, projectile: &Projectile) -> Result<(), InputError> {
        let has_room = self.projectiles_left() > 0;
        if !self.is_possible(projectile) || !has_room || !self.open_sector(projectile.position.sector) {
            return Err(InputError::Projectile);
        }
        let shot = Shot {
            id: self.next_shot,
            x: projectile.position.x,
            y: projectile.position.y,
            velocity_x: projectile.velocity_x,
            velocity_y: projectile.velocity_y,
            radius: projectile.radius,
            damage: projectile.damage,
            range: projectile.range,
            shooter: projectile.shooter,
            team: projectile.team,
            hits: projectile.hits,
        };
        self.next_shot += 1;
        let number = self.region_at(projectile.position);
        let region = self.region_mut(number);
        region.shots.push(shot);
        region.sum_is_stale = true;
        Ok(())
    }

    /// Whether a projectile is one that can fly here.
    pub(super) fn is_possible(&self, projectile: &Projectile) -> bool {
        let speed_max = i64::from(self.constants.config.speed_max).pow(2).cast_unsigned();
        // Without a sign, two squares of the least i32 fit.
        let speed = square_of_length(projectile.velocity_x.into(), projectile.velocity_y.into());
        projectile.position.is_canonical()
            && speed <= speed_max
            && (0..=PROJECTILE_RADIUS_MAX).contains(&projectile.radius)
            && projectile.damage >= 0
            && projectile.range >= 0
    }

    /// How many more projectiles there may be.
    pub(super) fn projectiles_left(&self) -> usize {
        let flying: usize = self.regions().map(|region| region.shots.len()).sum();
        (self.constants.config.projectiles_max as usize).saturating_sub(flying)
    }

    /// Tells an event of kind `Custom` in the coming tick.
    pub fn emit(
        &mut self,
        class: Class,
        position: Position,
        subject: EntityId,
        object: EntityId,
        detail: u32,
        value: i64,
    ) {
        // Each place has one name, under which snapshots and logs have it.
        let position = position.canonical();
        let event = Event::new(self.tick, Kind::Custom, position, subject, object, detail, value);
        self.queues.push(Event { class, ..event });
    }

    /// Lets a bot command a player's entities, those that no bot commands yet. Commands of the player are refused from
    /// now on.
    pub fn take_over(&mut self, player: u32, behaviour: u16) -> Result<(), InputError> {
        if behaviour == 0 || usize::from(behaviour) > self.constants.config.behaviours.len() {
            return Err(InputError::NoBehaviour);
        }
        if let Err(at) = self.taken_over.binary_search(&player) {
            self.taken_over.insert(at, player);
        }
        for region in self.shards.iter_mut().flat_map(|shard| &mut shard.regions) {
            for row in 0..region.columns.len() {
                if region.columns.owner[row] == player && region.columns.bot[row] == 0 {
                    region.columns.bot[row] = behaviour;
                    region.columns.bot_state[row] = 0;
                    region.columns.flags[row] |= FLAG_TAKEN_OVER;
                    region.touch_cold(row as u32);
                }
            }
        }
        Ok(())
    }

    /// Gives a player their entities back. What the bot had told them is forgotten.
    pub fn hand_back(&mut self, player: u32) {
        let Ok(at) = self.taken_over.binary_search(&player) else { return };
        self.taken_over.remove(at);
        let mut paths = Vec::new();
        for region in self.shards.iter_mut().flat_map(|shard| &mut shard.regions) {
            for row in 0..region.columns.len() {
                if region.columns.owner[row] == player && region.columns.flags[row] & FLAG_TAKEN_OVER != 0 {
                    region.columns.bot[row] = 0;
                    region.columns.bot_state[row] = 0;
                    region.columns.flags[row] &= !FLAG_TAKEN_OVER;
                    paths.extend(region.forget_order(row));
                }
            }
        }
        paths.sort_unstable();
        paths.into_iter().for_each(|path| self.release_path(path));
    }

    /// Checks the commands that were given and carries them out.
    pub(super) fn carry_out_commands(&mut self) {
        let mut ordered = std::mem::take(&mut self.ordered);
        self.commands.poll_commands(&mut ordered);
        for command in &ordered {
            let facts = self.facts(command);
            match check(command, &facts, &self.constants.config) {
                Err(refusal) => self.refuse(command, refusal),
                Ok(()) => {
                    let Place { region, row } = self.directory.place(command.entity).expect("the check has seen it");
                    let shard = &mut self.shards[usize::from(self.partition.strip(region).shard)];
                    shard.obey(region, row as usize, command, self.tick);
                }
            }
        }
        self.ordered = ordered;
    }

    fn facts(&self, command: &Command) -> Facts {
        let subject = self.directory.place(command.entity).map(|place| {
            let region = self.region(place.region);
            let row = place.row as usize;
            let is_taken = region.columns.flags[row] & FLAG_TAKEN_OVER != 0
                && self.taken_over.binary_search(&region.columns.owner[row]).is_ok();
            region.subject(row, is_taken)
        });
        let ago = if command.action.looks_back() { command.rewind.min(self.config().rewind_ticks) } else { 0 };
        let target = self.directory.place(command.action.target()).zip(subject).map(|(place, subject)| {
            self.region(place.region).as_target(place.row as usize, subject.position, self.tick, ago)
        });
        Facts { tick: self.tick, subject, target }
    }

    fn refuse(&mut self, command: &Command, refusal: Refusal) {
        self.stats.commands_refused += 1;
        let at = self.position(command.entity).unwrap_or_default();
        let (detail, player) = (refusal as u32, i64::from(command.player));
        self.queues.push(Event::new(
            self.tick,
            Kind::CommandRefused,
            at,
            command.entity,
            EntityId::NULL,
            detail,
            player,
        ));
    }
}
