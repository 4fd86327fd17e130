//! Goal: every state comes back from its share, whatever it is told from, and no bytes break the decoder.
//! Method: random states, bases and states before, near each other and not; random bytes, and shares with bytes changed.

use proptest::prelude::*;

use super::*;
use crate::{
    entity::EntityId,
    space::SectorId,
    sync::{GROUP, packet::SHARE_MAX},
};

/// Words of a seed, mostly small; [`crate::random`] draws them.
#[derive(Debug)]
struct Words {
    seed: u64,
    count: u64,
}

impl Words {
    fn word(&mut self) -> u64 {
        self.count += 1;
        crate::random::draw(self.seed, self.count, 0, 0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Small as a rule, but any.
    fn any(&mut self) -> u64 {
        let shift = self.below(64);
        self.word() >> if self.one_in(8) { 0 } else { shift }
    }

    fn id(&mut self) -> EntityId {
        let slot = if self.one_in(8) { self.any() as u32 } else { self.below(2_000) as u32 };
        let generation = if self.one_in(4) { self.any() as u32 } else { 0 };
        EntityId::from_bits(u64::from(generation) << 32 | u64::from(slot.max(1)))
    }

    fn state(&mut self, layout: &Layout) -> GroupState {
        let mut state = GroupState::new(layout.attributes.into());
        state.present = self.word() as u32 & if self.one_in(2) { u32::MAX } else { self.word() as u32 };
        state.destroyed = self.word() as u32;
        for index in 0..GROUP {
            self.fill(&mut state, index, layout);
        }
        state
    }

    fn fill(&mut self, state: &mut GroupState, index: usize, layout: &Layout) {
        let side = layout.side() as u64;
        state.id[index] = self.id();
        (state.x[index], state.y[index]) = (self.below(side) as u16, self.below(side) as u16);
        state.heading[index] = self.any() as u8;
        (state.health[index], state.health_max[index]) = (self.any() as i32, self.any() as i32);
        state.state[index] = self.any() as u16;
        state.target[index] = if self.one_in(2) { EntityId::NULL } else { self.id() };
        state.flags[index] = self.any() as u32;
        (state.kind[index], state.team[index]) = (self.any() as u16, self.any() as u16);
        (state.owner[index], state.shape[index]) = (self.any() as u32, self.below(2) as u8);
        (state.half_x[index], state.half_y[index]) = (self.any() as u16, self.any() as u16);
        for number in 0..usize::from(layout.attributes) {
            state.attributes[number][index] = self.any() as i32;
        }
    }

    /// The state after `from`, with few changes.
    fn next(&mut self, from: &GroupState, layout: &Layout) -> GroupState {
        let mut state = from.clone();
        let side = layout.side();
        let near = |word: u64, at: u16| (i32::from(at) + word as i32 % 30 - 15).clamp(0, side - 1) as u16;
        state.destroyed = self.word() as u32;
        if self.one_in(3) {
            state.present ^= 1 << self.below(32);
        }
        for index in 0..GROUP {
            match self.below(8) {
                0..4 => {
                    let (x, y) = (self.below(30), self.below(30));
                    (state.x[index], state.y[index]) = (near(x, state.x[index]), near(y, state.y[index]));
                }
                4 => state.heading[index] = state.heading[index].wrapping_add(self.any() as u8),
                5 => match self.below(12) {
                    0 => self.fill(&mut state, index, layout),
                    1 => state.state[index] = self.any() as u16,
                    2 => state.target[index] = state.id[self.below(32) as usize],
                    3 => state.flags[index] ^= 1 << self.below(32),
                    4 => state.flags[index] ^= 1 << self.below(32) | 1 << self.below(32),
                    5 => state.team[index] = self.any() as u16,
                    6 => state.shape[index] ^= 1,
                    7 if layout.attributes > 0 => {
                        let number = self.below(layout.attributes.into()) as usize;
                        state.attributes[number][index] = self.any() as i32;
                    }
                    _ => state.health[index] = state.health[index].wrapping_sub(self.any() as i32),
                },
                _ => {}
            }
        }
        state
    }
}

fn layout() -> impl Strategy<Value = Layout> {
    (0u8..=64, Cell::SHIFT_MIN..=Cell::SHIFT_MAX).prop_map(|(attributes, cell_shift)| Layout { attributes, cell_shift })
}

fn identity(words: &mut Words, update: u32, layout: &Layout) -> Identity {
    let columns = u64::from(Cell::columns(layout.cell_shift));
    let sector = SectorId::new(words.any() as i64, (words.any() as i64).wrapping_neg());
    let cell = Cell { sector, x: words.below(columns) as u8, y: words.below(columns) as u8 };
    Identity { cell, scope: ScopeKind::from_bits(words.below(3) as u32).expect("there are three"), update }
}

/// Encodes a state, decodes it into one that had another, and returns the share.
fn there_and_back(now: &GroupState, identity: &Identity, known: Option<&Known<'_>>, layout: &Layout) -> Vec<u8> {
    let mut share = vec![1, 2, 3];
    encode_group(now, identity.update, known, identity, layout, &mut share);
    let share = share.split_off(3);
    assert!(!share.is_empty());
    assert!(share.len() <= layout.share_max(now.present.count_ones() as usize), "{}", share.len());
    let mut out = Words { seed: 1, count: 0 }.state(layout);
    let told = decode_group(&share, identity.update, known, layout, &mut out);
    assert_eq!(told, Ok(known.is_none().then_some(*identity)));
    assert_eq!(&out, now);
    if let Some(known) = known {
        let left = known.base.present & !Members::between(known.base, now).stay;
        assert_eq!(out.destroyed, now.destroyed & left);
    }
    share
}

proptest! {
    #[test]
    fn states_come_back(seed: u64, layout in layout(), update: u32, lag in 0u32..40, gap in 0u32..40) {
        let mut words = Words { seed, count: 0 };
        let before = words.state(&layout);
        let base = words.next(&before, &layout);
        let now = if words.one_in(4) { words.state(&layout) } else { words.next(&base, &layout) };
        let base_update = update.wrapping_sub(lag);
        let identity = identity(&mut words, update, &layout);
        there_and_back(&now, &identity, None, &layout);
        for before in [None, Some((&before, base_update.wrapping_sub(gap)))] {
            there_and_back(&now, &identity, Some(&Known { base: &base, base_update, before }), &layout);
            there_and_back(&base, &identity, Some(&Known { base: &base, base_update, before }), &layout);
        }
    }

    #[test]
    fn no_bytes_break_the_decoder(
        seed: u64,
        layout in layout(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        lag in 0u32..40,
        gap in 0u32..40,
    ) {
        let mut words = Words { seed, count: 0 };
        let (before, base) = (words.state(&layout), words.state(&layout));
        let known = Known { base: &base, base_update: 1_000, before: Some((&before, 1_000 - gap)) };
        let mut out = GroupState::new(layout.attributes.into());
        for known in [None, Some(&known)] {
            if decode_group(&bytes, 1_000 + lag, known, &layout, &mut out).is_ok() {
                let identity = Identity { update: 1_000 + lag, ..Identity::default() };
                // What was let through is a state as good as any.
                there_and_back(&out, &identity, known, &layout);
            }
        }
        // Shares with a byte changed, cut or longer.
        let now = words.next(&base, &layout);
        let identity = Identity { update: 1_000 + lag, ..Identity::default() };
        let mut share = there_and_back(&now, &identity, Some(&known), &layout);
        let at = words.below(share.len() as u64) as usize;
        match words.below(3) {
            0 => share.truncate(at),
            1 => share[at] ^= 1 << words.below(8),
            _ => share.extend(&bytes),
        }
        let _ = decode_group(&share, 1_000 + lag, Some(&known), &layout, &mut out);
        for index in out.places() {
            prop_assert!(i32::from(out.x[index]) < layout.side() && i32::from(out.y[index]) < layout.side());
        }
    }
}

#[test]
fn what_rests_costs_next_to_nothing() {
    let layout = Layout { attributes: 4, cell_shift: 22 };
    let mut words = Words { seed: 3, count: 0 };
    let mut state = words.state(&layout);
    state.present = u32::MAX;
    let known = Known { base: &state, base_update: 7, before: Some((&state, 6)) };
    let share = there_and_back(&state, &Identity { update: 9, ..Identity::default() }, Some(&known), &layout);
    assert!(share.len() <= 8, "{}", share.len());
    // And an empty group is a byte or two more than its identity.
    let empty = GroupState::new(4);
    assert!(there_and_back(&empty, &Identity::default(), None, &layout).len() <= 14);
}

#[test]
fn hostile_shares_take_no_more_than_a_group_can_have() {
    for seed in 0..2_000 {
        let mut words = Words { seed, count: 0 };
        let layout = Layout { attributes: words.below(65) as u8, cell_shift: 20 + words.below(5) as u8 };
        let mut base = words.state(&layout);
        base.present = u32::MAX;
        let known = Known { base: &base, base_update: 5, before: Some((&base, 4)) };
        // Nothing, the rarest symbol again and again, and anything: what is behind the end is zeros.
        let byte = words.word() as u8;
        let length = words.below(3_000) as usize;
        let share: Vec<u8> = (0..length).map(|_| if seed % 2 == 0 { byte } else { words.word() as u8 }).collect();
        let mut out = GroupState::new(layout.attributes.into());
        for known in [None, Some(&known)] {
            let mut decoder = Decoder::new(&share);
            hear(&mut decoder, 7, known, &layout, &mut out);
            assert!(decoder.taken() <= layout.share_max(GROUP), "{}", decoder.taken());
        }
    }
}

#[test]
fn whole_fighters_take_eleven_bytes() {
    let layout = Layout { attributes: 2, cell_shift: 22 };
    let mut words = Words { seed: 3, count: 0 };
    let mut state = GroupState::new(2);
    for index in 0..GROUP {
        state.present |= 1 << index;
        let slot = 40 + 3 * index as u64 + words.below(3);
        state.id[index] = EntityId::from_bits(words.below(4) << 32 | slot);
        (state.x[index], state.y[index]) = (words.below(6_400) as u16, words.below(6_400) as u16);
        state.heading[index] = words.word() as u8;
        state.health_max[index] = 100;
        state.health[index] = if words.one_in(2) { 100 } else { words.below(100) as i32 };
        (state.state[index], state.kind[index]) = (1 + words.below(2) as u16, 1 + words.below(2) as u16);
        state.team[index] = 1 + words.below(4) as u16;
        state.owner[index] = slot as u32;
        (state.half_x[index], state.half_y[index]) = (102, 102);
        if words.one_in(2) {
            state.target[index] = state.id[words.below(1 + index as u64) as usize];
        }
    }
    let share = there_and_back(&state, &Identity::default(), None, &layout);
    assert!(share.len() <= 11 * GROUP + 14, "{}", share.len());
}

#[test]
fn some_entities_fit_into_a_share_for_certain() {
    for attributes in 0..=64u8 {
        let layout = Layout { attributes, cell_shift: 24 };
        assert!(layout.share_max(1) <= SHARE_MAX);
    }
    assert!(Layout { attributes: 0, cell_shift: 22 }.share_max(16) <= SHARE_MAX);
}
