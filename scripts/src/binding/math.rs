//! Randomness of the match instead of the machine's.

use mlua::{Lua, Table};

use super::{values::whole, with};
use crate::{stage::Random, vm::Slot};

/// Puts `math.random` and `math.randomseed` in place, which are the match's: its state is saved with it.
pub(super) fn register(lua: &Lua, slot: &Slot) -> mlua::Result<()> {
    let math: Table = lua.globals().raw_get("math")?;
    let of = slot.clone();
    let random = move |_: &Lua, (low, high): (Option<f64>, Option<f64>)| {
        with(&of, |stage| {
            let (low, high): (i64, i64) = match (low, high) {
                (None, _) => return Ok(stage.random.unit()),
                (Some(high), None) => (1, whole(high.floor(), "m")?),
                (Some(low), Some(high)) => (whole(low.floor(), "m")?, whole(high.floor(), "n")?),
            };
            if low > high {
                return Err(mlua::Error::runtime(format!("math.random({low}, {high}): there is nothing between them")));
            }
            Ok(stage.random.between(low, high) as f64)
        })
    };
    math.raw_set("random", lua.create_function(random)?)?;
    let of = slot.clone();
    let seed = move |_: &Lua, seed: f64| {
        with(&of, |stage| {
            stage.random = Random::new(seed.to_bits());
            Ok(())
        })
    };
    math.raw_set("randomseed", lua.create_function(seed)?)
}
