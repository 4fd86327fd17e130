//! One tick, as the caller's thread sees it.

use std::sync::Arc;

use super::World;
use crate::{
    event::Kind,
    space::{Position, SECTOR_SIDE},
    tick::{message::Shot, outbox::Stray, shard::Phase, view::View},
};

/// How many ticks lie between two looks at how the world is divided.
const DIVIDE_TICKS: u64 = 16;

impl World {
    /// Advances exactly one tick.
    pub fn step(&mut self) {
        self.events.clear();
        if self.tick.is_multiple_of(DIVIDE_TICKS) {
            self.divide();
        }
        self.carry_out_commands();
        self.refresh_indexes();
        self.note_vacant_sectors();
        self.lend_view();
        self.run(Phase::Advance);
        self.take_view_back();
        self.run(Phase::Settle);
        self.bury_the_dead();
        self.launch_shots();
        self.run(Phase::Publish);
        self.note_all_moved();
        self.settle_strays();
        self.run_errands();
        self.visit_places();
        self.collect_events();
        self.tick += 1;
    }

    /// Lets every shard do a phase, on the workers if there is enough to do.
    fn run(&mut self, phase: Phase) {
        let tick = self.tick;
        for shard in &mut self.shards {
            (shard.phase, shard.tick) = (phase, tick);
        }
        // The directory is lent to the view in the first phase, so that its count is not asked for here.
        let is_little =
            self.shards.iter().map(|shard| shard.load()).sum::<usize>() < self.execution.inline_below as usize;
        if self.execution.threads == 1 || is_little || (phase == Phase::Settle && !self.is_settling_work()) {
            self.shards.iter_mut().for_each(|shard| shard.run());
            self.stats.inline_ticks += u64::from(phase == Phase::Advance);
        } else {
            self.workers.run(&mut self.shards);
        }
    }

    /// Whether the second phase is worth waking threads for: it looks only at what was hit or leaves.
    fn is_settling_work(&self) -> bool {
        const MESSAGES: usize = 512;
        self.shards.iter().map(|shard| shard.settling_work()).sum::<usize>() > MESSAGES
    }

    /// Brings the indexes of regions up to date that were written since the last tick.
    pub(super) fn refresh_indexes(&mut self) {
        for shard in &mut self.shards {
            for region in shard.regions.iter_mut().filter(|region| region.index_is_stale) {
                region.refresh_index();
            }
        }
    }

    /// Puts together what shards read.
    fn lend_view(&mut self) {
        let view = Arc::get_mut(&mut self.view).expect("the view is nobody else's between ticks");
        view.tick = self.tick;
        view.directory = std::mem::take(&mut self.directory);
        view.navigator = self.navigator.take();
        for (resource, zone) in view.resources.iter_mut().zip(&self.places.resources) {
            resource.holder = self.places.captures.holder(*zone);
        }
        for region in self.shards.iter_mut().flat_map(|shard| &mut shard.regions) {
            view.indexes[region.number as usize] = region.index.take();
            view.pasts[region.number as usize] = std::mem::take(&mut region.columns.past);
        }
        for shard in &mut self.shards {
            shard.view = Some(Arc::clone(&self.view));
        }
    }

    fn take_view_back(&mut self) {
        let view: &mut View =
            Arc::get_mut(&mut self.view).expect("every shard dropped the view at the end of the phase");
        self.directory = std::mem::take(&mut view.directory);
        self.navigator = view.navigator.take();
        for region in self.shards.iter_mut().flat_map(|shard| &mut shard.regions) {
            region.index = view.indexes[region.number as usize].take();
            region.columns.past = std::mem::take(&mut view.pasts[region.number as usize]);
        }
    }

    /// Makes the ids of what was destroyed stale, in the order of ids.
    fn bury_the_dead(&mut self) {
        let mut dead = std::mem::take(&mut self.dead);
        for shard in &mut self.shards {
            dead.append(&mut shard.outbox.dead);
        }
        dead.sort_unstable();
        for id in dead.drain(..) {
            self.directory.release(id);
        }
        self.dead = dead;
    }

    /// Gives new projectiles their numbers, in the order of who fired them, as long as there is room.
    fn launch_shots(&mut self) {
        let mut new = std::mem::take(&mut self.new_shots);
        for shard in &mut self.shards {
            new.append(&mut shard.outbox.new_shots);
        }
        if !new.is_empty() {
            // Nobody fires twice in a tick, so the order is one.
            new.sort_unstable_by_key(|(_, shot)| shot.shooter);
            let strays = self.shards.iter().map(|shard| shard.outbox.stray_shots.len()).sum::<usize>();
            let mut flying = strays + self.regions().map(|region| region.shots.len()).sum::<usize>();
            for (region, shot) in new.drain(..) {
                if flying >= self.constants.config.projectiles_max as usize {
                    self.stats.projectiles_dropped += 1;
                    continue;
                }
                flying += 1;
                let id = self.next_shot;
                self.next_shot += 1;
                self.region_mut(region).shots.push(Shot { id, ..shot });
            }
        }
        self.new_shots = new;
    }

    /// Opens sectors for projectiles that flew where nothing was, in the order of their numbers.
    fn settle_stray_shots(&mut self) {
        let mut strays = std::mem::take(&mut self.stray_shots);
        for shard in &mut self.shards {
            strays.append(&mut shard.outbox.stray_shots);
        }
        strays.sort_unstable_by_key(|(_, shot)| shot.id);
        for (way, shot) in strays.drain(..) {
            if self.open_sector(way.to) {
                let number = self.partition.find(way.to, shot.y).expect("the sector is open");
                let region = self.region_mut(number);
                region.shots.push(shot);
                region.sum_is_stale = true;
            } else {
                self.stats.projectiles_dropped += 1;
            }
        }
        self.stray_shots = strays;
    }

    /// Opens sectors for what went where nothing was, in the order of ids; what finds no place stays at the edge.
    fn settle_strays(&mut self) {
        let held_open = self.shards.iter().flat_map(|shard| shard.outbox.stray_sectors.iter().map(|way| way.from));
        self.held_open.clear();
        self.held_open.extend(held_open);
        self.settle_stray_shots();
        if self.shards.iter().all(|shard| shard.outbox.stray_sectors.is_empty()) {
            return;
        }
        let mut strays = crate::entity::Columns::of(&self.constants.config);
        let mut ways: Vec<Stray> = Vec::new();
        for shard in &mut self.shards {
            while let Some(way) = shard.outbox.stray_sectors.pop() {
                let row = shard.outbox.stray_sectors.len();
                shard.outbox.strays.transfer(row, &mut strays);
                ways.push(way);
            }
        }
        while let Some(row) = (0..ways.len()).min_by_key(|row| strays.id[*row]) {
            let mut way = ways.swap_remove(row);
            // What leaves a sector as its last may leave it to be closed, so that there is room for it where it goes.
            let held = self.held_open.iter().position(|sector| *sector == way.from).expect("every stray holds one");
            self.held_open.swap_remove(held);
            if !self.open_sector(way.to) {
                self.stats.kept_at_edge += 1;
                let (right, up) = way.to.steps_to(way.from);
                // One step back on each axis is the near edge of the sector it came from.
                let edge = |back: i64, at: i32| match back {
                    0 => at,
                    -1 => SECTOR_SIDE - 1,
                    _ => 0,
                };
                (strays.x[row], strays.y[row]) = (edge(right, strays.x[row]), edge(up, strays.y[row]));
                strays.change_sector(row, right, up);
                (strays.velocity_x[row], strays.velocity_y[row]) = (0, 0);
                way.to = way.from;
            }
            let at = Position { sector: way.to, x: strays.x[row], y: strays.y[row] };
            let number = self.partition.find(at.sector, at.y).expect("the sector is open");
            let tick = self.tick + 1;
            let region = self.region_mut(number);
            region.arrive(&mut strays, row);
            region.columns.past.record_last(tick, at.x, at.y);
            self.note_moved(number);
        }
        self.refresh_indexes();
    }

    fn note_all_moved(&mut self) {
        for region in self.shards.iter_mut().flat_map(|shard| &mut shard.regions) {
            for (id, place) in region.moved_places() {
                self.directory.set_place(id.slot().expect("a live row has an id"), place);
            }
            region.moved.clear();
        }
    }

    fn collect_events(&mut self) {
        for shard in &mut self.shards {
            for event in shard.outbox.events.drain(..) {
                if event.kind == Kind::Hit {
                    self.battles.handle_hit(event.tick, event.sector, event.subject, event.object);
                }
                self.queues.push(event);
            }
        }
        self.battles.finish(self.tick, |event| self.queues.push(event));
        let mut events = std::mem::take(&mut self.events);
        self.queues.finish(&mut events);
        self.events = events;
    }
}
