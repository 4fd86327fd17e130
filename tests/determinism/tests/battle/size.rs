//! Goal: the battle of the golden values is as large as it is said to be: thousands of entities of every sort, which come,
//! go, cross borders, think, shoot and die.
//! Method: they are counted for 2,000 ticks after the first few; how many entities there are at least is checked in every
//! run of the battle in every tick.

use std::collections::BTreeMap;

use muster_core::event::Kind;
use muster_determinism::{FEWEST, Run, Setting, check_size, execution};

#[test]
fn the_battle_has_thousands_of_every_sort() {
    let mut run = Run::new(Setting::default(), execution(2, 1, 0));
    for _ in 0..1_500 {
        run.tick();
    }
    let (mut ids, mut sectors) = (Vec::new(), BTreeMap::new());
    let (mut came, mut crossings, mut deaths, mut hits, mut contacts) = (0, 0, 0, 0, 0);
    for tick in 0..2_000 {
        run.tick();
        let world = run.world();
        world.ids(&mut ids);
        assert!(ids.len() >= FEWEST as usize, "tick {tick}: {}", ids.len());
        for id in &ids {
            let sector = world.position(*id).expect("it lives").sector;
            let before = sectors.insert(*id, sector);
            came += u32::from(before.is_none());
            crossings += u32::from(before.is_some_and(|before| before != sector));
        }
        for event in world.events() {
            match event.kind {
                Kind::UnitDestroyed | Kind::BaseDestroyed => deaths += 1,
                Kind::Hit => hits += 1,
                Kind::Contact => contacts += 1,
                _ => {}
            }
        }
        if tick % 100 == 0 {
            let bots = ids.iter().filter(|id| world.entity(**id).is_ok_and(|entity| entity.bot != 0)).count();
            let (projectiles, sectors) = (world.stats().projectiles, world.stats().sectors);
            assert!(bots > 30 && projectiles > 10 && sectors > 20, "tick {tick}: {bots} {projectiles} {sectors}");
        }
    }
    check_size(&run);
    let counts = [came, crossings, deaths, hits, contacts];
    assert!(counts.iter().zip([10_000, 5_000, 150, 2_000, 500]).all(|(count, least)| *count > least), "{counts:?}");
}
