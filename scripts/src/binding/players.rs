//! `match`: who plays, what they are told, and how it ends.

use mlua::{Lua, LuaString, Table, Value};
use muster_core::{
    EntityId,
    sync::server::{View, ViewPoint},
};

use super::{
    Function, Library,
    fields::{position, to_id},
    lua_to_json,
    values::{number, text, whole},
    with, write_json,
};
use crate::{
    matches::{Ended, Output, To},
    raw::{self, Plain},
    stage::{Member, Stage},
    vm::Slot,
};

pub(crate) const LIBRARY: Library = Library {
    name: "match",
    doc: "The match: its players, what they are told, and how it ends. Players are known by their numbers, from 1.",
    functions: &[
        Function { name: "id", parameters: &[], returns: "string", doc: "What names this match." },
        Function { name: "version", parameters: &[], returns: "string", doc: "The version of the mode's files." },
        Function { name: "tick_rate", parameters: &[], returns: "number", doc: "Ticks a second." },
        Function { name: "label", parameters: &[], returns: "string", doc: "The text by which the match is found." },
        Function {
            name: "ticks",
            parameters: &["seconds: number"],
            returns: "number",
            doc: "How many ticks so many seconds are, at least 1.",
        },
        Function { name: "players", parameters: &[], returns: "{Player}", doc: "Who plays, by number." },
        Function { name: "player", parameters: &["number: number"], returns: "Player?", doc: "One who plays." },
        Function {
            name: "send",
            parameters: &["player: number", "value: Json"],
            returns: "()",
            doc: "Sends a value to a player, as JSON.",
        },
        Function {
            name: "send_team",
            parameters: &["team: number", "value: Json"],
            returns: "()",
            doc: "Sends a value to the players of a team.",
        },
        Function {
            name: "broadcast",
            parameters: &["value: Json", "but: number?"],
            returns: "()",
            doc: "Sends a value to everybody who plays or looks on, but one player.",
        },
        Function {
            name: "send_text",
            parameters: &["player: number", "text: string"],
            returns: "()",
            doc: "Sends a player JSON text as it is.",
        },
        Function {
            name: "broadcast_text",
            parameters: &["text: string", "but: number?"],
            returns: "()",
            doc: "Sends everybody, but one player, JSON text as it is.",
        },
        Function {
            name: "kick",
            parameters: &["player: number", "reason: string?"],
            returns: "()",
            doc: "Makes a player leave.",
        },
        Function {
            name: "set_label",
            parameters: &["label: string"],
            returns: "()",
            doc: "Changes the text by which the match is found.",
        },
        Function {
            name: "set_team",
            parameters: &["player: number", "team: number"],
            returns: "()",
            doc: "Puts a player on a side: who sees what only that side sees. Entities have teams of their own.",
        },
        Function {
            name: "control",
            parameters: &["player: number", "entity: EntityId?"],
            returns: "()",
            doc: "The player steers this entity and looks from it; nil is none.",
        },
        Function {
            name: "view",
            parameters: &["player: number", "points: {EntityId | Point}"],
            returns: "()",
            doc: "From where a player looks: up to sixteen entities or places.",
        },
        Function {
            name: "stop",
            parameters: &["reason: string?", "result: Json?"],
            returns: "()",
            doc: "Ends the match after this tick.",
        },
    ],
};

/// What the table of a player takes, in safepoints.
const PLAYER: u64 = 16;
/// Most points of view of a player.
const POINTS_MAX: usize = muster_core::sync::server::VIEWS_MAX;
/// Most bytes of a label.
pub(crate) const LABEL_BYTES_MAX: usize = 2048;
/// Most bytes of a reason.
const REASON_BYTES_MAX: usize = 256;

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    add_facts(lua, slot, &table)?;
    add_messages(lua, slot, &table)?;
    add_changes(lua, slot, &table)?;
    Ok(table)
}

fn add_facts(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = slot.clone();
    table.raw_set("id", lua.create_function(move |_, ()| with(&of, |stage| Ok(stage.id.clone())))?)?;
    let of = slot.clone();
    table.raw_set("version", lua.create_function(move |_, ()| with(&of, |stage| Ok(stage.version.to_string())))?)?;
    let of = slot.clone();
    table.raw_set("label", lua.create_function(move |_, ()| with(&of, |stage| Ok(stage.settings.label.clone())))?)?;
    let of = slot.clone();
    let rate = move |_: &Lua, ()| with(&of, |stage| Ok(stage.settings.tick_rate_hz));
    table.raw_set("tick_rate", lua.create_function(rate)?)?;
    let of = slot.clone();
    let ticks = move |_: &Lua, seconds: f64| {
        with(&of, |stage| Ok((seconds * f64::from(stage.settings.tick_rate_hz)).round().max(1.0)))
    };
    table.raw_set("ticks", lua.create_function(ticks)?)?;
    let of = slot.clone();
    let players = move |lua: &Lua, ()| {
        let list = lua.create_table()?;
        let members = with(&of, |stage| Ok(stage.members.values().cloned().collect::<Vec<_>>()))?;
        for member in &members {
            raw::charge(PLAYER);
            list.raw_push(player_table(lua, member)?)?;
        }
        Ok(list)
    };
    table.raw_set("players", lua.create_function(players)?)?;
    let of = slot.clone();
    let player = move |lua: &Lua, number: f64| {
        let number: u32 = whole(number, "player")?;
        let member = with(&of, |stage| Ok(stage.members.get(&number).cloned()))?;
        member.map(|member| player_table(lua, &member)).transpose()
    };
    table.raw_set("player", lua.create_function(player)?)
}

fn add_messages(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = slot.clone();
    let send = move |_: &Lua, (player, value): (f64, Value)| {
        let bytes = json(&value)?;
        with(&of, |stage| {
            let to = To::Player(member(stage, player)?);
            stage.send(to, bytes)
        })
    };
    table.raw_set("send", lua.create_function(send)?)?;
    let of = slot.clone();
    let send_team = move |_: &Lua, (team, value): (f64, Value)| {
        let bytes = json(&value)?;
        let to = To::Team(whole(team, "team")?);
        with(&of, |stage| stage.send(to, bytes))
    };
    table.raw_set("send_team", lua.create_function(send_team)?)?;
    let of = slot.clone();
    let broadcast = move |_: &Lua, (value, but): (Value, Option<f64>)| {
        let bytes = json(&value)?;
        let to = to_all(but)?;
        with(&of, |stage| stage.send(to, bytes))
    };
    table.raw_set("broadcast", lua.create_function(broadcast)?)?;
    let of = slot.clone();
    let send_text = move |_: &Lua, (player, value): (f64, LuaString)| {
        let bytes = text(&value, "text")?.into_bytes();
        with(&of, |stage| {
            let to = To::Player(member(stage, player)?);
            stage.send(to, bytes)
        })
    };
    table.raw_set("send_text", lua.create_function(send_text)?)?;
    let of = slot.clone();
    let broadcast_text = move |_: &Lua, (value, but): (LuaString, Option<f64>)| {
        let bytes = text(&value, "text")?.into_bytes();
        let to = to_all(but)?;
        with(&of, |stage| stage.send(to, bytes))
    };
    table.raw_set("broadcast_text", lua.create_function(broadcast_text)?)
}

fn add_changes(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = slot.clone();
    let kick = move |_: &Lua, (player, reason): (f64, Option<LuaString>)| {
        let reason = short(reason.as_ref(), "reason", "kicked")?;
        with(&of, |stage| {
            let player = member(stage, player)?;
            stage.put_out(Output::Kick { player, reason })
        })
    };
    table.raw_set("kick", lua.create_function(kick)?)?;
    let of = slot.clone();
    let set_label = move |_: &Lua, label: LuaString| {
        let label = text(&label, "label")?;
        if label.len() > LABEL_BYTES_MAX {
            return Err(mlua::Error::runtime("a label has at most 2048 bytes"));
        }
        with(&of, |stage| {
            if stage.settings.label != label {
                stage.settings.label.clone_from(&label);
                stage.put_out(Output::Label(label))?;
            }
            Ok(())
        })
    };
    table.raw_set("set_label", lua.create_function(set_label)?)?;
    let of = slot.clone();
    let set_team = move |_: &Lua, (player, team): (f64, f64)| {
        let team = whole(team, "team")?;
        with(&of, |stage| {
            let player = member(stage, player)?;
            if let Some(member) = stage.members.get_mut(&player) {
                member.team = team;
            }
            stage.put_out(Output::Team { player, team })
        })
    };
    table.raw_set("set_team", lua.create_function(set_team)?)?;
    let of = slot.clone();
    let control = move |_: &Lua, (player, entity): (f64, Option<f64>)| {
        let entity = entity.map_or(EntityId::NULL, to_id);
        with(&of, |stage| {
            let player = member(stage, player)?;
            stage.put_out(Output::Predicted { player, entity })?;
            if entity.is_null() {
                return Ok(());
            }
            let points = vec![view(stage, ViewPoint::Entity(entity))];
            stage.put_out(Output::View { player, points })
        })
    };
    table.raw_set("control", lua.create_function(control)?)?;
    let of = slot.clone();
    let view_from = move |_: &Lua, (player, points): (f64, Table)| {
        let points: Vec<Value> = points.sequence_values().take(POINTS_MAX + 1).collect::<mlua::Result<_>>()?;
        if points.len() > POINTS_MAX {
            return Err(mlua::Error::runtime("a player looks from at most 16 points"));
        }
        with(&of, |stage| {
            let player = member(stage, player)?;
            let mut views = Vec::with_capacity(points.len());
            for point in &points {
                let point = match (number(point), point.as_table()) {
                    (Some(id), _) => ViewPoint::Entity(to_id(id)),
                    (None, Some(place)) => {
                        ViewPoint::Place(position(stage.world()?, place.raw_get("x")?, place.raw_get("y")?)?)
                    }
                    _ => return Err(mlua::Error::runtime("a point is an entity's id, or { x = ..., y = ... }")),
                };
                views.push(view(stage, point));
            }
            stage.put_out(Output::View { player, points: views })
        })
    };
    table.raw_set("view", lua.create_function(view_from)?)?;
    let of = slot.clone();
    let stop = move |_: &Lua, (reason, result): (Option<LuaString>, Value)| {
        let reason = short(reason.as_ref(), "reason", "finished")?;
        let result = lua_to_json(&result)?;
        with(&of, |stage| {
            stage.end(Ended { reason, result, error: None });
            Ok(())
        })
    };
    table.raw_set("stop", lua.create_function(stop)?)
}

/// Who plays, as scripts are told of them.
pub(crate) fn player_table(lua: &Lua, member: &Member) -> mlua::Result<Table> {
    let player = &member.player;
    raw::record(
        lua,
        &[
            (c"number", Plain::Number(f64::from(player.number))),
            (c"id", Plain::Text(&player.id)),
            (c"name", Plain::Text(&player.name)),
            (c"is_bot", Plain::Boolean(player.is_bot)),
            (c"team", Plain::Number(f64::from(member.team))),
            (c"away", Plain::Boolean(member.is_away)),
        ],
    )
}

fn view(stage: &Stage, point: ViewPoint) -> View {
    View { point, enter: stage.settings.view_enter, leave: stage.settings.view_leave }
}

fn member(stage: &Stage, number: f64) -> mlua::Result<u32> {
    let player = whole(number, "player")?;
    if stage.members.contains_key(&player) {
        return Ok(player);
    }
    Err(mlua::Error::runtime(format!("player {player} is not in the match")))
}

fn to_all(but: Option<f64>) -> mlua::Result<To> {
    Ok(match but {
        Some(but) => To::AllBut(whole(but, "but")?),
        None => To::All,
    })
}

fn json(value: &Value) -> mlua::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(128);
    write_json(value, &mut bytes)?;
    Ok(bytes)
}

fn short(value: Option<&LuaString>, name: &str, otherwise: &str) -> mlua::Result<String> {
    let text = value.map_or_else(|| Ok(otherwise.to_owned()), |value| text(value, name))?;
    if text.len() > REASON_BYTES_MAX {
        return Err(mlua::Error::runtime(format!("`{name}` has at most {REASON_BYTES_MAX} bytes")));
    }
    Ok(text)
}
