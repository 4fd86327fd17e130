//! Data channels over WebRTC: one UDP socket, one thread, a session for each client.
//!
//! The server is ICE-lite: browsers find their way to it, and it answers where they are. A datagram finds its session by the
//! address that it comes from; one from a new address by the name that the session gave itself in its answer. **Nothing is
//! kept of an address before its session has accepted a signed message from it.**

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ahash::AHashMap;
use bytes::Bytes;
use str0m::{
    Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig,
    change::SdpOffer,
    channel::ChannelId,
    crypto::from_feature_flags,
    ice::StunMessage,
    net::{Protocol, Receive},
};
use tokio::sync::{mpsc, oneshot};

use super::line::{Line, Side};
use crate::{
    code::{ErrorCode, Refusal},
    config::Settings,
    metrics::Metrics,
    pulse::{Life, Pulse},
    token::random_hex,
};

/// Most orders that wait for the thread.
const ORDERS_MAX: usize = 65_536;
/// Most datagrams that are read before something else is done.
const DATAGRAMS_AT_ONCE: usize = 256;
/// Longest datagram.
const DATAGRAM_MAX: usize = 2048;
/// Most addresses of one session.
const ADDRESSES_MAX: usize = 8;
/// A session that has no channels after so long is closed.
const OPEN_DEADLINE: Duration = Duration::from_secs(20);
/// Packets are dropped when so many bytes of them wait for the network: a late packet is worth less than none.
const STATE_BYTES_WAITING: usize = 32 << 10;
/// Most bytes that wait in a session, both channels together.
const SESSION_BYTES_WAITING: usize = 512 << 10;

/// What the thread is told.
enum Command {
    Offer { line: Arc<Line>, sdp: String, local: IpAddr, reply: oneshot::Sender<Result<String, Refusal>> },
    Send { line: u64, side: Side, bytes: Bytes },
    Close { line: u64 },
    Stop,
}

/// The way to a client's data channels.
#[derive(Clone)]
pub struct RtcSender(mpsc::Sender<Command>);

impl RtcSender {
    /// Sends; returns whether there was room.
    pub fn send(&self, line: u64, side: Side, bytes: Bytes) -> bool {
        self.0.try_send(Command::Send { line, side, bytes }).is_ok()
    }
}

/// The gateway of data channels.
pub struct RtcGateway {
    sender: mpsc::Sender<Command>,
    pulse: Arc<Pulse>,
    address: SocketAddr,
}

impl RtcGateway {
    /// Opens the socket and starts the thread.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn open(
        address: SocketAddr,
        settings: &Settings,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // A burst of packets to many players at once is no reason to lose them.
        let raw = socket2::SockRef::from(&socket);
        for buffer in [raw.set_send_buffer_size(4 << 20), raw.set_recv_buffer_size(4 << 20)] {
            if let Err(error) = buffer {
                tracing::debug!(%error, "the socket's buffer stays as it is");
            }
        }
        let address = socket.local_addr()?;
        let (sender, receiver) = mpsc::channel(ORDERS_MAX);
        let pulse = Arc::new(Pulse::new(Instant::now()));
        let gateway = Self { sender: sender.clone(), pulse: pulse.clone(), address };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let provider = Arc::new(from_feature_flags());
        let certificate = provider.dtls_provider.generate_certificate();
        let mut config = RtcConfig::new()
            .set_crypto_provider(provider)
            .set_ice_lite(true)
            .clear_codecs()
            .set_stats_interval(None)
            .set_sctp_max_buffered_amount(SESSION_BYTES_WAITING)
            .set_sctp_max_message_size(settings.limits.message_bytes);
        if let Some(certificate) = certificate {
            config = config.set_dtls_cert(certificate);
        }
        let told = settings.rtc_address.clone();
        let thread = std::thread::Builder::new().name("rtc".into()).spawn(move || {
            runtime.block_on(async {
                let socket = match tokio::net::UdpSocket::from_std(socket) {
                    Ok(socket) => socket,
                    Err(error) => return tracing::error!(%error, "there is no WebRTC"),
                };
                Gateway {
                    socket,
                    config,
                    told,
                    port: address.port(),
                    sender: RtcSender(sender),
                    pulse,
                    metrics,
                    sessions: AHashMap::new(),
                    by_address: AHashMap::new(),
                    by_name: BTreeMap::new(),
                    due: BinaryHeap::new(),
                    buffer: vec![0; DATAGRAM_MAX],
                }
                .run(receiver)
                .await;
            });
        })?;
        Ok((gateway, thread))
    }

    /// Where datagrams come in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers an offer.
    pub(super) async fn offer(&self, line: &Arc<Line>, sdp: String, local: IpAddr) -> Result<String, Refusal> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Offer { line: line.clone(), sdp, local, reply };
        self.sender.try_send(command).map_err(|_| ErrorCode::Busy)?;
        answer.await.map_err(|_| ErrorCode::RtcFailed)?
    }

    /// The client of a line has gone.
    pub(super) fn close(&self, line: u64) {
        // A session that is not closed now ends when nothing comes from its client any more.
        drop(self.sender.try_send(Command::Close { line }));
    }

    /// What state the thread is in. It ends when its socket fails.
    pub fn life(&self, now: Instant) -> Life {
        if self.sender.is_closed() { Life::Ended } else { self.pulse.life(now) }
    }

    /// Ends the thread.
    pub fn stop(&self) {
        drop(self.sender.try_send(Command::Stop));
    }
}

struct Gateway {
    socket: tokio::net::UdpSocket,
    config: RtcConfig,
    told: Vec<IpAddr>,
    port: u16,
    sender: RtcSender,
    pulse: Arc<Pulse>,
    metrics: Arc<Metrics>,
    /// By line.
    sessions: AHashMap<u64, Session>,
    by_address: AHashMap<SocketAddr, u64>,
    by_name: BTreeMap<String, u64>,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    buffer: Vec<u8>,
}

struct Session {
    rtc: Rtc,
    line: Arc<Line>,
    name: String,
    /// The address that the client sends to.
    local: SocketAddr,
    addresses: Vec<SocketAddr>,
    control: Option<ChannelId>,
    state: Option<ChannelId>,
    opened: Instant,
    /// The earliest entry in the list of what is due.
    due: Instant,
}

impl Gateway {
    async fn run(mut self, mut receiver: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(256);
        loop {
            let now = Instant::now();
            self.pulse.beat(now);
            let rest = now + Duration::from_secs(1);
            let due = self.due.peek().map_or(rest, |Reverse((due, _))| rest.min(*due));
            tokio::select! {
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the socket of WebRTC has failed");
                        break;
                    }
                    self.read();
                }
                count = receiver.recv_many(&mut commands, 256) => {
                    if count == 0 {
                        break;
                    }
                    for command in commands.drain(..) {
                        if matches!(command, Command::Stop) {
                            return;
                        }
                        self.carry_out(command);
                    }
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            self.pass_time(Instant::now());
        }
    }

    fn read(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..DATAGRAMS_AT_ONCE {
            match self.socket.try_recv_from(&mut buffer) {
                Ok((length, source)) => self.handle_datagram(&buffer[..length], source),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // What an earlier datagram met on its way says nothing about this socket.
                Err(error) => tracing::trace!(%error, "a datagram did not arrive"),
            }
        }
        self.buffer = buffer;
    }

    fn handle_datagram(&mut self, bytes: &[u8], source: SocketAddr) {
        let known = self.by_address.get(&source).copied();
        let Some(id) = known.or_else(|| self.named(bytes)) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Ok(contents) = bytes.try_into() else { return };
        let receive = Receive { proto: Protocol::Udp, source, destination: session.local, contents };
        let input = Input::Receive(Instant::now(), receive);
        if known.is_none() {
            if !session.rtc.accepts(&input) || session.addresses.len() >= ADDRESSES_MAX {
                return;
            }
            session.addresses.push(source);
            self.by_address.insert(source, id);
        }
        let is_alive = session.rtc.handle_input(input).is_ok();
        self.advance(id, is_alive);
    }

    /// The session that a message of an unknown address names.
    fn named(&self, bytes: &[u8]) -> Option<u64> {
        if bytes.first().is_none_or(|first| *first > 3) {
            return None;
        }
        let message = StunMessage::parse(bytes).ok()?;
        let (name, _) = message.is_binding_request().then(|| message.split_username()).flatten()?;
        self.by_name.get(name).copied()
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Offer { line, sdp, local, reply } => {
                let answer = self.answer(&line, &sdp, local);
                // Who has gone does not need it.
                drop(reply.send(answer));
            }
            Command::Send { line, side, bytes } => self.send(line, side, &bytes),
            Command::Close { line } => self.close(line),
            Command::Stop => {}
        }
    }

    fn answer(&mut self, line: &Arc<Line>, sdp: &str, local: IpAddr) -> Result<String, Refusal> {
        self.close(line.id);
        // The library's own words may have addresses of memory in them.
        let failed = |error: &dyn std::fmt::Display| {
            tracing::debug!(line = line.id, %error, "an offer of WebRTC is refused");
            Refusal::from(ErrorCode::RtcFailed)
        };
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| failed(&error))?;
        let name = random_hex::<8>();
        let now = Instant::now();
        let creds = IceCreds { ufrag: name.clone(), pass: random_hex::<16>() };
        let mut rtc = self.config.clone().set_local_ice_credentials(creds).build(now);
        let own = [local];
        let told = if self.told.is_empty() { own.as_slice() } else { &self.told };
        for address in told {
            let candidate = Candidate::host(SocketAddr::new(*address, self.port), "udp");
            rtc.add_local_candidate(candidate.map_err(|error| failed(&error))?);
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| failed(&error))?;
        let session = Session {
            rtc,
            line: line.clone(),
            name: name.clone(),
            local: SocketAddr::new(told[0], self.port),
            addresses: Vec::new(),
            control: None,
            state: None,
            opened: now,
            due: now + Duration::from_secs(3600),
        };
        self.sessions.insert(line.id, session);
        self.by_name.insert(name, line.id);
        self.metrics.rtc_sessions.inc();
        self.advance(line.id, true);
        Ok(answer.to_sdp_string())
    }

    fn send(&mut self, id: u64, side: Side, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let channel = if side == Side::State { session.state } else { session.control };
        let Some(mut channel) = channel.and_then(|channel| session.rtc.channel(channel)) else { return };
        if side == Side::State && channel.buffered_amount() > STATE_BYTES_WAITING {
            self.metrics.packets_dropped.inc();
            return;
        }
        let is_taken = channel.write(true, bytes).unwrap_or_else(|error| {
            tracing::debug!(%error, "a data channel takes nothing");
            false
        });
        if !is_taken && side == Side::State {
            self.metrics.packets_dropped.inc();
        } else if !is_taken {
            session.line.cut(ErrorCode::Slow);
        }
        self.advance(id, true);
    }

    /// Takes everything out of a session that it has to say. The contract of the library: after each change, until it says
    /// when it wants to be asked again.
    fn advance(&mut self, id: u64, is_alive: bool) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut is_alive = is_alive;
        while is_alive {
            match session.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    // A second at most, so that a list of what is due holds few that are not.
                    let due = due.min(Instant::now() + Duration::from_secs(1));
                    if due < session.due || session.due <= Instant::now() {
                        session.due = due;
                        self.due.push(Reverse((due, id)));
                    }
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    let sent = self.socket.try_send_to(&transmit.contents, transmit.destination);
                    if sent.is_err() {
                        self.metrics.packets_dropped.inc();
                    }
                }
                Ok(Output::Event(event)) => is_alive = session.handle(event, &self.sender),
                Err(error) => {
                    tracing::debug!(%error, "a session of WebRTC has failed");
                    is_alive = false;
                }
            }
        }
        if !is_alive || !session.rtc.is_alive() {
            self.close(id);
        }
    }

    fn pass_time(&mut self, now: Instant) {
        while let Some(Reverse((due, id))) = self.due.peek().copied()
            && due <= now
        {
            self.due.pop();
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.due != due {
                continue;
            }
            let is_late = session.control.is_none() && now.saturating_duration_since(session.opened) > OPEN_DEADLINE;
            let is_alive = !is_late && session.rtc.handle_input(Input::Timeout(now)).is_ok();
            self.advance(id, is_alive);
        }
    }

    fn close(&mut self, id: u64) {
        let Some(mut session) = self.sessions.remove(&id) else { return };
        session.rtc.disconnect();
        session.line.set_rtc(None);
        for address in &session.addresses {
            self.by_address.remove(address);
        }
        self.by_name.remove(&session.name);
        self.metrics.rtc_sessions.dec();
    }
}

impl Session {
    /// Returns whether the session goes on.
    fn handle(&mut self, event: Event, sender: &RtcSender) -> bool {
        match event {
            Event::ChannelOpen(id, label) => {
                match label.as_str() {
                    "control" => self.control = Some(id),
                    "state" => self.state = Some(id),
                    _ => return false,
                }
                if self.control.is_some() && self.state.is_some() {
                    self.line.set_rtc(Some(sender.clone()));
                }
            }
            Event::ChannelData(data) => {
                let side = if self.state == Some(data.id) { Side::State } else { Side::Control };
                let now = Instant::now();
                if !data.binary || !self.line.admit(side, data.data.len(), now) {
                    return data.binary;
                }
                match self.line.deliver(side, &data.data, now) {
                    Ok(Some(worker)) => worker.nudge(),
                    Ok(None) => {}
                    // Who is in no match hears so over the WebSocket.
                    Err(code) => self.line.remind(&code.into(), now),
                }
            }
            Event::ChannelClose(_) | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => return false,
            _ => {}
        }
        true
    }
}
