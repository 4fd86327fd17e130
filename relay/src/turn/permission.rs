//! CreatePermission and ChannelBind (RFC 8656 sections 9 and 12).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use turn_types::attribute::{ChannelNumber, XorPeerAddress};

use stun_types::prelude::*;

use super::{
    allocate::optional,
    allocation::{BindError, CHANNEL_NUMBERS, Peer},
    authentication::Identity,
    peer_policy::PeerPolicy,
    relayed_ports::RelayedPorts,
    reply::Incoming,
    server::Server,
};

/// Peers that one CreatePermission request may name; the rest of a longer list is a bad request.
const PEERS_PER_REQUEST: usize = 64;

/// What the policy says of a peer, whose address is brought to its internal form.
pub(super) fn judge(ports: &RelayedPorts, policy: &PeerPolicy, peer: SocketAddr) -> Peer {
    let address = ports.inward(peer);
    Peer { address, open: policy.judge(address).is_ok(), ours: ports.position(address.ip()).is_some() }
}

/// Whether a permission may be had for `peer`, which is in its internal form. A permission is for an address whatever its
/// port, so the ports that are closed are judged with each datagram.
pub(super) fn may_permit(ports: &RelayedPorts, policy: &PeerPolicy, peer: IpAddr) -> bool {
    policy.judge_ip(peer).is_ok() || ports.position(peer).is_some()
}

impl Server {
    /// The allocation that a request is about, and which families it relays now; 437 if there is none.
    fn relayed_families(&mut self, existing: Option<u32>, now: Duration) -> Result<(u32, [bool; 2]), u16> {
        let index = existing.ok_or(437_u16)?;
        let allocation = self.live_allocation(index, now).ok_or(437_u16)?;
        Ok((index, allocation.families(now)))
    }

    pub(super) fn create_permission(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        existing: Option<u32>,
    ) -> Result<(), u16> {
        let now = incoming.now.monotonic;
        let (index, families) = self.relayed_families(existing, now)?;
        let transaction = incoming.message.transaction_id();
        let mut peers = Vec::new();
        for (_, attribute) in
            incoming.message.iter_attributes().filter(|(_, raw)| raw.get_type() == XorPeerAddress::TYPE)
        {
            let peer = XorPeerAddress::from_raw(attribute).map_err(|_| 400_u16)?.addr(transaction);
            if !families[usize::from(peer.is_ipv6())] {
                return Err(443);
            }
            let peer = self.shared.ports.inward(peer).ip();
            if !may_permit(&self.shared.ports, &self.live.peer_policy, peer) {
                return Err(403);
            }
            if peers.len() == PEERS_PER_REQUEST {
                return Err(400);
            }
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        if peers.is_empty() {
            return Err(400);
        }
        let max = self.live.limits.permissions_per_allocation;
        let allocation = self.live_allocation(index, now).ok_or(437_u16)?;
        allocation.permit(&peers, max, now).map_err(BindError::code)?;
        self.reply_success(incoming, identity, |_| ());
        Ok(())
    }

    pub(super) fn channel_bind(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        existing: Option<u32>,
    ) -> Result<(), u16> {
        let now = incoming.now.monotonic;
        let (index, families) = self.relayed_families(existing, now)?;
        let number = optional::<ChannelNumber>(&incoming.message)?.ok_or(400_u16)?.channel();
        let peer = optional::<XorPeerAddress>(&incoming.message)?.ok_or(400_u16)?;
        let peer = peer.addr(incoming.message.transaction_id());
        if !CHANNEL_NUMBERS.contains(&number) {
            return Err(400);
        }
        if !families[usize::from(peer.is_ipv6())] {
            return Err(443);
        }
        let peer = judge(&self.shared.ports, &self.live.peer_policy, peer);
        if !peer.open && self.shared.ports.owner(peer.address).is_none() {
            return Err(403);
        }
        let limits = self.live.limits;
        let allocation = self.live_allocation(index, now).ok_or(437_u16)?;
        allocation.bind(number, peer, &limits, now).map_err(BindError::code)?;
        self.reply_success(incoming, identity, |_| ());
        Ok(())
    }
}

impl BindError {
    fn code(self) -> u16 {
        match self {
            Self::Taken => 400,
            Self::Full => 508,
        }
    }
}
