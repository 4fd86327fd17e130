//! What entities are told to do, and what the mode itself puts into the world.

use mlua::{Lua, Table, Value};
use muster_core::{
    EntityId, Input, Projectile,
    command::{Action, Command},
    event::Class,
};

use super::{
    super::{
        field,
        fields::{heading, position, short_length, to_id},
        values::whole,
        with,
    },
    entities::named_number,
    refused,
};
use crate::{raw, stage::Stage, vm::Slot};

pub(super) fn add(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = || slot.clone();
    let slot = of();
    let move_to = move |_: &Lua, (id, x, y): (f64, f64, f64)| {
        with(&slot, |stage| {
            let action = Action::MoveTo(position(stage.world()?, x, y)?);
            order(stage, to_id(id), action)
        })
    };
    table.raw_set("move_to", lua.create_function(move_to)?)?;
    let slot = of();
    let velocity = move |_: &Lua, (id, x, y): (f64, f64, f64)| {
        let action = Action::SetVelocity { x: short_length(x, "x")?, y: short_length(y, "y")? };
        with(&slot, |stage| order(stage, to_id(id), action))
    };
    table.raw_set("velocity", lua.create_function(velocity)?)?;
    let slot = of();
    let attack = move |_: &Lua, (id, target): (f64, f64)| {
        with(&slot, |stage| order(stage, to_id(id), Action::Attack(to_id(target))))
    };
    table.raw_set("attack", lua.create_function(attack)?)?;
    let slot = of();
    let fire = move |_: &Lua, (id, angle): (f64, f64)| {
        let heading = heading(angle, "heading")?;
        with(&slot, |stage| order(stage, to_id(id), Action::Fire { heading }))
    };
    table.raw_set("fire", lua.create_function(fire)?)?;
    let slot = of();
    let stop = move |_: &Lua, id: f64| with(&slot, |stage| order(stage, to_id(id), Action::Stop));
    table.raw_set("stop", lua.create_function(stop)?)?;
    let slot = of();
    let launch = move |_: &Lua, fields: Table| {
        with(&slot, |stage| {
            let number = |name| field::<f64>(&fields, name).map(|value| value.unwrap_or(0.0));
            let projectile = Projectile {
                position: position(stage.world()?, number("x")?, number("y")?)?,
                velocity_x: short_length(number("velocity_x")?, "velocity_x")?,
                velocity_y: short_length(number("velocity_y")?, "velocity_y")?,
                radius: short_length(number("radius")?, "radius")?,
                damage: whole(number("damage")?, "damage")?,
                range: short_length(number("range")?, "range")?,
                shooter: to_id(number("shooter")?),
                team: whole(number("team")?, "team")?,
                hits: field::<f64>(&fields, "hits")?.map_or(Ok(u16::MAX), |hits| whole(hits, "hits"))?,
            };
            stage.apply(&Input::Fire(projectile))?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("launch", lua.create_function(launch)?)?;
    let slot = of();
    let emit = move |_: &Lua, (kind, fields): (f64, Table)| {
        with(&slot, |stage| {
            let number = |name| field::<f64>(&fields, name).map(|value| value.unwrap_or(0.0));
            let class = match field::<String>(&fields, "class")?.as_deref() {
                None | Some("normal") => Class::Normal,
                Some("critical") => Class::Critical,
                Some("high") => Class::High,
                Some("low") => Class::Low,
                Some(_) => return Err(mlua::Error::runtime("`class` is critical, high, normal or low")),
            };
            let position = position(stage.world()?, number("x")?, number("y")?)?;
            let (subject, object) = (to_id(number("subject")?), to_id(number("object")?));
            let (detail, value) = (whole(kind, "kind")?, whole(number("value")?, "value")?);
            let input = Input::Emit { class, position, subject, object, detail, value };
            stage.apply(&input)?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("emit", lua.create_function(emit)?)?;
    let slot = of();
    let take_over = move |_: &Lua, (player, behaviour): (f64, Value)| {
        with(&slot, |stage| {
            raw::afford(stage.looks())?;
            let player = whole(player, "player")?;
            let behaviour = whole(named_number(&stage.names, "bot", &behaviour)?, "behaviour")?;
            stage.apply(&Input::TakeOver { player, behaviour })?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("take_over", lua.create_function(take_over)?)?;
    let slot = of();
    let hand_back = move |_: &Lua, player: f64| {
        let player = whole(player, "player")?;
        with(&slot, |stage| {
            raw::afford(stage.looks())?;
            stage.apply(&Input::HandBack { player })?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("hand_back", lua.create_function(hand_back)?)
}

/// Commands an entity, as the host itself.
pub(in crate::binding) fn order(stage: &mut Stage, entity: EntityId, action: Action) -> mlua::Result<()> {
    let command = Command { player: 0, entity, sector: None, action, rewind: 0 };
    stage.command(command)?.map_err(refused)
}
