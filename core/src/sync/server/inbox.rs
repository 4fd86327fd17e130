//! What a viewer says: which packets came, and its inputs.

use core::fmt;

use super::{SyncServer, ViewerError, ViewerId};
use crate::{
    World,
    command::Command,
    sync::report::{INPUTS_MAX, ReportError, TickInput, decode_report},
};

/// Most inputs that wait for their ticks.
const WAITING_MAX: usize = 64;

/// Why a report was refused. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportRefusal {
    /// The viewer is not there.
    Viewer(ViewerError),
    /// The bytes are no report.
    Malformed(ReportError),
    /// It is of another session.
    Session,
    /// A newer one, or the same, has come before.
    Old,
    /// It tells of packets that were never sent.
    Future,
}

/// What is known of a viewer's inputs and reports.
#[derive(Debug)]
pub(super) struct Inbox {
    /// The newest report, and when it came.
    heard: u32,
    heard_us: u64,
    shown_tick: u32,
    /// The number of the input that comes next.
    next: u32,
    /// Ascending by number. Few are at a time, so that these are the same few lines of memory again and again.
    waiting: Vec<(u32, TickInput)>,
    /// The number of the last input that was taken out, or that will never come.
    pub(super) done: u32,
}

/// Inputs of a viewer whose tick has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InputsDue {
    /// How many inputs were taken.
    pub inputs: u32,
    /// How far in the past the viewer saw the others when it reported last, in ticks. What it aims at was there then.
    pub rewind: u32,
}

impl Inbox {
    pub(super) fn new() -> Self {
        let waiting = Vec::with_capacity(WAITING_MAX);
        Self { heard: 0, heard_us: 0, shown_tick: 0, next: 1, waiting, done: 0 }
    }

    /// The newest report and for how long it has been here, in 0.1 ms.
    pub(super) fn heard(&self, now_us: u64) -> (u32, u16) {
        let held = if self.heard == 0 { 0 } else { now_us.saturating_sub(self.heard_us) / 100 };
        (self.heard, held.min(u64::from(u16::MAX)) as u16)
    }

    fn take_in(&mut self, first: u32, inputs: &[TickInput]) {
        for (number, input) in (first..).zip(inputs) {
            if number < self.next || self.waiting.len() == WAITING_MAX {
                continue;
            }
            self.next = number + 1;
            self.waiting.push((number, *input));
        }
    }
}

impl SyncServer {
    /// Takes in a report of a viewer: what it has received, and inputs that wait for [`Self::take_inputs`].
    ///
    /// # Errors
    /// When the bytes are no report of this session that is newer than the last; nothing has changed then.
    pub fn receive(&mut self, id: ViewerId, report: &[u8], now_us: u64) -> Result<(), ReportRefusal> {
        let result = self.take_report(id, report, now_us);
        self.stats.reports_refused += u64::from(result.is_err());
        result
    }

    fn take_report(&mut self, id: ViewerId, report: &[u8], now_us: u64) -> Result<(), ReportRefusal> {
        let number = self.number(id).map_err(ReportRefusal::Viewer)?;
        let header = decode_report(report, &mut self.inputs).map_err(ReportRefusal::Malformed)?;
        let viewer = self.viewers[number].as_mut().expect("the number has been looked at");
        if header.session != self.config.session {
            return Err(ReportRefusal::Session);
        }
        if header.newest > viewer.sequence {
            return Err(ReportRefusal::Future);
        }
        if header.sequence <= viewer.inbox.heard {
            return Err(ReportRefusal::Old);
        }
        let inbox = &mut viewer.inbox;
        (inbox.heard, inbox.heard_us, inbox.shown_tick) = (header.sequence, now_us, header.shown_tick);
        inbox.take_in(header.input_first, &self.inputs);
        viewer.acknowledge(|sequence| header.has_received(sequence), &mut self.done);
        for group in self.done.drain(..) {
            self.roster.unwatch(group);
            self.roster.close_if_idle(group, &mut self.cells);
        }
        Ok(())
    }

    /// Adds the commands of a viewer's inputs whose tick has come to `out`, as those of its player and with how far back it
    /// saw others. Call it before the step that is to carry them out,
    /// and after the packets of the last update are written, which say what was done until then. An input that names a tick of
    /// more than a second ahead is taken at once. Without a player, inputs are dropped.
    ///
    /// # Errors
    /// When the viewer is not there.
    pub fn take_inputs(
        &mut self,
        id: ViewerId,
        world: &World,
        out: &mut Vec<Command>,
    ) -> Result<InputsDue, ViewerError> {
        let number = self.number(id)?;
        let viewer = self.viewers[number].as_mut().expect("the number has been looked at");
        let (player, inbox) = (viewer.options.player, &mut viewer.inbox);
        let now = world.tick() as u32;
        let rewind = if inbox.shown_tick == 0 { 0 } else { now.wrapping_sub(inbox.shown_tick) };
        // A viewer that shows the future is shown nothing that is past.
        let rewind = if rewind < 1 << 31 { rewind } else { 0 };
        let mut due = InputsDue { inputs: 0, rewind };
        // What the world would not look back on need not be in its log.
        let rewind = rewind.min(world.config().rewind_ticks.into()) as u8;
        let rate = world.config().tick_rate_hz;
        let is_due = |input: &TickInput| {
            let ahead = input.tick.wrapping_sub(now).cast_signed();
            ahead <= 0 || ahead.unsigned_abs() > rate
        };
        let count = inbox.waiting.iter().take_while(|(_, input)| is_due(input)).count();
        for (number, input) in inbox.waiting.drain(..count) {
            inbox.done = number;
            due.inputs += 1;
            if player != 0 {
                for (entity, action) in input.commands() {
                    out.push(Command { player, entity: *entity, action: *action, sector: None, rewind });
                }
            }
        }
        Ok(due)
    }
}

/// A report brings no more inputs than may wait.
const _: () = assert!(INPUTS_MAX <= WAITING_MAX);

impl fmt::Display for ReportRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Viewer(error) => error.fmt(f),
            Self::Malformed(error) => error.fmt(f),
            Self::Session => f.write_str("the report is of another session"),
            Self::Old => f.write_str("a newer report has come before"),
            Self::Future => f.write_str("the report tells of packets that were never sent"),
        }
    }
}

impl core::error::Error for ReportRefusal {}
