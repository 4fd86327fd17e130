//! Allocate and Refresh (RFC 8656 sections 7 and 8).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::Rng;
use stun_types::{
    AddressFamily,
    attribute::XorMappedAddress,
    message::{Message, MessageWriteVec},
    prelude::*,
};
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken, XorRelayedAddress,
};

use super::{
    Now, Transport,
    allocation::{Allocation, Opening, RelayId, Relayed},
    authentication::Identity,
    reply::{Incoming, Reply, append, error_code, seal},
    reservations::{RESERVATION_LIFETIME, Reservation},
    server::{Action, OpenError, Server},
};
use crate::{counters::Request, io::SocketId};

/// The lifetime of an allocation whose client asked for none or for less (RFC 8656 section 7.2).
const LIFETIME_DEFAULT_S: u32 = 600;

/// IANA's number of UDP, the only transport that is relayed.
const UDP: u8 = 17;

/// Ports that are tried when another process has them, before the client is told 508.
const OPEN_TRIES: u8 = 32;

/// What an Allocate request asks for.
struct Wanted {
    families: [bool; 2],
    dual: bool,
    even: bool,
    reserve: bool,
    token: Option<u64>,
    lifetime_s: u32,
}

impl Server {
    pub(super) fn allocate(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        existing: Option<u32>,
    ) -> Result<(), u16> {
        if let Some(index) = existing {
            return self.allocate_again(incoming, index);
        }
        if self.draining() {
            let ipv6 = incoming.client.address.is_ipv6();
            let elsewhere = self.live.alternate_server.iter().any(|alternate| alternate.is_ipv6() == ipv6);
            return Err(if elsewhere { 300 } else { 508 });
        }
        let wanted = self.parse_allocate(&incoming.message)?;
        let account: Arc<str> = self.live.authenticator.credentials().account(&identity.username).into();
        let address = incoming.client.address.ip();
        let limits = self.live.limits;
        self.shared.quotas.take(&account, address, &limits).map_err(|exceeded| exceeded.code())?;
        let opened = self.start_opening(incoming, identity, &account, &wanted);
        if opened.is_err() {
            self.shared.quotas.give_back(&account, address);
        }
        opened
    }

    /// A second Allocate on a 5-tuple: a retransmission gets the first answer again, anything else 437.
    fn allocate_again(&mut self, incoming: &Incoming<'_>, index: u32) -> Result<(), u16> {
        let Some(allocation) = self.allocations.at(index) else { return Err(437) };
        let datagram = matches!(incoming.client.transport, Transport::Udp { .. });
        if !datagram || allocation.transaction != incoming.message.transaction_id() {
            return Err(437);
        }
        if allocation.opening.is_none() {
            let lifetime_s = allocation.expires.saturating_sub(incoming.now.monotonic).as_secs() as u32;
            self.reply_allocated(index, lifetime_s, incoming.fingerprint());
        }
        Ok(())
    }

    fn parse_allocate(&self, message: &Message<'_>) -> Result<Wanted, u16> {
        let transport = message.attribute::<RequestedTransport>().map_err(|_| 400_u16)?;
        if transport.protocol() != UDP {
            return Err(442);
        }
        let even = optional::<EvenPort>(message)?.map(|even| even.requested());
        let requested = optional::<RequestedAddressFamily>(message)?.map(|family| family.family());
        let additional = optional::<AdditionalAddressFamily>(message)?.map(|family| family.family());
        let token = optional::<ReservationToken>(message)?.map(|token| token.token());
        let contradictory = (token.is_some() && (even.is_some() || requested.is_some() || additional.is_some()))
            || (additional.is_some() && (requested.is_some() || even == Some(true)))
            || additional == Some(AddressFamily::IPV4);
        if contradictory {
            return Err(400);
        }
        let families = match (requested, additional) {
            (Some(AddressFamily::IPV6), _) => [false, true],
            (_, Some(AddressFamily::IPV6)) => [true, true],
            _ => [true, false],
        };
        let served = [false, true].map(|ipv6| self.shared.ports.of_family(ipv6).next().is_some());
        // A token names its port, and with it the family.
        if token.is_none() && !families.iter().zip(&served).any(|(&asked, &served)| asked && served) {
            return Err(440);
        }
        Ok(Wanted {
            families,
            dual: additional.is_some(),
            even: even.is_some(),
            reserve: even == Some(true),
            token,
            lifetime_s: self.lifetime(optional::<Lifetime>(message)?.map(|lifetime| lifetime.seconds())),
        })
    }

    fn lifetime(&self, asked_s: Option<u32>) -> u32 {
        let max = self.live.limits.lifetime_max_s;
        asked_s.unwrap_or(LIFETIME_DEFAULT_S).max(LIFETIME_DEFAULT_S).min(max)
    }

    fn start_opening(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        account: &Arc<str>,
        wanted: &Wanted,
    ) -> Result<(), u16> {
        let now = incoming.now.monotonic;
        let mut opening = Opening {
            transaction: incoming.message.transaction_id(),
            fingerprint: incoming.fingerprint(),
            lifetime_s: wanted.lifetime_s,
            pending: 0,
            tries: 0,
            even: wanted.even,
            reserve: wanted.reserve,
            dual: wanted.dual,
            failed: [None; 2],
            wanted: [None; 2],
        };
        if let Some(token) = wanted.token {
            let kept = self.shared.reservations.claim(token, account, now).ok_or(508_u16)?;
            self.shared.ports.hand_over(kept.address, kept.port, kept.worker, self.worker);
            let ipv6 = self.shared.ports.address(kept.address).internal.is_ipv6();
            opening.wanted[usize::from(ipv6)] = Some((kept.address, kept.port));
            // A reserved port is the one that was promised: no other is tried in its place.
            opening.tries = OPEN_TRIES;
        } else {
            for ipv6 in [false, true] {
                if wanted.families[usize::from(ipv6)] {
                    match self.pick_port(ipv6, wanted.even, wanted.reserve) {
                        Ok(port) => opening.wanted[usize::from(ipv6)] = Some(port),
                        Err(code) => opening.failed[usize::from(ipv6)] = Some(code),
                    }
                }
            }
        }
        let asked = opening.wanted;
        opening.pending = asked.iter().flatten().count() as u8;
        if opening.pending == 0 {
            return Err(opening.failed.into_iter().flatten().next().unwrap_or(508));
        }
        let allocation = Allocation::new(incoming.client, identity.clone(), Arc::clone(account), opening, now);
        let Some((index, generation)) = self.allocations.insert(allocation) else {
            for (address, port) in asked.into_iter().flatten() {
                self.shared.ports.give_back(address, port);
                if wanted.reserve {
                    self.shared.ports.give_back(address, port + 1);
                }
            }
            return Err(508);
        };
        for (family, port) in asked.into_iter().enumerate() {
            if let Some(port) = port {
                self.ask_to_open(RelayId { index, generation, ipv6: family == 1 }, port);
            }
        }
        Ok(())
    }

    fn pick_port(&mut self, ipv6: bool, even: bool, pair: bool) -> Result<(usize, u16), u16> {
        let ports = &self.shared.ports;
        let addresses = ports.of_family(ipv6).count();
        if addresses == 0 {
            return Err(440);
        }
        // Start at a random address of the family, so that several share the load, and go round once.
        let first = self.random.next_u32() as usize % addresses;
        for step in 0..addresses {
            let address = ports.of_family(ipv6).nth((first + step) % addresses).unwrap_or_default();
            if let Some(port) = ports.take(address, self.worker, even, pair, &mut self.random) {
                return Ok((address, port));
            }
        }
        Err(508)
    }

    fn ask_to_open(&mut self, relay: RelayId, (address, port): (usize, u16)) {
        let address = SocketAddr::new(self.shared.ports.address(address).internal, port);
        self.actions.push_back(Action::Open { relay, address });
    }

    /// The answer to [`Action::Open`].
    pub fn handle_opened(&mut self, now: Now, relay: RelayId, result: Result<SocketId, OpenError>) {
        let family = usize::from(relay.ipv6);
        let Some(allocation) = self.allocations.named(relay).filter(|allocation| allocation.opening.is_some()) else {
            // The allocation ended meanwhile, and took its port with it.
            if let Ok(socket) = result {
                self.actions.push_back(Action::Close { socket });
            }
            return;
        };
        let Some(opening) = allocation.opening.as_deref_mut() else { return };
        let Some((address, port)) = opening.wanted[family] else { return };
        match result {
            Ok(socket) => {
                let at = SocketAddr::new(self.shared.ports.address(address).internal, port);
                allocation.relayed[family] = Some(Relayed { address: at, socket, expires: allocation.expires });
                if let Some(offset) = self.shared.ports.offset(port) {
                    self.by_port[address][offset] = relay.index + 1;
                }
            }
            Err(error) => {
                let (even, pair) = (opening.even, opening.reserve);
                let again = error == OpenError::InUse && opening.tries < OPEN_TRIES;
                opening.tries = opening.tries.saturating_add(1);
                opening.wanted[family] = None;
                self.shared.ports.give_back(address, port);
                if pair {
                    self.shared.ports.give_back(address, port + 1);
                }
                let picked = if again { self.pick_port(relay.ipv6, even, pair) } else { Err(508) };
                let Some(opening) = self.allocations.named(relay).and_then(|found| found.opening.as_deref_mut()) else {
                    return;
                };
                match picked {
                    Ok(port) => {
                        opening.wanted[family] = Some(port);
                        return self.ask_to_open(relay, port);
                    }
                    Err(code) => opening.failed[family] = Some(code),
                }
            }
        }
        let Some(opening) = self.allocations.named(relay).and_then(|found| found.opening.as_deref_mut()) else {
            return;
        };
        opening.pending -= 1;
        if opening.pending == 0 {
            self.finish_opening(now, relay.index);
        }
    }

    fn finish_opening(&mut self, now: Now, index: u32) {
        let Some(allocation) = self.allocations.at(index) else { return };
        let Some(mut opening) = allocation.opening.take() else { return };
        if allocation.relayed.iter().all(Option::is_none) {
            let code = opening.failed.into_iter().flatten().next().unwrap_or(508);
            let mut answer = response(&opening.transaction, false);
            append(&mut answer, &error_code(code));
            let bytes = seal(answer, Some(&allocation.identity), opening.fingerprint);
            self.replies.push_back(Reply { to: allocation.client, bytes });
            self.counters.answered(Request::Allocate, code);
            opening.wanted = [None; 2];
            allocation.opening = Some(opening);
            return self.end_allocation(index);
        }
        let account = Arc::clone(&allocation.account);
        if let (true, Some((address, port))) = (opening.reserve, opening.wanted.into_iter().flatten().next()) {
            let token = self.random.next_u64();
            let expires = now.monotonic + RESERVATION_LIFETIME;
            let kept = Reservation { account, address, port: port + 1, worker: self.worker, expires };
            if self.shared.reservations.keep(token, kept, self.live.limits.allocations_per_user) {
                if let Some(allocation) = self.allocations.at(index) {
                    allocation.reservation = Some(token);
                }
            } else {
                self.shared.ports.give_back(address, port + 1);
            }
        }
        if let (true, Some(allocation)) = (opening.dual, self.allocations.at(index)) {
            allocation.failed = opening.failed;
        }
        self.counters.allocations.add(1);
        self.counters.allocations_opened.add(1);
        self.reply_allocated(index, opening.lifetime_s, opening.fingerprint);
    }

    fn reply_allocated(&mut self, index: u32, lifetime_s: u32, fingerprint: bool) {
        let ports = &self.shared.ports;
        let Some(allocation) = self.allocations.at(index) else { return };
        let transaction = allocation.transaction;
        let mut answer = response(&transaction, true);
        for relayed in allocation.relayed.iter().flatten() {
            // A message of ours may carry one relayed address of each family, which `add_attribute` takes for a repeat.
            answer.push_attribute_unchecked(&XorRelayedAddress::new(ports.outward(relayed.address), transaction));
        }
        for (family, code) in [AddressFamily::IPV4, AddressFamily::IPV6].into_iter().zip(allocation.failed) {
            if let Some(code) = code {
                append(&mut answer, &AddressErrorCode::new(family, error_code(code)));
            }
        }
        append(&mut answer, &Lifetime::new(lifetime_s));
        if let Some(token) = allocation.reservation {
            append(&mut answer, &ReservationToken::new(token));
        }
        append(&mut answer, &XorMappedAddress::new(allocation.client.address, transaction));
        let bytes = seal(answer, Some(&allocation.identity), fingerprint);
        self.replies.push_back(Reply { to: allocation.client, bytes });
        self.counters.answered(Request::Allocate, 0);
    }

    pub(super) fn refresh(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        existing: Option<u32>,
    ) -> Result<(), u16> {
        let index = existing.ok_or(437_u16)?;
        let family = optional::<RequestedAddressFamily>(&incoming.message)?.map(|family| family.family());
        let asked = optional::<Lifetime>(&incoming.message)?.map(|lifetime| lifetime.seconds());
        let lifetime_s = if asked == Some(0) { 0 } else { self.lifetime(asked) };
        let now = incoming.now.monotonic;
        let allocation = self.live_allocation(index, now).ok_or(437_u16)?;
        let family = family.map(|family| usize::from(family == AddressFamily::IPV6));
        if family.is_some_and(|family| allocation.live(family, now).is_none()) {
            return Err(443);
        }
        if lifetime_s > 0 {
            allocation.extend(family, now + Duration::from_secs(lifetime_s.into()), now);
        } else {
            self.end_family(index, family, now);
        }
        self.reply_success(incoming, identity, |answer| append(answer, &Lifetime::new(lifetime_s)));
        Ok(())
    }

    /// Ends one family's relayed address, and the allocation with the last one.
    fn end_family(&mut self, index: u32, family: Option<usize>, now: Duration) {
        let other = family.map(|family| 1 - family);
        let stays = self
            .allocations
            .at(index)
            .is_some_and(|allocation| other.is_some_and(|other| allocation.live(other, now).is_some()));
        if !stays {
            return self.end_allocation(index);
        }
        if let Some(relayed) = self.allocations.at(index).and_then(|allocation| allocation.take_relayed(family, now)) {
            self.close_relayed(relayed);
        }
    }

    /// The allocation at `index`, if it is complete and has not expired.
    pub(super) fn live_allocation(&mut self, index: u32, now: Duration) -> Option<&mut Allocation> {
        self.allocations.at(index).filter(|allocation| allocation.opening.is_none() && allocation.expires > now)
    }
}

/// A response to an Allocate request that is no longer at hand.
fn response(transaction: &stun_types::message::TransactionId, success: bool) -> MessageWriteVec {
    let class =
        if success { stun_types::message::MessageClass::Success } else { stun_types::message::MessageClass::Error };
    let kind = stun_types::message::MessageType::from_class_method(class, turn_types::message::ALLOCATE);
    Message::builder(kind, *transaction, MessageWriteVec::new())
}

/// An attribute that may be missing; one that is there and malformed is a bad request.
pub(super) fn optional<'a, A>(message: &'a Message<'a>) -> Result<Option<A>, u16>
where
    A: AttributeFromRaw<'a> + AttributeStaticType,
{
    match message.attribute::<A>() {
        Ok(attribute) => Ok(Some(attribute)),
        Err(stun_types::message::StunParseError::MissingAttribute(_)) => Ok(None),
        Err(_) => Err(400),
    }
}
