//! Who holds zones, and who is about to take them.

use crate::{
    entity::EntityId,
    hash::{Digest, Part},
    snapshot::{Fault, Reader, RestoreError, Writer},
};

/// Who is in a zone in one tick, as far as holding it needs it. It begins as nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Presence {
    /// The smallest of the teams that are there; 0 is none.
    team: u16,
    /// The smallest id of that team's entities that are there.
    subject: EntityId,
    /// Whether another team is there, too.
    is_contested: bool,
}

/// The zones of a map and the teams that hold them.
///
/// **A zone is taken by a team that is alone in it for its number of ticks, one after another.** While two teams are in
/// it, nothing moves; when nobody is in it or its holder is alone, what was begun is void. Entities of team 0 do not count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Captures {
    zones: Vec<Capture>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Capture {
    capture_ticks: u32,
    /// The team that holds it; 0 is nobody.
    holder: u16,
    /// The team that is taking it; 0 is nobody.
    taker: u16,
    /// For how many ticks it has; above 0 and below `capture_ticks` while there is a taker.
    progress: u32,
}

/// How many bytes a zone takes in a snapshot.
const ZONE_BYTES: usize = 8;

impl Presence {
    /// Notes an entity that is in the zone.
    pub fn handle_entity(&mut self, id: EntityId, team: u16) {
        self.absorb(Self { team, subject: id, is_contested: false });
    }

    /// Takes in what was noted elsewhere for the same zone and tick.
    pub fn absorb(&mut self, other: Self) {
        if other.team == 0 {
            return;
        }
        if self.team == 0 {
            *self = other;
            return;
        }
        self.is_contested |= other.is_contested || other.team != self.team;
        (self.team, self.subject) = (self.team, self.subject).min((other.team, other.subject));
    }
}

impl Captures {
    /// Zones as a map has them, each with the team that holds it at the beginning and its number of ticks, of which 0 is
    /// as good as 1.
    pub fn new(zones: impl IntoIterator<Item = (u16, u32)>) -> Self {
        let capture =
            |(holder, ticks): (u16, u32)| Capture { capture_ticks: ticks.max(1), holder, taker: 0, progress: 0 };
        Self { zones: zones.into_iter().map(capture).collect() }
    }

    /// Ends a tick for a zone, which has the number `zone` in the map: who was in it, nobody included. If the zone is taken
    /// by that, gives the team and its entity of the smallest id. Zones that the map does not have are nobody's.
    pub fn handle_presence(&mut self, zone: u32, presence: Presence) -> Option<(u16, EntityId)> {
        let capture = self.zones.get_mut(zone as usize)?;
        if presence.is_contested {
            return None;
        }
        if presence.team == 0 || presence.team == capture.holder {
            (capture.taker, capture.progress) = (0, 0);
            return None;
        }
        let before = if capture.taker == presence.team { capture.progress } else { 0 };
        (capture.taker, capture.progress) = (presence.team, before + 1);
        if capture.progress < capture.capture_ticks {
            return None;
        }
        (capture.holder, capture.taker, capture.progress) = (presence.team, 0, 0);
        Some((presence.team, presence.subject))
    }

    /// The team that holds a zone; 0 is nobody.
    pub fn holder(&self, zone: u32) -> u16 {
        self.zones.get(zone as usize).map_or(0, |capture| capture.holder)
    }

    /// The team that is taking a zone and for how many ticks it has; (0, 0) is nobody.
    pub fn taker(&self, zone: u32) -> (u16, u32) {
        self.zones.get(zone as usize).map_or((0, 0), |capture| (capture.taker, capture.progress))
    }

    /// Writes the state.
    pub fn encode(&self, writer: &mut Writer<'_>) {
        writer.count(self.zones.len());
        for capture in &self.zones {
            writer.u16(capture.holder);
            writer.u16(capture.taker);
            writer.u32(capture.progress);
        }
    }

    /// Reads the state of the same map's zones, in place of what was there. On an error the state is as it was.
    pub fn decode(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let count = reader.count("zones", u32::try_from(self.zones.len()).unwrap_or(u32::MAX), ZONE_BYTES)?;
        if count != self.zones.len() {
            return Err(reader.error(Fault::Count("zones")));
        }
        let mut zones = self.zones.clone();
        for capture in &mut zones {
            (capture.holder, capture.taker, capture.progress) = (reader.u16()?, reader.u16()?, reader.u32()?);
            let is_idle = capture.taker == 0 && capture.progress == 0;
            let is_busy = capture.taker != 0
                && capture.taker != capture.holder
                && (1..capture.capture_ticks).contains(&capture.progress);
            if !is_idle && !is_busy {
                return Err(reader.error(Fault::Value("progress")));
            }
        }
        self.zones = zones;
        Ok(())
    }

    /// A hash of the state.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new(Part::Zones);
        for capture in &self.zones {
            let teams = u64::from(capture.holder) << 16 | u64::from(capture.taker);
            digest.u64(teams << 32 | u64::from(capture.progress));
        }
        digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(bits: u64) -> EntityId {
        EntityId::from_bits(bits)
    }

    fn present(entities: &[(u64, u16)]) -> Presence {
        let mut presence = Presence::default();
        entities.iter().for_each(|(bits, team)| presence.handle_entity(id(*bits), *team));
        presence
    }

    /// What comes of one presence after another in a zone of three ticks that team 1 holds.
    fn taken(presences: &[&[(u64, u16)]]) -> Vec<Option<(u16, EntityId)>> {
        let mut captures = Captures::new([(9, 1), (1, 3)]);
        let taken = presences.iter().map(|entities| captures.handle_presence(1, present(entities))).collect();
        assert_eq!(captures.holder(0), 9);
        taken
    }

    #[test]
    fn a_team_that_is_alone_for_long_enough_takes_a_zone() {
        let alone: &[(u64, u16)] = &[(8, 2), (5, 2), (7, 0)];
        assert_eq!(taken(&[alone; 5]), [None, None, Some((2, id(5))), None, None]);
        assert_eq!(taken(&[&[(8, 1)][..]; 4]), [None; 4], "its own team has it already");
        assert_eq!(taken(&[&[(8, 0)][..]; 4]), [None; 4], "nobody's entities take nothing");
    }

    #[test]
    fn what_is_contested_waits_and_what_is_left_is_lost() {
        let (alone, both, own): (&[_], &[_], &[_]) = (&[(8, 2)], &[(8, 2), (3, 1)], &[(3, 1)]);
        let one = Some((2, id(8)));
        assert_eq!(taken(&[alone, alone, both, both, alone]), [None, None, None, None, one]);
        assert_eq!(taken(&[alone, alone, &[], alone, alone, alone]), [None, None, None, None, None, one]);
        assert_eq!(taken(&[alone, alone, own, alone, alone, alone]), [None, None, None, None, None, one]);
        let other: &[_] = &[(4, 3)];
        assert_eq!(taken(&[alone, alone, other, other, other]), [None, None, None, None, Some((3, id(4)))]);
        let strangers: &[_] = &[(4, 3), (8, 2)];
        assert_eq!(taken(&[alone, alone, strangers, alone]), [None, None, None, one]);
    }

    #[test]
    fn no_ticks_are_one_tick() {
        let mut captures = Captures::new([(0, 0)]);
        assert_eq!(captures.handle_presence(0, present(&[(8, 2)])), Some((2, id(8))));
        assert_eq!(captures.handle_presence(1, present(&[(8, 2)])), None, "there is no such zone");
        assert_eq!((captures.holder(0), captures.holder(1), captures.taker(1)), (2, 0, (0, 0)));
    }

    #[test]
    fn saved_states_come_back_and_broken_ones_are_refused() {
        let mut captures = Captures::new([(0, 5), (3, 5)]);
        captures.handle_presence(0, present(&[(8, 2)]));
        captures.handle_presence(0, present(&[(8, 2)]));
        assert_eq!(captures.taker(0), (2, 2));
        let mut bytes = Vec::new();
        captures.encode(&mut Writer::new(&mut bytes));
        let read = |bytes: &[u8]| {
            let mut again = Captures::new([(0, 5), (3, 5)]);
            let before = again.digest();
            let result = again.decode(&mut Reader::new(bytes, "zones")).map_err(|error| error.fault);
            assert!(result.is_ok() || again.digest() == before);
            result.map(|()| again)
        };
        assert_eq!(read(&bytes), Ok(captures.clone()));
        for cut in 0..bytes.len() {
            read(&bytes[..cut]).expect_err("it is cut");
        }
        for (at, byte, fault) in [
            (0, 1, Fault::Count("zones")),
            (0, 3, Fault::Count("zones")),
            (4 + 2, 0, Fault::Value("progress")),
            (4, 2, Fault::Value("progress")),
            (4 + 4, 5, Fault::Value("progress")),
            (4 + 4, 0, Fault::Value("progress")),
            (12 + 4, 1, Fault::Value("progress")),
        ] {
            let mut broken = bytes.clone();
            broken[at] = byte;
            assert_eq!(read(&broken), Err(fault), "byte {at} as {byte}");
        }
    }

    proptest! {
        #[test]
        fn who_is_noted_first_does_not_matter(
            (entities, shuffled) in proptest::collection::vec((1..50u64, 0..4u16), 0..12)
                .prop_flat_map(|entities| (Just(entities.clone()), Just(entities).prop_shuffle())),
            split in 0..12usize,
        ) {
            let whole = present(&entities);
            let (one, other) = shuffled.split_at(split.min(shuffled.len()));
            let mut absorbed = present(one);
            absorbed.absorb(present(other));
            prop_assert_eq!(absorbed, whole);
        }
    }
}
