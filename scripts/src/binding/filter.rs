//! Which entities a query is about.

use mlua::{Table, Value};
use muster_core::{Column, EntityId, World, world::Filter};

use super::{fields::to_id, values::known_name};
use crate::error::likely;

/// What a script's filter says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// What the world itself looks at.
    pub(crate) filter: Filter,
    /// Whether the layers were said: who asks for all does not mean those on layers only.
    has_layers: bool,
    kind: Option<i64>,
    team: Option<i64>,
    owner: Option<i64>,
}

const KNOWN: [&str; 6] = ["layers", "except", "except_team", "kind", "team", "owner"];

impl Wanted {
    /// Reads a table such as `{ kind = 2, except_team = 1 }`; nil is every entity.
    pub(crate) fn read(table: Option<&Table>) -> mlua::Result<Self> {
        let mut wanted = Self::default();
        let Some(table) = table else { return Ok(wanted) };
        for pair in table.pairs::<Value, Value>() {
            let (name, value) = pair?;
            let Some(name) = name.as_string() else {
                return Err(mlua::Error::runtime("a filter has names and numbers: { kind = 2, except_team = 1 }"));
            };
            let name = known_name(name)?;
            let number = value.as_number().or_else(|| value.as_integer().map(|value| value as f64));
            let Some(number) = number.filter(|number| number.is_finite()) else {
                return Err(mlua::Error::runtime(format!("`{name}` of a filter must be a number")));
            };
            let whole = number as i64;
            match &*name {
                "layers" => (wanted.filter.layers, wanted.has_layers) = (whole as u16, true),
                "except" => wanted.filter.except = to_id(number),
                "except_team" => wanted.filter.except_team = whole as u16,
                "kind" => wanted.kind = Some(whole),
                "team" => wanted.team = Some(whole),
                "owner" => wanted.owner = Some(whole),
                other => {
                    let meant = likely(other, KNOWN.into_iter())
                        .map_or(String::new(), |meant| format!("; is `{meant}` meant?"));
                    return Err(mlua::Error::runtime(format!("a filter has no `{other}`{meant}")));
                }
            }
        }
        Ok(wanted)
    }

    /// Whether what the world does not look at itself holds too.
    pub(crate) fn holds(&self, world: &World, id: EntityId) -> bool {
        let is = |wanted: Option<i64>, column| wanted.is_none_or(|wanted| world.value(id, column) == Ok(wanted));
        is(self.kind, Column::Kind) && is(self.team, Column::Team) && is(self.owner, Column::Owner)
    }

    /// Keeps what is wanted of ids that no query of the world has looked at.
    pub(crate) fn keep_all(&self, world: &World, ids: &mut Vec<EntityId>) {
        let has_team = self.filter.except_team != 0;
        let has_own = self.kind.is_some() || self.team.is_some() || self.owner.is_some();
        if !has_own && !has_team && !self.has_layers && self.filter.except.is_null() {
            return;
        }
        ids.retain(|id| {
            let value = |column| world.value(*id, column).unwrap_or(0);
            (!self.has_layers || value(Column::Layers) & i64::from(self.filter.layers) != 0)
                && *id != self.filter.except
                && (!has_team || value(Column::Team) != i64::from(self.filter.except_team))
                && self.holds(world, *id)
        });
    }

    /// Keeps what is wanted of what a query of the world found.
    pub(crate) fn keep(&self, world: &World, ids: &mut Vec<EntityId>) {
        if self.kind.is_some() || self.team.is_some() || self.owner.is_some() {
            ids.retain(|id| self.holds(world, *id));
        }
    }
}
