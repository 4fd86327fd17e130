//! One client's WebSocket.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use tokio::{sync::oneshot, time};

use super::{
    allowance::Allowance,
    line::{Down, Line, Side},
    message::{ClientMessage, JoinRequest, Joined, ServerMessage},
};
use crate::{
    code::{ErrorCode, Refusal},
    host::{
        Joining, Opening, Order,
        directory::Found,
        screening::{Film, ReplayOrder},
    },
    server::Server,
    token::Guest,
};

/// How long a client has for its first message.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client has to take what is sent.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How long an answer of a worker is waited for.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// How long the end of a connection that is cut may take.
const LINGER: Duration = Duration::from_secs(1);
/// A client may make an offer of WebRTC so often, and so many at once.
const OFFER_EVERY: Duration = Duration::from_secs(2);
const OFFERS: u32 = 4;
/// How many matches are tried before a join is given up.
const TRIES: usize = 8;
/// Most messages in one write.
const BATCH: usize = 64;

/// One client's WebSocket.
pub(super) struct Connection {
    server: Arc<Server>,
    line: Arc<Line>,
    guest: Option<Guest>,
    /// How many offers of WebRTC it may make: an answer takes a millisecond of the one thread for all of them.
    offers: Allowance,
    /// The address that the client came to, for WebRTC.
    local: IpAddr,
}

/// Why a connection ends.
enum End {
    /// The other side has ended it.
    Closed,
    /// We end it.
    Cut(ErrorCode),
}

impl Connection {
    /// Serves a client until it goes, and keeps `place` until then.
    pub(super) async fn serve<T>(server: Arc<Server>, mut socket: Box<WebSocket>, local: IpAddr, place: T) {
        let limits = server.commons.settings.limits;
        let line = Line::new(server.next_line(), &limits, server.commons.metrics.clone(), Instant::now());
        server.commons.metrics.connections.inc();
        let offers = Allowance::new(1, OFFER_EVERY, OFFERS, Instant::now());
        let mut connection = Self { server, line, guest: None, offers, local };
        let end = connection.exchange(&mut socket).await;
        // In memory of its own, as all that is rare: what a connection holds while it is idle is what its task has room for.
        Box::pin(connection.close(&mut socket, end)).await;
        drop(place);
    }

    async fn exchange(&mut self, socket: &mut WebSocket) -> End {
        let idle = self.server.commons.settings.limits.idle;
        let begun = Instant::now();
        let mut beat = time::interval(idle / 3);
        beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        beat.tick().await;
        let line = self.line.clone();
        loop {
            tokio::select! {
                biased;
                ready = line.ready() => {
                    if let Err(code) = ready {
                        return End::Cut(code);
                    }
                    if let Err(end) = send(socket, &line).await {
                        return end;
                    }
                }
                message = socket.recv() => {
                    let Some(Ok(message)) = message else { return End::Closed };
                    if let Err(code) = self.handle(message).await {
                        return End::Cut(code);
                    }
                }
                _ = beat.tick() => {
                    let now = Instant::now();
                    if self.line.silence(now) > idle || (self.guest.is_none() && now - begun > CONNECT_DEADLINE) {
                        return End::Cut(ErrorCode::Idle);
                    }
                    // A browser answers, so that who plays by data channels is not silent here.
                    let ping = Box::pin(socket.send(Message::Ping(Default::default())));
                    match time::timeout(SEND_DEADLINE, ping).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return End::Closed,
                        Err(_) => return End::Cut(ErrorCode::Slow),
                    }
                }
            }
        }
    }

    /// Something came. An error ends the connection.
    async fn handle(&mut self, message: Message) -> Result<(), ErrorCode> {
        let bytes = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
            Message::Close(_) => return Ok(()),
        };
        let now = Instant::now();
        if !self.line.admit(Side::WebSocket, bytes, now) {
            return Err(ErrorCode::RateLimited);
        }
        let done = match message {
            Message::Text(text) => match ClientMessage::read(&text) {
                Ok(message) => Box::pin(self.handle_message(message)).await,
                Err(reason) => Err(Refusal::because(ErrorCode::Malformed, &reason)),
            },
            Message::Binary(bytes) => self.line.deliver(Side::WebSocket, bytes, now).map_err(Refusal::from),
            _ => Ok(()),
        };
        if let Err(refusal) = done {
            self.server.commons.metrics.refused(refusal.code);
            self.line.text(ServerMessage::refusal(&refusal));
            if self.guest.is_none() {
                // Who does not say who they are has nothing else to say.
                return Err(refusal.code);
            }
        }
        Ok(())
    }

    async fn handle_message(&mut self, message: ClientMessage) -> Result<(), Refusal> {
        if let ClientMessage::Connect { token } = &message {
            let guest = self.server.commons.tokens.read_guest(token)?;
            let (player, name, version) = (&guest.id, &guest.name, env!("CARGO_PKG_VERSION"));
            let ice_servers = &self.server.turn.ice_servers(player, SystemTime::now());
            self.line.text(ServerMessage::Connected { player, name, version, ice_servers }.text());
            self.guest = Some(guest);
            return Ok(());
        }
        let Some(guest) = self.guest.clone() else { return Err(ErrorCode::NotConnected.into()) };
        match message {
            ClientMessage::Connect { .. } => Ok(()),
            ClientMessage::Join(request) => {
                let joined = self.join(guest, request).await?;
                self.line.text(ServerMessage::Joined(&joined).text());
                Ok(())
            }
            ClientMessage::Leave {} => {
                let seat = self.line.seat().ok_or(ErrorCode::NotJoined)?;
                let order = Order::Leave { match_no: seat.match_no, seat: seat.number, line: self.line.id };
                if seat.worker.try_send(order) { Ok(()) } else { Err(ErrorCode::Busy.into()) }
            }
            ClientMessage::RtcOffer { sdp } => {
                let Some(rtc) = &self.server.rtc else { return Err(ErrorCode::RtcOff.into()) };
                if !self.offers.take(1, Instant::now()) {
                    return Err(ErrorCode::RateLimited.into());
                }
                let answer = rtc.offer(&self.line, sdp, self.local);
                let answer = time::timeout(ANSWER_DEADLINE, answer).await.map_err(|_| ErrorCode::Busy)??;
                self.line.text(ServerMessage::RtcAnswer { sdp: &answer }.text());
                Ok(())
            }
            ClientMessage::Ping { at } => {
                self.line.text(ServerMessage::Pong { at: &at, now: self.server.uptime_ms() }.text());
                Ok(())
            }
            ClientMessage::ReplaySeek { tick } => self.order_replay(ReplayOrder::Seek(tick)),
            ClientMessage::ReplayPause { on } => self.order_replay(ReplayOrder::Pause(on)),
            ClientMessage::DevWatch { on } => {
                if !self.server.commons.settings.developer {
                    return Err(ErrorCode::DeveloperOff.into());
                }
                let seat = self.line.seat().ok_or(ErrorCode::NotJoined)?;
                let order = Order::Watch { match_no: seat.match_no, seat: seat.number, line: self.line.id, on };
                if seat.worker.try_send(order) { Ok(()) } else { Err(ErrorCode::Busy.into()) }
            }
        }
    }

    /// Tells the replay that is looked at what to do. A match takes no notice.
    fn order_replay(&self, order: ReplayOrder) -> Result<(), Refusal> {
        let seat = self.line.seat().ok_or(ErrorCode::NotJoined)?;
        if seat.worker.try_send(Order::Replay(order)) { Ok(()) } else { Err(ErrorCode::Busy.into()) }
    }

    async fn look_at(&self, replay: &str) -> Result<Joined, Refusal> {
        let place = self.server.screenings.reserve()?;
        let (archive, id) = (self.server.commons.archive.clone(), replay.to_owned());
        let read = tokio::task::spawn_blocking(move || archive.replay_of(&id)).await;
        let (head, bytes) = read.ok().flatten().ok_or(ErrorCode::NotFound)?;
        let bundle = self.server.modes.bundle(&head.mode).and_then(Result::ok);
        let map = bundle.and_then(|bundle| bundle.map().cloned());
        self.server.screenings.begin(place, Film { head, bytes, map }, &self.line, &self.server.commons).await
    }

    async fn join(&self, guest: Guest, request: JoinRequest) -> Result<Joined, Refusal> {
        if self.line.seat().is_some() {
            return Err(ErrorCode::AlreadyJoined.into());
        }
        if let Some(replay) = &request.replay {
            return self.look_at(replay).await;
        }
        if let Some(resume) = &request.resume {
            let place = self.server.commons.tokens.read_resume(resume)?;
            if place.player != guest.id || request.match_id.as_ref().is_some_and(|id| *id != place.match_id) {
                return Err(ErrorCode::ResumeGone.into());
            }
            let found = self.server.commons.directory.find(&place.match_id).ok_or(ErrorCode::ResumeGone)?;
            return self.sit(&guest, &request, &found, Some(place.number)).await;
        }
        if self.server.is_draining() {
            return Err(ErrorCode::Draining.into());
        }
        if let Some(match_id) = &request.match_id {
            let found = self.server.commons.directory.find(match_id).ok_or(ErrorCode::MatchUnknown)?;
            return self.sit(&guest, &request, &found, None).await;
        }
        let mode = request.mode.as_deref().ok_or(ErrorCode::ModeUnknown)?;
        let bundle = self.server.modes.bundle(mode).ok_or(ErrorCode::ModeUnknown)?;
        let bundle = bundle.map_err(|fault| {
            Refusal::because(ErrorCode::ModeBroken, &format!("{}:{}: {}", fault.file, fault.line, fault.message))
        })?;
        let mut refused = Vec::new();
        let mut last = Refusal::from(ErrorCode::MatchFull);
        while refused.len() < TRIES {
            let found = self.server.place(mode, &refused)?;
            if found.is_new {
                let (match_no, match_id) = (found.match_no, found.match_id.clone());
                let opening = Opening { match_no, match_id, bundle: bundle.clone(), saved: None };
                if !found.worker.try_send(Order::Open(Box::new(opening))) {
                    self.server.commons.directory.remove(found.match_no);
                    return Err(ErrorCode::Busy.into());
                }
            }
            match self.sit(&guest, &request, &found, None).await {
                Err(refusal) if matches!(refusal.code, ErrorCode::MatchFull | ErrorCode::MatchUnknown) => {
                    refused.push(found.match_no);
                    last = refusal;
                }
                done => return done,
            }
        }
        Err(last)
    }

    async fn sit(
        &self,
        guest: &Guest,
        request: &JoinRequest,
        found: &Found,
        place: Option<u32>,
    ) -> Result<Joined, Refusal> {
        let (reply, answer) = oneshot::channel();
        let joining = Joining {
            match_no: found.match_no,
            guest: guest.clone(),
            line: self.line.clone(),
            spectate: request.spectate,
            metadata: request.metadata.clone(),
            place,
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

    /// Leaves nothing behind.
    async fn close(self, socket: &mut WebSocket, end: End) {
        if let Some(rtc) = &self.server.rtc {
            rtc.close(self.line.id);
        }
        if let End::Cut(code) = end {
            // For who is on the way into a seat: the worker looks.
            self.line.cut(code);
            let goodbye = async {
                // What was refused before comes first.
                while let Some(down) = self.line.take() {
                    if let Down::Text(text) = down {
                        socket.feed(Message::Text(text.into())).await?;
                    }
                }
                socket.feed(Message::Text(ServerMessage::refusal(&code.into()).into())).await?;
                let frame = CloseFrame { code: close_code(code), reason: code.text().into() };
                socket.send(Message::Close(Some(frame))).await?;
                // What still comes is read, since a connection that is closed over unread bytes takes the reason with it.
                while let Some(Ok(_)) = socket.recv().await {}
                Ok::<(), axum::Error>(())
            };
            // Who is slow to the last does not hear why.
            if time::timeout(LINGER, goodbye).await.is_err() {
                tracing::debug!(%code, "a client did not wait for the reason of its end");
            }
        } else {
            self.line.cut(ErrorCode::Idle);
        }
        if let Some(seat) = self.line.seat() {
            let order = Order::Gone { match_no: seat.match_no, seat: seat.number, line: self.line.id };
            seat.worker.send_later(order).await;
        }
        self.server.commons.metrics.connections.dec();
    }
}

/// 4000 and the code's place, as the range for applications has it; 4000 itself is nothing that comes.
fn close_code(code: ErrorCode) -> u16 {
    4001 + ErrorCode::ALL.iter().position(|other| *other == code).map_or(0, |place| place as u16)
}

/// Sends what waits, in as few writes as it fits into.
async fn send(socket: &mut WebSocket, line: &Line) -> Result<(), End> {
    let write = async {
        for _ in 0..BATCH {
            let Some(down) = line.take() else { break };
            let message = match down {
                Down::Text(text) => Message::Text(text.into()),
                Down::Binary(bytes) => Message::Binary(bytes),
            };
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    match time::timeout(SEND_DEADLINE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Closed),
        Err(_) => Err(End::Cut(ErrorCode::Slow)),
    }
}
