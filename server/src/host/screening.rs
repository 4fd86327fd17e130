//! A replay that somebody looks at: the recorded world is made again, tick by tick, and told to one viewer.
//!
//! A browser has no simulation of its own, so the server plays the replay. **A jump in time is a new session**: the viewer is
//! told that it has joined, as at the beginning, and says hello again.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use muster_core::{
    Execution, Map,
    replay::{Player, Replay, Stepped},
    sync::server::{ReportRefusal, SyncConfig, SyncServer, ViewerId, ViewerOptions},
};
use tokio::sync::oneshot;

use super::{Commons, Order, Seat, WorkerDoor, archive::ReplayHead};
use crate::{
    code::{ErrorCode, Refusal},
    door::{
        binary::NO_MESSAGE,
        line::Line,
        message::{Joined, JoinedSettings, ReplaySpan, ServerMessage},
    },
    token::random_u64,
};

/// Most screenings at a time, a thread each.
const SCREENINGS_MAX: u32 = 16;
/// Most orders that wait.
const ORDERS_MAX: usize = 256;
/// The part of a second that is played after a jump, even if it is paused: packets may be lost.
const LEAD_IN_PART: u32 = 4;
/// How often the viewer is told where it is.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// How many screenings there are.
#[derive(Default)]
pub struct Screenings(Arc<AtomicU32>);

/// What is to be shown.
pub struct Film {
    /// What is known of it.
    pub head: ReplayHead,
    /// The recording.
    pub bytes: Vec<u8>,
    /// The map that it was played on, or, if that is not known, the mode's; and what names it.
    pub map: Option<(String, Map)>,
}

impl Screenings {
    /// A place, before anything is read for it.
    ///
    /// # Errors
    /// When all are taken.
    pub fn reserve(&self) -> Result<Place, ErrorCode> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= SCREENINGS_MAX {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return Err(ErrorCode::Busy);
        }
        Ok(Place(self.0.clone()))
    }

    /// Begins to show a film to a client.
    ///
    /// # Errors
    /// When there are too many screenings, or the film cannot be shown.
    pub async fn begin(
        &self,
        place: Place,
        film: Film,
        line: &Arc<Line>,
        commons: &Commons,
    ) -> Result<Joined, Refusal> {
        let door = WorkerDoor::new(ORDERS_MAX, commons.metrics.clone());
        let (reply, answer) = oneshot::channel();
        let (line, budget) = (line.clone(), commons.settings.limits.packet_bytes_per_second);
        let metrics = commons.metrics.clone();
        let thread = std::thread::Builder::new().name("screening".into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| show(&film, &line, &door, budget, reply))).is_err() {
                tracing::error!(replay = %film.head.id, "a screening broke");
                line.set_seat(None);
            }
            // What has come since is for nobody.
            metrics.orders_waiting.dec_by(door.mailbox.close() as i64);
            drop(place);
        });
        thread.map_err(|_| ErrorCode::Busy)?;
        answer.await.map_err(|_| ErrorCode::Busy)?
    }
}

/// One of the places for screenings. Whoever drops it gives it back.
pub struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn show(
    film: &Film,
    line: &Arc<Line>,
    door: &Arc<WorkerDoor>,
    budget: u32,
    reply: oneshot::Sender<Result<Joined, Refusal>>,
) {
    let refused = |error: &dyn std::fmt::Display| Refusal::because(ErrorCode::NotFound, &error.to_string());
    let opened = Replay::open(&film.bytes).map_err(|error| refused(&error)).and_then(|replay| {
        // A map that came after the recording does not belong to it.
        let map = if replay.head().map_hash == 0 { None } else { film.map.as_ref().map(|(_, map)| map.clone()) };
        let player = Player::new(replay, map, Execution::default()).map_err(|error| refused(&error))?;
        Screening::new(film, player, line, budget)
    });
    match opened {
        Ok(mut screening) => {
            line.set_seat(Some(Seat { match_no: 0, number: 0, worker: door.clone(), at_once: false }));
            if reply.send(Ok(screening.joined())).is_ok() && !line.has_ended() {
                screening.run(door);
            }
            // Whoever hears that it has left may join a match at once.
            line.set_seat(None);
            if screening.has_left {
                line.text(ServerMessage::Left { reason: "left" }.text());
            }
        }
        // Who has gone does not need it.
        Err(refusal) => drop(reply.send(Err(refusal))),
    }
}

struct Screening<'a> {
    film: &'a Film,
    player: Player<'a>,
    line: &'a Arc<Line>,
    sync: SyncServer,
    viewer: Option<ViewerId>,
    budget: u32,
    is_paused: bool,
    /// Ticks that are still played although it is paused, so that who has gone to another time sees it.
    lead_in: u32,
    /// Whether who looks on has said that it goes.
    has_left: bool,
    epoch: Instant,
}

impl<'a> Screening<'a> {
    fn new(film: &'a Film, player: Player<'a>, line: &'a Arc<Line>, budget: u32) -> Result<Self, Refusal> {
        let sync = Self::sync(film, &player)?;
        let epoch = Instant::now();
        Ok(Self {
            film,
            player,
            line,
            sync,
            viewer: None,
            budget,
            is_paused: false,
            lead_in: 0,
            has_left: false,
            epoch,
        })
    }

    fn sync(film: &Film, player: &Player<'_>) -> Result<SyncServer, Refusal> {
        let public_attributes = film.head.public_attributes.clone();
        let config = SyncConfig {
            session: random_u64() as u32,
            viewers_max: 1,
            update_ticks: 1,
            packet_max: 1100,
            public_attributes,
            ..SyncConfig::default()
        };
        SyncServer::new(config, player.world())
            .map_err(|error| Refusal::because(ErrorCode::NotFound, &error.to_string()))
    }

    fn joined(&self) -> Joined {
        let head = &self.film.head;
        let replay = self.player.replay();
        Joined {
            match_id: head.id.clone(),
            mode: head.mode.clone(),
            number: 0,
            team: 0,
            resume: None,
            spectator: true,
            settings: JoinedSettings {
                tick_rate: head.tick_rate,
                players_max: head.players.len() as u32,
                teams: 0,
                label: String::new(),
                version: head.version.clone(),
                map: self.player.world().map().and(self.film.map.as_ref()).map(|(id, _)| id.clone()),
                developer: false,
                client: head.client.clone(),
            },
            players: Vec::new(),
            replay: Some(ReplaySpan {
                tick_first: replay.tick_first(),
                tick_last: replay.tick_last(),
                tick: self.player.world().tick(),
                players: head.players.clone(),
                numbers: head.numbers.clone(),
            }),
        }
    }

    fn run(&mut self, door: &WorkerDoor) {
        let period = Duration::from_secs(1) / self.film.head.tick_rate.max(1);
        let mut next = Instant::now();
        let mut next_told = next;
        let mut orders = VecDeque::new();
        loop {
            door.mailbox.take(next, &mut orders);
            // Of several places to go to only the last counts.
            let is_seek = |order: &Order| matches!(order, Order::Replay(ReplayOrder::Seek(_)));
            let mut seeks = orders.iter().filter(|order| is_seek(order)).count();
            while let Some(order) = orders.pop_front() {
                if is_seek(&order) {
                    seeks -= 1;
                    if seeks > 0 {
                        self.line.count_order_taken();
                        continue;
                    }
                }
                if self.line.has_ended() || !self.carry_out(order) {
                    return;
                }
            }
            let now = Instant::now();
            if now < next {
                continue;
            }
            // A jump takes its time, which is not made up for.
            next = (next + period).max(now);
            if self.line.has_ended() {
                return;
            }
            if self.viewer.is_some() && (!self.is_paused || self.lead_in > 0) {
                self.lead_in = self.lead_in.saturating_sub(1);
                self.step();
            }
            if now >= next_told {
                next_told = now + TOLD_EVERY;
                let told = ServerMessage::ReplayAt { tick: self.player.world().tick(), paused: self.is_paused };
                self.line.text(told.text());
            }
        }
    }

    fn now_us(&self) -> u64 {
        self.epoch.elapsed().as_micros() as u64
    }

    fn step(&mut self) {
        match self.player.step() {
            Ok(Stepped::Same) => {}
            Ok(Stepped::End) => self.is_paused = true,
            Ok(Stepped::Differs(report)) => {
                tracing::error!(replay = %self.film.head.id, %report, "a replay is another match than was played");
                self.is_paused = true;
            }
            Err(error) => {
                tracing::error!(replay = %self.film.head.id, %error, "a replay cannot be played on");
                self.is_paused = true;
            }
        }
        let (now_us, world) = (self.now_us(), self.player.world());
        if self.sync.tick(world)
            && let Some(viewer) = self.viewer
            && let Err(error) = self.sync.write(world, viewer, now_us, |packet| self.line.packet(packet))
        {
            tracing::error!(%error, "a viewer is not told");
        }
    }

    /// Returns whether the screening goes on.
    fn carry_out(&mut self, order: Order) -> bool {
        self.line.count_order_taken();
        match order {
            Order::Up { side, at, bytes, .. } => match bytes.get(4..8) {
                Some(b"MUHE") => {
                    let mut welcome = Vec::new();
                    match self.sync.welcome(self.player.world(), &bytes, 0, &mut welcome) {
                        Ok(()) => {
                            self.line.prefer(side);
                            self.line.reliable(welcome.into());
                            self.add_viewer();
                        }
                        Err(error) => {
                            let refusal = Refusal::because(ErrorCode::HelloRefused, &error.to_string());
                            self.line.text(ServerMessage::refusal(&refusal));
                        }
                    }
                }
                Some([b'M', b'U', ..]) => self.line.text(ServerMessage::refusal(&ErrorCode::Malformed.into())),
                _ => {
                    let now_us = at.saturating_duration_since(self.epoch).as_micros() as u64;
                    let Some(viewer) = self.viewer else { return true };
                    if let Err(ReportRefusal::Malformed(_)) = self.sync.receive(viewer, &bytes, now_us) {
                        self.line.remind(&Refusal::because(ErrorCode::Malformed, NO_MESSAGE), at);
                    }
                }
            },
            Order::Replay(ReplayOrder::Pause(on)) => {
                if self.is_paused && !on {
                    self.begin_anew();
                }
                self.is_paused = on;
            }
            Order::Replay(ReplayOrder::Seek(tick)) => {
                let replay = self.player.replay();
                let tick = tick.clamp(replay.tick_first(), replay.tick_last());
                if let Err(error) = self.player.seek(tick) {
                    tracing::debug!(%error, tick, "a replay has no such tick");
                }
                self.lead_in = self.film.head.tick_rate.div_ceil(LEAD_IN_PART);
                self.begin_anew();
            }
            Order::Leave { .. } => {
                self.has_left = true;
                return false;
            }
            Order::Gone { .. } | Order::Stop => return false,
            _ => {}
        }
        true
    }

    fn add_viewer(&mut self) {
        if self.viewer.is_none() {
            let options = ViewerOptions { is_everywhere: true, budget: self.budget, ..ViewerOptions::default() };
            match self.sync.add_viewer(&options) {
                Ok(viewer) => self.viewer = Some(viewer),
                Err(error) => tracing::error!(%error, "a viewer cannot be"),
            }
        }
    }

    fn begin_anew(&mut self) {
        match Self::sync(self.film, &self.player) {
            Ok(sync) => (self.sync, self.viewer) = (sync, None),
            Err(refusal) => return self.line.text(ServerMessage::refusal(&refusal)),
        }
        self.line.text(ServerMessage::Joined(&self.joined()).text());
    }
}

/// What a viewer of a replay wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayOrder {
    /// To stop, or to go on.
    Pause(bool),
    /// To go to a tick.
    Seek(u64),
}
