//! What the host and the players do in each tick.

use muster_core::{
    EntityId, Input, METRE, Projectile, SectorId, World,
    command::{Action, Command},
    event::Class,
};

use crate::{
    Dice, Setting,
    battle::{newcomer, some_value, somewhere},
};

/// The purpose of the script's draws.
const SCRIPT: u32 = 0x5c_0001;

/// How many come or go in a tick when there are too few or too many.
const AT_A_TIME: usize = 16;

/// How many entities are looked at for one that is near another one.
const LOOKED_AT: usize = 300;

const M: i64 = METRE as i64;

/// The script of a battle. What it says of a tick depends on the setting, the tick, and who lives then and where.
#[derive(Clone, Debug)]
pub struct Script {
    setting: Setting,
    ids: Vec<EntityId>,
    inputs: Vec<Input>,
}

impl Script {
    /// The script of a setting.
    pub const fn new(setting: Setting) -> Self {
        Self { setting, ids: Vec::new(), inputs: Vec::new() }
    }

    /// The inputs before the world's coming tick, without the step. Some of them are wrong on purpose.
    pub fn inputs(&mut self, world: &World) -> &[Input] {
        world.ids(&mut self.ids);
        let mut dice = Dice::new(self.setting.seed, world.tick(), SCRIPT);
        self.inputs.clear();
        self.keep_up(world.tick(), &mut dice);
        self.change(&mut dice);
        for _ in 0..5 {
            let command = self.command(world, &mut dice);
            self.inputs.push(Input::Command(command));
        }
        if dice.one_in(50) {
            // More than a player may.
            let player = 1 + dice.below(8);
            for _ in 0..30 {
                let command = Command { player, ..self.command(world, &mut dice) };
                self.inputs.push(Input::Command(command));
            }
        }
        if dice.one_in(40) {
            let player = dice.below(10);
            let behaviour = dice.below(9) as u16;
            self.inputs.push(match dice.below(4) {
                0 => Input::TakeOver { player, behaviour },
                _ => Input::HandBack { player },
            });
        }
        &self.inputs
    }

    /// Keeps the number of entities that there are to be, now and then by more spawns than there is room for.
    fn keep_up(&mut self, tick: u64, dice: &mut Dice) {
        let wanted = self.setting.population_in(tick) as usize;
        for _ in 0..self.setting.turnover {
            let id = self.someone(dice);
            self.inputs.push(Input::Despawn(id));
        }
        for _ in 0..self.ids.len().saturating_sub(wanted).min(AT_A_TIME) {
            let id = self.someone(dice);
            self.inputs.push(Input::Despawn(id));
        }
        let surge = if dice.one_in(700) { wanted / 8 } else { 0 };
        for _ in 0..wanted.saturating_sub(self.ids.len()).min(AT_A_TIME) + surge {
            let mut entity = newcomer(self.setting, dice);
            match dice.below(200) {
                0 => entity.position.x = -1,
                1 => entity.attributes = vec![0; 3],
                2 => entity.weapon = 200,
                3 => entity.position.sector = SectorId { x: 0, y: 0, scale: 1 },
                _ => {}
            }
            self.inputs.push(Input::Spawn(entity));
        }
    }

    /// What the host does to those that there are.
    fn change(&mut self, dice: &mut Dice) {
        if dice.one_in(3) {
            let id = self.someone(dice);
            self.inputs.push(Input::Despawn(id));
        }
        for _ in 0..dice.below(3) {
            let (column, value) = some_value(dice);
            let entity = self.someone(dice);
            self.inputs.push(Input::Set { entity, column, value });
        }
        if dice.one_in(6) {
            let entity = self.someone(dice);
            let mut position = somewhere(dice);
            if dice.one_in(10) {
                // Where nobody has been, as likely as not with no sector left for it.
                position.sector = SectorId::new(dice.word().cast_signed(), dice.word().cast_signed());
            }
            self.inputs.push(Input::Place { entity, position });
        }
        if dice.one_in(8) {
            for _ in 0..dice.below(24) {
                let projectile = self.projectile(dice);
                self.inputs.push(Input::Fire(projectile));
            }
        }
        if dice.one_in(8) {
            let (subject, object) = (self.someone(dice), self.someone(dice));
            self.inputs.push(Input::Emit {
                class: dice.of(&[Class::Critical, Class::High, Class::Normal, Class::Low]),
                position: somewhere(dice),
                subject,
                object,
                detail: dice.below(4),
                value: dice.between(-5, 5),
            });
        }
    }

    fn projectile(&self, dice: &mut Dice) -> Projectile {
        Projectile {
            position: somewhere(dice),
            velocity_x: dice.between(-145 * M, 145 * M) as i32,
            velocity_y: dice.between(-145 * M, 145 * M) as i32,
            radius: dice.between(-1, 3) as i32 * METRE / 2,
            damage: dice.between(0, 60) as i32,
            range: dice.between(-1, 1500) as i32 * METRE,
            shooter: self.someone(dice),
            team: dice.below(4) as u16,
            hits: dice.of(&[1, 2, 7]),
        }
    }

    /// A player's command; half of them to whatever entity, so that many are refused.
    fn command(&self, world: &World, dice: &mut Dice) -> Command {
        let (entity, target) = (self.someone(dice), self.someone(dice));
        let speed = |dice: &mut Dice| dice.between(-14 * M, 14 * M) as i32;
        let action = match dice.below(12) {
            0..=2 => Action::MoveTo(somewhere(dice)),
            3 => Action::SetVelocity { x: speed(dice), y: speed(dice) },
            4..=6 => Action::Attack(target),
            7 | 8 => Action::Fire { heading: dice.word() as u16 },
            9 => Action::Stop,
            10 => Action::Use(if dice.one_in(2) { self.nearby(world, entity, dice) } else { target }),
            _ => Action::Custom {
                kind: dice.below(5) as u16,
                target: if dice.one_in(2) { EntityId::NULL } else { target },
                value: dice.between(-9, 9),
            },
        };
        // The host may command everyone; a player, whose entities a ninth of all are, mostly finds that they may not.
        Command { player: if dice.one_in(2) { 0 } else { dice.below(10) }, entity, sector: None, action, rewind: 0 }
    }

    /// Of some of the entities, one that is within a few metres, or none.
    fn nearby(&self, world: &World, of: EntityId, dice: &mut Dice) -> EntityId {
        let from = dice.below(1 + self.ids.len() as u32) as usize;
        let is_near = |id: &&EntityId| {
            let offset = world.position(of).ok().zip(world.position(**id).ok()).and_then(|(of, id)| of.offset_to(id));
            **id != of && offset.is_some_and(|(x, y)| x.abs() < 3 * M && y.abs() < 3 * M)
        };
        self.ids[from..].iter().take(LOOKED_AT).find(is_near).copied().unwrap_or_default()
    }

    /// An entity that lives, or now and then an id that is stale, foreign or null.
    fn someone(&self, dice: &mut Dice) -> EntityId {
        if self.ids.is_empty() || dice.one_in(30) {
            return EntityId::from_bits(dice.of(&[0, 1, 1 << 32 | 5, u64::MAX, dice.clone().word()]));
        }
        dice.of(&self.ids)
    }
}
