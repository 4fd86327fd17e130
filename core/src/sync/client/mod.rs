//! The side that looks: packets become what is shown now.
//!
//! **A packet is taken over as a whole or not at all**, in any order and any number of times. What it names is bounded by the
//! options, never by a number in it, and a client that has been running for a while allocates nothing.
//!
//! ```
//! use muster_core::{World, WorldConfig, Execution, sync::{client::{ClientOptions, SyncClient}, server::{SyncConfig, SyncServer, ViewerOptions}}};
//!
//! let mut world = World::new(WorldConfig::default(), None, Execution::default())?;
//! let mut server = SyncServer::new(SyncConfig::default(), &world)?;
//! let viewer = server.add_viewer(&ViewerOptions { is_everywhere: true, ..ViewerOptions::default() })?;
//!
//! // Over something reliable:
//! let mut hello = Vec::new();
//! SyncClient::hello(&mut hello);
//! let mut welcome = Vec::new();
//! server.welcome(&world, &hello, 0, &mut welcome)?;
//! let mut client = SyncClient::new(&welcome, None, &ClientOptions::default())?;
//!
//! // Then, for ever, over something that may lose what it likes:
//! let mut report = Vec::new();
//! for tick in 1..100u64 {
//!     let now_us = tick * 1_000_000 / 60;
//!     world.step();
//!     if server.tick(&world) {
//!         server.write(&world, viewer, now_us, |packet| drop(client.receive(packet, now_us)))?;
//!     }
//!     client.advance(now_us);
//!     report.clear();
//!     client.report(now_us, &mut report);
//!     server.receive(viewer, &report, now_us)?;
//! }
//! assert!(client.shown().is_empty() && client.statistics().packets > 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod group;
mod news;
mod outbox;
mod predict;
mod receive;
mod shown;
mod statistics;
mod track;
mod window;

pub use outbox::CommandError;
pub use receive::Received;
pub use shown::Shown;
pub use statistics::{ClientStatistics, PacketRefusal};
pub use track::Departure;

use clock::{Clock, TICK};
use group::{Groups, Staged};
use news::{News, OwnerValues};
use outbox::Outbox;
use predict::Prediction;
use track::{Limits, Tracks};
use window::Window;

use super::{
    GroupState,
    codec::{Identity, Layout},
    own::Own,
    report::{ReportHeader, encode_report},
    terms::{Hello, TermsError, Welcome},
    told::Told,
};
use crate::{
    Map,
    command::Action,
    entity::EntityId,
    event::Event,
    space::{METRE, Position},
};

/// How far the prediction may fall behind before it begins anew, in ticks.
const TICKS_MAX: i64 = 256;

/// What a viewer has room for, and how it shows things.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientOptions {
    /// Most groups at a time, 1 to 65,535. Each takes up to the welcome's `history` states of 2 kB and 128 bytes for every
    /// public attribute.
    pub groups_max: u16,
    /// Most entities at a time; those beyond are not shown and counted. Each takes 0.6 kB.
    pub entities_max: u32,
    /// Most attributes that only an owner sees.
    pub owner_values_max: u32,
    /// For how long an entity is shown beyond the last place that is known, in microseconds, at most 1,000,000. As long, one
    /// that has left a group may take to come into another.
    pub beyond_us: u32,
    /// How long a correction takes to be mostly out of sight, in microseconds, at most 1,000,000.
    pub smooth_us: u32,
    /// A correction of more than that, in units of length, is shown at once.
    pub snap: i32,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            groups_max: 4096,
            entities_max: 16_384,
            owner_values_max: 16_384,
            beyond_us: 250_000,
            smooth_us: 100_000,
            snap: 4 * METRE,
        }
    }
}

/// The viewer's own entity as it is shown: ahead of all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PredictedView {
    /// The entity.
    pub id: EntityId,
    /// Where it is.
    pub position: Position,
    /// Which way it faces.
    pub heading: u16,
    /// Its velocity, in units of length a second.
    pub velocity: (i32, i32),
    /// The tick that it comes to, which is that of the next input.
    pub tick: u64,
}

/// A viewer of a world that is somewhere else.
#[derive(Debug)]
pub struct SyncClient {
    welcome: Welcome,
    groups: Groups,
    tracks: Tracks,
    limits: Limits,
    /// For how many ticks one that has left a group is waited for.
    linger: i64,
    news: News,
    values: OwnerValues,
    outbox: Outbox,
    prediction: Prediction,
    clock: Clock,
    /// The packets that came, and those of them that are acknowledged.
    seen: Window,
    acknowledged: Window,
    newest_update: u32,
    /// Counted from the welcome's tick.
    newest_tick: i64,
    report_sequence: u32,
    /// Of the packet that is looked at.
    mark: u32,
    own: Own,
    told: Vec<Told>,
    staged: Vec<Staged>,
    closing: Vec<u16>,
    shown: Shown,
    statistics: ClientStatistics,
}

impl SyncClient {
    /// Appends what a viewer says first.
    pub fn hello(out: &mut Vec<u8>) {
        Hello::OURS.encode(out);
    }

    /// A viewer under the terms of a welcome. `map` is the world's, with which the viewer's own entity is predicted.
    ///
    /// # Errors
    /// When the bytes are no welcome, of another version or other models, or the map is another one. An option out of its range
    /// is [`TermsError::Value`].
    pub fn new(welcome: &[u8], map: Option<Map>, options: &ClientOptions) -> Result<Self, TermsError> {
        let welcome = Welcome::decode(welcome)?;
        if map.as_ref().map_or(0, Map::hash) != welcome.map_hash {
            return Err(TermsError::Map { theirs: welcome.map_hash });
        }
        let checks = [
            (options.groups_max >= 1, "groups_max"),
            (options.beyond_us <= 1_000_000, "beyond_us"),
            (options.smooth_us <= 1_000_000, "smooth_us"),
            (options.snap >= 0, "snap"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, field)| Err(TermsError::Value(field)))?;
        let config = &welcome.config;
        let layout = Layout { attributes: welcome.public_attributes.len() as u8, cell_shift: welcome.cell_shift };
        let limits = Limits::new(config.speed_max, config.tick_rate_hz, options.beyond_us);
        let prediction = Prediction::new(config, map, welcome.tick, options.smooth_us, options.snap);
        Ok(Self {
            groups: Groups::new(usize::from(options.groups_max), welcome.history, layout),
            tracks: Tracks::new(options.entities_max as usize),
            linger: limits.beyond_max / TICK + 1,
            limits,
            news: News::new(),
            values: OwnerValues::new(options.owner_values_max as usize),
            outbox: Outbox::new(),
            prediction: prediction.map_err(TermsError::Config)?,
            clock: Clock::new(config.tick_rate_hz, welcome.update_ticks),
            seen: Window::default(),
            acknowledged: Window::default(),
            newest_update: 0,
            newest_tick: 0,
            report_sequence: 0,
            mark: 0,
            own: Own::default(),
            told: Vec::new(),
            staged: Vec::new(),
            closing: Vec::new(),
            shown: Shown::new(usize::from(layout.attributes)),
            statistics: ClientStatistics::default(),
            welcome,
        })
    }

    /// The terms of the session.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Commands one of the viewer's entities in the coming tick.
    ///
    /// # Errors
    /// When there is no room for it; it is not taken then.
    pub fn command(&mut self, entity: EntityId, action: Action) -> Result<(), CommandError> {
        self.outbox.push(entity, action)
    }

    /// Comes to a time: predicts the viewer's entity up to it and fills [`Self::shown`].
    pub fn advance(&mut self, now_us: u64) {
        let now_us = clock::time(now_us);
        let elapsed = self.clock.advance(now_us);
        if !self.clock.is_running() {
            return;
        }
        let ahead = self.clock.ahead().div_euclid(TICK);
        if ahead - self.prediction.tick() > TICKS_MAX {
            self.prediction.skip_to(ahead - 1);
        }
        while self.prediction.tick() < ahead {
            let tick = self.welcome.tick.wrapping_add_signed(self.prediction.tick());
            let input = self.outbox.close(tick as u32);
            self.prediction.advance(input);
        }
        self.prediction.smooth(elapsed);
        self.show();
    }

    fn show(&mut self) {
        let (moment, heard) = (self.clock.shown(), self.newest_tick * TICK);
        let news = &mut self.news;
        self.tracks.bury(moment, |id, departure| news.handle_departure(id, departure));
        // The update that is shown: the newest that was made by now.
        let back = (self.newest_tick * TICK - moment).max(0);
        let updates = back.div_euclid(TICK * i64::from(self.welcome.update_ticks)) + i64::from(back % TICK != 0);
        let update = self.newest_update.wrapping_sub(u32::try_from(updates).unwrap_or(u32::MAX / 4));
        for group in self.groups.iter_mut() {
            let shown = (0..group.versions.len())
                .filter(|at| !group::is_after(group.versions[*at].update, update))
                .max_by_key(|at| group.versions[*at].number);
            group.shown = shown.unwrap_or(group.newest);
        }
        let predicted = self.prediction.id();
        let shown = &mut self.shown;
        shown.clear();
        let mut last: Option<&group::Group> = None;
        for track in self.tracks.iter() {
            let group = last.filter(|group| group.number == track.group).or_else(|| self.groups.find(track.group));
            last = group;
            let place = usize::from(track.place);
            let is_in = |state: &&GroupState| state.present >> place & 1 == 1 && state.id[place] == track.id;
            let states = group.into_iter().flat_map(|group| {
                [group.shown, group.newest]
                    .into_iter()
                    .filter_map(|at| group.versions.get(at))
                    .map(|version| &version.state)
            });
            let own = (track.id == predicted).then(|| self.prediction.shown(self.clock.ahead())).flatten();
            let (position, heading) = own
                .map_or_else(|| track.shown(moment, heard, &self.limits), |(position, heading, _)| (position, heading));
            match states.into_iter().find(is_in) {
                Some(state) => shown.push(state, place),
                // It has left its group, and is what it was last, until it is known where it is.
                None => match group.and_then(|group| group.last_of(track.id, place)) {
                    Some(state) => shown.push(state, place),
                    None => continue,
                },
            }
            if own.is_some() {
                shown.predicted = Some(shown.id.len() - 1);
            }
            shown.sector.push(position.sector);
            shown.x.push(position.x);
            shown.y.push(position.y);
            shown.heading.push(heading);
        }
    }

    /// Appends a report: what came and the inputs that are not carried out. Send one as often as inputs are to arrive, at least
    /// ten a second.
    pub fn report(&mut self, now_us: u64, out: &mut Vec<u8>) {
        let start = out.len();
        self.report_sequence = self.report_sequence.saturating_add(1);
        self.clock.handle_report(self.report_sequence, clock::time(now_us));
        let header = ReportHeader {
            received: self.acknowledged.before,
            session: self.welcome.session,
            sequence: self.report_sequence,
            newest: self.acknowledged.newest,
            input_first: self.outbox.first(),
            shown_tick: self.shown_tick().unwrap_or(0) as u32,
        };
        encode_report(&header, self.outbox.inputs(), out);
        self.statistics.reports += 1;
        self.statistics.report_bytes += (out.len() - start) as u64;
    }

    /// The tick at which others are shown; `None` before anything has come.
    pub fn shown_tick(&self) -> Option<u64> {
        self.clock
            .is_running()
            .then(|| self.welcome.tick.saturating_add_signed(self.clock.shown().max(i64::MIN / 2).div_euclid(TICK)))
    }

    /// The entities in sight as [`Self::advance`] has shown them last.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The viewer's own entity, if it is predicted.
    pub fn predicted(&self) -> Option<PredictedView> {
        let (position, heading, velocity) = self.prediction.shown(self.clock.ahead())?;
        let tick = self.welcome.tick.saturating_add_signed(self.prediction.tick());
        Some(PredictedView { id: self.prediction.id(), position, heading, velocity, tick })
    }

    /// An attribute that only an owner sees, by its place in the welcome's list; `None` if it was not told.
    pub fn owner_value(&self, entity: EntityId, attribute: u8) -> Option<i32> {
        self.values.value(entity, attribute)
    }

    /// Appends the events that came since the last call. Those that matter come once each and in their order.
    pub fn take_events(&mut self, out: &mut Vec<Event>) {
        self.news.take_events(out);
    }

    /// Appends who went out of sight since the last call, and how.
    pub fn take_departures(&mut self, out: &mut Vec<(EntityId, Departure)>) {
        out.append(&mut self.news.departures);
    }

    /// The newest state of each open group with entities: its number, where and whose it is, and the update at which it was
    /// made. For tests, and for viewers that draw from states themselves.
    pub fn groups(&self) -> impl Iterator<Item = (u16, &Identity, u32, &GroupState)> {
        self.groups.iter().filter_map(|group| {
            let newest = group.newest()?;
            Some((group.number, &group.identity, newest.update, &newest.state))
        })
    }

    /// Counters and estimates.
    pub fn statistics(&self) -> ClientStatistics {
        let us = |us: i64| u32::try_from(us.max(0)).unwrap_or(u32::MAX);
        ClientStatistics {
            corrections: self.prediction.corrections,
            dropped: self.news.dropped + self.values.dropped + self.tracks.dropped,
            groups: self.groups.iter().filter(|group| group.newest().is_some()).count() as u32,
            entities: self.tracks.len() as u32,
            rtt_us: self.clock.rtt_us().map_or(0, us),
            jitter_us: us(self.clock.jitter_us()),
            delay_us: us(self.clock.delay_us()),
            lead_us: us(self.clock.lead_us()),
            ..self.statistics
        }
    }
}
