//! Finds massive battles: sectors in which many entities take part in hits within one second.
//!
//! **What it finds depends on which hits there were in which tick, not on the order in which they came.** What it
//! remembers of a sector is the latest participations, at most four times as many as make a battle: of those that are as
//! late, the ones with the smaller ids. Keeping the best few by a fixed order gives the same few whether one sorts them
//! out early or late, so memory may run short at any moment.
//!
//! A sector announces its battle once: when the participants of the last second reach the number that the configuration
//! gives; and then not until they were less than half of it in between.

use super::{Event, Kind};
use crate::{
    WorldConfig,
    entity::EntityId,
    hash::{Digest, Part},
    snapshot::{Fault, Reader, RestoreError, Writer},
    space::{Position, SECTOR_SIDE, SectorId},
};

/// How many bytes a participation takes in a snapshot.
const PARTICIPATION_BYTES: usize = 16;
/// How many bytes the memory of a sector takes at least: its name, whether it was announced, a count, one participation.
const BATTLE_BYTES_MIN: usize = 21 + PARTICIPATION_BYTES;

/// The memory of who took part in hits where.
///
/// [`Battles::handle_hit`] for every hit of a tick, then [`Battles::finish`] once.
#[derive(Clone, Debug)]
pub struct Battles {
    /// In the order of their sectors.
    sectors: Vec<Battle>,
    /// Emptied memories of sectors, kept for their room.
    spare: Vec<Vec<Participation>>,
    participants_min: usize,
    participants_max: usize,
    sectors_max: usize,
    window_ticks: u64,
    dropped: u64,
}

/// What is remembered of one sector.
#[derive(Clone, Debug)]
struct Battle {
    sector: SectorId,
    /// Whether it was announced and has not calmed down since.
    announced: bool,
    /// After [`Battle::settle`] in the order of ids, each id once; participations of the current tick come behind.
    participations: Vec<Participation>,
}

/// Who took part, and when last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Participation {
    id: EntityId,
    tick: u64,
}

impl Battles {
    /// Nothing has happened yet. A configuration whose `massive_battle_min` is 0 never has a massive battle.
    pub fn new(config: &WorldConfig) -> Self {
        let participants_min = config.massive_battle_min.min(WorldConfig::ENTITIES_MAX) as usize;
        Self {
            sectors: Vec::new(),
            spare: Vec::new(),
            participants_min,
            participants_max: participants_min * 4,
            // Sectors are in use up to the configuration's number at a time, and remembered for a second more.
            sectors_max: config.sectors_max as usize * 2,
            window_ticks: u64::from(config.tick_rate_hz.max(1)),
            dropped: 0,
        }
    }

    /// Takes a hit of the tick. The shooter or the target may be [`EntityId::NULL`].
    pub fn handle_hit(&mut self, tick: u64, sector: SectorId, shooter: EntityId, target: EntityId) {
        if self.participants_min == 0 {
            return;
        }
        let at = match self.sectors.binary_search_by_key(&sector, |battle| battle.sector) {
            Ok(at) => at,
            Err(_) if self.sectors.len() >= self.sectors_max * 2 => {
                // Not reached by hits in sectors that are in use: of those there are half as many, and of others too.
                self.dropped += 1;
                return;
            }
            Err(at) => {
                let participations = self.spare.pop().unwrap_or_default();
                self.sectors.insert(at, Battle { sector, announced: false, participations });
                at
            }
        };
        let battle = &mut self.sectors[at];
        for id in [shooter, target].into_iter().filter(|id| !id.is_null()) {
            if battle.participations.len() >= self.participants_max * 2 {
                battle.settle(self.participants_max);
            }
            battle.participations.push(Participation { id, tick });
        }
    }

    /// Ends the tick: forgets what is a second ago and tells the battles that have become massive, in the order of their
    /// sectors.
    pub fn finish(&mut self, tick: u64, mut tell: impl FnMut(Event)) {
        for battle in &mut self.sectors {
            battle.participations.retain(|participation| tick.wrapping_sub(participation.tick) < self.window_ticks);
            battle.settle(self.participants_max);
            let participants = battle.participations.len();
            if participants >= self.participants_min && !battle.announced {
                battle.announced = true;
                tell(battle.event(tick));
            } else if participants * 2 < self.participants_min {
                battle.announced = false;
            }
        }
        let spare = &mut self.spare;
        self.sectors.retain_mut(|battle| {
            let goes_on = !battle.participations.is_empty();
            if !goes_on {
                spare.push(core::mem::take(&mut battle.participations));
            }
            goes_on
        });
        self.forget();
    }

    /// Keeps to the bound of sectors: those with the latest hits, of equals the first.
    fn forget(&mut self) {
        let excess = self.sectors.len().saturating_sub(self.sectors_max);
        if excess == 0 {
            return;
        }
        self.dropped += excess as u64;
        let latest = |battle: &Battle| battle.participations.iter().map(|participation| participation.tick).max();
        self.sectors.sort_unstable_by_key(|battle| (core::cmp::Reverse(latest(battle)), battle.sector));
        for mut battle in self.sectors.drain(self.sectors_max..) {
            battle.participations.clear();
            self.spare.push(battle.participations);
        }
        self.sectors.sort_unstable_by_key(|battle| battle.sector);
    }

    /// How many sectors' memories were given up for want of room since the beginning.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes the state, as it is between two ticks. Equal states give equal bytes.
    pub fn encode(&self, writer: &mut Writer<'_>) {
        writer.count(self.sectors.len());
        for battle in &self.sectors {
            writer.i64(battle.sector.x);
            writer.i64(battle.sector.y);
            writer.bool(battle.announced);
            writer.count(battle.participations.len());
            for participation in &battle.participations {
                writer.id(participation.id);
                writer.u64(participation.tick);
            }
        }
    }

    /// Reads the state, in place of what was there. On an error the state is as it was.
    pub fn decode(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let mut sectors = Vec::<Battle>::new();
        for _ in 0..reader.count("sectors", bound(self.sectors_max), BATTLE_BYTES_MIN)? {
            let sector = SectorId::new(reader.i64()?, reader.i64()?);
            if sectors.last().is_some_and(|last| last.sector >= sector) {
                return Err(reader.error(Fault::Order("sectors")));
            }
            let announced = reader.bool("announced")?;
            let count = reader.count("participations", bound(self.participants_max), PARTICIPATION_BYTES)?;
            let mut participations = Vec::<Participation>::with_capacity(count);
            // Nobody takes part, and 0 comes before every id, so this refuses it along with what is out of order.
            let mut last = EntityId::NULL;
            for _ in 0..count {
                let participation = Participation { id: reader.id()?, tick: reader.u64()? };
                if participation.id <= last {
                    return Err(reader.error(Fault::Order("participations")));
                }
                last = participation.id;
                participations.push(participation);
            }
            if participations.is_empty() {
                return Err(reader.error(Fault::Value("participations")));
            }
            sectors.push(Battle { sector, announced, participations });
        }
        self.sectors = sectors;
        Ok(())
    }

    /// A hash of the state, as it is between two ticks.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new(Part::Battles);
        digest.u64(self.sectors.len() as u64);
        for battle in &self.sectors {
            digest.i64(battle.sector.x);
            digest.i64(battle.sector.y);
            digest.u64(u64::from(battle.announced));
            digest.u64(battle.participations.len() as u64);
            for participation in &battle.participations {
                digest.u64(participation.id.bits());
                digest.u64(participation.tick);
            }
        }
        digest.finish()
    }
}

/// A bound as snapshots have it.
fn bound(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

impl Battle {
    /// Makes each id one participation, its latest, and keeps the best ones, in the order of ids.
    fn settle(&mut self, participants_max: usize) {
        self.participations.sort_unstable_by_key(|who| (who.id, core::cmp::Reverse(who.tick)));
        self.participations.dedup_by_key(|who| who.id);
        if self.participations.len() > participants_max {
            let best = |who: &Participation| (core::cmp::Reverse(who.tick), who.id);
            self.participations.select_nth_unstable_by_key(participants_max, best);
            self.participations.truncate(participants_max);
            self.participations.sort_unstable_by_key(|who| who.id);
        }
    }

    /// The event that announces it, in the middle of its sector.
    fn event(&self, tick: u64) -> Event {
        let middle = Position { sector: self.sector, x: SECTOR_SIDE / 2, y: SECTOR_SIDE / 2 };
        let participants = self.participations.len() as i64;
        Event::new(tick, Kind::MassiveBattle, middle, EntityId::NULL, EntityId::NULL, 0, participants)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: SectorId = SectorId::new(3, -4);

    /// Ten participants within ten ticks.
    fn config() -> WorldConfig {
        WorldConfig { tick_rate_hz: 10, massive_battle_min: 10, sectors_max: 4, ..WorldConfig::default() }
    }

    fn id(number: u64) -> EntityId {
        EntityId::from_bits(number)
    }

    /// The hits of one tick, and how many participants each battle was announced with.
    fn step(battles: &mut Battles, tick: u64, hits: &[(SectorId, u64, u64)]) -> Vec<(SectorId, i64)> {
        for (sector, shooter, target) in hits {
            battles.handle_hit(tick, *sector, id(*shooter), id(*target));
        }
        let mut told = Vec::new();
        battles.finish(tick, |event| {
            assert_eq!((event.tick, event.kind, event.x), (tick, Kind::MassiveBattle, SECTOR_SIDE / 2));
            told.push((event.sector, event.value));
        });
        told
    }

    #[test]
    fn a_battle_is_announced_once_until_it_has_calmed_down() {
        let mut battles = Battles::new(&config());
        let pairs = |count: u64| (0..count).map(|pair| (HERE, pair * 2 + 1, pair * 2 + 2)).collect::<Vec<_>>();
        assert_eq!(step(&mut battles, 0, &pairs(4)), []);
        assert_eq!(step(&mut battles, 1, &pairs(4)), [], "the same ones count once");
        assert_eq!(step(&mut battles, 2, &pairs(5)), [(HERE, 10)]);
        assert_eq!(step(&mut battles, 3, &pairs(5)), []);
        // Ten ticks later six have left: not less than half.
        for tick in 4..20 {
            assert_eq!(step(&mut battles, tick, &[(HERE, 1, 2), (HERE, 3, 4), (HERE, 5, 6)]), [], "tick {tick}");
        }
        assert_eq!(step(&mut battles, 20, &pairs(6)), [], "it goes on");
        for tick in 21..35 {
            assert_eq!(step(&mut battles, tick, &[(HERE, 1, 2), (HERE, 3, 4)]), [], "tick {tick}");
        }
        assert_eq!(step(&mut battles, 35, &pairs(6)), [(HERE, 12)], "another one");
        for tick in 36..60 {
            assert_eq!(step(&mut battles, tick, &[]), []);
        }
        assert!(battles.sectors.is_empty());
    }

    #[test]
    fn a_second_is_as_many_ticks_as_it_has() {
        let mut battles = Battles::new(&config());
        let pairs = |from: u64| (0..3).map(|pair| (HERE, from + pair * 2, from + pair * 2 + 1)).collect::<Vec<_>>();
        assert_eq!(step(&mut battles, 100, &pairs(1)), []);
        assert_eq!(step(&mut battles, 110, &pairs(11)), [], "the first six are forgotten");
        assert_eq!(step(&mut battles, 119, &pairs(21)), [(HERE, 12)]);
    }

    #[test]
    fn sectors_are_apart_and_nobody_is_no_participant() {
        let mut battles = Battles::new(&config());
        let far = SectorId::new(i64::MIN, i64::MAX);
        let hits = (1..=9).flat_map(|number| [(HERE, number, 0), (far, 0, number)]).collect::<Vec<_>>();
        assert_eq!(step(&mut battles, 5, &hits), []);
        assert_eq!(step(&mut battles, 6, &[(far, 10, 0)]), [(far, 10)]);
        assert_eq!(step(&mut battles, 7, &[(HERE, 10, 1)]), [(HERE, 10)]);
    }

    #[test]
    fn no_battle_is_massive_where_none_is_asked_for() {
        let mut battles = Battles::new(&WorldConfig { massive_battle_min: 0, ..config() });
        assert_eq!(step(&mut battles, 5, &[(HERE, 1, 2)]), []);
        assert!(battles.sectors.is_empty());
    }

    #[test]
    fn memory_is_bounded_by_participants_and_sectors() {
        let mut battles = Battles::new(&config());
        for tick in 0..30 {
            for number in 0..1000 {
                battles.handle_hit(tick, HERE, id(number + 1), id(number + 2));
                battles.handle_hit(tick, SectorId::new(tick as i64 * 3 + number as i64 % 3, 0), id(5), id(6));
            }
            battles.finish(tick, |_| ());
            assert!(battles.sectors.iter().all(|battle| battle.participations.len() <= 40));
            assert!(battles.sectors.iter().all(|battle| battle.participations.capacity() <= 128));
            assert!(battles.sectors.len() <= 8 && battles.spare.len() <= 16);
        }
        assert!(battles.dropped() > 0);
        assert_eq!(battles.sectors.iter().filter(|battle| battle.sector.x >= 87).count(), 3, "the latest stay");
    }

    #[test]
    fn saved_states_come_back_and_broken_ones_are_refused() {
        let mut battles = Battles::new(&config());
        for tick in 0..3 {
            step(&mut battles, tick, &[(HERE, 1, 2), (HERE, 3, 9), (SectorId::new(0, 0), 5, 6 + tick)]);
        }
        let mut bytes = Vec::new();
        battles.encode(&mut Writer::new(&mut bytes));
        let mut again = Battles::new(&config());
        let read = |battles: &mut Battles, bytes: &[u8]| {
            let mut reader = Reader::new(bytes, "battles");
            battles.decode(&mut reader).and_then(|()| reader.finish()).map_err(|error| error.fault)
        };
        assert_eq!(read(&mut again, &bytes), Ok(()));
        assert_eq!(again.sectors[0].participations, battles.sectors[0].participations);
        assert_eq!(again.digest(), battles.digest());
        for cut in 0..bytes.len() {
            read(&mut Battles::new(&config()), &bytes[..cut]).expect_err("it is cut");
        }
        for (at, byte, fault) in [
            (3, 1, Fault::Count("sectors")),
            (4 + 16, 2, Fault::Value("announced")),
            (4 + 17 + 3, 1, Fault::Count("participations")),
            (4 + 21, 0, Fault::Order("participations")),
            (4 + 21, 200, Fault::Order("participations")),
        ] {
            let mut broken = bytes.clone();
            broken[at] = byte;
            let digest = again.digest();
            assert_eq!(read(&mut again, &broken), Err(fault), "byte {at}");
            assert_eq!(again.digest(), digest);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Shuffled hits give the same events, bytes and digests; so does a state that was saved in between.
        #[test]
        fn the_order_of_hits_does_not_matter(
            ticks in proptest::collection::vec(
                proptest::collection::vec((0..4i64, 0..60u64, 0..60u64), 0..120)
                    .prop_flat_map(|hits| (Just(hits.clone()), Just(hits).prop_shuffle())),
                1..16,
            ),
        ) {
            let mut battles = Battles::new(&config());
            let mut other = Battles::new(&config());
            for (tick, (hits, shuffled)) in ticks.iter().enumerate() {
                let placed = |hits: &[(i64, u64, u64)]| {
                    hits.iter().map(|(x, a, b)| (SectorId::new(*x, 0), *a, *b)).collect::<Vec<_>>()
                };
                let told = step(&mut battles, tick as u64, &placed(hits));
                prop_assert_eq!(step(&mut other, tick as u64, &placed(shuffled)), told);
                prop_assert_eq!(battles.digest(), other.digest());
                let (mut bytes, mut others) = (Vec::new(), Vec::new());
                battles.encode(&mut Writer::new(&mut bytes));
                other.encode(&mut Writer::new(&mut others));
                prop_assert_eq!(&bytes, &others);
                let mut restored = Battles::new(&config());
                prop_assert_eq!(restored.decode(&mut Reader::new(&bytes, "battles")), Ok(()));
                prop_assert_eq!(restored.digest(), battles.digest());
                other = restored;
            }
        }
    }
}
