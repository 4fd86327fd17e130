//! The data path: what a datagram becomes on its way through the relay.
//!
//! Nothing here allocates, locks or copies a payload. A ChannelData header is stripped or prepended in the slot's
//! headroom, a Send indication is cut down to its DATA in place, and a Data indication's header is written in front of
//! the payload. A peer that is a relayed address of this relay is reached without a socket (hairpin): one receive and
//! one send instead of two of each.

use std::{net::SocketAddr, ops::Range};

use stun_types::{
    message::{Message, MessageClass, MessageType, MessageWriteVec, TransactionId},
    prelude::*,
};
use turn_types::attribute::{Data, Icmp, XorPeerAddress};

use super::{
    Client, Now,
    allocation::{Peer, RelayId},
    reply::{Reply, append},
    server::{Route, Server},
};
use crate::{
    counters::{Direction, Drop},
    io::IcmpError,
    slot::Slot,
};

/// Bytes of a ChannelData header: number and length.
const CHANNEL_HEADER: usize = 4;

/// STUN's fixed second word (RFC 8489 section 5).
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();

/// What a payload counts for at the least against the limits of bytes: an Ethernet frame is no smaller, and what a
/// datagram costs hardly depends on its size.
const CHARGE_MIN: usize = 64;

/// Message type of a Data indication.
const DATA_INDICATION: [u8; 2] = [0x00, 0x17];

impl Server {
    pub(super) fn channel_data_from_client(&mut self, now: Now, client: Client, slot: &mut Slot<'_>) -> Route {
        let Some((number, length)) = channel_header(slot.payload()) else { return self.drop(Drop::Malformed) };
        let Some(index) = self.allocations.find(&client) else { return self.drop(Drop::NoAllocation) };
        let Some(allocation) = self.allocations.at(index).filter(|found| found.expires > now.monotonic) else {
            return self.drop(Drop::NoAllocation);
        };
        let Some(peer) = allocation.channel(number, now.monotonic).map(|channel| channel.peer) else {
            return self.drop(Drop::NoChannel);
        };
        slot.strip_front(CHANNEL_HEADER);
        slot.truncate(length);
        self.pass_to_peer(now, index, peer, slot)
    }

    pub(super) fn send_indication(&mut self, now: Now, client: Client, slot: &mut Slot<'_>) -> Route {
        let Some((peer, data)) = parse_send(slot.payload()) else { return self.drop(Drop::Malformed) };
        let Some(index) = self.allocations.find(&client) else { return self.drop(Drop::NoAllocation) };
        let peer = super::permission::judge(&self.shared.ports, &self.live.peer_policy, peer);
        let Some(allocation) = self.live_allocation(index, now.monotonic) else {
            return self.drop(Drop::NoAllocation);
        };
        if !allocation.permits(peer.address.ip(), now.monotonic) {
            return self.drop(Drop::NoPermission);
        }
        slot.strip_front(data.start);
        slot.truncate(data.len());
        self.pass_to_peer(now, index, peer, slot)
    }

    /// A datagram from outside on a relayed socket.
    pub fn handle_peer(&mut self, now: Now, relay: RelayId, from: SocketAddr, slot: &mut Slot<'_>) -> Route {
        if self.allocations.named(relay).is_none() {
            return self.drop(Drop::NoAllocation);
        }
        self.pass_to_client(now, relay.index, from, slot, Direction::ToClient)
    }

    /// A payload that another worker's client sent to the relayed address `to` of this worker.
    pub fn handle_hairpin(&mut self, now: Now, from: SocketAddr, to: SocketAddr, slot: &mut Slot<'_>) -> Route {
        let ports = &self.shared.ports;
        let place = ports.position(to.ip()).zip(ports.offset(to.port()));
        let index = place.and_then(|(address, offset)| self.by_port[address][offset].checked_sub(1));
        match index {
            Some(index) => self.pass_to_client(now, index, from, slot, Direction::Hairpin),
            None => self.drop(Drop::NoAllocation),
        }
    }

    /// An ICMP error for a datagram that a relayed socket sent: a Data indication tells the client (RFC 8656 section
    /// 11.5), if the peer has a permission.
    pub fn handle_icmp(&mut self, now: Now, relay: RelayId, error: IcmpError) {
        let transaction = self.transaction();
        let ports = &self.shared.ports;
        let Some(allocation) = self.allocations.named(relay) else { return };
        let live = allocation.live(usize::from(error.peer.is_ipv6()), now.monotonic).is_some();
        if !live || !allocation.permits(error.peer.ip(), now.monotonic) {
            return;
        }
        let kind = MessageType::from_class_method(MessageClass::Indication, turn_types::message::DATA);
        let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
        append(&mut message, &XorPeerAddress::new(ports.outward(error.peer), transaction));
        append(&mut message, &Icmp::new(error.icmp_type, error.code, error.data));
        self.replies.push_back(Reply { to: allocation.client, bytes: message.finish() });
        self.counters.icmp.add(1);
    }

    fn pass_to_peer(&mut self, now: Now, index: u32, peer: Peer, slot: &mut Slot<'_>) -> Route {
        let Some(allocation) = self.allocations.at(index) else { return self.drop(Drop::NoAllocation) };
        let Some(relayed) = allocation.live(usize::from(peer.address.is_ipv6()), now.monotonic) else {
            return self.drop(Drop::NoPermission);
        };
        if let Err(cause) = self.admit(now, index, slot.payload().len()) {
            return self.drop(cause);
        }
        if peer.ours
            && let Some(worker) = self.shared.ports.owner(peer.address)
        {
            if worker == self.worker {
                return self.handle_hairpin(now, relayed.address, peer.address, slot);
            }
            return Route::ToWorker { worker, from: relayed.address, to: peer.address };
        }
        if !peer.open {
            return self.drop(Drop::PeerDenied);
        }
        self.counters.relayed(Direction::ToPeer, slot.payload().len());
        Route::ToPeer { socket: relayed.socket, to: peer.address }
    }

    fn pass_to_client(
        &mut self,
        now: Now,
        index: u32,
        from: SocketAddr,
        slot: &mut Slot<'_>,
        direction: Direction,
    ) -> Route {
        let bytes = slot.payload().len();
        let Some(allocation) = self.live_allocation(index, now.monotonic) else {
            return self.drop(Drop::NoAllocation);
        };
        if allocation.live(usize::from(from.is_ipv6()), now.monotonic).is_none() {
            return self.drop(Drop::NoAllocation);
        }
        if !allocation.permits(from.ip(), now.monotonic) {
            return self.drop(Drop::NoPermission);
        }
        let (client, channel) = (allocation.client, allocation.channel_of(from, now.monotonic));
        if channel.is_none() && !fits_indication(bytes, from) {
            return self.drop(Drop::Oversize);
        }
        if let Err(cause) = self.admit(now, index, bytes) {
            return self.drop(cause);
        }
        match channel {
            Some(number) => {
                let [a, b] = number.to_be_bytes();
                let [c, d] = (bytes as u16).to_be_bytes();
                *slot.grow_front::<CHANNEL_HEADER>() = [a, b, c, d];
            }
            None => {
                let transaction = self.transaction();
                write_data_indication(slot, self.shared.ports.outward(from), transaction);
            }
        }
        self.counters.relayed(direction, bytes);
        Route::ToClient(client)
    }

    /// Charges an allocation for one payload; see [`CHARGE_MIN`].
    fn admit(&mut self, now: Now, index: u32, bytes: usize) -> Result<(), Drop> {
        let bytes = bytes.max(CHARGE_MIN);
        let rate = self.live.limits.bytes_per_second_per_allocation;
        let Some(allocation) = self.allocations.at(index) else { return Err(Drop::NoAllocation) };
        if !allocation.bucket.take(bytes, rate, now.monotonic) {
            return Err(Drop::RateLimited);
        }
        if !self.fair.take(&mut allocation.share, bytes, now.monotonic, &self.shared.active) {
            return Err(Drop::FairShare);
        }
        Ok(())
    }

    /// A transaction id for an indication. Nothing is matched against it, so a counter from a random start will do.
    fn transaction(&mut self) -> TransactionId {
        self.indications = self.indications.wrapping_add(0x9E37_79B9_7F4A_7C15);
        TransactionId::from(u128::from(self.indications))
    }
}

/// Number and length of a ChannelData message that is whole; what follows it is padding.
fn channel_header(message: &[u8]) -> Option<(u16, usize)> {
    let [a, b, c, d, rest @ ..] = message else { return None };
    let length = usize::from(u16::from_be_bytes([*c, *d]));
    (length <= rest.len()).then(|| (u16::from_be_bytes([*a, *b]), length))
}

/// Peer and position of the payload in a Send indication. The first of repeated attributes counts; an attribute that
/// must be understood and is not makes the message void (RFC 8489 section 6.3.2), DONT-FRAGMENT among them.
fn parse_send(payload: &[u8]) -> Option<(SocketAddr, Range<usize>)> {
    let message = Message::from_bytes(payload).ok()?;
    let (mut peer, mut data) = (None, None);
    for (offset, attribute) in message.iter_attributes() {
        match attribute.get_type() {
            XorPeerAddress::TYPE if peer.is_none() => {
                peer = Some(XorPeerAddress::from_raw(attribute).ok()?.addr(message.transaction_id()));
            }
            Data::TYPE if data.is_none() => {
                let start = offset + 4;
                data = Some(start..start + usize::from(attribute.length()));
            }
            XorPeerAddress::TYPE | Data::TYPE => {}
            kind if kind.comprehension_required()
                && !matches!(kind.value(), 0x0006 | 0x0008 | 0x0014 | 0x0015 | 0x001C) =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some((peer?, data?))
}

/// Whether the length field of a Data indication can hold what `bytes` of payload from `from` come to. Over a stream, a
/// length that wrapped would let the payload pass for the messages that follow.
fn fits_indication(bytes: usize, from: SocketAddr) -> bool {
    let attributes = if from.is_ipv6() { 24 } else { 12 } + 4 + bytes.next_multiple_of(4);
    attributes <= usize::from(u16::MAX)
}

/// Writes the header of a Data indication in front of the payload, and its padding behind.
fn write_data_indication(slot: &mut Slot<'_>, from: SocketAddr, transaction: TransactionId) {
    let bytes = slot.payload().len() as u16;
    slot.pad_to_four();
    slot.grow_front::<4>().copy_from_slice(&attribute_header(0x0013, bytes));
    let transaction = u128::from(transaction).to_be_bytes();
    let key: [u8; 16] = {
        let mut key = [0; 16];
        key[..4].copy_from_slice(&MAGIC_COOKIE);
        key[4..].copy_from_slice(&transaction[4..]);
        key
    };
    let [port_high, port_low] = (from.port() ^ 0x2112).to_be_bytes();
    match from {
        SocketAddr::V4(v4) => {
            let front = slot.grow_front::<12>();
            front[..4].copy_from_slice(&attribute_header(0x0012, 8));
            front[4..8].copy_from_slice(&[0, 1, port_high, port_low]);
            front[8..].copy_from_slice(&v4.ip().octets());
            xor(&mut front[8..], &key);
        }
        SocketAddr::V6(v6) => {
            let front = slot.grow_front::<24>();
            front[..4].copy_from_slice(&attribute_header(0x0012, 20));
            front[4..8].copy_from_slice(&[0, 2, port_high, port_low]);
            front[8..].copy_from_slice(&v6.ip().octets());
            xor(&mut front[8..], &key);
        }
    }
    let length = (slot.payload().len() as u16).to_be_bytes();
    let header = slot.grow_front::<20>();
    header[..2].copy_from_slice(&DATA_INDICATION);
    header[2..4].copy_from_slice(&length);
    header[4..].copy_from_slice(&key);
}

fn attribute_header(kind: u16, length: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (kind.to_be_bytes(), length.to_be_bytes());
    [a, b, c, d]
}

fn xor(bytes: &mut [u8], key: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
}
