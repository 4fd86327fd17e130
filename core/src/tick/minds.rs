//! Bots: what a region's rows decide by themselves.

use super::{
    outbox::Outbox,
    region::Region,
    view::{Constants, View},
};
use crate::{
    bot::{Ground, Sight, Situation, decide, thinks_now},
    command::{Command, Order, check, is_ready},
    entity::EntityId,
    space::Position,
};

impl Region {
    /// Lets the bots decide whose turn it is, and do what they decided. A bot commands as its owner does and no more.
    pub(super) fn think(&mut self, view: &View, constants: &Constants, out: &mut Outbox) {
        for row in 0..self.columns.len() {
            let Some(behaviour) = usize::from(self.columns.bot[row]).checked_sub(1) else { continue };
            let behaviour = &constants.config.behaviours[behaviour];
            let id = self.columns.id[row];
            if !thinks_now(id, view.tick, behaviour.think_ticks) {
                continue;
            }
            let sight = self.look_around(row, behaviour.sight, view);
            let situation = self.situation(row, &sight, view, constants);
            let (action, memory) = decide(behaviour, &situation, self.columns.bot_state[row]);
            if memory != self.columns.bot_state[row] {
                self.columns.bot_state[row] = memory;
                self.touch_cold(row as u32);
            }
            let Some(action) = action else { continue };
            let command = Command { player: 0, entity: id, sector: None, action, rewind: 0 };
            if check(&command, &self.facts(row, &action, view), &constants.config).is_ok() {
                self.obey(row, &command, view.tick, constants, out);
            }
        }
    }

    /// The enemies within a distance: entities of another side that can be hurt.
    fn look_around(&self, row: usize, sight: i32, view: &View) -> Sight {
        let (x, y, team) = (self.columns.x[row], self.columns.y[row], self.columns.team[row]);
        let own = self.columns.id[row].slot();
        let mut seen = Sight::new(sight);
        let (low, high) = ((x - sight, y - sight), (x + sight, y + sight));
        view.for_each_near(self.number, low, high, |entry, shift_x, shift_y| {
            // Most of what is shown is further away; who it is is looked up only for the rest.
            let (right, up) = (entry.x + shift_x - x, entry.y + shift_y - y);
            if right.abs() > sight || up.abs() > sight {
                return;
            }
            let is_enemy =
                entry.team != 0 && entry.team != team && entry.traits & crate::physics::index::Entry::MORTAL != 0;
            if is_enemy && own != Some(entry.slot) {
                seen.handle_enemy(view.directory.id_in(entry.slot), i64::from(right), i64::from(up));
            }
        });
        seen
    }

    fn situation<'a>(&self, row: usize, sight: &'a Sight, view: &'a View, constants: &'a Constants) -> Situation<'a> {
        let columns = &self.columns;
        let weapon = constants.config.weapons.get(usize::from(columns.weapon[row]).wrapping_sub(1));
        let order = match columns.order[row] {
            1 => Order::Velocity,
            2 => Order::MoveTo,
            3 => Order::Attack,
            _ => Order::None,
        };
        let goal = (order == Order::MoveTo).then(|| {
            (columns.goal_x[row] - i64::from(columns.x[row]), columns.goal_y[row] - i64::from(columns.y[row]))
        });
        let target: EntityId = columns.target[row];
        let ground = constants.map.as_ref().map_or_else(Ground::default, |map| Ground {
            origin: map.origin(),
            routes: map.routes(),
            resources: &view.resources,
        });
        Situation {
            seed: constants.config.seed,
            tick: view.tick,
            id: columns.id[row],
            position: Position { sector: self.sector, x: columns.x[row], y: columns.y[row] },
            team: columns.team[row],
            health: columns.health[row],
            health_max: columns.health_max[row],
            weapon_range: weapon.map(|weapon| weapon.range),
            weapon_is_ready: weapon
                .is_some_and(|weapon| is_ready(view.tick, columns.ready_tick[row], weapon.reload_ticks)),
            order,
            goal,
            target,
            target_offset: self.target(target, row, view).and_then(|target| target.offset),
            sight,
            ground,
        }
    }
}
