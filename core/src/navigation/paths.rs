//! Finished paths: those that are walked, and those that are kept because somebody may ask again.

use super::grid::NavGrid;
use crate::{
    hash::Chain,
    snapshot::{Fault, Reader, RestoreError, Writer},
};

/// A bounded store of paths with handles from 1.
///
/// **A path with references stays; one without goes when its place is needed, the one longest without first.** Which
/// handle a path gets depends on the calls before only, so handles can be part of a world's state.
#[derive(Debug)]
pub struct Paths {
    slots: Vec<Slot>,
    slots_max: u32,
    /// The waypoints of slots that are not there yet, so that a new one takes no memory.
    spare: Vec<Vec<(i32, i32)>>,
    /// The first handle of each chain of the index; 0 for none. Their number is a power of two.
    chains: Vec<u32>,
    /// The ends of the list of paths without references; 0 for none.
    oldest: u32,
    newest: u32,
    /// How often a path has lost its last reference.
    releases: u64,
    /// The sum of all slots' digests, so that it need not be computed anew.
    sum: u64,
}

/// Waypoints that every slot has room for from the beginning; longer paths are rare.
const WAYPOINTS_KEPT: usize = 32;

/// Bytes of a waypoint in a snapshot.
const WAYPOINT_BYTES: usize = 8;

/// Bytes of a path at least: its ends, its references, since when it is unused, how many waypoints, and one.
const PATH_BYTES_MIN: usize = ENDS_BYTES + 4 + 8 + 4 + WAYPOINT_BYTES;

/// Bytes of what a path leads from and to.
pub(super) const ENDS_BYTES: usize = 16;

/// What a path leads from and to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ends {
    pub(super) from: (u32, u32),
    pub(super) to: (u32, u32),
}

/// The path with the handle of its index and 1.
#[derive(Debug)]
struct Slot {
    ends: Ends,
    references: u32,
    waypoints: Vec<(i32, i32)>,
    /// Of the ends and the waypoints.
    content: u64,
    /// The number of the release that made it unused; 0 while it is used.
    unused_since: u64,
    /// Neighbours in the list of paths without references.
    older: u32,
    newer: u32,
    /// The next handle of the same chain.
    chained: u32,
}

impl Paths {
    /// Most waypoints of a path.
    pub const WAYPOINTS_MAX: usize = 4096;

    pub(super) fn new(slots_max: u32) -> Self {
        Self {
            slots: Vec::with_capacity(slots_max as usize),
            slots_max,
            spare: (0..slots_max).map(|_| Vec::with_capacity(WAYPOINTS_KEPT)).collect(),
            chains: vec![0; (slots_max as usize).next_power_of_two()],
            oldest: 0,
            newest: 0,
            releases: 0,
            sum: 0,
        }
    }

    /// The places of a path in units of length, the middle of its first cell first; `None` for a handle that was never
    /// given out.
    pub fn waypoints(&self, handle: u32) -> Option<&[(i32, i32)]> {
        self.slot(handle).map(|slot| &slot.waypoints[..])
    }

    /// How often a path is referenced; `None` for a handle that was never given out.
    pub fn references(&self, handle: u32) -> Option<u32> {
        self.slot(handle).map(|slot| slot.references)
    }

    /// How many paths there are, used or not. Their handles are 1 to this.
    pub fn count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Adds a reference, and says whether there is such a path.
    pub fn retain(&mut self, handle: u32) -> bool {
        let Some(slot) = self.slot(handle) else { return false };
        let Some(references) = slot.references.checked_add(1) else { return false };
        if slot.references == 0 {
            self.unlink(handle);
        }
        self.change(handle, |slot| (slot.references, slot.unused_since) = (references, 0));
        true
    }

    /// Takes a reference away, and says whether there was one.
    pub fn release(&mut self, handle: u32) -> bool {
        let Some(references) = self.slot(handle).and_then(|slot| slot.references.checked_sub(1)) else { return false };
        self.change(handle, |slot| slot.references = references);
        if references == 0 {
            self.releases += 1;
            self.link_newest(handle, self.releases);
        }
        true
    }

    pub(super) fn find(&self, ends: Ends) -> Option<u32> {
        let mut handle = self.chains[self.chain(ends)];
        while handle != 0 && self.at(handle).ends != ends {
            handle = self.at(handle).chained;
        }
        (handle != 0).then_some(handle)
    }

    /// Stores a path that is not there yet, with one reference. `None` when every place has a path that is used.
    pub(super) fn insert(&mut self, ends: Ends, waypoints: &[(i32, i32)]) -> Option<u32> {
        let handle = if self.slots.len() < self.slots_max as usize {
            let waypoints = self.spare.pop().unwrap_or_default();
            self.slots.push(Slot { waypoints, ..Slot::new() });
            self.sum = self.sum.wrapping_add(self.at(self.count()).digest(self.count()));
            self.count()
        } else if self.oldest != 0 {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.unchain(oldest);
            oldest
        } else {
            return None;
        };
        self.change(handle, |slot| {
            slot.ends = ends;
            slot.waypoints.clear();
            slot.waypoints.extend_from_slice(waypoints);
            slot.content = ends.digest(waypoints);
            (slot.references, slot.unused_since) = (1, 0);
        });
        let chain = self.chain(ends);
        self.at_mut(handle).chained = self.chains[chain];
        self.chains[chain] = handle;
        Some(handle)
    }

    pub(super) fn digest(&self) -> u64 {
        let mut digest = Chain::new();
        [self.slots.len() as u64, self.releases, self.sum].into_iter().for_each(|word| digest.u64(word));
        digest.finish()
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.u64(self.releases);
        writer.count(self.slots.len());
        for slot in &self.slots {
            slot.ends.encode(writer);
            writer.u32(slot.references);
            writer.u64(slot.unused_since);
            writer.count(slot.waypoints.len());
            for &(x, y) in &slot.waypoints {
                writer.i32(x);
                writer.i32(y);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, grid: &NavGrid, slots_max: u32) -> Result<Self, RestoreError> {
        let mut paths = Self::new(slots_max);
        // Half of the range, so that it can be counted on from here for ever.
        let releases = reader.u64()?;
        if releases >= 1 << 63 {
            return Err(reader.error(Fault::Value("released paths")));
        }
        let count = reader.count("paths", slots_max, PATH_BYTES_MIN)? as u32;
        let mut waypoints = Vec::new();
        let mut unused = Vec::new();
        for handle in 1..=count {
            let ends = Ends::decode(reader, grid)?;
            let (references, unused_since) = (reader.u32()?, reader.u64()?);
            decode_waypoints(reader, grid, &mut waypoints)?;
            if paths.find(ends).is_some() {
                return Err(reader.error(Fault::Order("paths")));
            }
            if (references == 0) != (1..=releases).contains(&unused_since) {
                return Err(reader.error(Fault::Value("references of a path")));
            }
            paths.insert(ends, &waypoints);
            paths.change(handle, |slot| slot.references = references);
            if references == 0 {
                unused.push((unused_since, handle));
            }
        }
        unused.sort_unstable();
        if unused.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(reader.error(Fault::Order("unused paths")));
        }
        unused.iter().for_each(|&(since, handle)| paths.link_newest(handle, since));
        paths.releases = releases;
        Ok(paths)
    }

    fn slot(&self, handle: u32) -> Option<&Slot> {
        self.slots.get(handle.checked_sub(1)? as usize)
    }

    fn at(&self, handle: u32) -> &Slot {
        &self.slots[handle as usize - 1]
    }

    fn at_mut(&mut self, handle: u32) -> &mut Slot {
        &mut self.slots[handle as usize - 1]
    }

    /// Changes what the digest of a slot is made of, and the sum with it.
    fn change(&mut self, handle: u32, change: impl FnOnce(&mut Slot)) {
        let slot = self.at_mut(handle);
        let before = slot.digest(handle);
        change(slot);
        let after = slot.digest(handle);
        self.sum = self.sum.wrapping_sub(before).wrapping_add(after);
    }

    /// Puts a path at the end of those without references.
    fn link_newest(&mut self, handle: u32, since: u64) {
        let older = core::mem::replace(&mut self.newest, handle);
        self.change(handle, |slot| (slot.unused_since, slot.older, slot.newer) = (since, older, 0));
        match older {
            0 => self.oldest = handle,
            _ => self.at_mut(older).newer = handle,
        }
    }

    fn unlink(&mut self, handle: u32) {
        let (older, newer) = (self.at(handle).older, self.at(handle).newer);
        match older {
            0 => self.oldest = newer,
            _ => self.at_mut(older).newer = newer,
        }
        match newer {
            0 => self.newest = older,
            _ => self.at_mut(newer).older = older,
        }
    }

    fn chain(&self, ends: Ends) -> usize {
        ends.digest(&[]) as usize & (self.chains.len() - 1)
    }

    fn unchain(&mut self, handle: u32) {
        let chain = self.chain(self.at(handle).ends);
        let rest = self.at(handle).chained;
        if self.chains[chain] == handle {
            self.chains[chain] = rest;
            return;
        }
        let mut before = self.chains[chain];
        while self.at(before).chained != handle {
            before = self.at(before).chained;
        }
        self.at_mut(before).chained = rest;
    }
}

impl Slot {
    const fn new() -> Self {
        Self {
            ends: Ends { from: (0, 0), to: (0, 0) },
            references: 0,
            waypoints: Vec::new(),
            content: 0,
            unused_since: 0,
            older: 0,
            newer: 0,
            chained: 0,
        }
    }

    fn digest(&self, handle: u32) -> u64 {
        let mut digest = Chain::new();
        digest.u64(u64::from(handle) << 32 | u64::from(self.references));
        digest.u64(self.content);
        digest.u64(self.unused_since);
        digest.finish()
    }
}

impl Ends {
    pub(super) fn digest(self, waypoints: &[(i32, i32)]) -> u64 {
        let mut digest = Chain::new();
        for (x, y) in [self.from, self.to] {
            digest.u64(u64::from(x) << 32 | u64::from(y));
        }
        waypoints.iter().for_each(|&(x, y)| digest.u64(u64::from(x as u32) << 32 | u64::from(y as u32)));
        digest.finish()
    }

    pub(super) fn encode(self, writer: &mut Writer<'_>) {
        [self.from.0, self.from.1, self.to.0, self.to.1].into_iter().for_each(|part| writer.u32(part));
    }

    /// Both cells are in the grid and free.
    pub(super) fn decode(reader: &mut Reader<'_>, grid: &NavGrid) -> Result<Self, RestoreError> {
        let mut cell = || {
            let cell = (reader.u32()?, reader.u32()?);
            if grid.is_blocked(cell.0, cell.1) { Err(reader.error(Fault::Value("end of a path"))) } else { Ok(cell) }
        };
        Ok(Self { from: cell()?, to: cell()? })
    }
}

fn decode_waypoints(
    reader: &mut Reader<'_>,
    grid: &NavGrid,
    waypoints: &mut Vec<(i32, i32)>,
) -> Result<(), RestoreError> {
    waypoints.clear();
    let count = reader.count("waypoints", Paths::WAYPOINTS_MAX as u32, WAYPOINT_BYTES)?;
    if count == 0 {
        return Err(reader.error(Fault::Value("waypoints")));
    }
    for _ in 0..count {
        let place = (reader.i32()?, reader.i32()?);
        if grid.cell_of(place.0, place.1).is_none() {
            return Err(reader.error(Fault::Value("waypoint")));
        }
        waypoints.push(place);
    }
    Ok(())
}
