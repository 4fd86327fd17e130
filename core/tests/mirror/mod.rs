//! A plain reader of packets, for tests of the server: it keeps everything, and panics where a packet is not as it should be.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_core::{
    EntityId, World,
    sync::{
        Cell, GroupState,
        codec::{Identity, Known, Layout, decode_group},
        packet::read_packet,
        report::{ReportHeader, TickInput, encode_report},
        server::{SyncConfig, SyncServer, ViewerId},
        told::{Told, decode_events},
    },
};

/// A group as the reader knows it.
pub(crate) struct MirrorGroup {
    pub(crate) identity: Identity,
    /// The newest at the back.
    versions: VecDeque<(u8, u32, GroupState)>,
}

impl MirrorGroup {
    pub(crate) fn newest(&self) -> &GroupState {
        &self.versions.back().expect("a group has a state").2
    }
}

/// How an entity went out of the reader's knowledge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Departure {
    Destroyed,
    Left,
}

/// A reader of one viewer's packets.
pub(crate) struct Mirror {
    layout: Layout,
    session: u32,
    pub(crate) groups: BTreeMap<u16, MirrorGroup>,
    received: BTreeSet<u32>,
    newest: u32,
    reports: u32,
    pub(crate) departures: Vec<(EntityId, Departure)>,
    /// Reliable events by number, and how many of the others came.
    pub(crate) events: BTreeMap<u32, Told>,
    pub(crate) once: Vec<Told>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) whole: u64,
    pub(crate) update: u32,
    pub(crate) own: Vec<u8>,
    pub(crate) inputs: Vec<TickInput>,
    pub(crate) input_first: u32,
    /// By group, the update at which it was closed.
    closed: BTreeMap<u16, u32>,
}

impl Mirror {
    pub(crate) fn new(config: &SyncConfig) -> Self {
        Self {
            layout: Layout { attributes: config.public_attributes.len() as u8, cell_shift: config.cell_shift },
            session: config.session,
            groups: BTreeMap::new(),
            received: BTreeSet::new(),
            newest: 0,
            reports: 0,
            departures: Vec::new(),
            events: BTreeMap::new(),
            once: Vec::new(),
            packets: 0,
            bytes: 0,
            whole: 0,
            update: 0,
            own: Vec::new(),
            inputs: Vec::new(),
            input_first: 1,
            closed: BTreeMap::new(),
        }
    }

    /// Takes a packet in. One that was told from a state that the reader does not have is as good as lost.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let packet = read_packet(bytes).expect("servers write packets");
        let header = packet.header;
        assert_eq!(header.session, self.session);
        if !self.received.insert(header.sequence) {
            return;
        }
        self.packets += 1;
        self.bytes += bytes.len() as u64;
        let mut decoded = Vec::new();
        for (group, share) in packet.groups() {
            if group.is_closing {
                decoded.push((group, None, GroupState::new(0), 0));
                continue;
            }
            let mut state = GroupState::new(usize::from(self.layout.attributes));
            let mut update = header.update - u32::from(group.age);
            let known = self.groups.get(&group.group);
            let find = |back: u8| {
                let version = group.version.wrapping_sub(back);
                known?.versions.iter().rev().find(|(number, ..)| *number == version)
            };
            let identity = if group.base == 0 {
                self.whole += 1;
                let identity = decode_group(share, update, None, &self.layout, &mut state).expect("a whole state");
                update = identity.expect("whole states say whose they are").update;
                identity
            } else {
                let Some(base) = find(group.base) else {
                    self.received.remove(&header.sequence);
                    return;
                };
                let before = match group.before {
                    0 => None,
                    before => match find(group.base + before) {
                        Some(before) => Some((&before.2, before.1)),
                        None => {
                            self.received.remove(&header.sequence);
                            return;
                        }
                    },
                };
                let known = Known { base: &base.2, base_update: base.1, before };
                decode_group(share, update, Some(&known), &self.layout, &mut state).expect("a state")
            };
            decoded.push((group, identity, state, update));
        }
        for (group, identity, state, update) in decoded {
            if group.is_closing {
                self.close(group.group, header.update);
            } else {
                self.commit(group.group, group.version, identity, state, update, header.update);
            }
        }
        let mut events = Vec::new();
        decode_events(packet.events, u64::from(header.tick), &mut events).expect("events");
        for told in events {
            if told.sequence == 0 {
                self.once.push(told);
            } else {
                self.events.insert(told.sequence, told);
            }
        }
        if !packet.own.is_empty() {
            self.own = packet.own.to_vec();
        }
        self.newest = self.newest.max(header.sequence);
        self.update = self.update.max(header.update);
    }

    fn close(&mut self, number: u16, update: u32) {
        if let Some(group) = self.groups.get(&number)
            && group.versions.back().is_some_and(|newest| newest.1 <= update)
        {
            let state = &group.versions.back().expect("a group has a state").2;
            self.departures.extend(state.places().map(|place| (state.id[place], Departure::Left)));
            self.groups.remove(&number);
        }
        let closed = self.closed.entry(number).or_default();
        *closed = (*closed).max(update);
    }

    fn commit(
        &mut self,
        number: u16,
        version: u8,
        identity: Option<Identity>,
        state: GroupState,
        update: u32,
        packet_update: u32,
    ) {
        if self.closed.get(&number).is_some_and(|closed| packet_update <= *closed) {
            return;
        }
        if let Some(identity) = identity {
            let known = self.groups.get(&number);
            let is_other = known
                .is_none_or(|known| (known.identity.cell, known.identity.scope) != (identity.cell, identity.scope));
            if is_other {
                if known.is_some_and(|known| known.versions.back().is_some_and(|newest| newest.1 > update)) {
                    return;
                }
                self.groups.insert(number, MirrorGroup { identity, versions: VecDeque::new() });
            }
        }
        let group = self.groups.get_mut(&number).expect("its base was found");
        let at = group.versions.iter().position(|(_, other, _)| *other >= update).unwrap_or(group.versions.len());
        if group.versions.get(at).is_some_and(|(_, other, _)| *other == update) {
            return;
        }
        if at == group.versions.len()
            && let Some((.., old)) = group.versions.back()
        {
            for place in old.places() {
                if state.present >> place & 1 == 0 || state.id[place] != old.id[place] {
                    let is_destroyed = state.destroyed >> place & 1 == 1;
                    let departure = if is_destroyed { Departure::Destroyed } else { Departure::Left };
                    self.departures.push((old.id[place], departure));
                }
            }
        }
        group.versions.insert(at, (version, update, state));
    }

    /// What the reader says of what it has received.
    pub(crate) fn report(&mut self) -> Vec<u8> {
        self.reports += 1;
        let received = (1..=64)
            .filter(|back| self.newest > *back && self.received.contains(&(self.newest - back)))
            .fold(0u64, |received, back| received | 1 << (back - 1));
        let header = ReportHeader {
            received,
            session: self.session,
            sequence: self.reports,
            newest: self.newest,
            input_first: self.input_first,
            shown_tick: 0,
        };
        let mut bytes = Vec::new();
        encode_report(&header, &self.inputs, &mut bytes);
        bytes
    }

    /// The newest state of every group.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&MirrorGroup, &GroupState)> {
        self.groups.values().filter_map(|group| Some((group, &group.versions.back()?.2)))
    }

    /// The ids of all entities that it knows, ascending.
    pub(crate) fn ids(&self) -> Vec<EntityId> {
        let mut ids: Vec<_> =
            self.states().flat_map(|(_, state)| state.places().map(|place| state.id[place])).collect();
        ids.sort_unstable();
        ids
    }

    /// Panics unless every entity that it knows is, to the centimetre, where the world has it and as the world has it.
    pub(crate) fn must_match(&self, world: &World, config: &SyncConfig) {
        let shift = config.cell_shift;
        for (group, state) in self.states() {
            for place in state.places() {
                let entity = world.entity(state.id[place]).expect("what is shown is there");
                assert_eq!(Cell::at(entity.position, shift), group.identity.cell);
                assert_eq!(state.x[place], Cell::centimetres(entity.position.x, shift));
                assert_eq!(state.y[place], Cell::centimetres(entity.position.y, shift));
                assert_eq!(state.heading[place], (entity.heading >> 8) as u8);
                assert_eq!(state.health[place], entity.health);
                assert_eq!(state.state[place], entity.state);
                assert_eq!(state.kind[place], entity.kind);
                assert_eq!(state.team[place], entity.team);
                assert_eq!(state.owner[place], entity.owner);
                for (number, values) in config.public_attributes.iter().zip(&state.attributes) {
                    assert_eq!(values[place], entity.attributes[usize::from(*number)]);
                }
            }
        }
    }
}

/// Writes a viewer's packets of the last update.
pub(crate) fn packets(server: &mut SyncServer, world: &World, viewer: ViewerId) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    server.write(world, viewer, 0, |packet| out.push(packet.to_vec())).expect("the viewer is there");
    out
}
