//! A fight of several teams in one place.

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Weapon, World, WorldConfig,
    config::{Behaviour, Step},
    event::Kind,
};

use super::{
    CORNER, RANK, Scene, TICK_RATE_HZ,
    chance::Chance,
    fighter::{Fighter, Style},
    measure::{extent, place, units},
};

/// The side of the camp, in metres.
pub(super) const SIDE_M: f64 = 200.0;
/// Teams that fight each other.
const TEAMS: usize = 4;

/// Fighters who walk to places and enemies, strafe, turn, stop, shoot, run when they are hurt, die and come back.
///
/// Of five, three are moved as by keys and a mouse, one as by clicks, and one is a bot of the core.
#[derive(Debug)]
pub struct Camp {
    world: World,
    chance: Chance,
    fighters: Vec<Fighter>,
    side_m: f64,
    is_fight: bool,
    /// Room for what queries find.
    near: Vec<EntityId>,
}

impl Camp {
    /// So many fighters all over a square of so many metres, or walkers without weapons and without a body.
    pub fn new(fighters: usize, side_m: f64, is_fight: bool, seed: u64, execution: Execution) -> Self {
        let blade = Weapon {
            damage: 9,
            range: 2 * METRE,
            reload_ticks: 40,
            projectile_speed: 0,
            projectile_radius: 0,
            hits: 1,
            friendly_fire: false,
            rewinds: true,
            tracer: false,
        };
        let rifle = Weapon {
            damage: 7,
            range: 28 * METRE,
            reload_ticks: 36,
            projectile_speed: 45 * METRE,
            projectile_radius: METRE / 16,
            ..blade.clone()
        };
        let behaviour = Behaviour {
            steps: vec![Step::Flee { below_percent: 25 }, Step::Chase, Step::Wander { radius: 40 * METRE }],
            sight: 20 * METRE,
            think_ticks: 12,
        };
        let config = WorldConfig {
            seed,
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: fighters.max(1) as u32,
            projectiles_max: 8_192,
            attributes: vec!["rank".into(), "ammunition".into()],
            weapons: vec![blade, rifle],
            behaviours: vec![behaviour],
            paths_max: 64,
            ..WorldConfig::default()
        };
        let world = World::new(config, None, execution).expect("the configuration is in bounds");
        let mut chance = Chance::new(seed);
        let fighters = (0..fighters)
            .map(|number| {
                let style = [Style::Keys, Style::Keys, Style::Keys, Style::Clicks, Style::Bot][number % 5];
                Fighter::new((1 + number / 5 % TEAMS) as u16, style, is_fight, &mut chance)
            })
            .collect();
        let mut camp = Self { world, chance, fighters, side_m, is_fight, near: Vec::new() };
        for number in 0..camp.fighters.len() {
            let (x, y) = (camp.chance.between(0.0, side_m), camp.chance.between(0.0, side_m));
            camp.spawn(number, x, y);
        }
        camp
    }

    fn spawn(&mut self, number: usize, x: f64, y: f64) {
        let fighter = &mut self.fighters[number];
        let entity = Entity {
            half_x: extent(0.4),
            mass: 80_000,
            layers: 1,
            collides: u16::from(self.is_fight),
            speed_max: units(fighter.speed_m) as i32,
            acceleration_max: 22 * METRE,
            health: 100,
            health_max: 100,
            team: fighter.team,
            owner: 1 + number as u32,
            kind: u16::from(fighter.weapon),
            weapon: fighter.weapon,
            bot: u16::from(fighter.style == Style::Bot),
            attributes: vec![0, 300],
            ..Entity::at(place(CORNER, x, y))
        };
        let id = self.world.spawn(&entity).expect("there is room for the fighters");
        fighter.begin(id, &mut self.chance);
    }

    /// Where a team comes back: around a quarter of the way in from its corner.
    fn spawn_near_base(&mut self, number: usize) {
        let base = |far: bool| if far { 0.8 } else { 0.2 };
        let team = usize::from(self.fighters[number].team - 1);
        let spread = self.side_m * 0.12;
        let mut along = |far| base(far) * self.side_m + self.chance.between(-spread, spread);
        let (x, y) = (along(team & 1 != 0), along(team & 2 != 0));
        self.spawn(number, x, y);
    }

    fn reward_destroyers(&mut self) {
        self.near.clear();
        let destroyed = self.world.events().iter().filter(|event| event.kind == Kind::UnitDestroyed);
        self.near.extend(destroyed.map(|event| event.object));
        for destroyer in &self.near {
            if let Ok(rank) = self.world.value(*destroyer, Column::Attribute(RANK)) {
                self.world
                    .set(*destroyer, Column::Attribute(RANK), rank + 1)
                    .expect("it is alive and has the attribute");
            }
        }
    }
}

impl Scene for Camp {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn play(&mut self) {
        self.reward_destroyers();
        for number in 0..self.fighters.len() {
            if self.world.is_alive(self.fighters[number].id) {
                let Self { world, chance, fighters, side_m, near, .. } = self;
                fighters[number].play(world, chance, *side_m, near);
            } else if self.fighters[number].is_due(&self.world, &mut self.chance) {
                self.spawn_near_base(number);
            }
        }
    }
}
