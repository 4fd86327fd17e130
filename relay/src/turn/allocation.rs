//! One allocation: a client, the sockets relayed for it, and whom it may talk to.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use stun_types::message::TransactionId;

use super::{
    Client,
    authentication::Identity,
    rate::{ShareUsed, TokenBucket},
};
use crate::{config::Limits, io::SocketId};

/// How long a permission lasts (RFC 8656 section 9).
pub(super) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// How long a channel binding lasts (RFC 8656 section 12).
pub(super) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Channel numbers that may be bound: those of RFC 5766 section 11. RFC 8656 section 12 stops at 0x4FFF, to leave first
/// bytes for protocols that share a client's socket, but clients written to the older text (coturn's among them) pick
/// from the whole range, and nothing else arrives at a relay.
pub(super) const CHANNEL_NUMBERS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;

/// Names a relayed socket of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RelayId {
    /// Position of the allocation in the table.
    pub index: u32,
    /// Counts the allocations that have had this position.
    pub generation: u32,
    /// Which of the allocation's two possible sockets.
    pub ipv6: bool,
}

/// An open relayed socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relayed {
    pub(super) address: SocketAddr,
    pub(super) socket: SocketId,
    /// Each family may be refreshed alone (RFC 8656 section 8.1).
    pub(super) expires: Duration,
}

/// A peer that the client bound a channel to. `address` is canonical: the internal form if it is one of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channel {
    pub(super) number: u16,
    pub(super) peer: Peer,
    pub(super) expires: Duration,
}

/// A peer's address and what was found out about it when it was bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// The address policy lets datagrams out to it.
    pub(super) open: bool,
    /// Its IP is one of our relay addresses, so it may be reached without a socket.
    pub(super) ours: bool,
}

#[derive(Debug, Clone, Copy)]
struct Permission {
    peer: IpAddr,
    expires: Duration,
}

/// What the answer to an Allocate request waits for.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) transaction: TransactionId,
    pub(super) fingerprint: bool,
    pub(super) lifetime_s: u32,
    /// Sockets that have been asked for and not been answered.
    pub(super) pending: u8,
    /// Ports that were tried and taken by someone else.
    pub(super) tries: u8,
    pub(super) even: bool,
    /// The pair's second port is to be reserved.
    pub(super) reserve: bool,
    /// The client asked for both families, so one may fail.
    pub(super) dual: bool,
    /// The error code of each family that could not be served.
    pub(super) failed: [Option<u16>; 2],
    /// Where each family's socket is being opened: the relay address's position and the port.
    pub(super) wanted: [Option<(usize, u16)>; 2],
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: Client,
    pub(super) identity: Identity,
    pub(super) account: Arc<str>,
    /// Of the Allocate request, to know its retransmissions.
    pub(super) transaction: TransactionId,
    /// When the last of the relayed addresses expires.
    pub(super) expires: Duration,
    /// IPv4, IPv6; see [`Allocation::live`].
    pub(super) relayed: [Option<Relayed>; 2],
    pub(super) opening: Option<Box<Opening>>,
    /// The error code of each family that was asked for besides one that could be served.
    pub(super) failed: [Option<u16>; 2],
    /// The token that was given for the port after ours.
    pub(super) reservation: Option<u64>,
    pub(super) bucket: TokenBucket,
    pub(super) share: ShareUsed,
    /// Sorted by address.
    permissions: Vec<Permission>,
    /// Sorted by number.
    channels: Vec<Channel>,
    /// Positions in `channels`, sorted by the peer's address.
    by_peer: Vec<u16>,
}

/// Why a permission or a channel could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindError {
    /// The number is bound to another peer, or the peer to another number: 400.
    Taken,
    /// The allocation has as many as it may: 508.
    Full,
}

impl Allocation {
    pub(super) fn new(client: Client, identity: Identity, account: Arc<str>, opening: Opening, now: Duration) -> Self {
        Self {
            client,
            identity,
            account,
            transaction: opening.transaction,
            expires: now + Duration::from_secs(opening.lifetime_s.into()),
            relayed: [None; 2],
            opening: Some(Box::new(opening)),
            failed: [None; 2],
            reservation: None,
            bucket: TokenBucket::default(),
            share: ShareUsed::default(),
            permissions: Vec::new(),
            channels: Vec::new(),
            by_peer: Vec::new(),
        }
    }

    /// The relayed socket of a family, unless it has expired.
    pub(super) fn live(&self, family: usize, now: Duration) -> Option<Relayed> {
        self.relayed[family].filter(|relayed| relayed.expires > now)
    }

    /// Which families are live.
    pub(super) fn families(&self, now: Duration) -> [bool; 2] {
        [0, 1].map(|family| self.live(family, now).is_some())
    }

    /// Gives the live addresses of `family`, or of both, until `expires`.
    pub(super) fn extend(&mut self, family: Option<usize>, expires: Duration, now: Duration) {
        let meant = |position| family.is_none_or(|family| family == position);
        for (_, relayed) in self.relayed.iter_mut().enumerate().filter(|(position, _)| meant(*position)) {
            if let Some(relayed) = relayed.as_mut().filter(|relayed| relayed.expires > now) {
                relayed.expires = expires;
            }
        }
        self.count_expiry();
    }

    /// Takes out a relayed address that has expired although another one has not, or that `family` names.
    pub(super) fn take_relayed(&mut self, family: Option<usize>, now: Duration) -> Option<Relayed> {
        let ends = |relayed: &Relayed| relayed.expires <= now;
        let family = family.or_else(|| self.relayed.iter().position(|relayed| relayed.as_ref().is_some_and(ends)))?;
        let taken = self.relayed[family].take();
        self.count_expiry();
        taken
    }

    fn count_expiry(&mut self) {
        let last = self.relayed.iter().flatten().map(|relayed| relayed.expires).max();
        self.expires = last.unwrap_or(self.expires);
    }

    /// Installs or refreshes the permissions for `peers`, all or none.
    pub(super) fn permit(&mut self, peers: &[IpAddr], max: u16, now: Duration) -> Result<(), BindError> {
        let fresh = |allocation: &Self| peers.iter().filter(|&&peer| allocation.permission(peer).is_err()).count();
        if self.permissions.len() + fresh(self) > max.into() {
            self.permissions.retain(|permission| permission.expires > now);
            if self.permissions.len() + fresh(self) > max.into() {
                return Err(BindError::Full);
            }
        }
        let expires = now + PERMISSION_LIFETIME;
        for &peer in peers {
            match self.permission(peer) {
                Ok(position) => self.permissions[position].expires = expires,
                Err(position) => self.permissions.insert(position, Permission { peer, expires }),
            }
        }
        Ok(())
    }

    /// Whether `peer` may send to the client, and the client to it, by indication.
    pub(super) fn permits(&self, peer: IpAddr, now: Duration) -> bool {
        self.permission(peer).is_ok_and(|position| self.permissions[position].expires > now)
    }

    /// Binds or refreshes a channel and installs the permission that goes with it, both or neither.
    pub(super) fn bind(&mut self, number: u16, peer: Peer, limits: &Limits, now: Duration) -> Result<(), BindError> {
        if self.channels.iter().any(|channel| channel.expires <= now) {
            self.channels.retain(|channel| channel.expires > now);
            self.index_channels();
        }
        let place = self.channels.binary_search_by_key(&number, |channel| channel.number);
        match place {
            Ok(position) if self.channels[position].peer.address == peer.address => {}
            Ok(_) => return Err(BindError::Taken),
            Err(_) if self.peer_position(peer.address).is_ok() => return Err(BindError::Taken),
            Err(_) if self.channels.len() >= limits.channels_per_allocation.into() => return Err(BindError::Full),
            Err(_) => {}
        }
        self.permit(&[peer.address.ip()], limits.permissions_per_allocation, now)?;
        let channel = Channel { number, peer, expires: now + CHANNEL_LIFETIME };
        match place {
            Ok(position) => self.channels[position] = channel,
            Err(position) => {
                self.channels.insert(position, channel);
                self.index_channels();
            }
        }
        Ok(())
    }

    /// The peer that `number` is bound to.
    pub(super) fn channel(&self, number: u16, now: Duration) -> Option<&Channel> {
        let position = self.channels.binary_search_by_key(&number, |channel| channel.number).ok()?;
        Some(&self.channels[position]).filter(|channel| channel.expires > now)
    }

    /// The channel that is bound to `peer`.
    pub(super) fn channel_of(&self, peer: SocketAddr, now: Duration) -> Option<u16> {
        let position = self.by_peer[self.peer_position(peer).ok()?];
        let channel = &self.channels[usize::from(position)];
        (channel.expires > now).then_some(channel.number)
    }

    /// Judges every peer again, after the policy changed: channels to what is closed now carry nothing, and permissions
    /// that `may_permit` would refuse now are gone.
    pub(super) fn judge_peers(&mut self, judge: impl Fn(SocketAddr) -> Peer, may_permit: impl Fn(IpAddr) -> bool) {
        self.permissions.retain(|permission| may_permit(permission.peer));
        for channel in &mut self.channels {
            channel.peer = judge(channel.peer.address);
        }
    }

    fn permission(&self, peer: IpAddr) -> Result<usize, usize> {
        self.permissions.binary_search_by_key(&peer, |permission| permission.peer)
    }

    fn peer_position(&self, peer: SocketAddr) -> Result<usize, usize> {
        self.by_peer.binary_search_by_key(&peer, |&position| self.channels[usize::from(position)].peer.address)
    }

    fn index_channels(&mut self) {
        self.by_peer.clear();
        self.by_peer.extend(0..self.channels.len() as u16);
        self.by_peer.sort_unstable_by_key(|&position| self.channels[usize::from(position)].peer.address);
    }
}

/// The allocations of one worker: a table with generations, and an index by 5-tuple.
#[derive(Debug)]
pub(super) struct Allocations {
    slots: Vec<Option<Box<Allocation>>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    by_client: std::collections::HashMap<Client, u32, ahash::RandomState>,
    max: usize,
}

impl Allocations {
    pub(super) fn new(max: usize, hash_key: [u64; 4]) -> Self {
        let [a, b, c, d] = hash_key;
        let state = ahash::RandomState::with_seeds(a, b, c, d);
        Self {
            slots: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            by_client: std::collections::HashMap::with_hasher(state),
            max,
        }
    }

    pub(super) fn insert(&mut self, allocation: Allocation) -> Option<(u32, u32)> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < self.max => {
                self.slots.push(None);
                self.generations.push(0);
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let previous = self.by_client.insert(allocation.client, index);
        assert!(previous.is_none(), "a 5-tuple has one allocation");
        self.slots[index as usize] = Some(Box::new(allocation));
        Some((index, self.generations[index as usize]))
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Allocation> {
        let allocation = *self.slots.get_mut(index as usize)?.take()?;
        self.by_client.remove(&allocation.client);
        self.generations[index as usize] = self.generations[index as usize].wrapping_add(1) & GENERATION_MASK;
        self.free.push(index);
        Some(allocation)
    }

    pub(super) fn find(&self, client: &Client) -> Option<u32> {
        self.by_client.get(client).copied()
    }

    pub(super) fn at(&mut self, index: u32) -> Option<&mut Allocation> {
        self.slots.get_mut(index as usize)?.as_deref_mut()
    }

    pub(super) fn named(&mut self, id: RelayId) -> Option<&mut Allocation> {
        if self.generations.get(id.index as usize) != Some(&id.generation) {
            return None;
        }
        self.at(id.index)
    }

    /// How many allocations there is room for.
    pub(super) fn room(&self) -> usize {
        self.max
    }

    /// Makes room for `max` allocations, if there is less. Room that was made stays: quotas are what limits downward.
    pub(super) fn grow(&mut self, max: usize) {
        self.max = self.max.max(max);
    }

    /// Gives back what the index by 5-tuple does not use. The table stays: 13 bytes a position.
    pub(super) fn shrink(&mut self) {
        self.by_client.shrink_to_fit();
    }

    /// Positions that have ever been used.
    pub(super) fn positions(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }
}

/// Generations have 23 bits, so that a [`RelayId`] fits a driver's token.
pub(crate) const GENERATION_MASK: u32 = (1 << 23) - 1;
