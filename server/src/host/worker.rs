//! The thread that runs matches.
//!
//! **A tick begins when it is due, not when there is nothing else to do**: orders are carried out between ticks. When ticks
//! come late, the world sends less (its rate steps); only what is hopelessly late is left out, and counted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use muster_scripts::{Bundle, Ended, Host};
use serde_json::Value;

use super::{
    Commons, Opening, Order, WorkerDoor,
    archive::FailureReport,
    failure::panic_text,
    lodgings::Lodgings,
    running::{Opened, Running, seconds_now},
    telling::reason_of,
};
use crate::{
    code::{ErrorCode, Refusal},
    door::{message::ScriptFault, pump::Pump},
};

/// Most orders between two looks at what is due.
const ORDERS_AT_ONCE: usize = 512;
/// A match whose ticks take longer gives way to others that are due meanwhile.
const LONG: Duration = Duration::from_millis(1);
/// The part of its period by which a match gives way at most.
const GIVES_WAY: u32 = 4;
/// A tick that is later than this many periods, and than [`LATE_MAX`], is left out.
const LATE_PERIODS: u32 = 4;
/// See [`LATE_PERIODS`].
const LATE_MAX: Duration = Duration::from_millis(250);
/// Of so many matches that could not be opened it is known why.
const UNOPENED_MAX: usize = 64;
/// How often those who watch are told, and load is measured.
const STATISTICS_EVERY: Duration = Duration::from_millis(500);
/// How often matches are looked after.
const HOUSE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    commons: Commons,
    door: Arc<WorkerDoor>,
    /// What was taken out of the mailbox and is not yet carried out.
    orders: VecDeque<Order>,
    /// The matches whose rules hear at once what has come for them.
    hasty: Vec<u64>,
    /// Matches whose rules have changed.
    reloading: VecDeque<(u64, Arc<Bundle>)>,
    epoch: Instant,
    /// By mode; the last of each takes new matches.
    hosts: BTreeMap<String, Vec<Rc<Host>>>,
    /// Of a worker for one large world: how many threads there are for it.
    threads: Option<u16>,
    /// The workers of large worlds that were opened here first.
    lodgings: Lodgings,
    has_opened: bool,
    /// Matches that could not be opened lately, and why, for those who wait to be let in.
    unopened: VecDeque<(u64, Refusal)>,
    matches: BTreeMap<u64, Hosted>,
    /// When to look at which match.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    busy: Duration,
    /// The most that a tick was late in this span, in thousandths of its period.
    late_permille: u32,
    load_permille: u16,
    next_statistics: Instant,
    next_house: Instant,
    is_stopping: bool,
}

struct Hosted {
    running: Running,
    host: Rc<Host>,
    turn: Turn,
    next_backup: Option<Instant>,
}

/// When a match has its turn on a worker.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// When its next tick is due.
    due: Instant,
    period: Duration,
    /// What its longest tick took, fading over a few seconds.
    long: Duration,
}

impl Turn {
    fn note(&mut self, took: Duration) {
        self.long = took.max(self.long - self.long / 64);
    }

    /// Until when it waits, if its tick may take long and others are due meanwhile whose do not. **Scripts that use up their
    /// budgets make their own match late, and not the others.**
    fn gives_way(&self, others: impl Iterator<Item = Self>, now: Instant) -> Option<Instant> {
        if self.long <= LONG {
            return None;
        }
        let next =
            others.filter(|other| other.long <= LONG && other.due < now + self.long).map(|other| other.due).min()?;
        // The other is looked at first.
        let until = next.max(now) + Duration::from_nanos(1);
        (until < self.due + self.period / GIVES_WAY).then_some(until)
    }
}

impl Worker {
    pub(super) fn new(commons: Commons, door: Arc<WorkerDoor>, threads: Option<u16>) -> Self {
        let now = Instant::now();
        Self {
            commons,
            door,
            orders: VecDeque::new(),
            hasty: Vec::new(),
            reloading: VecDeque::new(),
            epoch: now,
            hosts: BTreeMap::new(),
            threads,
            lodgings: Lodgings::default(),
            has_opened: false,
            unopened: VecDeque::new(),
            matches: BTreeMap::new(),
            due: BinaryHeap::new(),
            busy: Duration::ZERO,
            late_permille: 0,
            load_permille: 0,
            next_statistics: now + STATISTICS_EVERY,
            next_house: now + HOUSE_EVERY,
            is_stopping: false,
        }
    }

    pub(super) fn run(mut self) {
        Pump::gather();
        while !self.is_stopping {
            // What players want in a tick has come before it, however long it lay there.
            self.take_orders(Instant::now());
            let begun = Instant::now();
            self.door.pulse.beat(begun);
            while let Some(Reverse((due, no))) = self.due.peek().copied()
                && due <= begun
            {
                self.due.pop();
                match self.gives_way(no, Instant::now()) {
                    Some(until) => self.due.push(Reverse((until, no))),
                    None => self.tick(no),
                }
                self.commons.pump.release();
            }
            self.reload_next();
            self.do_chores();
            self.commons.pump.release();
            self.busy += begun.elapsed();
            let due = self.due.peek().map(|Reverse((due, _))| *due);
            let until = self.next_statistics.min(due.unwrap_or(self.next_statistics));
            self.take_orders(if self.reloading.is_empty() { until } else { begun });
        }
        self.save_all();
        self.commons.metrics.orders_waiting.dec_by(self.orders.len() as i64);
        self.commons.pump.release();
        self.lodgings.close();
    }

    /// Carries out orders; waits until `until` for the first that is urgent.
    fn take_orders(&mut self, until: Instant) {
        if self.orders.is_empty() {
            self.door.mailbox.take(until, &mut self.orders);
        }
        let begun = Instant::now();
        let mut count = 0;
        while count < ORDERS_AT_ONCE
            && let Some(order) = self.orders.pop_front()
        {
            count += 1;
            self.carry_out(order);
            // The clock is not asked for each of them: most take less than asking.
            if count % 16 == 0 && self.due.peek().is_some_and(|Reverse((due, _))| *due <= Instant::now()) {
                break;
            }
        }
        self.commons.metrics.orders_waiting.dec_by(count as i64);
        while let Some(no) = self.hasty.pop() {
            self.guarded(no, Running::hear);
        }
        self.commons.pump.release();
        self.busy += begun.elapsed();
    }

    fn now_us(epoch: Instant) -> u64 {
        epoch.elapsed().as_micros() as u64
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Open(opening) => self.open(*opening, Instant::now()),
            Order::Join(joining) => match self.matches.get_mut(&joining.match_no) {
                Some(_) => self.guarded(joining.match_no, move |running| running.join(*joining, Instant::now())),
                None => {
                    let Some(joining) = self.lodgings.forward(joining) else { return };
                    let refusal = self.why_not(joining.match_no);
                    // Nobody waits any more for an answer to who has gone.
                    drop(joining.reply.send(Err(refusal)));
                }
            },
            Order::Leave { match_no, seat, line } => self.guarded(match_no, |running| {
                if running.seats.of_line(seat, line).is_some() {
                    running.leave(seat, muster_scripts::LeaveReason::Left);
                }
            }),
            Order::Gone { match_no, seat, line } => {
                self.guarded(match_no, |running| running.gone(seat, line, Instant::now()));
            }
            Order::Up { match_no, seat, line, side, at, bytes } => {
                let now_us = at.saturating_duration_since(self.epoch).as_micros() as u64;
                let mut is_hasty = false;
                self.guarded(match_no, |running| {
                    is_hasty = running.handle_up(seat, line, side, &bytes, now_us);
                });
                if is_hasty && !self.hasty.contains(&match_no) {
                    self.hasty.push(match_no);
                }
            }
            Order::Watch { match_no, seat, line, on } => {
                self.guarded(match_no, |running| running.watch(seat, line, on));
            }
            Order::Reload(bundle) => {
                self.lodgings.tell(|| Order::Reload(bundle.clone()));
                self.reload(&bundle);
            }
            Order::Fault { mode, fault } => {
                self.lodgings.tell(|| Order::Fault { mode: mode.clone(), fault: fault.clone() });
                for hosted in self.matches.values_mut().filter(|hosted| hosted.running.mode == mode) {
                    hosted.running.handle_fault(fault.clone());
                }
            }
            Order::Drain { seconds } => {
                self.lodgings.tell(|| Order::Drain { seconds });
                let numbers: Vec<u64> = self.matches.keys().copied().collect();
                for no in numbers {
                    self.guarded(no, |running| {
                        // With 0 it would be over, and could not be gone on with.
                        running.game.terminate(seconds.max(1));
                        running.tell();
                    });
                }
            }
            Order::Stored { match_no, id, result } => {
                self.guarded(match_no, |running| running.game.handle_stored(id, result));
            }
            Order::Known { match_no, stored } => self.guarded(match_no, |running| running.learn(stored)),
            // Replays have threads of their own.
            Order::Replay(_) => {}
            Order::Stop => self.is_stopping = true,
        }
    }

    /// Why a match that somebody was sent to is not there.
    fn why_not(&self, match_no: u64) -> Refusal {
        self.commons.directory.remove(match_no);
        let unopened = self.unopened.iter().find(|(no, _)| *no == match_no);
        unopened.map_or_else(|| ErrorCode::MatchUnknown.into(), |(_, refusal)| refusal.clone())
    }

    /// Does something with a match. One that breaks ends, and no other.
    fn guarded(&mut self, no: u64, work: impl FnOnce(&mut Running)) {
        let Some(hosted) = self.matches.get_mut(&no) else { return };
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut hosted.running)));
        if let Err(payload) = done {
            self.fail(no, &panic_text(&*payload));
        }
    }

    /// A host for one more match of a bundle.
    fn host(&mut self, bundle: &Arc<Bundle>) -> Result<Rc<Host>, Refusal> {
        let hosts = self.hosts.entry(bundle.name().to_owned()).or_default();
        let is_good = |host: &&Rc<Host>| {
            host.bundle().version() == bundle.version() && host.matches() < Host::MATCHES_MAX && !host.is_broken()
        };
        if let Some(host) = hosts.iter().rev().find(is_good) {
            return Ok(host.clone());
        }
        let host = Host::new(bundle.clone(), self.commons.settings.scripts.clone())
            .map_err(|error| Refusal::because(ErrorCode::ModeBroken, &error.to_string()))?;
        let host = Rc::new(host);
        hosts.push(host.clone());
        Ok(host)
    }

    fn open(&mut self, opening: Opening, now: Instant) {
        let (no, id, mode) = (opening.match_no, opening.match_id.clone(), opening.bundle.name().to_owned());
        let saved = opening.saved.clone();
        self.has_opened = true;
        self.door.pulse.beat(now);
        let (commons, door, threads) = (self.commons.clone(), self.door.clone(), self.threads);
        let opened = self.host(&opening.bundle).and_then(|host| {
            let opened =
                catch_unwind(AssertUnwindSafe(|| Running::open(opening, &host, &commons, &door, threads, now)));
            let opened =
                opened.unwrap_or_else(|payload| Err(Refusal::because(ErrorCode::MatchFailed, &panic_text(&*payload))));
            opened.map(|opened| (opened, host))
        });
        let opened = opened.and_then(|(opened, host)| match opened {
            Opened::Here(running) => Ok(Some((*running, host))),
            Opened::TooLarge(opening) => self.lodgings.take_in(opening, &self.commons).map(|()| None),
        });
        match opened {
            Ok(None) => tracing::info!(game = %id, %mode, "a large world has threads of its own"),
            Ok(Some((running, host))) => {
                let metrics = &self.commons.metrics;
                metrics.matches.inc();
                if saved.is_some() { &metrics.matches_restored } else { &metrics.matches_opened }.inc();
                tracing::info!(game = %id, %mode, version = %running.game.version(), restored = saved.is_some(), "a match runs");
                // Matches that were opened together do not all tick together.
                let first = now + running.period().mul_f64((no % 16) as f64 / 16.0);
                let every = self.commons.settings.backup_every;
                let turn = Turn { due: first, period: running.period(), long: Duration::ZERO };
                let next_backup = (!every.is_zero()).then(|| now + every);
                self.matches.insert(no, Hosted { running, host, turn, next_backup });
                self.due.push(Reverse((first, no)));
            }
            Err(refusal) => {
                tracing::error!(game = %id, %mode, %refusal, "a match cannot be opened");
                self.commons.metrics.matches_failed.inc();
                self.commons.metrics.refused(refusal.code);
                self.commons.directory.remove(no);
                if self.unopened.len() == UNOPENED_MAX {
                    self.unopened.pop_front();
                }
                self.unopened.push_back((no, refusal.clone()));
                if let Some(saved) = saved {
                    let report = FailureReport {
                        match_id: id,
                        mode,
                        version: saved.head.version.clone(),
                        tick: 0,
                        at: seconds_now(),
                        reason: refusal.to_string(),
                        error: None,
                    };
                    self.commons.archive.fail(report, Some(saved));
                }
            }
        }
    }

    /// Until when a match waits whose tick may take long, since others are due by then.
    fn gives_way(&self, no: u64, now: Instant) -> Option<Instant> {
        let own = self.matches.get(&no)?.turn;
        own.gives_way(self.matches.values().map(|hosted| hosted.turn), now)
    }

    fn tick(&mut self, no: u64) {
        let Some(hosted) = self.matches.get_mut(&no) else { return };
        let begun = Instant::now();
        let due = hosted.turn.due;
        let late = begun.saturating_duration_since(due);
        let (epoch, load) = (self.epoch, self.load_permille);
        let running = &mut hosted.running;
        let ended = catch_unwind(AssertUnwindSafe(|| running.tick(|| Self::now_us(epoch), load)));
        let ended = match ended {
            Ok(ended) => ended,
            Err(payload) => return self.fail(no, &panic_text(&*payload)),
        };
        let took = begun.elapsed();
        running.note_cost(took, late);
        hosted.turn.note(took);
        self.commons.metrics.tick_seconds.observe(took.as_secs_f64());
        self.commons.metrics.lateness_seconds.observe(late.as_secs_f64());
        let period = running.period();
        self.late_permille = self.late_permille.max((late.as_secs_f64() / period.as_secs_f64() * 1000.0) as u32);
        if let Some(ended) = ended {
            return self.end(no, &ended);
        }
        if hosted.host.is_broken() {
            return self.fail(no, "the machine of its scripts broke");
        }
        let mut next = due + period;
        let behind = begun.saturating_duration_since(next);
        if behind > LATE_MAX.max(period * LATE_PERIODS) {
            let lost = (behind.as_secs_f64() / period.as_secs_f64()) as u32;
            next += period * lost;
            running.costs.lost += u64::from(lost);
            self.commons.metrics.ticks_lost.inc_by(lost.into());
        }
        hosted.turn = Turn { due: next, period, ..hosted.turn };
        self.due.push(Reverse((next, no)));
    }

    /// A match is over.
    fn end(&mut self, no: u64, ended: &Ended) {
        let Some(mut hosted) = self.matches.remove(&no) else { return };
        let running = &mut hosted.running;
        running.end_recording(ended);
        running.uncount();
        let refusal = ended.error.as_ref().map(|_| Refusal::from(ErrorCode::MatchFailed));
        running.dismiss(ended, refusal.as_ref());
        tracing::info!(game = %running.id, mode = %running.mode, reason = %reason_of(ended), "a match is over");
        if let Some(error) = &ended.error {
            self.commons.metrics.matches_failed.inc();
            let saved = running.save();
            self.commons
                .archive
                .fail(Self::report(running, &reason_of(ended), Some(ScriptFault::from(&**error))), saved);
        } else {
            self.commons.archive.forget(&running.id);
        }
        self.commons.metrics.matches.dec();
        self.commons.directory.remove(no);
    }

    /// A match broke: what was saved last is kept, its players are told, and the others go on.
    fn fail(&mut self, no: u64, reason: &str) {
        let Some(mut hosted) = self.matches.remove(&no) else { return };
        let running = &mut hosted.running;
        tracing::error!(game = %running.id, mode = %running.mode, %reason, "a match broke");
        let ended = Ended { reason: "match_failed".into(), result: Value::Null, error: None };
        running.uncount();
        running.dismiss(&ended, Some(&ErrorCode::MatchFailed.into()));
        self.commons.archive.fail(Self::report(running, reason, None), None);
        self.commons.metrics.matches_failed.inc();
        self.commons.metrics.matches.dec();
        self.commons.directory.remove(no);
    }

    fn report(running: &Running, reason: &str, error: Option<ScriptFault>) -> FailureReport {
        FailureReport {
            match_id: running.id.clone(),
            mode: running.mode.clone(),
            version: running.game.version().into(),
            tick: running.game.world().tick(),
            at: seconds_now(),
            reason: reason.into(),
            error,
        }
    }

    /// The matches of a mode are to go on with other rules.
    fn reload(&mut self, bundle: &Arc<Bundle>) {
        // Those that still wait for older ones never see them.
        self.reloading.retain(|(_, older)| older.name() != bundle.name());
        let of_mode = self.matches.iter().filter(|(_, hosted)| hosted.running.mode == bundle.name());
        self.reloading.extend(of_mode.map(|(no, _)| (*no, bundle.clone())));
    }

    /// One match takes its rules up: one a round, so that no tick waits for many.
    fn reload_next(&mut self) {
        let Some((no, bundle)) = self.reloading.pop_front() else { return };
        if !self.matches.contains_key(&no) {
            return;
        }
        let host = match self.host(&bundle) {
            Ok(host) => host,
            Err(refusal) => {
                tracing::error!(mode = %bundle.name(), %refusal, "the rules cannot be taken up");
                return;
            }
        };
        let mut is_taken_up = false;
        self.guarded(no, |running| is_taken_up = running.reload(&host));
        if let Some(hosted) = self.matches.get_mut(&no).filter(|_| is_taken_up) {
            hosted.host = host;
        }
        if self.reloading.is_empty() {
            self.drop_idle_hosts();
        }
    }

    /// Machines without matches are made again when they are needed.
    fn drop_idle_hosts(&mut self) {
        for hosts in self.hosts.values_mut() {
            hosts.retain(|host| host.matches() > 0);
        }
        self.hosts.retain(|_, hosts| !hosts.is_empty());
    }

    fn do_chores(&mut self) {
        let now = Instant::now();
        if now >= self.next_statistics {
            let span = STATISTICS_EVERY + now.saturating_duration_since(self.next_statistics);
            let busy = self.busy.as_secs_f64() / span.as_secs_f64() * 1000.0;
            // A worker that is late has no time to spare, whatever the sum says.
            let late = if self.late_permille > 500 { 1000 + self.late_permille } else { 0 };
            let load = (busy as u32).max(late).min(u16::MAX.into());
            self.load_permille = load as u16;
            self.door.load_permille.store(load, Ordering::Relaxed);
            (self.busy, self.late_permille) = (Duration::ZERO, 0);
            self.next_statistics = now + STATISTICS_EVERY;
            for hosted in self.matches.values_mut() {
                hosted.running.tell_costs();
            }
        }
        self.back_up(now);
        if now >= self.next_house {
            self.next_house = now + HOUSE_EVERY;
            let numbers: Vec<u64> = self.matches.keys().copied().collect();
            for no in numbers {
                let mut is_deserted = false;
                self.guarded(no, |running| is_deserted = running.keep_house(now));
                if is_deserted {
                    self.terminate(no, "empty");
                }
            }
            self.drop_idle_hosts();
            self.lodgings.clear(&self.commons.directory);
            // With its one match a worker of a large world has done what it is there for.
            self.is_stopping |= self.threads.is_some() && self.has_opened && self.matches.is_empty();
        }
    }

    /// Ends a match that its rules have not ended.
    fn terminate(&mut self, no: u64, reason: &str) {
        self.guarded(no, |running| {
            running.game.terminate(0);
            // The script may have something to say at last.
            running.tell();
        });
        self.end(no, &Ended { reason: reason.into(), result: Value::Null, error: None });
    }

    /// Writes down one match whose time it is: one a round, so that no tick waits for many.
    fn back_up(&mut self, now: Instant) {
        let every = self.commons.settings.backup_every;
        let due = self.matches.iter_mut().find(|(_, hosted)| hosted.next_backup.is_some_and(|next| next <= now));
        let Some((no, hosted)) = due else { return };
        let no = *no;
        hosted.next_backup = Some(now + every);
        let mut saved = None;
        self.guarded(no, |running| saved = running.save());
        if let Some(saved) = saved {
            self.commons.archive.save(saved);
        }
    }

    /// At the end every match is written down, to be gone on with.
    fn save_all(&mut self) {
        let numbers: Vec<u64> = self.matches.keys().copied().collect();
        for no in numbers {
            let mut saved = None;
            self.guarded(no, |running| saved = running.save());
            if let Some(saved) = saved {
                self.commons.archive.save_surely(saved);
            }
            if let Some(hosted) = self.matches.get_mut(&no) {
                let ended = Ended { reason: "closing".into(), result: Value::Null, error: None };
                hosted.running.end_recording(&ended);
                // The match is not over: who comes back to the next start finds it.
                hosted.running.seats.cut(ErrorCode::Draining);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ticks_give_way_to_short_ones_for_a_while() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let (later, soon) = (ms(20), ms(2));
        let short = |due| Turn { due: now + due, period: ms(50), long: ms(0) };
        let mut long = short(ms(0));
        assert_eq!(long.gives_way([short(soon)].into_iter(), now), None, "it has taken little");
        long.note(ms(3));
        assert_eq!(long.gives_way([short(later)].into_iter(), now), None, "there is time");
        let nano = Duration::from_nanos(1);
        assert_eq!(long.gives_way([short(later), short(soon)].into_iter(), now), Some(now + soon + nano));
        assert_eq!(long.gives_way([Turn { due: now + soon, ..long }].into_iter(), now), None, "not to one like it");
        let late = Turn { due: now - ms(12), ..long };
        assert_eq!(late.gives_way([short(soon)].into_iter(), now), None, "it has waited enough");
        for _ in 0..100 {
            long.note(ms(0));
        }
        assert_eq!(long.gives_way([short(soon)].into_iter(), now), None, "it has not taken long lately");
    }
}
