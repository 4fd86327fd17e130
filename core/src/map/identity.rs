//! What names a map: a hash of everything in its definition.

use super::definition::{CellsDef, MapDef, PickupEffect, WallForm, ZoneForm};
use crate::hash::Chain;

/// The definition as a sequence of words from which it could be read back, folded into one. Every list comes with its
/// length and every choice with its number, so that no two definitions are the same sequence.
pub(super) fn hash(map: &MapDef) -> u64 {
    let mut words = Words(Chain::new());
    // The version of this sequence.
    words.number(1);
    words.text(&map.name);
    words.numbers([map.origin.sector.x, map.origin.sector.y, map.origin.x.into(), map.origin.y.into()]);
    words.point((map.width, map.height));
    words.number(map.walls.len() as i64);
    for wall in &map.walls {
        words.number(wall.layers.into());
        match wall.form {
            WallForm::Segment { from, to } => words.shape(0, from, to),
            WallForm::Box { min, max } => words.shape(1, min, max),
        }
    }
    words.number(map.cells.is_some().into());
    if let Some(cells) = &map.cells {
        words.cells(cells);
    }
    words.number(map.zones.len() as i64);
    for zone in &map.zones {
        words.text(&zone.name);
        words.numbers([
            zone.kind as i64,
            zone.team.into(),
            zone.capture_ticks.into(),
            zone.value.into(),
            zone.tag.into(),
        ]);
        match zone.form {
            ZoneForm::Circle { at, radius } => words.shape(0, at, (radius, 0)),
            ZoneForm::Box { min, max } => words.shape(1, min, max),
        }
    }
    words.number(map.spawn_points.len() as i64);
    for point in &map.spawn_points {
        words.point((point.x, point.y));
        words.numbers([point.team.into(), point.heading.into()]);
    }
    words.number(map.pickups.len() as i64);
    for pickup in &map.pickups {
        words.point((pickup.x, pickup.y));
        words.numbers([pickup.radius.into(), pickup.kind.into(), pickup.amount.into(), pickup.respawn_ticks.into()]);
        match &pickup.effect {
            PickupEffect::None => words.number(0),
            PickupEffect::Health => words.number(1),
            PickupEffect::Attribute(number) => words.numbers([2, (*number).into()]),
            PickupEffect::Named(name) => {
                words.number(3);
                words.text(name);
            }
        }
    }
    words.number(map.routes.len() as i64);
    for route in &map.routes {
        words.number(route.len() as i64);
        route.iter().for_each(|point| words.point(*point));
    }
    let navigation = &map.navigation;
    words.numbers([
        navigation.cell_shift.map_or(-1, i64::from),
        navigation.agent_radius.into(),
        navigation.layers.into(),
    ]);
    words.0.finish()
}

struct Words(Chain);

impl Words {
    fn number(&mut self, number: i64) {
        self.0.u64(number.cast_unsigned());
    }

    fn numbers<const N: usize>(&mut self, numbers: [i64; N]) {
        numbers.into_iter().for_each(|number| self.number(number));
    }

    fn point(&mut self, (x, y): (i32, i32)) {
        self.0.u64(u64::from(x.cast_unsigned()) << 32 | u64::from(y.cast_unsigned()));
    }

    fn shape(&mut self, kind: i64, a: (i32, i32), b: (i32, i32)) {
        self.number(kind);
        self.point(a);
        self.point(b);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        text.bytes().for_each(|byte| self.number(byte.into()));
    }

    fn cells(&mut self, cells: &CellsDef) {
        self.point(cells.at);
        self.numbers([cells.cell_shift.into(), cells.columns.into(), cells.rows.into(), cells.layers.into()]);
        for bits in cells.solid.chunks(64) {
            self.0.u64(bits.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        map::{PickupSpawn, WallDef},
        space::METRE,
    };

    #[test]
    fn whatever_differs_makes_another_hash() {
        let wall = |form| WallDef { form, layers: u16::MAX };
        let (from, to) = ((0, 0), (METRE, METRE));
        let mut map = MapDef::empty(100 * METRE, 100 * METRE);
        let mut hashes = vec![hash(&map)];
        let steps: [fn(&mut MapDef); 5] = [
            |map| map.name = "a".into(),
            |map| map.width += 1,
            |map| map.origin.sector.x = -1,
            |map| map.navigation.cell_shift = Some(16),
            |map| map.routes = vec![vec![(0, 0), (1, 1)], vec![]],
        ];
        for step in steps {
            step(&mut map);
            hashes.push(hash(&map));
        }
        map.routes = vec![vec![], vec![(0, 0), (1, 1)]];
        hashes.push(hash(&map));
        for form in [WallForm::Segment { from, to }, WallForm::Box { min: from, max: to }] {
            map.walls = vec![wall(form)];
            hashes.push(hash(&map));
        }
        for effect in [PickupEffect::Health, PickupEffect::Attribute(1), PickupEffect::Named("\u{1}".into())] {
            let pickup = PickupSpawn { x: 0, y: 0, radius: 0, kind: 0, effect, amount: 0, respawn_ticks: 0 };
            map.pickups = vec![pickup];
            hashes.push(hash(&map));
        }
        let different = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), different);
    }
}
