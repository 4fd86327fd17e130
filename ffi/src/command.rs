//! `muster/command.h`.

use muster_core::{
    EntityId, Input, Position, Projectile,
    command::{Action, Command},
    world::ProjectileError,
};

use crate::{
    base::muster_position_t,
    boundary::{In, Versioned},
    entity::muster_entity_t,
    error::{
        Refused, muster_result_t,
        muster_result_t::{MUSTER_E_FULL, MUSTER_E_VALUE},
    },
    world::{muster_world_t, with},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_order_t {
    MUSTER_ORDER_NONE = 0,
    MUSTER_ORDER_VELOCITY = 1,
    MUSTER_ORDER_MOVE_TO = 2,
    MUSTER_ORDER_ATTACK = 3,
    MUSTER_ORDER_USE = 4,
    MUSTER_ORDER_FOLLOW = 5,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_action_t {
    MUSTER_ACTION_MOVE_TO = 0,
    MUSTER_ACTION_SET_VELOCITY = 1,
    MUSTER_ACTION_ATTACK = 2,
    MUSTER_ACTION_FIRE = 3,
    MUSTER_ACTION_STOP = 4,
    MUSTER_ACTION_USE = 5,
    MUSTER_ACTION_CUSTOM = 6,
}

use muster_action_t::*;

/// Every action, at the place of its number.
const ACTIONS: [muster_action_t; 7] = [
    MUSTER_ACTION_MOVE_TO,
    MUSTER_ACTION_SET_VELOCITY,
    MUSTER_ACTION_ATTACK,
    MUSTER_ACTION_FIRE,
    MUSTER_ACTION_STOP,
    MUSTER_ACTION_USE,
    MUSTER_ACTION_CUSTOM,
];

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_command_t {
    pub entity: muster_entity_t,
    pub target: muster_entity_t,
    pub position: muster_position_t,
    pub value: i64,
    pub velocity_x: i32,
    pub velocity_y: i32,
    pub player: u32,
    pub action: u32,
    pub kind: u16,
    pub heading: u16,
    pub rewind_ticks: u16,
    pub reserved: u16,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_projectile_t {
    pub position: muster_position_t,
    pub shooter: muster_entity_t,
    pub velocity_x: i32,
    pub velocity_y: i32,
    pub radius: i32,
    pub damage: i32,
    pub range: i32,
    pub team: u16,
    pub hits: u16,
}

impl Versioned for muster_command_t {
    const SIZE_MIN: usize = 72;
}
impl Versioned for muster_projectile_t {
    const SIZE_MIN: usize = 56;
}

impl muster_command_t {
    pub(crate) fn read(&self) -> Result<Command, Refused> {
        let action = usize::try_from(self.action).ok().and_then(|number| ACTIONS.get(number));
        let action = action
            .ok_or_else(|| Refused::new(MUSTER_E_VALUE, format!("action {} is no muster_action_t", self.action)))?;
        if self.reserved != 0 {
            return Err(Refused::new(MUSTER_E_VALUE, "reserved must be 0"));
        }
        // What is beyond every limit looks back as far as the world does.
        let rewind = u8::try_from(self.rewind_ticks).unwrap_or(u8::MAX);
        let target = EntityId::from_bits(self.target);
        let action = match action {
            MUSTER_ACTION_MOVE_TO => Action::MoveTo(self.position.read("position")?),
            MUSTER_ACTION_SET_VELOCITY => Action::SetVelocity { x: self.velocity_x, y: self.velocity_y },
            MUSTER_ACTION_ATTACK => Action::Attack(target),
            MUSTER_ACTION_FIRE => Action::Fire { heading: self.heading },
            MUSTER_ACTION_STOP => Action::Stop,
            MUSTER_ACTION_USE => Action::Use(target),
            MUSTER_ACTION_CUSTOM => Action::Custom { kind: self.kind, target, value: self.value },
        };
        // Who calls knows the world as it is, so there is no sector that the entity could have left.
        Ok(Command { player: self.player, entity: EntityId::from_bits(self.entity), sector: None, action, rewind })
    }
}

impl From<&Command> for muster_command_t {
    fn from(command: &Command) -> Self {
        let mut to = Self {
            entity: command.entity.bits(),
            target: 0,
            position: Position::default().into(),
            value: 0,
            velocity_x: 0,
            velocity_y: 0,
            player: command.player,
            action: 0,
            kind: 0,
            heading: 0,
            rewind_ticks: command.rewind.into(),
            reserved: 0,
        };
        let action = match command.action {
            Action::MoveTo(position) => {
                to.position = position.into();
                MUSTER_ACTION_MOVE_TO
            }
            Action::SetVelocity { x, y } => {
                (to.velocity_x, to.velocity_y) = (x, y);
                MUSTER_ACTION_SET_VELOCITY
            }
            Action::Attack(target) => {
                to.target = target.bits();
                MUSTER_ACTION_ATTACK
            }
            Action::Fire { heading } => {
                to.heading = heading;
                MUSTER_ACTION_FIRE
            }
            Action::Stop => MUSTER_ACTION_STOP,
            Action::Use(target) => {
                to.target = target.bits();
                MUSTER_ACTION_USE
            }
            Action::Custom { kind, target, value } => {
                (to.kind, to.target, to.value) = (kind, target.bits(), value);
                MUSTER_ACTION_CUSTOM
            }
        };
        to.action = action as u32;
        to
    }
}

impl muster_projectile_t {
    fn read(&self) -> Result<Projectile, Refused> {
        Ok(Projectile {
            position: self.position.read("position")?,
            velocity_x: self.velocity_x,
            velocity_y: self.velocity_y,
            radius: self.radius,
            damage: self.damage,
            range: self.range,
            shooter: EntityId::from_bits(self.shooter),
            team: self.team,
            hits: self.hits,
        })
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_command(
    world: *mut muster_world_t,
    commands: In<muster_command_t>,
    count: usize,
    command_size: usize,
) -> muster_result_t {
    with(world, |world| {
        let records = commands.records(count, command_size, "commands")?;
        world.with_commands(|world, list| {
            for (index, command) in records.enumerate() {
                list.push(command?.read().map_err(|refused| refused.within(&format!("commands[{index}]")))?);
            }
            list.iter().for_each(|command| world.command(*command));
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_fire(
    world: *mut muster_world_t,
    projectiles: In<muster_projectile_t>,
    count: usize,
    projectile_size: usize,
) -> muster_result_t {
    with(world, |world| {
        let records = projectiles.records(count, projectile_size, "projectiles")?;
        let projectiles: Vec<Projectile> = records
            .enumerate()
            .map(|(index, shot)| shot?.read().map_err(|refused| refused.within(&format!("projectiles[{index}]"))))
            .collect::<Result<_, _>>()?;
        world.core.check_projectiles(&projectiles).map_err(|(index, error)| {
            let code = if error == ProjectileError::Value { MUSTER_E_VALUE } else { MUSTER_E_FULL };
            Refused::new(code, format!("projectiles[{index}]: {error}"))
        })?;
        projectiles.into_iter().for_each(|projectile| world.accept(&Input::Fire(projectile)));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_take_over(world: *mut muster_world_t, player: u32, behaviour: u16) -> muster_result_t {
    with(world, |world| {
        let taken = world.apply(&Input::TakeOver { player, behaviour });
        taken.map(drop).map_err(|_| Refused::new(MUSTER_E_VALUE, format!("the world has no behaviour {behaviour}")))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_hand_back(world: *mut muster_world_t, player: u32) -> muster_result_t {
    with(world, |world| {
        world.accept(&Input::HandBack { player });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_back_as_they_were_given() {
        let at = Position { x: 5, y: 6, ..Position::default() };
        let target = EntityId::from_bits(1 << 32 | 9);
        let actions = [
            Action::MoveTo(at),
            Action::SetVelocity { x: -3, y: 4 },
            Action::Attack(target),
            Action::Fire { heading: 77 },
            Action::Stop,
            Action::Use(target),
            Action::Custom { kind: 8, target, value: -9 },
        ];
        assert_eq!(actions.len(), ACTIONS.len());
        for action in actions {
            let entity = EntityId::from_bits(1 << 32 | 2);
            let command = Command { player: 3, entity, sector: None, action, rewind: 12 };
            assert_eq!(muster_command_t::from(&command).read().ok(), Some(command));
        }
    }
}
