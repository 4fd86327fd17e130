//! Who takes pickups, and when they are there again.

use crate::{
    entity::EntityId,
    hash::{Digest, Part},
    snapshot::{Fault, Reader, RestoreError, Writer},
};

/// An entity that is near enough to a pickup to take it. **Of all claims the least wins**: the nearest, of equally near
/// ones the smallest id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct Claim {
    /// The square of the distance from centre to centre, or any other measure that is the same for all.
    pub distance_squared: u64,
    /// Who.
    pub id: EntityId,
}

/// The pickups of a map and when each is there again.
///
/// [`Pickups::handle_claim`] for every entity that is near one, then [`Pickups::finish`] once a tick.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pickups {
    /// The tick from which on a pickup is there.
    ready: Vec<u64>,
    /// The best claim of this tick.
    claims: Vec<Option<Claim>>,
    /// The pickups that are claimed in this tick.
    claimed: Vec<u32>,
}

/// The tick at which a pickup is there that never comes back.
const NEVER: u64 = u64::MAX;

/// How many bytes an absent pickup takes in a snapshot.
const ABSENT_BYTES: usize = 12;

impl Pickups {
    /// So many pickups, all of them there.
    pub fn new(count: u32) -> Self {
        let count = count as usize;
        Self { ready: vec![0; count], claims: vec![None; count], claimed: Vec::with_capacity(count) }
    }

    /// Whether a pickup is there in a tick; one that the map does not have never is.
    pub fn is_there(&self, pickup: u32, tick: u64) -> bool {
        self.ready.get(pickup as usize).is_some_and(|ready| *ready <= tick && *ready != NEVER)
    }

    /// Notes that an entity could take a pickup in this tick. Of a pickup that is not there it comes to nothing.
    pub fn handle_claim(&mut self, pickup: u32, tick: u64, claim: Claim) {
        if !self.is_there(pickup, tick) {
            return;
        }
        let best = &mut self.claims[pickup as usize];
        if best.is_none() {
            self.claimed.push(pickup);
        }
        *best = Some(best.map_or(claim, |best| best.min(claim)));
    }

    /// Ends the tick: tells who took which pickup, by the pickups' numbers. `respawn_ticks` says of a pickup after how
    /// many ticks it is there again; 0 is never.
    pub fn finish(&mut self, tick: u64, respawn_ticks: impl Fn(u32) -> u32, mut tell: impl FnMut(u32, EntityId)) {
        self.claimed.sort_unstable();
        for pickup in self.claimed.drain(..) {
            let at = pickup as usize;
            let claim = self.claims[at].take().expect("a claimed pickup has a best claim");
            self.ready[at] = match respawn_ticks(pickup) {
                0 => NEVER,
                ticks => tick.saturating_add(u64::from(ticks)),
            };
            tell(pickup, claim.id);
        }
    }

    /// The pickups that are not there in a tick, and when they are again.
    fn absent(&self, tick: u64) -> impl Iterator<Item = (u32, u64)> {
        (0u32..).zip(self.ready.iter().copied()).filter(move |(_, ready)| *ready > tick)
    }

    /// Writes the state as it is before a tick. When a pickup that is there was taken last makes no difference.
    pub fn encode(&self, tick: u64, writer: &mut Writer<'_>) {
        writer.count(self.absent(tick).count());
        for (pickup, ready) in self.absent(tick) {
            writer.u32(pickup);
            writer.u64(ready);
        }
    }

    /// Reads the state of the same map's pickups before a tick, in place of what was there. On an error the state is as it
    /// was.
    pub fn decode(&mut self, tick: u64, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let limit = u32::try_from(self.ready.len()).unwrap_or(u32::MAX);
        let mut ready = vec![0; self.ready.len()];
        let mut next = 0;
        for _ in 0..reader.count("pickups", limit, ABSENT_BYTES)? {
            let (pickup, again) = (reader.u32()?, reader.u64()?);
            if pickup < next {
                return Err(reader.error(Fault::Order("pickups")));
            }
            if pickup >= limit || again <= tick {
                return Err(reader.error(Fault::Value("pickup")));
            }
            ready[pickup as usize] = again;
            next = pickup + 1;
        }
        self.ready = ready;
        Ok(())
    }

    /// A hash of the state as it is before a tick.
    pub fn digest(&self, tick: u64) -> u64 {
        let mut digest = Digest::new(Part::Pickups);
        for (pickup, ready) in self.absent(tick) {
            digest.u64(u64::from(pickup));
            digest.u64(ready);
        }
        digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(distance_squared: u64, bits: u64) -> Claim {
        Claim { distance_squared, id: EntityId::from_bits(bits) }
    }

    /// Who took what in a tick; pickups come back after their number of ticks, so that 0 never does.
    fn step(pickups: &mut Pickups, tick: u64, claims: &[(u32, u64, u64)]) -> Vec<(u32, u64)> {
        for (pickup, distance, bits) in claims {
            pickups.handle_claim(*pickup, tick, claim(*distance, *bits));
        }
        let mut told = Vec::new();
        pickups.finish(tick, |pickup| pickup, |pickup, id| told.push((pickup, id.bits())));
        told
    }

    #[test]
    fn the_nearest_takes_it_and_of_equals_the_smallest_id() {
        let mut pickups = Pickups::new(5);
        let claims = [(3, 50, 7), (1, 9, 4), (3, 40, 9), (1, 9, 3), (3, 40, 10), (5, 0, 1), (u32::MAX, 0, 1)];
        assert_eq!(step(&mut pickups, 100, &claims), [(1, 3), (3, 9)]);
        assert_eq!(step(&mut pickups, 100, &[]), []);
    }

    #[test]
    fn what_is_taken_comes_back_after_its_ticks_or_never() {
        let mut pickups = Pickups::new(4);
        assert_eq!(step(&mut pickups, 10, &[(0, 0, 1), (3, 0, 1)]), [(0, 1), (3, 1)]);
        for tick in 11..20 {
            assert_eq!(pickups.is_there(3, tick), tick >= 13);
            assert!(!pickups.is_there(0, tick) && pickups.is_there(1, tick) && !pickups.is_there(4, tick));
        }
        assert_eq!(step(&mut pickups, 12, &[(3, 0, 2)]), []);
        assert_eq!(step(&mut pickups, 13, &[(3, 0, 2), (0, 0, 2)]), [(3, 2)]);
        assert!(!pickups.is_there(0, u64::MAX));
    }

    #[test]
    fn saved_states_come_back_and_broken_ones_are_refused() {
        let mut pickups = Pickups::new(4);
        step(&mut pickups, 10, &[(0, 0, 1), (1, 0, 1), (3, 0, 1)]);
        let mut fresh = Pickups::new(4);
        step(&mut fresh, 10, &[(0, 0, 1), (3, 0, 1)]);
        assert_ne!(pickups.digest(10), fresh.digest(10));
        assert_eq!(pickups.digest(11), fresh.digest(11), "that one is back");
        let mut bytes = Vec::new();
        pickups.encode(11, &mut Writer::new(&mut bytes));
        let read = |bytes: &[u8]| {
            let mut again = Pickups::new(4);
            let result = again.decode(11, &mut Reader::new(bytes, "pickups")).map_err(|error| error.fault);
            assert!(result.is_ok() || again == Pickups::new(4));
            result.map(|()| again)
        };
        assert_eq!(read(&bytes).map(|again| again.digest(11)), Ok(pickups.digest(11)));
        assert_eq!(read(&bytes).map(|again| again.is_there(3, 12)), Ok(false));
        for cut in 0..bytes.len() {
            read(&bytes[..cut]).expect_err("it is cut");
        }
        for (at, byte, fault) in [
            (0, 5, Fault::Count("pickups")),
            (4, 3, Fault::Order("pickups")),
            (16, 4, Fault::Value("pickup")),
            (20, 11, Fault::Value("pickup")),
        ] {
            let mut broken = bytes.clone();
            broken[at] = byte;
            assert_eq!(read(&broken), Err(fault), "byte {at} as {byte}");
        }
    }

    proptest! {
        #[test]
        fn who_claims_first_does_not_matter(
            (claims, shuffled) in proptest::collection::vec((0..5u32, 0..4u64, 1..9u64), 0..40)
                .prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
        ) {
            let (mut one, mut other) = (Pickups::new(4), Pickups::new(4));
            prop_assert_eq!(step(&mut one, 7, &claims), step(&mut other, 7, &shuffled));
            prop_assert_eq!(one, other);
        }
    }
}
