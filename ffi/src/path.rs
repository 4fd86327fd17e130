//! `muster/path.h`.

use muster_core::{
    Position,
    map::Map,
    navigation::{Progress, Search, smooth},
};

use crate::{
    base::muster_position_t,
    boundary::Out,
    error::{Refused, muster_result_t, muster_result_t::MUSTER_E_PATH},
    map::map_of,
    world::{muster_world_t, with},
};

/// What searching for paths needs from one call to the next.
pub(crate) struct Paths {
    search: Search,
    turns: Vec<(u32, u32)>,
    waypoints: Vec<(i32, i32)>,
}

impl Paths {
    fn new(map: &Map) -> Self {
        Self { search: Search::new(map.grid()), turns: Vec::new(), waypoints: Vec::new() }
    }

    /// Puts the waypoints of a path into `waypoints`.
    fn find(&mut self, map: &Map, from: Position, to: Position, expansions_max: u32) -> Result<(), Refused> {
        let cell = |position: Position, name: &str| {
            let cell = map.local(position).and_then(|(x, y)| map.grid().cell_of(x, y));
            cell.filter(|(x, y)| !map.grid().is_blocked(*x, *y))
                .ok_or_else(|| Refused::new(MUSTER_E_PATH, format!("{name} is outside of the map or in a wall")))
        };
        self.search.begin(cell(from, "from")?, cell(to, "to")?);
        match self.search.advance(map.grid(), expansions_max.into()) {
            Progress::Found => {}
            Progress::None => return Err(Refused::new(MUSTER_E_PATH, "there is no way")),
            Progress::More => {
                return Err(Refused::new(MUSTER_E_PATH, format!("no way was found in {expansions_max} expansions")));
            }
        }
        self.search.path(&mut self.turns);
        smooth(map.grid(), &self.turns, usize::MAX, &mut self.waypoints);
        Ok(())
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_path_find(
    world: *mut muster_world_t,
    from: muster_position_t,
    to: muster_position_t,
    expansions_max: u32,
    out_waypoints: Out<muster_position_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let (from, to) = (from.read("from")?, to.read("to")?);
        let mut kept = world.paths.take();
        let map = map_of(world)?;
        let paths = kept.get_or_insert_with(|| Paths::new(map));
        let answer = paths.find(map, from, to, expansions_max).and_then(|()| {
            let waypoints = paths.waypoints.iter().map(|(x, y)| map.position(*x, *y).into());
            out_waypoints.fill(waypoints, capacity, out_count, "out_waypoints")
        });
        world.paths = kept;
        answer
    })
}
