//! `world`: what is in it, one by one. For many at once there is `world.rows`.

mod entities;
mod events;
mod orders;
mod places;
mod queries;

use mlua::{Lua, Table};
use muster_core::world::InputError;

pub(super) use entities::{entity, set, spawn};
pub(crate) use events::EVENTS;
pub(super) use events::{event_kind, event_value};
pub(super) use orders::order;

use super::{Function, Library};
use crate::vm::Slot;

pub(crate) const LIBRARY: Library = Library {
    name: "world",
    doc: "The world: entities in metres, seconds and radians. What a function changes is changed at once and recorded.",
    functions: &[
        Function { name: "tick", parameters: &[], returns: "number", doc: "The tick that comes, from 0." },
        Function {
            name: "size",
            parameters: &[],
            returns: "(number?, number?)",
            doc: "Width and height of the map in metres; nil without a map.",
        },
        Function { name: "count", parameters: &[], returns: "number", doc: "How many entities live." },
        Function {
            name: "spawn",
            parameters: &["entity: EntityFields"],
            returns: "EntityId",
            doc: "Makes an entity. What is left out is 0, but for layers 1, collides 65535, radius 0.5 and mass 80.",
        },
        Function {
            name: "despawn",
            parameters: &["id: EntityId"],
            returns: "boolean",
            doc: "Takes an entity away, without an event; false if it is gone already.",
        },
        Function { name: "exists", parameters: &["id: EntityId"], returns: "boolean", doc: "Whether an entity lives." },
        Function {
            name: "get",
            parameters: &["id: EntityId", "...: string"],
            returns: "...number",
            doc: "The values of fields, in order; nil if the entity is gone.",
        },
        Function {
            name: "set",
            parameters: &["id: EntityId", "fields: EntityFields"],
            returns: "boolean",
            doc: "Sets fields; false if the entity is gone.",
        },
        Function {
            name: "place",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "boolean",
            doc: "Puts an entity somewhere else and forgets its orders; false if it is gone.",
        },
        Function {
            name: "near",
            parameters: &["x: number", "y: number", "radius: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "Entities that come within a radius, in the order of their ids' slots.",
        },
        Function {
            name: "nearest",
            parameters: &["x: number", "y: number", "radius: number", "count: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "The nearest entities within a radius, nearest first, of those that the filter lets through.",
        },
        Function {
            name: "in_box",
            parameters: &["x: number", "y: number", "half_width: number", "half_height: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "Entities whose bounding boxes touch a box.",
        },
        Function {
            name: "all",
            parameters: &["filter: Filter?"],
            returns: "{EntityId}",
            doc: "Every entity that the filter lets through.",
        },
        Function {
            name: "ray",
            parameters: &["x: number", "y: number", "right: number", "up: number", "options: RayOptions?"],
            returns: "RayHit?",
            doc: "What a disc meets first that goes from a place so far: an entity, or a wall (id 0).",
        },
        Function {
            name: "sees",
            parameters: &["x1: number", "y1: number", "x2: number", "y2: number"],
            returns: "boolean",
            doc: "Whether no wall is between two places.",
        },
        Function {
            name: "move_to",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "()",
            doc: "Orders an entity to a place, round what is in the way.",
        },
        Function {
            name: "velocity",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "()",
            doc: "Orders an entity to take on a velocity.",
        },
        Function {
            name: "attack",
            parameters: &["id: EntityId", "target: EntityId"],
            returns: "()",
            doc: "Orders an entity to attack another until it is gone.",
        },
        Function {
            name: "fire",
            parameters: &["id: EntityId", "heading: number"],
            returns: "()",
            doc: "Lets an entity fire its weapon once along a heading in radians.",
        },
        Function {
            name: "stop",
            parameters: &["id: EntityId"],
            returns: "()",
            doc: "Makes an entity forget its orders and brake.",
        },
        Function {
            name: "launch",
            parameters: &["projectile: ProjectileFields"],
            returns: "()",
            doc: "Puts a projectile into the world.",
        },
        Function {
            name: "emit",
            parameters: &["kind: number", "event: EventFields"],
            returns: "()",
            doc: "Tells everybody near an event of kind `custom` whose `detail` is `kind`.",
        },
        Function {
            name: "events",
            parameters: &["kind: EventKind?"],
            returns: "{WorldEvent}",
            doc: "What happened in the last tick, of one kind or all.",
        },
        Function {
            name: "zones",
            parameters: &[],
            returns: "{Zone}",
            doc: "The map's zones; events name them by their number.",
        },
        Function {
            name: "zone_holder",
            parameters: &["zone: number"],
            returns: "number",
            doc: "The team that holds a zone; 0 is nobody.",
        },
        Function {
            name: "spawn_points",
            parameters: &["team: number?"],
            returns: "{SpawnPoint}",
            doc: "Where entities come into the world: all, or those for a team and for everybody.",
        },
        Function {
            name: "pickups",
            parameters: &[],
            returns: "{Pickup}",
            doc: "What lies on the map to be taken; events name it by its number.",
        },
        Function {
            name: "pickup_is_there",
            parameters: &["pickup: number"],
            returns: "boolean",
            doc: "Whether a pickup can be taken now.",
        },
        Function {
            name: "routes",
            parameters: &[],
            returns: "{{Point}}",
            doc: "The map's routes, of which behaviours patrol one by its number.",
        },
        Function {
            name: "rows",
            parameters: &["...: string"],
            returns: "Rows",
            doc: "Makes a set of rows with these columns: fields of entities, or of events.",
        },
        Function {
            name: "take_over",
            parameters: &["player: number", "behaviour: number | string"],
            returns: "()",
            doc: "Lets a behaviour command a player's entities.",
        },
        Function {
            name: "hand_back",
            parameters: &["player: number"],
            returns: "()",
            doc: "Gives a player their entities back.",
        },
    ],
};

/// Safepoints that a table for a script is worth.
const TABLE: u64 = 16;

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    entities::add(lua, slot, &table)?;
    queries::add(lua, slot, &table)?;
    orders::add(lua, slot, &table)?;
    places::add(lua, slot, &table)?;
    events::add(lua, slot, &table)?;
    Ok(table)
}

fn refused(error: InputError) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
}
