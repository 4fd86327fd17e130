//! Stands in for what the core's world does not have yet.
use muster_core::{Execution, World, WorldConfig};

use crate::error::{Refused, muster_result_t::MUSTER_E_MAP};

pub(crate) struct Map;
pub(crate) fn map_of(_text: &str) -> Result<Map, Refused> {
    Err(Refused::new(MUSTER_E_MAP, "maps are not here yet"))
}
pub(crate) fn new(
    config: WorldConfig,
    _map: Option<Map>,
    execution: Execution,
) -> Result<World, muster_core::ConfigError> {
    World::new(config, execution)
}
pub(crate) fn save(_world: &World, out: &mut Vec<u8>) {
    out.extend_from_slice(b"none");
}
pub(crate) fn restore(_bytes: &[u8], _map: Option<Map>, _execution: Execution) -> Result<World, &'static str> {
    Err("snapshots are not here yet")
}
