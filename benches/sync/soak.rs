//! A long fight with an observer who roams: how old what it knows gets, whether memory grows, whether its budget holds.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use muster_benches::scene::{CORNER, Kind, ONE_THREAD, metres_between, place};
use muster_core::{
    EntityId, METRE, World,
    sync::server::{View, ViewPoint, ViewerOptions},
};
use serde_json::{Value, json};

use crate::{
    frame::{Frame, slot_of},
    guest::Guest,
    heap::counted,
    service::{FAR, Service, UPDATES_HZ, config, is_update_due},
};

/// How far the observer sees, in metres.
const REACH_M: f64 = 60.0;
/// How fast it roams, in metres a second.
const ROAM_M: f64 = 12.0;
/// Ages in updates that are told apart; what is older is of the last.
const AGES: usize = 1_000;
/// Milliseconds of an update.
const UPDATE_MS: f64 = 1e3 / UPDATES_HZ as f64;

/// What a soak is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Soak {
    /// Of simulated time.
    pub(crate) seconds: u32,
    pub(crate) fighters: usize,
    /// Others who watch, so that what is encoded is shared.
    pub(crate) players: usize,
    /// Of the observer's packets, and of its reports.
    pub(crate) loss: f64,
    /// The observer's, in bytes a second.
    pub(crate) budget: u32,
}

/// Runs it and says what was found.
pub(crate) fn run(soak: &Soak) -> Result<Value> {
    let kind = Kind::Camp(soak.fighters);
    let mut scene = kind.build(23, ONE_THREAD);
    (0..kind.ticks_before()).for_each(|_| scene.step());
    let mut service = Service::new(scene.world(), config(scene.world()))?;
    service.add_players(scene.world(), soak.players, FAR, soak.budget)?;
    let options = ViewerOptions { budget: soak.budget, ..ViewerOptions::default() };
    let mut guest = Guest::new(&mut service, scene.world(), &options, soak.loss)?;
    let mut watch = Watch::new();
    let updates = soak.seconds * UPDATES_HZ;
    let (mut heap_bytes, mut heap_at_half) = (0, 0);
    let mut sent: Vec<usize> = Vec::new();
    let mut events = Vec::with_capacity(65_536);
    let mut before = Frame::default();
    let mut update = 0;
    while update < updates {
        scene.step();
        let world = scene.world();
        let is_due = is_update_due(world);
        if is_due {
            service.follow(world)?;
            service.answer();
            let (x, y) = roam(update);
            let point = ViewPoint::Place(place(CORNER, x, y));
            let reach = (REACH_M * f64::from(METRE)) as i32;
            service.server.set_views(guest.id, &[View { point, enter: reach, leave: reach + reach / 10 }])?;
        }
        let (result, heap) = counted(|| -> Result<usize> {
            if !is_due {
                service.tick(world);
                return Ok(0);
            }
            service.receive(world)?;
            guest.exchange(&mut service, world)?;
            service.tick(world);
            service.write(world, |_, _| ())?;
            guest.write(&mut service, world)
        });
        heap_bytes += heap.bytes;
        let bytes = result?;
        if !is_due {
            continue;
        }
        sent.push(bytes);
        guest.client.take_events(&mut events);
        events.clear();
        let frame = Frame::of(world);
        watch.look(world, &guest, &frame, &before, update, service.server.last_update());
        before = frame;
        update += 1;
        if update == updates / 2 {
            heap_at_half = heap_bytes;
        }
    }
    let second = UPDATES_HZ as usize;
    let high_water = sent.windows(second.min(sent.len())).map(|window| window.iter().sum::<usize>()).max().unwrap_or(0);
    // What was saved up is an eighth of a second's, and the last packet may begin when there is a byte left.
    let most = soak.budget as usize + soak.budget as usize / 8 + usize::from(service.server.config().packet_max);
    ensure!(high_water <= most, "{high_water} bytes went out in a second, {most} are allowed");
    let statistics = guest.client.statistics();
    ensure!(statistics.states > 0 && watch.looks > 0, "the observer is told of somebody");
    let stats = service.server.stats();
    let minutes = f64::from(soak.seconds) / 120.0;
    Ok(json!({
        "simulated seconds": soak.seconds,
        "fighters": soak.fighters,
        "players": soak.players,
        "loss": soak.loss,
        "budget, B/s": soak.budget,
        "age of what is known of who moves within 60 m, p50, ms": watch.age_ms(0.5),
        "p99, ms": watch.age_ms(0.99),
        "p99.9, ms": watch.age_ms(0.999),
        "max, ms": watch.oldest as f64 * UPDATE_MS,
        "gaps between states of a group of theirs, p50, ms": watch.gap_ms(0.5),
        "gaps, p99.9, ms": watch.gap_ms(0.999),
        "gaps, max, ms": watch.longest as f64 * UPDATE_MS,
        "who moved and was looked at": watch.looks,
        "of these, not known yet": watch.unknown,
        "most bytes in a second": high_water,
        "most bytes in an update": sent.iter().max(),
        "mean bytes in a second": sent.iter().sum::<usize>() as f64 / f64::from(soak.seconds.max(1)),
        "heap in the second half, B a minute": (heap_bytes - heap_at_half) as f64 / minutes.max(1e-9),
        "packets lost": statistics.lost,
        "states that could not be told": statistics.states_unknown,
        "states told whole": statistics.states_whole,
        "states": statistics.states,
        "shares deferred": stats.shares_deferred,
        "entities told to nobody": stats.unplaced,
        "events dropped": stats.events_dropped,
    }))
}

/// Where the observer is: rounds of different widths through the camp and out of it.
fn roam(update: u32) -> (f64, f64) {
    let along = f64::from(update) / f64::from(UPDATES_HZ) * ROAM_M / 100.0;
    (100.0 + 150.0 * (1.3 * along).sin(), 100.0 + 120.0 * (along + 0.7).cos())
}

/// What the observer knows, held against what is.
struct Watch {
    /// Since when somebody has been within its reach.
    near_since: BTreeMap<EntityId, u32>,
    /// How often what was known was so many updates old.
    ages: Vec<u64>,
    /// Of each group, the update of the newest state.
    newest: BTreeMap<u16, u32>,
    gaps: Vec<u64>,
    oldest: u32,
    longest: u32,
    looks: u64,
    unknown: u64,
}

impl Watch {
    fn new() -> Self {
        Self {
            near_since: BTreeMap::new(),
            ages: vec![0; AGES],
            newest: BTreeMap::new(),
            gaps: vec![0; AGES],
            oldest: 0,
            longest: 0,
            looks: 0,
            unknown: 0,
        }
    }

    fn look(&mut self, world: &World, guest: &Guest, now: &Frame, before: &Frame, update: u32, server_update: u32) {
        let (x, y) = roam(update);
        let mut known: BTreeMap<EntityId, (u16, u32)> = BTreeMap::new();
        let mut newest = BTreeMap::new();
        for (number, _, at, state) in guest.client.groups() {
            newest.insert(number, at);
            for place in state.places() {
                let id = state.id[place];
                let best = known.get(&id).map_or(0, |(_, at)| *at);
                if at >= best {
                    known.insert(id, (number, at));
                }
            }
        }
        let mut moving_groups = BTreeMap::new();
        let mut near = BTreeMap::new();
        for told in now.entities.iter().flatten() {
            let at = metres_between(CORNER, world.position(told.id).expect("it was just there"));
            if (at.0 - x).hypot(at.1 - y) > REACH_M {
                continue;
            }
            let since = self.near_since.get(&told.id).copied().unwrap_or(update);
            near.insert(told.id, since);
            let has_moved =
                before.at(slot_of(told.id)).is_some_and(|old| old.id == told.id && (old.x, old.y) != (told.x, told.y));
            if !has_moved {
                continue;
            }
            let age = match known.get(&told.id) {
                Some((group, at)) => {
                    moving_groups.insert(*group, ());
                    // Somebody may have been known before it came near.
                    server_update.saturating_sub(*at)
                }
                None => {
                    self.unknown += 1;
                    update - since
                }
            };
            self.looks += 1;
            self.oldest = self.oldest.max(age);
            self.ages[(age as usize).min(AGES - 1)] += 1;
        }
        for group in moving_groups.keys() {
            if let (Some(old), Some(new)) = (self.newest.get(group), newest.get(group))
                && new > old
            {
                self.longest = self.longest.max(new - old);
                self.gaps[((new - old) as usize).min(AGES - 1)] += 1;
            }
        }
        self.newest = newest;
        self.near_since = near;
    }

    fn age_ms(&self, part: f64) -> f64 {
        percentile(&self.ages, part)
    }

    fn gap_ms(&self, part: f64) -> f64 {
        percentile(&self.gaps, part)
    }
}

/// The age in milliseconds that so large a part of all is no older than.
fn percentile(counts: &[u64], part: f64) -> f64 {
    let whole: u64 = counts.iter().sum();
    let mut sum = 0;
    for (age, count) in counts.iter().enumerate() {
        sum += count;
        if sum as f64 >= part * whole as f64 {
            return age as f64 * UPDATE_MS;
        }
    }
    0.0
}
