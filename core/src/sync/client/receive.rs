//! A packet comes in.
//!
//! **Everything in a packet is decoded beside the state, and taken over only when all of it was good.**

use super::{
    ClientStatistics, PacketRefusal, SyncClient,
    clock::time,
    group::{NO_TRACK, Share, Staged, is_after},
    track::Departure,
    window::{AHEAD_MAX, Standing},
};
use crate::{
    space::Position,
    sync::{
        Cell, GROUP,
        own::decode_own,
        packet::{GroupHeader, Packet, PacketHeader, read_packet},
        told::decode_events,
    },
};

/// What a packet had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// The update that it is a part of.
    pub update: u32,
    /// States of groups.
    pub states: u16,
    /// Events.
    pub events: u16,
    /// Whether all states could be told from those that are here. If not, the server does not hear that the packet came.
    pub is_whole: bool,
}

impl SyncClient {
    /// Takes in a packet. `now_us` is the host's clock in microseconds, from any beginning.
    ///
    /// # Errors
    /// When it is refused; nothing has changed then but counters.
    pub fn receive(&mut self, packet: &[u8], now_us: u64) -> Result<Received, PacketRefusal> {
        let bytes = packet.len() as u64;
        let result = self.take_packet(packet, time(now_us));
        self.statistics.bytes += bytes;
        match &result {
            Ok(_) => self.statistics.packets += 1,
            Err(refusal) => self.statistics.refused[refusal.number()] += 1,
        }
        result
    }

    fn take_packet(&mut self, bytes: &[u8], now_us: i64) -> Result<Received, PacketRefusal> {
        if bytes.len() > usize::from(self.welcome.packet_max) {
            return Err(PacketRefusal::Long);
        }
        let packet = read_packet(bytes).map_err(PacketRefusal::Malformed)?;
        let header = packet.header;
        if header.session != self.welcome.session {
            return Err(PacketRefusal::Session);
        }
        match self.seen.standing(header.sequence) {
            Standing::Fresh => {}
            Standing::Doubled => return Err(PacketRefusal::Doubled),
            Standing::Old => return Err(PacketRefusal::Old),
            Standing::Future => return Err(PacketRefusal::Future),
        }
        let tick = self.tick_of(&header)?;
        if !packet.own.is_empty() {
            decode_own(packet.own, &mut self.own).map_err(PacketRefusal::Own)?;
        }
        self.told.clear();
        let whole_tick = self.welcome.tick.saturating_add_signed(tick);
        decode_events(packet.events, whole_tick, &mut self.told).map_err(PacketRefusal::Events)?;
        if !self.news.has_room(&self.told) {
            return Err(PacketRefusal::EventsWaiting);
        }
        let mut counts = ClientStatistics::default();
        let result = self.stage(&packet, &mut counts);
        if let Err(refusal) = result {
            for staged in self.staged.drain(..) {
                self.groups.give_back(staged.version);
            }
            self.closing.clear();
            return Err(refusal);
        }
        let states = self.staged.len() as u16;
        self.commit(&header, tick, now_us);
        self.statistics.states += u64::from(states);
        self.statistics.states_whole += counts.states_whole;
        self.statistics.states_late += counts.states_late;
        self.statistics.states_unknown += counts.states_unknown;
        let is_whole = counts.states_unknown == 0;
        if is_whole {
            self.acknowledged.note(header.sequence);
        }
        if !packet.own.is_empty() {
            self.take_own(&header, tick);
        } else if header.part == 0 {
            // Where it is said what is predicted, nothing is said.
            self.prediction.handle_state(None, tick, header.update, &[]);
        }
        Ok(Received { update: header.update, states, events: self.told.len() as u16, is_whole })
    }

    /// The tick of a packet, counted from the welcome's: of those that have its low bits, the nearest to where its update would be.
    fn tick_of(&self, header: &PacketHeader) -> Result<i64, PacketRefusal> {
        let updates = header.update.wrapping_sub(self.newest_update).cast_signed();
        if self.seen.newest != 0 && updates > AHEAD_MAX as i32 {
            return Err(PacketRefusal::Future);
        }
        let updates = if self.seen.newest == 0 { 0 } else { i64::from(updates) };
        let near = self.newest_tick + updates * i64::from(self.welcome.update_ticks);
        let near = self.welcome.tick.saturating_add_signed(near);
        let tick = near.saturating_add_signed(i64::from(header.tick.wrapping_sub(near as u16).cast_signed()));
        if tick >= 1 << 62 {
            Err(PacketRefusal::Future)
        } else {
            Ok(tick.cast_signed() - self.welcome.tick.cast_signed())
        }
    }

    /// Decodes what a packet has of groups.
    fn stage(&mut self, packet: &Packet<'_>, counts: &mut ClientStatistics) -> Result<(), PacketRefusal> {
        // A mark that no other packet has left on a group, good or not.
        self.mark = self.mark.wrapping_add(1).max(1);
        let mut fresh = 0;
        for (header, share) in packet.groups() {
            match self.groups.find_mut(header.group) {
                Some(group) if group.packet == self.mark => return Err(PacketRefusal::GroupTwice),
                Some(group) => group.packet = self.mark,
                None if header.is_closing => {
                    if self.closing.contains(&header.group) {
                        return Err(PacketRefusal::GroupTwice);
                    }
                }
                None => {
                    if self.staged.iter().any(|staged| staged.group == header.group) {
                        return Err(PacketRefusal::GroupTwice);
                    }
                    if !self.groups.has_room(header.group, fresh) {
                        return Err(PacketRefusal::Groups);
                    }
                    fresh += 1;
                }
            }
            if header.is_closing {
                self.closing.push(header.group);
                continue;
            }
            match self.decode(&header, share, packet.header.update)? {
                Share::State(staged) => {
                    counts.states_whole += u64::from(staged.identity.is_some());
                    self.staged.push(staged);
                }
                Share::Late => counts.states_late += 1,
                Share::Unknown => counts.states_unknown += 1,
            }
        }
        Ok(())
    }

    fn decode(&mut self, header: &GroupHeader, share: &[u8], update: u32) -> Result<Share, PacketRefusal> {
        let decoded = self.groups.decode(header, share, update);
        decoded.map_err(|error| PacketRefusal::Share { group: header.group, error })
    }

    /// Takes over what was decoded.
    fn commit(&mut self, header: &PacketHeader, tick: i64, now_us: i64) {
        let is_first_of_update = self.seen.newest == 0 || is_after(header.update, self.newest_update);
        self.statistics.lost += u64::from(self.seen.note(header.sequence));
        if is_first_of_update {
            (self.newest_update, self.newest_tick) = (header.update, tick);
            self.clock.handle_arrival(tick, now_us);
        }
        self.clock.handle_heard(header.heard, header.held, now_us);
        self.news.handle_events(&self.told);
        let mut staged = std::mem::take(&mut self.staged);
        for staged in staged.drain(..) {
            self.take_state(staged, header.update, tick);
        }
        self.staged = staged;
        let mut closing = std::mem::take(&mut self.closing);
        for group in closing.drain(..) {
            self.close_group(group, header.update, tick);
        }
        self.closing = closing;
    }

    /// The tick of an update.
    fn tick_of_update(&self, update: u32, (packet_update, packet_tick): (u32, i64)) -> i64 {
        let back = i64::from(packet_update.wrapping_sub(update).cast_signed());
        packet_tick - back * i64::from(self.welcome.update_ticks)
    }

    fn take_state(&mut self, staged: Staged, packet_update: u32, packet_tick: i64) {
        let Staged { group: number, version, identity } = staged;
        let tick = self.tick_of_update(version.update, (packet_update, packet_tick));
        let group = self.groups.open(number);
        group.closed = None;
        if let Some(identity) = identity {
            let known = (group.identity.cell, group.identity.scope);
            if group.versions.is_empty() || known != (identity.cell, identity.scope) {
                self.depart_all(number, tick);
                self.groups.clear(number);
            }
            self.groups.open(number).identity = identity;
        }
        let update = version.update;
        let Some(at) = self.groups.insert(number, version) else { return };
        let group = self.groups.open(number);
        let before = group.versions.get(group.newest).filter(|newest| group.newest != at && newest.number != 0);
        if before.is_some_and(|newest| !is_after(update, newest.update)) {
            self.statistics.states_late += 1;
            return;
        }
        self.take_newest(number, at, tick);
    }

    /// A group's newest state is another one now.
    fn take_newest(&mut self, number: u16, at: usize, tick: i64) {
        let shift = self.welcome.cell_shift;
        let update_ticks = i64::from(self.welcome.update_ticks);
        let group = self.groups.find_mut(number).expect("its state was just put in");
        // It may have taken the place of the newest before it, of which then only the tracks are left.
        let is_same_place = group.newest == at;
        let cell = group.identity.cell;
        let (number_now, update) = (group.versions[at].number, group.versions[at].update);
        let mut held = None;
        if !is_same_place && let Some(newest) = group.versions.get(group.newest) {
            let states = number_now.saturating_sub(newest.number) as i64;
            let updates = i64::from(update.wrapping_sub(newest.update));
            // States are made in every update in which something changes: in those before nothing did.
            if states > 0 && states < updates {
                held = Some(tick - states * update_ticks);
            } else {
                self.clock.handle_spacing(updates * update_ticks);
            }
        }
        let state = &group.versions[at].state;
        for place in 0..GROUP {
            let old = group.tracks[place];
            let is_present = state.present >> place & 1 == 1;
            let id = state.id[place];
            if old != NO_TRACK {
                let track = self.tracks.track_mut(old);
                if is_present && track.id == id {
                    // The same as before, unless another group has newer word of it.
                } else {
                    if track.group == number
                        && usize::from(track.place) == place
                        && track.gone.is_none()
                        && !track.id.is_null()
                    {
                        let is_destroyed = state.destroyed >> place & 1 == 1;
                        track.gone = Some(if is_destroyed {
                            (tick, Departure::Destroyed)
                        } else {
                            (tick + self.linger, Departure::Left)
                        });
                    }
                    group.tracks[place] = NO_TRACK;
                }
            }
            if !is_present {
                continue;
            }
            if group.tracks[place] == NO_TRACK {
                group.tracks[place] = self.tracks.open(id).unwrap_or(NO_TRACK);
            }
            if group.tracks[place] == NO_TRACK {
                continue;
            }
            let track = self.tracks.track_mut(group.tracks[place]);
            let is_other = track.group != number || usize::from(track.place) != place;
            if is_other && track.update != 0 && is_after(track.update, update) {
                continue;
            }
            (track.group, track.place, track.update) = (number, place as u8, update);
            if track.gone.is_none_or(|(_, departure)| departure == Departure::Left) {
                track.gone = None;
            }
            let position = Position {
                sector: cell.sector,
                x: Cell::coordinate(cell.x, state.x[place], shift),
                y: Cell::coordinate(cell.y, state.y[place], shift),
            };
            track.note(tick, held.filter(|_| !is_other), position, state.heading[place]);
        }
        group.newest = at;
    }

    /// Those of a group that are not known to be elsewhere go out of sight.
    fn depart_all(&mut self, number: u16, tick: i64) {
        let Some(group) = self.groups.find(number) else { return };
        for at in group.tracks.iter().filter(|at| **at != NO_TRACK) {
            let track = self.tracks.track_mut(*at);
            if track.group == number && track.gone.is_none() && !track.id.is_null() {
                track.gone = Some((tick + self.linger, Departure::Left));
            }
        }
    }

    fn close_group(&mut self, number: u16, update: u32, tick: i64) {
        let Some(group) = self.groups.find(number) else { return };
        if group.newest().is_some_and(|newest| is_after(newest.update, update)) {
            return;
        }
        if group.closed.is_some_and(|closed| is_after(closed, update)) {
            return;
        }
        self.depart_all(number, tick);
        self.groups.clear(number);
        self.groups.open(number).closed = Some(update);
    }

    /// The viewer's own part of a packet that was good.
    fn take_own(&mut self, header: &PacketHeader, tick: i64) {
        for value in &self.own.values {
            self.values.handle_value(*value, header.update);
        }
        self.outbox.handle_done(self.own.input);
        let inputs = self.outbox.inputs();
        self.prediction.handle_state(self.own.predicted.as_ref(), tick, header.update, inputs);
    }
}
