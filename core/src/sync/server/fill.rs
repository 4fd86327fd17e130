//! Packets of an update for one viewer: what is due, what its budget has room for, and in which order.

use super::{
    SyncConfig, SyncServer, ViewerError, ViewerId,
    group::{History, Memo, Told, Version},
    viewer::{Link, Viewer},
};
use crate::{
    World,
    sync::{
        codec::Identity,
        packet::{AGE_MAX, ENVELOPE, GROUP_HEADER_MAX, GroupHeader, PacketHeader, PacketWriter},
        told::EventList,
    },
};

/// How often a viewer gets a packet at least, in Hz, so that it knows the time and that its inputs arrive.
const HEARTBEAT_HZ: u64 = 10;

/// How many steps there are from the highest rate to the lowest: those by distance, and those under load beyond them.
const STEPS: usize = 6;

/// How long what lasts, worked out once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periods {
    /// Ticks from one telling to the next, by step.
    ticks: [u32; STEPS],
    /// Updates in a second, at least 1.
    second: u32,
}

impl Periods {
    pub(super) fn new(config: &SyncConfig, world: &World) -> Self {
        let rate = world.config().tick_rate_hz;
        let mut ticks = [1; STEPS];
        for (step, ticks) in ticks.iter_mut().enumerate() {
            // Beyond the last, each step halves the rate.
            let hertz = match config.rates_hz.get(step) {
                Some(hertz) => u32::from(*hertz),
                None => u32::from(config.rates_hz[2]) >> (step - 2),
            };
            *ticks = (rate / hertz.max(1)).max(1);
        }
        Self { ticks, second: (rate / u32::from(config.update_ticks)).max(1) }
    }
}

/// How many bytes of a viewer's packets of an update there is room for from the beginning.
const PACKETS_KEPT: usize = 65_536;

/// What packets are put together in.
#[derive(Debug, Default)]
pub(super) struct Fill {
    writer: PacketWriter,
    own: Vec<u8>,
    is_own_whole: bool,
    list: EventList,
    events: Vec<u8>,
    told: u64,
    /// Links that are due, by priority.
    order: Vec<(u32, u32)>,
    finished: Vec<u16>,
    /// Links that are told of in these packets.
    written: Vec<u32>,
}

impl Fill {
    /// Room for the packets of an update, and for a viewer of every group.
    pub(super) fn with_room(config: &SyncConfig) -> Self {
        let (packet, groups) = (usize::from(config.packet_max), usize::from(config.groups_max));
        Self {
            writer: PacketWriter::with_room(PACKETS_KEPT.max(packet)),
            own: Vec::with_capacity(packet),
            list: EventList::with_room(packet),
            events: Vec::with_capacity(packet),
            order: Vec::with_capacity(groups),
            finished: Vec::with_capacity(groups),
            written: Vec::with_capacity(groups),
            ..Self::default()
        }
    }
}

/// What a viewer is told of a group next.
enum Next {
    /// Nothing: it has the newest state, or it is not yet time.
    Nothing,
    /// Nothing ever again: the group is empty, and the viewer knows it or never heard of it.
    Finished,
    /// That it is out of its area.
    Close,
    /// A state, told from another one or whole.
    State(NextState),
}

/// A state that a viewer is told next, and what it is told from; see [`GroupHeader`].
#[derive(Clone, Copy, Debug)]
struct NextState {
    number: u32,
    base: u32,
    before: u8,
    age: u32,
}

/// How a set of packets came out.
#[derive(Debug, Default)]
struct Filled {
    shares: u64,
    whole: u64,
    encoded: u64,
    deferred: u64,
    bytes: u64,
}

impl SyncServer {
    /// Writes the packets of the last update for a viewer and hands each to `send`. Call it once an update; a second call
    /// writes nothing. `now_us` is the host's clock in microseconds, from any beginning, and only tells the viewer how long its
    /// report waited. Returns how many packets there were.
    ///
    /// # Errors
    /// When the viewer is not there.
    pub fn write(
        &mut self,
        world: &World,
        id: ViewerId,
        now_us: u64,
        mut send: impl FnMut(&[u8]),
    ) -> Result<usize, ViewerError> {
        let number = self.number(id)?;
        let mut viewer = self.viewers[number].take().expect("the number has been looked at");
        let mut fill = std::mem::take(&mut self.fill);
        fill.writer.clear();
        if viewer.written != self.update && self.update > u32::from(viewer.options.delay) {
            viewer.written = self.update;
            self.write_update(world, &mut viewer, now_us, &mut fill);
            fill.writer.packets().for_each(&mut send);
        }
        let count = fill.writer.packets().len();
        self.viewers[number] = Some(viewer);
        self.fill = fill;
        Ok(count)
    }

    fn write_update(&mut self, world: &World, viewer: &mut Viewer, now_us: u64, fill: &mut Fill) {
        let rate = u64::from(world.config().tick_rate_hz);
        let elapsed = self.tick - viewer.tokens_tick;
        let burst = i64::from(viewer.options.budget / 8).max(i64::from(self.config.packet_max));
        let earned = i64::from(viewer.options.budget) * elapsed as i64 / rate as i64;
        if earned > 0 {
            viewer.tokens = (viewer.tokens + earned).min(burst);
            viewer.tokens_tick = self.tick;
        }
        if viewer.tokens <= 0 {
            return;
        }
        let limit = viewer.tokens;
        self.prepare(world, viewer, fill);
        let before = viewer.sequence;
        let mut filled = self.pack(viewer, fill, false, limit, now_us, world);
        if filled.is_none() {
            viewer.go_back(before);
            self.put_in_order(viewer, fill, world);
            filled = self.pack(viewer, fill, true, limit, now_us, world);
        }
        let filled = filled.expect("packets in order end where the budget ends");
        viewer.tokens -= filled.bytes as i64;
        let stats = &mut self.stats;
        stats.shares_sent += filled.shares;
        stats.shares_whole += filled.whole;
        stats.shares_encoded += filled.encoded;
        stats.shares_deferred += filled.deferred;
        stats.packets += fill.writer.packets().len() as u64;
        stats.bytes += filled.bytes;
        if !fill.writer.is_empty() {
            stats.own_bytes += fill.own.len() as u64;
            stats.event_bytes += fill.events.len() as u64;
        }
        for group in fill.finished.drain(..) {
            viewer.forget(group);
            self.roster.unwatch(group);
            self.roster.close_if_idle(group, &mut self.cells);
        }
    }

    /// What goes before the groups: the viewer's own part, and events, the critical ones first.
    fn prepare(&mut self, world: &World, viewer: &mut Viewer, fill: &mut Fill) {
        // Each has its length before it, of three bytes at most.
        let room = usize::from(self.config.packet_max) - ENVELOPE - 6;
        fill.own.clear();
        fill.is_own_whole = self.write_own(world, viewer, room / 2, &mut fill.own);
        fill.events.clear();
        let left = (room - fill.own.len()) / 2;
        fill.list.clear();
        fill.told = viewer.pending.write(left, &mut fill.list);
        let update = self.update - u32::from(viewer.options.delay);
        if let Some(news) = self.log.of(update) {
            self.stats.events_dropped += news.write_common(viewer, left, &mut fill.list);
        }
        fill.list.finish(&mut fill.events);
    }

    /// Puts packets together. Without an order, gives up with `None` when the budget has no room for all that is due.
    fn pack(
        &mut self,
        viewer: &mut Viewer,
        fill: &mut Fill,
        is_ordered: bool,
        limit: i64,
        now_us: u64,
        world: &World,
    ) -> Option<Filled> {
        let mut filled = Filled::default();
        fill.finished.clear();
        fill.written.clear();
        fill.writer.clear();
        let packet_max = usize::from(self.config.packet_max);
        let mut header = self.header_for(viewer, now_us);
        header.sequence = viewer.begin_packet();
        fill.writer.begin(&header, &fill.own, &fill.events);
        viewer.note_events(fill.told);
        if !fill.own.is_empty() {
            viewer.note_own(if fill.is_own_whole { self.update } else { 0 });
        }
        let tick = self.tick as u32;
        let count = if is_ordered { fill.order.len() } else { viewer.links.len() };
        for at in 0..count {
            let at = if is_ordered { fill.order[at].1 as usize } else { at };
            let link = viewer.links[at];
            if link.is_told && tick.wrapping_sub(link.sent_tick) < self.period(&link, world) {
                continue;
            }
            let memo = self.roster.group(link.group).memo;
            let told = if viewer.options.delay == 0 && memo.is_for(self.update, &link) {
                memo.told
            } else {
                match self.next_for(viewer, &link) {
                    Next::Nothing => continue,
                    Next::Finished => {
                        fill.finished.push(link.group);
                        continue;
                    }
                    Next::Close => Told::closing(link.group),
                    Next::State(next) => {
                        let Some((is_new, told)) = self.share_for(viewer, &link, &next) else {
                            self.too_large.push(link.group);
                            continue;
                        };
                        filled.encoded += u64::from(is_new);
                        told
                    }
                }
            };
            if fill.writer.len() as i64 >= limit {
                if !is_ordered {
                    return None;
                }
                filled.deferred += 1;
                continue;
            }
            let history = self.roster.group(link.group).history.as_ref();
            let share = history.map_or(&[][..], |history| history.bytes(&told));
            if !fill.writer.push_group(told.header, share, packet_max) {
                header.sequence = viewer.begin_packet();
                fill.writer.begin(&header, &[], &[]);
                let has_room = fill.writer.push_group(told.header, share, packet_max);
                assert!(has_room, "a share that has no room in a packet of its own is too large");
            }
            filled.shares += 1;
            filled.whole += u64::from(told.header.base == 0);
            viewer.note_group(link.group, told.number);
            fill.written.push(at as u32);
        }
        for at in &fill.written {
            let link = &mut viewer.links[*at as usize];
            (link.sent_tick, link.is_told, link.waiting) = (tick, true, 0);
        }
        let is_heartbeat = self.tick - viewer.beat_tick >= u64::from(world.config().tick_rate_hz) / HEARTBEAT_HZ;
        let has_nothing = fill.written.is_empty() && fill.own.is_empty() && fill.events.is_empty();
        if has_nothing && !is_heartbeat {
            viewer.take_packet_back();
            fill.writer.take_back();
        } else {
            viewer.beat_tick = self.tick;
        }
        fill.writer.finish();
        filled.bytes = fill.writer.len() as u64;
        Some(filled)
    }

    /// The share for a state, encoded if nobody has asked for it yet, which is the first of the two; none if it does not fit
    /// into a packet.
    fn share_for(&mut self, viewer: &Viewer, link: &Link, next: &NextState) -> Option<(bool, Told)> {
        let NextState { number, base, before, age } = *next;
        let group = &mut self.roster.groups[usize::from(link.group)];
        let identity = || Identity {
            cell: self.cells.entry(group.cell).cell,
            scope: group.scope.into(),
            update: self.update - u32::from(viewer.options.delay) - age,
        };
        let history = group.history.as_mut().expect("a group with viewers keeps its states");
        let before_number = if before == 0 { 0 } else { base - u32::from(before) };
        let (is_new, at, share) = history.share(number, base, before_number, identity, &self.layout).ok()?;
        // The first packet of an update has two lengths before it.
        if ENVELOPE + 2 + GROUP_HEADER_MAX + share.length as usize > usize::from(self.config.packet_max) {
            return None;
        }
        let header = GroupHeader {
            group: link.group,
            age: age.min(AGE_MAX) as u8,
            version: number as u8,
            base: if base == 0 { 0 } else { (number - base) as u8 },
            before,
            is_closing: false,
        };
        let told = Told { header, number, at, start: share.start, length: share.length };
        if viewer.options.delay == 0 {
            group.memo = Memo::new(self.update, link, told);
        } else if is_new {
            // What was encoded before may be where it was no more.
            group.memo = Memo::default();
        }
        Some((is_new, told))
    }

    fn header_for(&self, viewer: &Viewer, now_us: u64) -> PacketHeader {
        let delay = u32::from(viewer.options.delay);
        let (heard, held) = viewer.inbox.heard(now_us);
        PacketHeader {
            session: self.config.session,
            update: self.update - delay,
            tick: (self.tick as u32).wrapping_sub(delay * u32::from(self.config.update_ticks)) as u16,
            heard: heard as u16,
            held,
            ..PacketHeader::default()
        }
    }

    /// What a viewer is told of a group when it is time.
    fn next_for(&self, viewer: &Viewer, link: &Link) -> Next {
        let group = self.roster.group(link.group);
        if link.is_closing {
            return Next::Close;
        }
        let history = group.history.as_ref().expect("a group with viewers keeps its states");
        let update = self.update - u32::from(viewer.options.delay);
        let Some(version) = version_for(history, viewer.options.delay, update) else { return Next::Nothing };
        let number = version.number;
        let is_known_empty = version.state.present == 0 && (link.base == number || !link.is_told);
        // For a viewer that is behind, somebody may have come since.
        let is_empty_since = group.members == 0 && history.newest().number == number;
        if is_known_empty && (is_empty_since || link.base == number) {
            return if is_empty_since { Next::Finished } else { Next::Nothing };
        }
        if link.base >= number {
            return Next::Nothing;
        }
        let age = update - version.update;
        let is_usable = link.base >= version.floor.max(1)
            && number - link.base <= u32::from(self.config.history)
            && age < AGE_MAX
            && history.has(link.base);
        if !is_usable {
            return Next::State(NextState { number, base: 0, before: 0, age });
        }
        let before = link.before_back(version.floor);
        let before = if before != 0 && history.has(link.base - u32::from(before)) { before } else { 0 };
        Next::State(NextState { number, base: link.base, before, age })
    }

    /// Ticks from one telling of a group to the next: by distance, more often where there is a fight, less under load.
    fn period(&self, link: &Link, world: &World) -> u32 {
        let group = self.roster.group(link.group);
        let is_active = group.active_update != 0 && self.update.wrapping_sub(group.active_update) < self.periods.second;
        let step = usize::from(link.tier.saturating_sub(u8::from(is_active))) + usize::from(world.rate_step());
        self.periods.ticks[step.min(STEPS - 1)]
    }

    /// Gives every group that is due its priority, which grows as long as it waits, and puts the greatest first.
    fn put_in_order(&self, viewer: &mut Viewer, fill: &mut Fill, world: &World) {
        fill.order.clear();
        for at in 0..viewer.links.len() {
            let link = viewer.links[at];
            if link.is_told && (self.tick as u32).wrapping_sub(link.sent_tick) < self.period(&link, world) {
                continue;
            }
            let weight = match self.next_for(viewer, &link) {
                Next::Nothing => continue,
                Next::Finished | Next::Close => u32::MAX / 2,
                Next::State(next) => self.weight(viewer, &link, next.number),
            };
            let waiting = link.waiting.saturating_add(weight);
            viewer.links[at].waiting = waiting;
            fill.order.push((waiting, at as u32));
        }
        // The number decides among equals, so that there is one order.
        fill.order.sort_unstable_by_key(|(waiting, at)| (std::cmp::Reverse(*waiting), *at));
    }

    /// What a group adds to its priority in an update: that of its most important entity. At least 1, so that everything is
    /// told in the end.
    fn weight(&self, viewer: &Viewer, link: &Link, number: u32) -> u32 {
        let group = self.roster.group(link.group);
        let history = group.history.as_ref().expect("a group with viewers keeps its states");
        let Some(version) = history.version(number) else { return 1 };
        let (state, base) = (&version.state, history.version(link.base).map(|version| &version.state));
        let corner = self.cells.entry(group.cell).cell.corner(self.config.cell_shift);
        // Points of view in centimetres from the cell's corner.
        let centimetres = |units: i64| ((units >> 8) * 100) >> 8;
        let points = viewer.places.iter().filter_map(|place| corner.offset_to(*place));
        let mut best = 0;
        for place in state.places() {
            let metres = points
                .clone()
                .map(|(x, y)| {
                    let (x, y) =
                        (centimetres(x) - i64::from(state.x[place]), centimetres(y) - i64::from(state.y[place]));
                    (x.abs().max(y.abs()) / 100).min(4096)
                })
                .min()
                .unwrap_or(64);
            let near = (4096 / (64 + metres)) as u32;
            let is_own = viewer.options.player != 0 && state.owner[place] == viewer.options.player;
            let is_against_it = !state.target[place].is_null() && state.target[place] == viewer.predicted;
            let has_changed = base.is_none_or(|base| {
                base.id[place] != state.id[place]
                    || base.health[place] != state.health[place]
                    || base.state[place] != state.state[place]
            });
            let factor = 1 + 3 * u32::from(is_own) + 2 * u32::from(is_against_it) + u32::from(has_changed);
            best = best.max(near * factor);
        }
        (best * group.weight / 16).max(1)
    }
}

/// The state that a viewer is to be told: the newest, or that of its delayed update.
fn version_for(history: &History, delay: u16, update: u32) -> Option<&Version> {
    if delay == 0 { Some(history.newest()).filter(|version| version.number != 0) } else { history.at(update) }
}
