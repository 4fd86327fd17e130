//! What time it is in the world.
//!
//! **Time that is shown never goes back and never jumps, unless what arrives has jumped**: every estimate is slewed. Ticks are
//! counted from the welcome's, moments are ticks in 2^-16, and times are microseconds of the host's clock.

/// One tick as a moment.
pub(super) const TICK: i64 = 1 << 16;

/// How many arrivals the estimate looks back on.
const ARRIVALS: usize = 64;
/// An estimate that is off by so much jumps, in microseconds.
const JUMP_US: i64 = 250_000;
/// A part of the time that passes by which an estimate may move.
const SLEW: i64 = 32;
/// How many reports are remembered until the server has heard of them.
const REPORTS: usize = 64;
/// What a path takes before it is known, in microseconds.
const RTT_FIRST_US: i64 = 100_000;

/// A time of the host's clock. What is beyond some ten thousand years is one time, so that differences fit.
pub(super) const fn time(now_us: u64) -> i64 {
    const END: u64 = 1 << 58;
    (if now_us < END { now_us } else { END }) as i64
}

/// A value that is moved to where it should be little by little.
#[derive(Clone, Copy, Debug, Default)]
struct Slewed {
    value: i64,
    target: i64,
    is_set: bool,
}

impl Slewed {
    fn aim(&mut self, target: i64) {
        self.target = target;
        if !self.is_set || (target - self.value).abs() > JUMP_US {
            (self.value, self.is_set) = (target, true);
        }
    }

    fn advance(&mut self, elapsed_us: i64) {
        let most = elapsed_us / SLEW;
        self.value += (self.target - self.value).clamp(-most, most);
    }
}

/// The estimates.
#[derive(Debug)]
pub(super) struct Clock {
    rate: i64,
    /// When tick 0 would have arrived, for each of the last arrivals.
    arrivals: [i64; ARRIVALS],
    count: usize,
    next: usize,
    sorted: [i64; ARRIVALS],
    offset: Slewed,
    delay: Slewed,
    lead: Slewed,
    /// How much later than the earliest most packets are.
    jitter_us: i64,
    /// Ticks between two states of a group that moves, as they arrive, in 2^-8; its largest of late.
    spacing: i64,
    sent: [(u32, i64); REPORTS],
    heard: u32,
    rtt_us: i64,
    rtt_off_us: i64,
    has_rtt: bool,
    last_us: Option<i64>,
    shown: i64,
    ahead: i64,
}

impl Clock {
    pub(super) fn new(rate_hz: u32, update_ticks: u16) -> Self {
        let mut clock = Self {
            rate: i64::from(rate_hz),
            arrivals: [0; ARRIVALS],
            count: 0,
            next: 0,
            sorted: [0; ARRIVALS],
            offset: Slewed::default(),
            delay: Slewed::default(),
            lead: Slewed::default(),
            jitter_us: 0,
            spacing: 0,
            sent: [(0, 0); REPORTS],
            heard: 0,
            rtt_us: RTT_FIRST_US,
            rtt_off_us: 0,
            has_rtt: false,
            last_us: None,
            shown: i64::MIN,
            ahead: i64::MIN,
        };
        // Until it is known, as if every other update were lost, so that nobody jumps when one is.
        clock.handle_spacing(2 * i64::from(update_ticks));
        clock
    }

    /// Whether anything has arrived.
    pub(super) const fn is_running(&self) -> bool {
        self.count > 0
    }

    pub(super) const fn rtt_us(&self) -> Option<i64> {
        if self.has_rtt { Some(self.rtt_us) } else { None }
    }

    pub(super) const fn jitter_us(&self) -> i64 {
        self.jitter_us
    }

    pub(super) const fn delay_us(&self) -> i64 {
        self.delay.value
    }

    pub(super) const fn lead_us(&self) -> i64 {
        self.lead.value
    }

    /// The first packet of an update arrived.
    pub(super) fn handle_arrival(&mut self, tick: i64, now_us: i64) {
        let arrival = now_us - (i128::from(tick) * 1_000_000 / i128::from(self.rate)) as i64;
        if self.count > 0 && (arrival - self.sorted[0]).abs() > 4 * JUMP_US {
            // The path or the world has stood still: what was before says nothing any more.
            (self.count, self.next) = (0, 0);
        }
        self.arrivals[self.next] = arrival;
        self.next = (self.next + 1) % ARRIVALS;
        self.count = (self.count + 1).min(ARRIVALS);
        self.sorted[..self.count].copy_from_slice(&self.arrivals[..self.count]);
        self.sorted[..self.count].sort_unstable();
        let (earliest, late) = (self.sorted[0], self.sorted[(self.count - 1) * 15 / 16]);
        self.jitter_us = late - earliest;
        self.offset.aim(earliest);
        self.aim();
    }

    /// A group that moves was told again after so many ticks.
    pub(super) fn handle_spacing(&mut self, ticks: i64) {
        // A fifth of a second is as long as anybody waits for the next.
        let ticks = ticks.min(self.rate / 5).max(0) << 8;
        // By one at least, or it would stay a tick too long for ever.
        self.spacing = if ticks > self.spacing { ticks } else { self.spacing - (self.spacing - ticks + 255) / 256 };
    }

    /// A report is sent.
    pub(super) fn handle_report(&mut self, sequence: u32, now_us: i64) {
        self.sent[sequence as usize % REPORTS] = (sequence, now_us);
    }

    /// A packet says that a report was heard, and how long before the packet, in 0.1 ms.
    pub(super) fn handle_heard(&mut self, heard: u16, held: u16, now_us: i64) {
        let (sequence, sent_us) = self.sent[usize::from(heard) % REPORTS];
        if sequence <= self.heard || sequence as u16 != heard || heard == 0 || held == u16::MAX {
            return;
        }
        self.heard = sequence;
        let took = (now_us - sent_us - i64::from(held) * 100).max(0);
        if self.has_rtt {
            self.rtt_off_us += ((took - self.rtt_us).abs() - self.rtt_off_us) / 4;
            self.rtt_us += (took - self.rtt_us) / 8;
        } else {
            (self.rtt_us, self.rtt_off_us, self.has_rtt) = (took, took / 4, true);
        }
        self.aim();
    }

    fn aim(&mut self) {
        let tick_us = 1_000_000 / self.rate;
        self.delay.aim(self.jitter_us + ((self.spacing * 1_000_000 / self.rate) >> 8) + tick_us / 2);
        // An input should be there a little before its tick: two ticks, and what the way takes longer at times.
        self.lead.aim(self.rtt_us + 2 * self.rtt_off_us + 2 * tick_us);
    }

    /// Lets time pass. Returns how much did.
    pub(super) fn advance(&mut self, now_us: i64) -> i64 {
        let elapsed = self.last_us.map_or(0, |last| now_us - last).max(0);
        self.last_us = Some(self.last_us.map_or(now_us, |last| last.max(now_us)));
        for slewed in [&mut self.offset, &mut self.delay, &mut self.lead] {
            slewed.advance(elapsed);
        }
        let now = self.last_us.unwrap_or(now_us);
        self.shown = self.flow(self.shown, self.moment(now - self.delay.value));
        self.ahead = self.flow(self.ahead, self.moment(now + self.lead.value));
        elapsed
    }

    /// Stands still rather than go back, but for what is a jump.
    fn flow(&self, before: i64, now: i64) -> i64 {
        let jump = JUMP_US * self.rate * TICK / 1_000_000;
        if now < before && before - now < jump { before } else { now }
    }

    /// The tick of which the earliest packet arrives at a time.
    fn moment(&self, us: i64) -> i64 {
        (i128::from(us - self.offset.value) * i128::from(self.rate * TICK) / 1_000_000) as i64
    }

    /// The moment at which others are shown.
    pub(super) const fn shown(&self) -> i64 {
        self.shown
    }

    /// The moment that the server comes to when what is sent now arrives.
    pub(super) const fn ahead(&self) -> i64 {
        self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::draw;

    #[test]
    fn the_time_of_the_server_is_found_through_jitter() {
        let mut clock = Clock::new(60, 3);
        let (mut shown, mut now) = (i64::MIN, 0);
        for update in 0..2000i64 {
            let tick = update * 3;
            // The server's clock began at 5 s and is fast by 100 in a million; the way takes 40 to 60 ms.
            let sent = 5_000_000 + tick * 1_000_000 / 60 - tick * 100 / 60;
            let came = sent + 40_000 + (draw(1, update as u64, 0, 0) % 20_000) as i64;
            while now < came {
                now += 4_000;
                clock.advance(now);
                if clock.is_running() {
                    assert!(clock.shown() >= shown, "time does not go back");
                    shown = clock.shown();
                }
            }
            clock.handle_arrival(tick, now);
        }
        // What is shown is what was sent the way's least time and the delay ago.
        let true_tick = (now - 5_000_000 - 40_000 - clock.delay_us()) * 60 * TICK / 1_000_000;
        let off = (clock.shown() - true_tick).abs();
        assert!(off < TICK, "{off}");
        assert!((10_000..30_000).contains(&clock.jitter_us()), "{}", clock.jitter_us());
    }

    #[test]
    fn from_the_first_packet_on_nothing_is_shown_before_it_is_known() {
        let mut clock = Clock::new(60, 3);
        let mut newest = 0;
        for now in 1_000..=2_000 {
            // The second update is lost.
            let update = (now - 1_000) / 50;
            if update != 1 && (now - 1_000) % 50 == 0 {
                newest = update * 3;
                clock.handle_arrival(newest, now * 1_000);
                clock.handle_spacing(3);
            }
            clock.advance(now * 1_000);
            assert!(clock.shown() <= newest * TICK, "{now} ms: {} is shown, {newest} is known", clock.shown() / TICK);
        }
    }

    #[test]
    fn where_nothing_is_lost_the_delay_comes_down_to_what_one_update_takes() {
        for (rate, update_ticks) in [(60, 3), (60, 1), (20, 2), (20, 1), (10, 1)] {
            let mut clock = Clock::new(rate, update_ticks);
            let update_us = 1_000_000 * i64::from(update_ticks) / i64::from(rate);
            for update in 0..2000 {
                let now = update * update_us;
                clock.handle_arrival(update * i64::from(update_ticks), now);
                clock.handle_spacing(update_ticks.into());
                clock.advance(now);
            }
            let least = update_us + 500_000 / i64::from(rate);
            let delay = clock.delay_us();
            assert!((least..least + 1000).contains(&delay), "{rate} {update_ticks}: {delay}");
        }
    }

    #[test]
    fn the_way_there_and_back_is_measured_without_what_the_server_held() {
        let mut clock = Clock::new(60, 3);
        for sequence in 1..100 {
            let now = i64::from(sequence) * 50_000;
            clock.handle_report(sequence, now);
            clock.handle_heard(sequence as u16, 123, now + 80_000 + 12_300);
        }
        assert_eq!(clock.rtt_us(), Some(80_000));
        // One that is told of again says nothing new.
        clock.handle_heard(99, 0, 99_000_000);
        assert_eq!(clock.rtt_us(), Some(80_000));
    }
}
