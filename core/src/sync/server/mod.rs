//! The side that has the world: who sees what, and the packets that say so.

mod cells;
mod config;
mod fill;
mod group;
mod inbox;
mod interest;
mod news;
mod private;
mod roster;
mod viewer;

use core::fmt;

pub use config::{SyncConfig, View, ViewPoint, ViewerOptions};
pub use inbox::{InputsDue, ReportRefusal};

use cells::Cells;
use fill::{Fill, Periods};
pub use interest::VIEWS_MAX;
use interest::{AreaChanges, Eyes, Lookout};
use news::Log;
use private::Ledger;
use roster::{Changes, Roster};
use viewer::Viewer;

use crate::{
    ConfigError, EntityId, Map, World,
    sync::{
        codec::Layout,
        own::{OWNER_VALUES_MAX, Own},
        report::{INPUTS_MAX, TickInput},
        terms::{Hello, TermsError, Welcome},
    },
};

/// A viewer of a [`SyncServer`]. An id is never used for another viewer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ViewerId(u64);

/// Why something cannot be done for a viewer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ViewerError {
    /// There is no such viewer, or no longer.
    Gone,
    /// [`SyncConfig::viewers_max`] are there already.
    TooMany,
    /// An option is out of its range: the field.
    Option(&'static str),
    /// More than [`VIEWS_MAX`] views.
    TooManyViews,
    /// A view's radii are below 0, the outer one is smaller than the inner one, or it reaches more than 4096 cells.
    Radius,
    /// The view's place is no place of a sector of scale 0.
    Position,
}

/// A part of the work of an update, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum UpdatePart {
    /// The events of the ticks since the last update were taken in.
    Collected,
    /// It is known who is in which cell and which cells are in whose area; groups were opened and closed.
    Interest,
    /// The states of groups, and what only owners are told, were taken from the world.
    States,
    /// Events were handed out.
    Events,
}

/// Counters of a server, since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SyncStats {
    /// Viewers now.
    pub viewers: u32,
    /// Groups now.
    pub groups: u32,
    /// Cells now, those in areas included.
    pub cells: u32,
    /// Updates made.
    pub updates: u64,
    /// Shares that were encoded.
    pub shares_encoded: u64,
    /// Shares that were sent.
    pub shares_sent: u64,
    /// Shares told whole among those sent.
    pub shares_whole: u64,
    /// Shares that had to wait because a budget was used up.
    pub shares_deferred: u64,
    /// Packets written.
    pub packets: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Bytes of what only one viewer is told, in them.
    pub own_bytes: u64,
    /// Bytes of events in them.
    pub event_bytes: u64,
    /// Groups that were divided because their state did not fit into a packet.
    pub divided: u64,
    /// Entities that are told to nobody, because [`SyncConfig::groups_max`] was reached.
    pub unplaced: u64,
    /// Events that were dropped because too many came at once.
    pub events_dropped: u64,
    /// Reports that were refused.
    pub reports_refused: u64,
}

/// Tells a world to its viewers.
///
/// After each [`World::step`] call [`Self::tick`]; when that says that there is an update, call [`Self::write`] for every
/// viewer. What arrives from viewers goes to [`Self::receive`]. The packets are a function of the world, the configuration
/// and the calls: any number of threads and shards of the world gives the same.
#[derive(Debug)]
pub struct SyncServer {
    config: SyncConfig,
    periods: Periods,
    layout: Layout,
    cells: Cells,
    roster: Roster,
    /// By number.
    viewers: Vec<Option<Box<Viewer>>>,
    /// How often each number was given out.
    generations: Vec<u32>,
    lookouts: Vec<Lookout>,
    eyes: Eyes,
    everywhere: Vec<u16>,
    log: Log,
    update: u32,
    tick: u64,
    changes: Changes,
    area: AreaChanges,
    fill: Fill,
    ledger: Ledger,
    own: Own,
    inputs: Vec<TickInput>,
    done: Vec<u16>,
    too_large: Vec<u16>,
    stats: SyncStats,
}

impl SyncServer {
    /// A server without viewers.
    ///
    /// # Errors
    /// When a field is out of its range.
    pub fn new(config: SyncConfig, world: &World) -> Result<Self, ConfigError> {
        config.validate(world)?;
        let layout = Layout { attributes: config.public_attributes.len() as u8, cell_shift: config.cell_shift };
        Ok(Self {
            periods: Periods::new(&config, world),
            cells: Cells::new(config.cell_shift, config.viewers_max),
            roster: Roster::new(&config, world.config().entities_max),
            viewers: Vec::new(),
            generations: Vec::new(),
            lookouts: Vec::new(),
            eyes: Eyes::new(config.viewers_max),
            everywhere: Vec::with_capacity(config.viewers_max.into()),
            log: Log::new(config.delay_max, world.config().entities_max),
            update: 0,
            tick: world.tick(),
            changes: Changes::with_room(&config, world.config().entities_max),
            area: AreaChanges::default(),
            fill: Fill::with_room(&config),
            ledger: Ledger::new(config.owner_attributes.clone(), world.config().entities_max),
            own: Own { values: Vec::with_capacity(OWNER_VALUES_MAX), ..Own::default() },
            inputs: Vec::with_capacity(INPUTS_MAX),
            done: Vec::with_capacity(config.groups_max.into()),
            too_large: Vec::with_capacity(config.groups_max.into()),
            stats: SyncStats::default(),
            layout,
            config,
        })
    }

    /// Writes the terms of a session, the answer to a viewer's hello, which may be repeated until the viewer has it.
    ///
    /// # Errors
    /// When the hello is none, or of a viewer that reads another version or other models.
    pub fn welcome(&self, world: &World, hello: &[u8], player: u32, out: &mut Vec<u8>) -> Result<(), TermsError> {
        Hello::decode(hello)?;
        let config = &self.config;
        let welcome = Welcome {
            session: config.session,
            player,
            cell_shift: config.cell_shift,
            history: config.history,
            update_ticks: config.update_ticks,
            packet_max: config.packet_max,
            public_attributes: config.public_attributes.clone(),
            owner_attributes: config.owner_attributes.clone(),
            tick: world.tick(),
            config: world.config().clone(),
            map_hash: world.map().map_or(0, Map::hash),
        };
        welcome.encode(out);
        Ok(())
    }

    /// What it was made with.
    pub fn config(&self) -> &SyncConfig {
        &self.config
    }

    /// The number of the last update; 0 before the first.
    pub fn last_update(&self) -> u32 {
        self.update
    }

    /// Counters.
    pub fn stats(&self) -> SyncStats {
        SyncStats {
            viewers: self.viewers.iter().flatten().count() as u32,
            groups: self.roster.open_groups() as u32,
            cells: self.cells.len(),
            unplaced: self.roster.unplaced,
            events_dropped: self.stats.events_dropped
                + self.log.dropped()
                + self.viewers.iter().flatten().map(|viewer| viewer.pending.dropped).sum::<u64>(),
            ..self.stats
        }
    }

    /// Lets a viewer in. It sees nothing before it has a view, unless it sees everything.
    ///
    /// # Errors
    /// When there are too many, or an option is out of its range.
    pub fn add_viewer(&mut self, options: &ViewerOptions) -> Result<ViewerId, ViewerError> {
        if options.budget < 1000 {
            return Err(ViewerError::Option("budget"));
        }
        if options.delay > self.config.delay_max {
            return Err(ViewerError::Option("delay"));
        }
        let number = match self.viewers.iter().position(Option::is_none) {
            Some(number) => number,
            None if self.viewers.len() < usize::from(self.config.viewers_max) => {
                self.viewers.push(None);
                self.generations.push(0);
                self.lookouts.push(Lookout::NOWHERE);
                self.viewers.len() - 1
            }
            None => return Err(ViewerError::TooMany),
        };
        self.generations[number] += 1;
        self.lookouts[number] = Lookout::NOWHERE;
        let mut viewer = Viewer::new(*options, self.tick);
        if options.is_everywhere {
            viewer.links.reserve_exact(self.config.groups_max.into());
            for group in self.roster.numbers() {
                if viewer.may_see(self.roster.group(group).scope) {
                    viewer.open(group, 1);
                }
            }
            for link in &viewer.links {
                self.roster.watch(link.group);
            }
            self.everywhere.push(number as u16);
        }
        self.viewers[number] = Some(Box::new(viewer));
        Ok(ViewerId(u64::from(self.generations[number]) << 16 | number as u64))
    }

    /// Forgets a viewer.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove_viewer(&mut self, id: ViewerId) -> Result<(), ViewerError> {
        let number = self.number(id)?;
        let viewer = self.viewers[number].take().expect("the number has been looked at");
        self.everywhere.retain(|other| usize::from(*other) != number);
        self.eyes.close(number as u16, &self.lookouts[number]);
        for (cell, _) in &viewer.area {
            self.cells.remove_viewer(*cell, number as u16);
            self.cells.close_if_idle(*cell);
        }
        for link in &viewer.links {
            self.roster.unwatch(link.group);
            self.roster.close_if_idle(link.group, &mut self.cells);
        }
        Ok(())
    }

    /// Sets a viewer's points of view, [`VIEWS_MAX`] at most, in the place of those it had.
    ///
    /// # Errors
    /// When the viewer is not there or a view is out of its range; nothing has changed then.
    pub fn set_views(&mut self, id: ViewerId, views: &[View]) -> Result<(), ViewerError> {
        let number = self.number(id)?;
        if views.len() > VIEWS_MAX {
            return Err(ViewerError::TooManyViews);
        }
        for view in views {
            if view.enter < 0 || view.leave < view.enter || !interest::is_small_enough(view, self.config.cell_shift) {
                return Err(ViewerError::Radius);
            }
            if matches!(view.point, ViewPoint::Place(place) if !place.is_canonical()) {
                return Err(ViewerError::Position);
            }
        }
        let viewer = self.viewers[number].as_mut().expect("the number has been looked at");
        self.area.make_room(viewer, views, self.config.cell_shift);
        self.lookouts[number].set(number as u16, viewer, views, self.config.cell_shift, &mut self.eyes);
        Ok(())
    }

    /// Says which entity a viewer predicts: its exact state is in each of the viewer's updates. Null is none.
    ///
    /// # Errors
    /// When the viewer is not there.
    pub fn set_predicted(&mut self, id: ViewerId, entity: EntityId) -> Result<(), ViewerError> {
        self.viewer_mut(id)?.predicted = entity;
        Ok(())
    }

    /// Puts a viewer on another side: from the next update on it is told what the new side may see, and no longer what only
    /// the old one may.
    ///
    /// # Errors
    /// When the viewer is not there.
    pub fn set_team(&mut self, id: ViewerId, team: u16) -> Result<(), ViewerError> {
        let number = self.number(id)?;
        let viewer = self.viewers[number].as_mut().expect("the number has been looked at");
        if std::mem::replace(&mut viewer.options.team, team) == team {
            return Ok(());
        }
        let told = viewer.links.iter().map(|link| link.group);
        let hidden: Vec<u16> = told.filter(|group| !viewer.may_see(self.roster.group(*group).scope)).collect();
        for group in hidden {
            if viewer.close(group) {
                self.roster.unwatch(group);
                self.roster.close_if_idle(group, &mut self.cells);
            }
        }
        let around =
            |(cell, tier): &(u32, u8)| self.roster.groups_of(*cell).map(|group| (group, *tier)).collect::<Vec<_>>();
        let shown: Vec<(u16, u8)> = if viewer.options.is_everywhere {
            self.roster.numbers().map(|group| (group, 1)).collect()
        } else {
            viewer.area.iter().flat_map(around).collect()
        };
        for (group, tier) in shown {
            // What it has already stays as it is.
            let has_it = viewer.links.iter().any(|link| link.group == group && !link.is_closing);
            if !has_it && viewer.may_see(self.roster.group(group).scope) && viewer.open(group, tier) {
                self.roster.watch(group);
            }
        }
        Ok(())
    }

    /// Takes in what the last tick did. Every [`SyncConfig::update_ticks`] it makes an update, and returns true.
    pub fn tick(&mut self, world: &World) -> bool {
        self.tick_in_parts(world, |_| ())
    }

    /// Does what [`Self::tick`] does, and says when each part of the work of an update is done, for a host that wants to know
    /// where its time goes.
    pub fn tick_in_parts(&mut self, world: &World, mut done: impl FnMut(UpdatePart)) -> bool {
        self.log.collect(world, &self.roster, &self.cells);
        if !world.tick().is_multiple_of(u64::from(self.config.update_ticks)) {
            return false;
        }
        self.update = self.update.wrapping_add(1).max(1);
        self.tick = world.tick();
        done(UpdatePart::Collected);
        self.follow(world);
        done(UpdatePart::Interest);
        self.roster.capture(world, self.update);
        if self.viewers.iter().any(Option::is_some) {
            self.ledger.capture(world, self.update);
        } else {
            self.ledger.rest();
        }
        done(UpdatePart::States);
        self.log.close(self.update);
        self.hand_out_news();
        self.stats.updates += 1;
        done(UpdatePart::Events);
        true
    }

    /// Brings interest up to date: who is in which cell, and which cells are in whose area.
    fn follow(&mut self, world: &World) {
        self.too_large.sort_unstable();
        self.too_large.dedup();
        for number in self.too_large.drain(..) {
            self.roster.divide(number);
            self.stats.divided += 1;
        }
        self.roster.follow(world, &mut self.cells, &mut self.changes);
        self.announce_groups();
        let due = self.eyes.take_due(&self.changes);
        for number in due.iter().copied() {
            let lookout = &mut self.lookouts[usize::from(number)];
            if lookout.has_moved(&self.roster)
                && let Some(viewer) = &mut self.viewers[usize::from(number)]
            {
                let radii = self.config.rate_radii;
                lookout.look(viewer, world, &self.roster, &mut self.cells, radii, &mut self.area);
                self.change_area(number);
            }
        }
        self.eyes.put_back(due);
        for number in self.changes.emptied.drain(..) {
            self.roster.close_if_idle(number, &mut self.cells);
        }
    }

    /// Tells of new groups to those in whose area they are.
    fn announce_groups(&mut self) {
        let opened = std::mem::take(&mut self.changes.opened);
        for group in opened.iter().copied() {
            let (cell, scope) = (self.roster.group(group).cell, self.roster.group(group).scope);
            for number in self.cells.viewers(cell).chain(self.everywhere.iter().copied()) {
                let viewer = self.viewers[usize::from(number)].as_mut().expect("areas are of viewers that are there");
                if viewer.may_see(scope) && viewer.open(group, viewer.tier_of(cell).unwrap_or(1)) {
                    self.roster.watch(group);
                }
            }
        }
        self.changes.opened = opened;
        self.changes.opened.clear();
    }

    /// Opens and closes the groups of cells that came into a viewer's area or went out of it.
    fn change_area(&mut self, number: u16) {
        let viewer = self.viewers[usize::from(number)].as_mut().expect("the caller has looked");
        for cell in self.area.left.iter().copied() {
            self.cells.remove_viewer(cell, number);
            let first = self.changes.emptied.len();
            self.changes.emptied.extend(self.roster.groups_of(cell).filter(|group| viewer.close(*group)));
            for group in &self.changes.emptied[first..] {
                self.roster.unwatch(*group);
            }
            self.cells.close_if_idle(cell);
        }
        for (cell, tier) in self.area.entered.iter().copied() {
            self.cells.add_viewer(cell, number);
            let mut next = self.roster.first_of(cell);
            while let Some(group) = next {
                if viewer.may_see(self.roster.group(group).scope) && viewer.open(group, tier) {
                    self.roster.watch(group);
                }
                next = self.roster.following(group);
            }
        }
        for (cell, tier) in self.area.nearer_or_further.iter().copied() {
            self.roster.groups_of(cell).for_each(|group| viewer.set_tier(group, tier));
        }
    }

    fn hand_out_news(&mut self) {
        if !self.log.has_specials() {
            return;
        }
        for viewer in self.viewers.iter_mut().flatten() {
            let update = self.update.saturating_sub(u32::from(viewer.options.delay));
            if let Some(news) = self.log.of(update) {
                news.hand_out(viewer);
            }
        }
    }

    fn number(&self, id: ViewerId) -> Result<usize, ViewerError> {
        let number = (id.0 & 0xffff) as usize;
        let is_there =
            self.viewers.get(number).is_some_and(Option::is_some) && u64::from(self.generations[number]) == id.0 >> 16;
        if is_there { Ok(number) } else { Err(ViewerError::Gone) }
    }

    fn viewer_mut(&mut self, id: ViewerId) -> Result<&mut Viewer, ViewerError> {
        let number = self.number(id)?;
        Ok(self.viewers[number].as_mut().expect("the number has been looked at"))
    }
}

impl ViewerId {
    /// The bits of the id, for keeping.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// An id from its bits. Whether the viewer is there is for the server to say.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for ViewerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("there is no such viewer, or no longer"),
            Self::TooMany => f.write_str("viewers_max viewers are there already"),
            Self::Option(field) => write!(f, "{field} is out of its range"),
            Self::TooManyViews => f.write_str("a viewer has at most 16 views"),
            Self::Radius => {
                f.write_str("radii are 0 or more, leave at least enter, and a view reaches at most 4096 cells")
            }
            Self::Position => f.write_str("the view's coordinates must be in a sector of scale 0"),
        }
    }
}

impl core::error::Error for ViewerError {}
