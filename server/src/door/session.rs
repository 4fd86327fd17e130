//! What one client says, and what comes of it.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use muster_core::map::Map;
use muster_scripts::{Bundle, StoreScope};
use tokio::{sync::oneshot, time};

use super::{
    allowance::Allowance,
    line::{Line, Side},
    message::{ClientMessage, JoinRequest, Joined, ServerMessage},
    websocket::Heard,
};
use crate::{
    code::{ErrorCode, Refusal},
    host::{
        Joining, Opening, Order, Seat, WorkerDoor,
        directory::Found,
        screening::{Film, ReplayOrder},
    },
    server::Server,
    store::Stored,
    token::Guest,
};

/// How long an answer of a worker is waited for.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// How long what the store holds of who wants in is waited for, if the rules may want to know it.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// A client may make an offer of WebRTC so often, and so many at once.
const OFFER_EVERY: Duration = Duration::from_secs(2);
const OFFERS: u32 = 4;
/// How many matches are tried before a join is given up.
const TRIES: usize = 8;

/// One client.
pub(super) struct Session {
    server: Arc<Server>,
    pub(super) line: Arc<Line>,
    guest: Option<Box<Guest>>,
    /// How many offers of WebRTC it may make: an answer takes a millisecond of the one thread for all of them.
    offers: Allowance,
    /// The address that the client came to, for WebRTC.
    local: IpAddr,
}

/// What comes of something that a client has said.
pub(super) enum Next {
    /// What it says next is heard.
    Goes,
    /// The same, and a worker is to look at it now.
    Nudges(Arc<WorkerDoor>),
    /// Nothing that it says is heard before this is answered.
    Asks(Question),
    /// The connection is ended.
    Ends(ErrorCode),
}

/// What a client has asked, until it is answered.
pub(super) type Question = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Session {
    pub(super) fn new(server: Arc<Server>, line: Arc<Line>, local: IpAddr, now: Instant) -> Self {
        Self { server, line, guest: None, offers: Allowance::new(1, OFFER_EVERY, OFFERS, now), local }
    }

    /// Whether it has said who it is.
    pub(super) const fn is_connected(&self) -> bool {
        self.guest.is_some()
    }

    /// The client has said something, in a frame that carried so many bytes.
    pub(super) fn hear(&mut self, heard: Heard<'_>, bytes: usize, now: Instant) -> Next {
        if !self.line.admit(Side::WebSocket, bytes, now) {
            return Next::Ends(ErrorCode::RateLimited);
        }
        let done = match heard {
            Heard::Text(text) => match ClientMessage::read(&text) {
                Ok(message) => self.handle(message),
                Err(reason) => Err(Refusal::because(ErrorCode::Malformed, &reason)),
            },
            Heard::Binary(bytes) => {
                let nudged = self.line.deliver(Side::WebSocket, &bytes, now).map_err(Refusal::from);
                nudged.map(|worker| worker.map_or(Next::Goes, Next::Nudges))
            }
            _ => Ok(Next::Goes),
        };
        done.unwrap_or_else(|refusal| {
            refuse(&self.server, &self.line, &refusal);
            // Who does not say who they are has nothing else to say.
            if self.guest.is_none() { Next::Ends(refusal.code) } else { Next::Goes }
        })
    }

    fn handle(&mut self, message: ClientMessage) -> Result<Next, Refusal> {
        if let ClientMessage::Connect { token } = &message {
            let guest = self.server.commons.tokens.read_guest(token)?;
            let (player, name, version) = (&guest.id, &guest.name, env!("CARGO_PKG_VERSION"));
            let ice_servers = &self.server.turn.ice_servers(player, SystemTime::now());
            self.line.text(ServerMessage::Connected { player, name, version, ice_servers }.text());
            self.guest = Some(Box::new(guest));
            return Ok(Next::Goes);
        }
        let Some(guest) = &self.guest else { return Err(ErrorCode::NotConnected.into()) };
        match message {
            ClientMessage::Connect { .. } => {}
            ClientMessage::Join(request) => {
                let (server, line, guest) = (self.server.clone(), self.line.clone(), Guest::clone(guest));
                return Ok(Next::Asks(Box::pin(async move {
                    let entry = Entry { server: &server, line: &line, guest: &guest, request: &request };
                    match entry.join().await {
                        Ok(joined) => line.text(ServerMessage::Joined(&joined).text()),
                        Err(refusal) => refuse(&server, &line, &refusal),
                    }
                })));
            }
            ClientMessage::RtcOffer { sdp } => {
                if self.server.rtc.is_none() {
                    return Err(ErrorCode::RtcOff.into());
                }
                if !self.offers.take(1, Instant::now()) {
                    return Err(ErrorCode::RateLimited.into());
                }
                let (server, line, local) = (self.server.clone(), self.line.clone(), self.local);
                return Ok(Next::Asks(Box::pin(async move {
                    match answer_offer(&server, &line, sdp, local).await {
                        Ok(sdp) => line.text(ServerMessage::RtcAnswer { sdp: &sdp }.text()),
                        Err(refusal) => refuse(&server, &line, &refusal),
                    }
                })));
            }
            ClientMessage::Leave {} => {
                self.order(|seat, line| Order::Leave { match_no: seat.match_no, seat: seat.number, line })?;
            }
            ClientMessage::Ping { at } => {
                self.line.text(ServerMessage::Pong { at: &at, now: self.server.uptime_ms() }.text());
            }
            // A match takes no notice.
            ClientMessage::ReplaySeek { tick } => self.order(|_, _| Order::Replay(ReplayOrder::Seek(tick)))?,
            ClientMessage::ReplayPause { on } => self.order(|_, _| Order::Replay(ReplayOrder::Pause(on)))?,
            ClientMessage::DevWatch { on } => {
                if !self.server.commons.settings.developer {
                    return Err(ErrorCode::DeveloperOff.into());
                }
                self.order(|seat, line| Order::Watch { match_no: seat.match_no, seat: seat.number, line, on })?;
            }
        }
        Ok(Next::Goes)
    }

    /// Tells who runs the client's match something.
    fn order(&self, order: impl FnOnce(&Seat, u64) -> Order) -> Result<(), Refusal> {
        let seat = self.line.seat().ok_or(ErrorCode::NotJoined)?;
        if seat.worker.try_send(order(&seat, self.line.id)) { Ok(()) } else { Err(ErrorCode::Busy.into()) }
    }

    /// The line has ended: leaves nothing behind. What comes back is to be done by whoever may wait.
    pub(super) fn leave(self) -> Option<Question> {
        if let Some(rtc) = &self.server.rtc {
            rtc.close(self.line.id);
        }
        self.server.commons.metrics.connections.dec();
        let seat = self.line.seat()?;
        let order = Order::Gone { match_no: seat.match_no, seat: seat.number, line: self.line.id };
        Some(Box::pin(async move { seat.worker.send_later(order).await }))
    }
}

fn refuse(server: &Server, line: &Line, refusal: &Refusal) {
    server.commons.metrics.refused(refusal.code);
    line.text(ServerMessage::refusal(refusal));
}

async fn answer_offer(server: &Server, line: &Arc<Line>, sdp: String, local: IpAddr) -> Result<String, Refusal> {
    let rtc = server.rtc.as_ref().ok_or(ErrorCode::RtcOff)?;
    time::timeout(ANSWER_DEADLINE, rtc.offer(line, sdp, local)).await.map_err(|_| ErrorCode::Busy)?
}

/// Who wants in, and where.
struct Entry<'a> {
    server: &'a Server,
    line: &'a Arc<Line>,
    guest: &'a Guest,
    request: &'a JoinRequest,
}

impl Entry<'_> {
    async fn join(&self) -> Result<Joined, Refusal> {
        if self.line.seat().is_some() {
            return Err(ErrorCode::AlreadyJoined.into());
        }
        if let Some(replay) = &self.request.replay {
            return self.look_at(replay).await;
        }
        if let Some(resume) = &self.request.resume {
            let place = self.server.commons.tokens.read_resume(resume)?;
            let is_elsewhere = self.request.match_id.as_ref().is_some_and(|id| *id != place.match_id);
            if place.player != self.guest.id || is_elsewhere {
                return Err(ErrorCode::ResumeGone.into());
            }
            let found = self.server.commons.directory.find(&place.match_id).ok_or(ErrorCode::ResumeGone)?;
            return self.sit(&found, Some(place.number), Stored::new()).await;
        }
        if self.server.is_draining() {
            return Err(ErrorCode::Draining.into());
        }
        if let Some(match_id) = &self.request.match_id {
            let found = self.server.commons.directory.find(match_id).ok_or(ErrorCode::MatchUnknown)?;
            let bundle = self.server.modes.bundle(&found.mode).and_then(Result::ok);
            let stored = match &bundle {
                Some(bundle) => self.read_own(bundle, &found.mode).await,
                None => Stored::new(),
            };
            return self.sit(&found, None, stored).await;
        }
        let mode = self.request.mode.as_deref().ok_or(ErrorCode::ModeUnknown)?;
        let bundle = self.server.modes.bundle(mode).ok_or(ErrorCode::ModeUnknown)?;
        let bundle = bundle.map_err(|fault| {
            Refusal::because(ErrorCode::ModeBroken, &format!("{}:{}: {}", fault.file, fault.line, fault.message))
        })?;
        let mut refused = Vec::new();
        let mut last = Refusal::from(ErrorCode::MatchFull);
        let mut of_mode = None;
        let stored = self.read_own(&bundle, mode).await;
        while refused.len() < TRIES {
            let Some(found) = self.server.place(mode, &refused, of_mode.is_some())? else {
                // From the moment that it has a place on, others are sent to it, who must find it opened.
                let read = self.read(&bundle, mode, StoreScope::Mode).await;
                if bundle.wants_stored() && read.is_empty() {
                    return Err(ErrorCode::Busy.into());
                }
                of_mode = Some(read);
                if self.server.is_draining() {
                    return Err(ErrorCode::Draining.into());
                }
                continue;
            };
            if found.is_new {
                let (match_no, match_id) = (found.match_no, found.match_id.clone());
                let stored = of_mode.take().unwrap_or_default();
                let opening = Opening { match_no, match_id, bundle: bundle.clone(), saved: None, map: None, stored };
                if !found.worker.try_send(Order::Open(Box::new(opening))) {
                    self.server.commons.directory.remove(found.match_no);
                    return Err(ErrorCode::Busy.into());
                }
            }
            match self.sit(&found, None, stored.clone()).await {
                Err(refusal) if matches!(refusal.code, ErrorCode::MatchFull | ErrorCode::MatchUnknown) => {
                    refused.push(found.match_no);
                    last = refusal;
                }
                done => return done,
            }
        }
        Err(last)
    }

    async fn look_at(&self, replay: &str) -> Result<Joined, Refusal> {
        let place = self.server.screenings.reserve()?;
        let (archive, id) = (self.server.commons.archive.clone(), replay.to_owned());
        let read = tokio::task::spawn_blocking(move || archive.replay_of(&id)).await;
        let (head, bytes) = read.ok().flatten().ok_or(ErrorCode::NotFound)?;
        let modes = self.server.modes.clone();
        let (of_head, mode) = (head.map.clone(), head.mode.clone());
        let read = tokio::task::spawn_blocking(move || {
            let of_mode = || modes.bundle(&mode).and_then(Result::ok).and_then(|bundle| bundle.map_id());
            let id = of_head.or_else(of_mode)?;
            let map = Map::from_json(&modes.map_text(&id)?).ok()?;
            Some((id, map))
        });
        let map = read.await.ok().flatten();
        self.server.screenings.begin(place, Film { head, bytes, map }, self.line, &self.server.commons).await
    }

    /// What the store holds of who wants in, if the rules may want to know.
    async fn read_own(&self, bundle: &Bundle, mode: &str) -> Stored {
        if self.request.spectate {
            return Stored::new();
        }
        self.read(bundle, mode, StoreScope::Player(self.guest.id.clone())).await
    }

    async fn read(&self, bundle: &Bundle, mode: &str, scope: StoreScope) -> Stored {
        if !bundle.wants_stored() {
            return Stored::new();
        }
        self.server.commons.store.read(mode, vec![scope], READ_DEADLINE).await
    }

    async fn sit(&self, found: &Found, place: Option<u32>, stored: Stored) -> Result<Joined, Refusal> {
        let (reply, answer) = oneshot::channel();
        let joining = Joining {
            match_no: found.match_no,
            guest: self.guest.clone(),
            line: self.line.clone(),
            spectate: self.request.spectate,
            metadata: self.request.metadata.clone(),
            place,
            stored: stored.into_values().next(),
            reply,
        };
        if !found.worker.try_send(Order::Join(Box::new(joining))) {
            self.server.commons.directory.settle(found.match_no);
            return Err(ErrorCode::Busy.into());
        }
        match time::timeout(ANSWER_DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            // The worker has dropped the question, or the match broke over it.
            Ok(Err(_)) => Err(ErrorCode::MatchUnknown.into()),
            Err(_) => Err(ErrorCode::Busy.into()),
        }
    }
}
