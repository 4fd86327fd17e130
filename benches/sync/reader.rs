//! Reads packets of which none is lost, to know what is in them and to hold it against the world.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use muster_core::{
    METRE,
    sync::{
        Cell, GroupState,
        codec::{Identity, Known, Layout, Tally, decode_group},
        packet::read_packet,
    },
};

use crate::frame::{Frame, slot_of};

/// States of a group that are kept, as many as servers tell others from.
const HISTORY: usize = 64;

/// What a viewer would know, and what the bits were spent on.
pub(crate) struct Reader {
    layout: Layout,
    groups: BTreeMap<u16, Group>,
    tally: Tally,
}

struct Group {
    identity: Identity,
    /// (version cut to 8 bits, update, state), the newest last.
    states: Vec<(u8, u32, GroupState)>,
}

impl Group {
    fn push(&mut self, version: u8, update: u32, state: GroupState) {
        if self.states.len() == HISTORY {
            self.states.remove(0);
        }
        self.states.push((version, update, state));
    }
}

impl Reader {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, groups: BTreeMap::new(), tally: Tally::new() }
    }

    /// Takes a packet in; each has to come, in its order.
    pub(crate) fn handle_packet(&mut self, bytes: &[u8]) -> Result<()> {
        let packet = read_packet(bytes).context("the server writes packets")?;
        for (header, share) in packet.groups() {
            if header.is_closing {
                self.groups.remove(&header.group);
                continue;
            }
            let update = packet.header.update - u32::from(header.age);
            let mut state = GroupState::new(usize::from(self.layout.attributes));
            if header.base == 0 {
                let identity = decode_group(share, update, None, &self.layout, &mut state)?.context("it is whole")?;
                self.tally.count_group(&state, identity.update, None, &identity, &self.layout);
                // Until the first is acknowledged several whole ones are on their way, and each may be built on.
                let group = self.groups.entry(header.group).or_insert_with(|| Group { identity, states: Vec::new() });
                group.identity = identity;
                group.push(header.version, identity.update, state);
                continue;
            }
            let group = self.groups.get_mut(&header.group).context("a group begins whole")?;
            let base = header.version.wrapping_sub(header.base);
            let at = |version: u8| {
                let found = group.states.iter().rev().find(|(number, ..)| *number == version);
                found.map(|(_, update, state)| (state, *update)).context("what it is told from came")
            };
            let (base_state, base_update) = at(base)?;
            let before = if header.before == 0 { None } else { Some(at(base.wrapping_sub(header.before))?) };
            let known = Known { base: base_state, base_update, before };
            decode_group(share, update, Some(&known), &self.layout, &mut state)?;
            self.tally.count_group(&state, update, Some(&known), &group.identity, &self.layout);
            group.push(header.version, update, state);
        }
        Ok(())
    }

    /// The bits that each part of a state took, and forgets them.
    pub(crate) fn take_bits(&mut self) -> Vec<(&'static str, f64)> {
        let tally = std::mem::replace(&mut self.tally, Tally::new());
        let bits = |counted: u64, part: u16| counted as f64 * (16_384.0 / f64::from(part)).log2();
        tally
            .fields()
            .map(|(name, count)| {
                let rows = count.symbols.iter().zip(&count.model);
                let coded: f64 = rows.flat_map(|(row, model)| row.iter().zip(model)).map(|(n, p)| bits(*n, *p)).sum();
                (name, coded + count.plain_bits as f64)
            })
            .collect()
    }

    /// Fails unless it knows exactly what is in a frame, positions to the centimetre.
    pub(crate) fn must_know(&self, frame: &Frame) -> Result<()> {
        let (mut known, shift) = (0, self.layout.cell_shift);
        for group in self.groups.values() {
            let Some((_, _, state)) = group.states.last() else { continue };
            for place in state.places() {
                known += 1;
                let id = state.id[place];
                let told = frame.at(slot_of(id)).filter(|told| told.id == id);
                let told = told.with_context(|| format!("{id} is known and not there"))?;
                let along = |column: u8, inside: u16| {
                    let corner = (i64::from(column) << shift) * 100 / i64::from(METRE);
                    corner as i32 + i32::from(inside)
                };
                let Cell { x, y, .. } = group.identity.cell;
                let off = (along(x, state.x[place]) - told.x, along(y, state.y[place]) - told.y);
                ensure!(off.0.abs() <= 1 && off.1.abs() <= 1, "{id} is {off:?} cm off");
                ensure!(state.health[place] == told.health, "{id} has other health");
                ensure!(state.heading[place] == told.heading, "{id} has another heading");
                ensure!(state.target[place] == told.target, "{id} has another target");
                ensure!(state.state[place] == told.state, "{id} has another state");
            }
        }
        let there = frame.entities.iter().flatten().count();
        ensure!(known == there, "{known} are known, {there} are there");
        Ok(())
    }
}
