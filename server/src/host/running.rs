//! One match as it runs: its rules and world, the synchronisation of it, and who sits in it.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use muster_core::{
    EntityId, Execution, Input,
    command::Command,
    sync::{
        report::decode_report,
        server::{ReportRefusal, SyncConfig, SyncServer, View},
    },
};
use muster_schemas::Builder;
use muster_scripts::{
    Ended, Host, JoinRefusal, LeaveReason, Match, MatchOptions, MessageRefusal, Player, RestoreError, StepReport,
    StoreScope, StoredValues,
};
use serde_json::Value;

use super::{
    Commons, Joining, Opening, Seat, WorkerDoor,
    archive::{ReplayHead, SavedHead, SavedMatch, SavedPlayer, SavedView},
    record::Recording,
    seats::{SPECTATORS_FROM, Seats, Sitter},
    telling::{reason_of, refuse},
};
use crate::{
    code::{ErrorCode, Refusal},
    door::{
        binary::{NO_MESSAGE, Up},
        line::{Line, Side},
        message::{DevStats, Joined, JoinedPlayer, JoinedSettings, ScriptFault, ServerMessage},
    },
    store::Stored,
    token::{Guest, Place, random_u64},
};

/// With more entities than this a sector of a large world is split, so that more threads can work on it.
const SPLIT_ABOVE: u32 = 4096;
/// How many shards a large world has for each of its threads, so that none has to wait for the last.
const SHARDS_PER_THREAD: u16 = 4;

/// Most players that who joins is told of.
const PLAYERS_TOLD_MAX: usize = 256;

/// Most bytes of a packet: what a datagram holds nearly everywhere, under the headers of DTLS and SCTP too.
const PACKET_MAX: u16 = 1100;

/// A match that runs.
pub(super) struct Running {
    pub(super) no: u64,
    pub(super) id: String,
    pub(super) mode: String,
    pub(super) game: Match,
    pub(super) sync: SyncServer,
    pub(super) seats: Seats,
    pub(super) commons: Commons,
    pub(super) builder: Builder<'static>,
    pub(super) last_fault: Option<ScriptFault>,
    pub(super) costs: Costs,
    /// What scripts had taken by the last tick.
    script_time: Duration,
    pub(super) ended: Option<Ended>,
    pub(super) door: Arc<WorkerDoor>,
    started: u64,
    /// What names its map.
    map: Option<String>,
    recording: Option<Recording>,
    /// Whether what it says is being passed on, so that what comes of that is, too.
    pub(super) is_telling: bool,
    /// Who has left and is told so once everything that was said before is on its way.
    pub(super) leaving: Vec<(Arc<Line>, LeaveReason)>,
    /// Since when the store is asked for what was not read.
    asked_unread: Option<Instant>,
    inputs: Vec<(u32, Command)>,
    commands: Vec<Command>,
    empty_since: Option<Instant>,
}

/// What came of opening a match.
pub(super) enum Opened {
    /// It runs.
    Here(Box<Running>),
    /// It needs a thread of its own.
    TooLarge(Box<Opening>),
}

/// What ticks cost since the last time that somebody was told.
#[derive(Default)]
pub(super) struct Costs {
    longest: Duration,
    sum: Duration,
    count: u32,
    latest: Duration,
    pub(super) lost: u64,
    script_work: u64,
}

impl Running {
    /// Opens a match, or goes on with a saved one. One whose world is too large for a thread with others comes back, unless
    /// `threads` are there for it alone.
    pub(super) fn open(
        opening: Opening,
        host: &Host,
        commons: &Commons,
        door: &Arc<WorkerDoor>,
        threads: Option<u16>,
        now: Instant,
    ) -> Result<Opened, Refusal> {
        let execution = threads.map_or_else(Execution::default, own_execution);
        let options = MatchOptions {
            id: opening.match_id.clone(),
            seed: random_u64(),
            execution,
            map: opening.map.clone(),
            is_alone: threads.is_some(),
            stored: opening.stored.clone(),
            ..MatchOptions::default()
        };
        let mut game = match &opening.saved {
            None => host.open(&options).map_err(|error| Refusal::because(ErrorCode::ModeBroken, &error.to_string()))?,
            Some(saved) => host.restore(&saved.bytes, &options).map_err(|error| {
                let code = if matches!(error, RestoreError::Script(_)) {
                    ErrorCode::ModeBroken
                } else {
                    ErrorCode::MatchFailed
                };
                Refusal::because(code, &error.to_string())
            })?,
        };
        let limits = &commons.settings.limits;
        let settings = game.settings();
        if settings.large && threads.is_none() {
            return Ok(Opened::TooLarge(Box::new(opening)));
        }
        let viewers = settings.players_max.saturating_add(limits.spectators).clamp(1, 65_534) as u16;
        let config = SyncConfig {
            session: random_u64() as u32,
            viewers_max: viewers,
            packet_max: PACKET_MAX,
            ..settings.sync.clone()
        };
        let sync = SyncServer::new(config, game.world())
            .map_err(|error| Refusal::because(ErrorCode::ModeBroken, &error.to_string()))?;
        let recording = commons.settings.replays.then(|| {
            // What a saved match goes on with is a recording of its own.
            let part = opening.saved.as_ref().map_or_else(String::new, |_| format!("-{}", game.world().tick()));
            Recording::new(format!("{}{part}", opening.match_id), limits.replay_bytes)
        });
        if recording.is_some() {
            game.record(Recording::settings(game.settings().tick_rate_hz));
        }
        let started = opening.saved.as_ref().map_or_else(seconds_now, |saved| saved.head.started);
        let mut running = Self {
            no: opening.match_no,
            id: opening.match_id,
            mode: opening.bundle.name().to_owned(),
            sync,
            seats: Seats::default(),
            commons: commons.clone(),
            builder: Builder::new(),
            last_fault: None,
            costs: Costs::default(),
            script_time: Duration::ZERO,
            ended: None,
            door: door.clone(),
            started,
            // What does not say which it was has the mode's, if it has one.
            map: opening
                .saved
                .as_ref()
                .and_then(|saved| saved.head.map.clone())
                .or_else(|| game.world().map().and_then(|_| opening.bundle.map_id())),
            recording,
            is_telling: false,
            leaving: Vec::new(),
            asked_unread: None,
            inputs: Vec::new(),
            commands: Vec::new(),
            empty_since: Some(now),
            game,
        };
        if let Some(saved) = opening.saved {
            running.seat_saved(saved.head, now);
        }
        running.list();
        Ok(Opened::Here(Box::new(running)))
    }

    /// Those who were in a saved match are away, until they come back.
    fn seat_saved(&mut self, head: SavedHead, now: Instant) {
        self.seats.set_last_player(head.last_player);
        for player in head.players {
            let sitter = Sitter {
                away_since: Some(now),
                team: player.team,
                predicted: EntityId::from_bits(player.predicted),
                views: player.views.into_iter().map(View::from).collect(),
                ..Sitter::new(player.guest)
            };
            self.seats.by_number.insert(player.number, sitter);
            self.game.away(player.number, true);
            self.empty_since = None;
        }
        self.commons.metrics.players.inc_by(self.seats.players().count() as i64);
    }

    /// What the directory says of it.
    fn list(&self) {
        let settings = self.game.settings();
        let may_spectate = settings.spectators && self.commons.settings.limits.spectators > 0;
        self.commons.directory.update(self.no, |listing| {
            listing.players = self.seats.players().count() as u32;
            listing.players_max = settings.players_max;
            listing.spectators = self.seats.spectators() as u32;
            listing.may_spectate = may_spectate;
            listing.tick_rate = settings.tick_rate_hz;
            settings.label.clone_into(&mut listing.label);
            self.game.version().clone_into(&mut listing.version);
        });
    }

    /// How long from a tick to the next.
    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(1) / self.game.settings().tick_rate_hz.max(1)
    }

    /// Somebody wants in.
    pub(super) fn join(&mut self, joining: Joining, now: Instant) {
        let Joining { guest, line, spectate, metadata, place, stored, reply, .. } = joining;
        let number = self.seat(guest, spectate, &metadata, place, stored);
        if let Ok(number) = number {
            self.attach(number, &line, now);
        }
        // Who was not let in may have been written down, too.
        self.tell();
        let result = number.and_then(|number| {
            // The rules may have made them leave at once, and the line may have ended.
            let is_here = self.seats.by_number.contains_key(&number);
            let gone = || Refusal::because(ErrorCode::MatchRefused, "the match made you leave");
            if is_here { Ok(self.joined(number)) } else { Err(gone()) }
        });
        // In this order, so that a seat is never free for a moment.
        self.list();
        self.commons.directory.settle(self.no);
        if let Err(refusal) = &result {
            self.commons.metrics.refused(refusal.code);
        }
        let number = self.seats.by_number.iter().find(|(_, sitter)| sitter.is_of(line.id)).map(|(number, _)| *number);
        if let Err(Ok(_)) = reply.send(result)
            && let Some(number) = number
        {
            // Who does not wait for the answer any more is not here, whether the line has ended or not.
            tracing::debug!(game = %self.id, number, "a player had gone before they came");
            line.leave_seat(self.no);
            self.gone(number, line.id, now);
        }
    }

    fn seat(
        &mut self,
        guest: Guest,
        spectate: bool,
        metadata: &Value,
        place: Option<u32>,
        stored: Option<StoredValues>,
    ) -> Result<u32, Refusal> {
        let own = self.seats.players().find(|(_, sitter)| sitter.guest.id == guest.id).map(|(number, _)| number);
        match (place, own) {
            (Some(place), Some(own)) if place == own => Ok(own),
            (Some(_), _) => Err(ErrorCode::ResumeGone.into()),
            // One player is in a match once, from wherever they came last.
            (None, Some(own)) if !spectate => Ok(own),
            (None, _) if spectate => self.seat_spectator(guest),
            (None, _) => self.seat_player(guest, metadata, stored),
        }
    }

    fn seat_spectator(&mut self, guest: Guest) -> Result<u32, Refusal> {
        if !self.game.settings().spectators {
            return Err(ErrorCode::NoSpectators.into());
        }
        if self.seats.spectators() >= self.commons.settings.limits.spectators as usize {
            return Err(ErrorCode::MatchFull.into());
        }
        let number = self.seats.next_spectator();
        self.seats.by_number.insert(number, Sitter::new(guest));
        self.commons.metrics.spectators.inc();
        Ok(number)
    }

    fn seat_player(&mut self, guest: Guest, metadata: &Value, stored: Option<StoredValues>) -> Result<u32, Refusal> {
        if self.seats.players().count() >= self.game.settings().players_max as usize {
            return Err(ErrorCode::MatchFull.into());
        }
        if stored.is_none() && self.game.wants_stored() {
            return Err(ErrorCode::Busy.into());
        }
        let number = self.seats.next_player();
        let player = Player { number, id: guest.id.clone(), name: guest.name.clone(), is_bot: false };
        let refused = |refusal: JoinRefusal| match refusal {
            JoinRefusal::Full => ErrorCode::MatchFull.into(),
            JoinRefusal::Player => ErrorCode::NameInvalid.into(),
            JoinRefusal::Ended => ErrorCode::MatchUnknown.into(),
            JoinRefusal::Script(reason) => Refusal::because(ErrorCode::MatchRefused, &reason),
            JoinRefusal::Failed => Refusal::because(ErrorCode::MatchRefused, "the mode's rules failed"),
        };
        if let Some(stored) = stored {
            self.game.learn(StoreScope::Player(player.id.clone()), stored);
        }
        self.game.join_attempt(&player, metadata).map_err(refused)?;
        self.game.join(&player).map_err(refused)?;
        self.seats.by_number.insert(number, Sitter::new(guest));
        self.empty_since = None;
        self.commons.metrics.players.inc();
        tracing::info!(game = %self.id, number, name = %player.name, "a player came");
        Ok(number)
    }

    /// The client of a seat is reached by this line from now on.
    fn attach(&mut self, number: u32, line: &Arc<Line>, now: Instant) {
        let sitter = self.seats.by_number.get_mut(&number).expect("the caller has looked");
        if let Some(old) = sitter.line.replace(line.clone())
            && old.id != line.id
        {
            old.set_seat(None);
            old.cut(ErrorCode::Replaced);
        }
        // A client that comes anew has nothing of what was told before.
        if let Some(viewer) = sitter.viewer.take() {
            self.sync.remove_viewer(viewer).expect("a sitter's viewer is there");
        }
        sitter.is_watching = false;
        if sitter.away_since.take().is_some() {
            self.game.away(number, false);
            tracing::info!(game = %self.id, number, "a player came back");
        }
        let at_once = self.game.settings().at_once;
        line.set_seat(Some(Seat { match_no: self.no, number, worker: self.door.clone(), at_once }));
        // The line may have ended while its client was on the way to the seat.
        if line.has_ended() {
            self.gone(number, line.id, now);
        }
    }

    /// What a client is told when it is in.
    pub(super) fn joined(&self, number: u32) -> Joined {
        let sitter = &self.seats.by_number[&number];
        let settings = self.game.settings();
        let spectator = number >= SPECTATORS_FROM;
        let resume = (!spectator).then(|| {
            let place = Place { player: sitter.guest.id.clone(), match_id: self.id.clone(), number };
            self.commons.tokens.resume(&place, SystemTime::now())
        });
        Joined {
            match_id: self.id.clone(),
            mode: self.mode.clone(),
            number: if spectator { 0 } else { number },
            team: sitter.team,
            resume,
            spectator,
            settings: JoinedSettings {
                tick_rate: settings.tick_rate_hz,
                players_max: settings.players_max,
                teams: settings.teams,
                label: settings.label.clone(),
                version: self.game.version().into(),
                map: self.map.clone(),
                developer: self.commons.settings.developer,
                client: settings.client.clone(),
            },
            players: self.seats.players().take(PLAYERS_TOLD_MAX).map(joined_player).collect(),
            replay: None,
        }
    }

    /// A line has ended: its player is away, and a spectator is out.
    pub(super) fn gone(&mut self, number: u32, line: u64, now: Instant) {
        let Some(sitter) = self.seats.of_line(number, line) else { return };
        sitter.line = None;
        sitter.is_watching = false;
        if let Some(viewer) = sitter.viewer.take() {
            self.sync.remove_viewer(viewer).expect("a sitter's viewer is there");
        }
        if number >= SPECTATORS_FROM {
            self.seats.by_number.remove(&number);
            self.commons.metrics.spectators.dec();
            self.list();
        } else {
            sitter.away_since = Some(now);
            self.game.away(number, true);
            tracing::info!(game = %self.id, number, "a player is away");
        }
    }

    /// Somebody goes for good.
    pub(super) fn leave(&mut self, number: u32, reason: LeaveReason) {
        let Some(sitter) = self.seats.by_number.remove(&number) else { return };
        if let Some(viewer) = sitter.viewer {
            self.sync.remove_viewer(viewer).expect("a sitter's viewer is there");
        }
        if number >= SPECTATORS_FROM {
            self.commons.metrics.spectators.dec();
        } else {
            self.game.leave(number, reason);
            self.commons.metrics.players.dec();
            tracing::info!(game = %self.id, number, ?reason, "a player left");
        }
        if let Some(line) = sitter.line {
            self.leaving.push((line, reason));
        }
        // What was kept of them is on its way before they can come again.
        self.tell();
        self.list();
    }

    /// A binary message of a client. Returns whether the rules want to hear it at once.
    pub(super) fn handle_up(&mut self, number: u32, line: u64, side: Side, bytes: &[u8], now_us: u64) -> bool {
        let Some(sitter) = self.seats.of_line(number, line) else { return false };
        let line = sitter.line.as_ref().expect("it is of the line");
        let viewer = sitter.viewer;
        let refusal = match Up::read(bytes) {
            Ok(Up::Hello) => {
                let line = line.clone();
                self.handle_hello(number, &line, side, bytes);
                return false;
            }
            Ok(Up::Message(_)) if number >= SPECTATORS_FROM => Some(Refusal::because(
                ErrorCode::NotJoined,
                "a spectator says nothing to the rules: join the match to play",
            )),
            Ok(Up::Message(text)) => {
                let taken = self.game.message(number, text);
                if taken.is_ok() {
                    return self.game.settings().at_once;
                }
                taken.err().map(|refusal| {
                    let code = match refusal {
                        MessageRefusal::TooLong => ErrorCode::TooLarge,
                        MessageRefusal::NotJson => ErrorCode::Malformed,
                        MessageRefusal::TooMany => ErrorCode::RateLimited,
                        MessageRefusal::NoPlayer | MessageRefusal::Ended => ErrorCode::NotJoined,
                    };
                    Refusal::because(code, &refusal.to_string())
                })
            }
            Err(refusal) => Some(refusal),
            Ok(Up::Report) => {
                let taken = match viewer {
                    Some(viewer) => self.sync.receive(viewer, bytes, now_us),
                    // It may have come before its hello, on another channel.
                    None => decode_report(bytes, &mut Vec::new()).map(|_| ()).map_err(ReportRefusal::Malformed),
                };
                match taken {
                    Err(ReportRefusal::Malformed(_)) => {
                        line.remind(&Refusal::because(ErrorCode::Malformed, NO_MESSAGE), Instant::now());
                    }
                    // Late and doubled reports are ordinary on a way that loses; the synchronisation counts them.
                    Err(_) => tracing::trace!(game = %self.id, number, "a report was refused"),
                    Ok(()) => {}
                }
                None
            }
        };
        if let Some(refusal) = refusal {
            self.commons.metrics.refused(refusal.code);
            refuse(line, &refusal);
        }
        false
    }

    /// Has the rules hear what has come for them since the last tick.
    pub(super) fn hear(&mut self) {
        let report = self.game.hear();
        self.count(report);
        self.tell();
    }

    /// A client says what it can read, and by what it wants to be reached.
    fn handle_hello(&mut self, number: u32, line: &Arc<Line>, side: Side, hello: &[u8]) {
        let is_spectator = number >= SPECTATORS_FROM;
        let mut welcome = Vec::new();
        let player = if is_spectator { 0 } else { number };
        if let Err(error) = self.sync.welcome(self.game.world(), hello, player, &mut welcome) {
            self.commons.metrics.refused(ErrorCode::HelloRefused);
            refuse(line, &Refusal::because(ErrorCode::HelloRefused, &error.to_string()));
            return;
        }
        line.prefer(side);
        let sitter = &self.seats.by_number[&number];
        if sitter.viewer.is_none() {
            match self.sync.add_viewer(&self.viewer_options(number, sitter.team, is_spectator)) {
                Ok(viewer) => {
                    self.seats.by_number.get_mut(&number).expect("it is there").viewer = Some(viewer);
                    if !is_spectator {
                        self.point(number);
                    }
                }
                Err(error) => {
                    refuse(line, &Refusal::because(ErrorCode::Busy, &error.to_string()));
                    return;
                }
            }
        }
        line.reliable(welcome.into());
    }

    /// Somebody wants to see what the match costs.
    pub(super) fn watch(&mut self, number: u32, line: u64, on: bool) {
        let fault = self.last_fault.clone();
        let Some(sitter) = self.seats.of_line(number, line) else { return };
        sitter.is_watching = on;
        if let (true, Some(line), Some(fault)) = (on, &sitter.line, &fault) {
            line.text(ServerMessage::ScriptError(fault).text());
        }
    }

    /// Makes one tick. Returns how the match ended, if it did.
    pub(super) fn tick(&mut self, now_us: impl Fn() -> u64, load_permille: u16) -> Option<Ended> {
        self.report_load(load_permille);
        for (number, sitter) in self.seats.players() {
            let Some(viewer) = sitter.viewer else { continue };
            self.commands.clear();
            let due = self.sync.take_inputs(viewer, self.game.world(), &mut self.commands);
            if due.is_ok() {
                self.inputs.extend(self.commands.drain(..).map(|command| (number, command)));
            }
        }
        let report = self.game.step(&mut self.inputs);
        self.inputs.clear();
        self.count(report);
        self.tell();
        if self.sync.tick(self.game.world()) {
            let world = self.game.world();
            let now_us = now_us();
            for sitter in self.seats.by_number.values() {
                if let (Some(viewer), Some(line)) = (sitter.viewer, &sitter.line)
                    && let Err(error) = self.sync.write(world, viewer, now_us, |packet| line.packet(packet))
                {
                    tracing::error!(game = %self.id, %error, "a viewer is not told");
                }
            }
        }
        if let (Some(recording), Some(recorder)) = (&mut self.recording, self.game.recording_mut()) {
            recording.hand_over(recorder, &self.commons.archive, false);
        }
        self.ended.take()
    }

    /// The host's load is an input of the world, so that a replay makes the same decisions again.
    fn report_load(&mut self, permille: u16) {
        let input = Input::Load { permille };
        if self.game.world_mut().apply(&input).is_ok()
            && let Some(recorder) = self.game.recording_mut()
        {
            recorder.record_input(&input);
        }
    }

    fn count(&mut self, report: StepReport) {
        let metrics = &self.commons.metrics;
        let script_time = self.game.script_time();
        metrics.script_seconds.observe((script_time - self.script_time).as_secs_f64());
        self.script_time = script_time;
        metrics.script_work.inc_by(report.script_work);
        metrics.script_errors.inc_by(report.script_errors.into());
        metrics.script_kills.inc_by(report.script_kills.into());
        self.costs.script_work = report.script_work;
    }

    /// Notes what a tick took, and how late it began.
    pub(super) fn note_cost(&mut self, took: Duration, late: Duration) {
        let costs = &mut self.costs;
        costs.longest = costs.longest.max(took);
        costs.latest = costs.latest.max(late);
        costs.sum += took;
        costs.count += 1;
    }

    /// Tells those who watch what the match costs.
    pub(super) fn tell_costs(&mut self) {
        let costs = std::mem::take(&mut self.costs);
        self.costs.lost = costs.lost;
        self.costs.script_work = costs.script_work;
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let (world, stats) = (self.game.world(), self.sync.stats());
        self.seats.tell_watchers(|| {
            let told = DevStats {
                tick: world.tick(),
                tick_ms: ms(costs.longest),
                tick_ms_mean: ms(costs.sum / costs.count.max(1)),
                late_ms: ms(costs.latest),
                ticks_lost: costs.lost,
                entities: world.entity_count(),
                cells: stats.cells,
                groups: stats.groups,
                viewers: stats.viewers,
                rate_step: world.rate_step(),
                script_work: costs.script_work,
                script_bytes: self.game.memory_bytes(),
                version: self.game.version().into(),
                error: self.last_fault.clone(),
            };
            ServerMessage::DevStats(&told).text()
        });
    }

    /// Lets those go who were away for too long. Returns whether the match itself has been without players for too long.
    pub(super) fn keep_house(&mut self, now: Instant) -> bool {
        let limit = Duration::from_secs(self.game.settings().away_seconds.into());
        for number in self.seats.lost(limit, now) {
            self.leave(number, LeaveReason::Lost);
        }
        self.ask_unread();
        let is_empty = self.seats.players().next().is_none();
        let since = self.empty_since.filter(|_| is_empty);
        self.empty_since = is_empty.then(|| since.unwrap_or(now));
        since.is_some_and(|since| now.saturating_duration_since(since) >= self.commons.settings.limits.empty)
    }

    /// Asks the store for what the rules may want to know and do not: it could not say before, or the rules are new.
    fn ask_unread(&mut self) {
        /// Most of them at a time, so that others' requests do not wait for all of a large match's.
        const SCOPES_MAX: usize = 16;
        /// After so long it has got lost.
        const LOST: Duration = Duration::from_secs(30);
        if self.asked_unread.is_some_and(|asked| asked.elapsed() < LOST) {
            return;
        }
        let scopes: Vec<StoreScope> = self.game.unread().take(SCOPES_MAX).collect();
        if !scopes.is_empty() {
            let is_asked = self.commons.store.read_later(&self.mode, scopes, self.no, self.door.clone());
            self.asked_unread = is_asked.then(Instant::now);
        }
    }

    /// What the store says of those of whom it was not known.
    pub(super) fn learn(&mut self, mut stored: Stored) {
        self.asked_unread = None;
        let unread: Vec<StoreScope> = self.game.unread().collect();
        let mut has_learned = false;
        for scope in unread {
            if let Some(values) = stored.remove(&scope) {
                self.game.learn(scope, values);
                has_learned = true;
            }
        }
        // The others at once; where the store could not say, it is asked again later.
        if has_learned {
            self.ask_unread();
        }
    }

    /// Goes on with other rules. Returns whether it does.
    pub(super) fn reload(&mut self, host: &Host) -> bool {
        match self.game.reload(host) {
            Ok(()) => {
                self.ask_unread();
                let version = host.bundle().version();
                tracing::info!(mode = %self.mode, game = %self.id, %version, "the match goes on with other rules");
                self.commons.metrics.reloads.inc();
                self.last_fault = None;
                self.list();
                self.seats.tell_watchers(|| ServerMessage::ScriptReloaded { version }.text());
                true
            }
            Err(error) => {
                self.commons.metrics.reloads_refused.inc();
                self.handle_fault(ScriptFault::from(&*error));
                false
            }
        }
    }

    /// The match as it can be gone on with.
    pub(super) fn save(&mut self) -> Option<SavedMatch> {
        let mut bytes = Vec::new();
        if let Err(error) = self.game.save(&mut bytes) {
            let fault = ScriptFault::from(&*error);
            if self.last_fault.as_ref() != Some(&fault) {
                self.handle_fault(fault);
            }
            return None;
        }
        let players = self.seats.players().map(|(number, sitter)| SavedPlayer {
            number,
            guest: sitter.guest.clone(),
            team: sitter.team,
            predicted: sitter.predicted.bits(),
            views: sitter.views.iter().copied().map(SavedView::from).collect(),
        });
        let head = SavedHead {
            match_id: self.id.clone(),
            mode: self.mode.clone(),
            version: self.game.version().into(),
            started: self.started,
            last_player: self.seats.last_player(),
            players: players.collect(),
            map: self.map.clone(),
        };
        Some(SavedMatch { head, bytes })
    }

    /// Brings the recording to its end.
    pub(super) fn end_recording(&mut self, ended: &Ended) {
        let (Some(mut recording), Some(recorder)) = (self.recording.take(), self.game.recording_mut()) else { return };
        recording.hand_over(recorder, &self.commons.archive, true);
        let settings = self.game.settings();
        self.commons.archive.end_replay(ReplayHead {
            id: recording.id().into(),
            mode: self.mode.clone(),
            version: self.game.version().into(),
            tick_rate: settings.tick_rate_hz,
            ticks: self.game.world().tick(),
            started: self.started,
            ended: seconds_now(),
            reason: reason_of(ended),
            bytes: recording.bytes,
            is_cut: recording.is_cut,
            players: self.seats.players().map(|(_, sitter)| sitter.guest.name.clone()).collect(),
            numbers: self.seats.players().map(|(number, _)| number).collect(),
            public_attributes: settings.sync.public_attributes.clone(),
            client: settings.client.clone(),
            map: self.map.clone(),
        });
    }

    /// Who is counted no longer when the match goes.
    pub(super) fn uncount(&self) {
        self.commons.metrics.players.dec_by(self.seats.players().count() as i64);
        self.commons.metrics.spectators.dec_by(self.seats.spectators() as i64);
    }
}

fn joined_player((number, sitter): (u32, &Sitter)) -> JoinedPlayer {
    JoinedPlayer { number, name: sitter.guest.name.clone(), team: sitter.team }
}

/// How a large world is worked on. It changes no result.
fn own_execution(threads: u16) -> Execution {
    let shards = threads.saturating_mul(SHARDS_PER_THREAD).clamp(1, 256);
    Execution { shards, threads: threads.clamp(1, 256), split_above: SPLIT_ABOVE, ..Execution::default() }
}

/// Seconds since 1970.
pub(super) fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
