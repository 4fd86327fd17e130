//! What state the server is in, for who watches over it.
//!
//! **What is not healthy should be started again, what is not ready should get nobody new**: a server that drains, whose disk is
//! full, or whose modes are all broken, would be no better after a start.

use crate::pulse::Life;

/// The state of the server's parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Condition {
    /// Whether nobody new is let in, since the server is to end.
    pub is_draining: bool,
    /// Workers whose threads have ended.
    pub workers_ended: usize,
    /// Workers, those of large worlds included, that hang.
    pub workers_hung: usize,
    /// The thread of the data channels.
    pub rtc: Life,
    /// The worst of the threads of the WebSockets.
    pub sockets: Life,
    /// The thread that writes files.
    pub archive: Life,
    /// Whether the last state of a match could not be written.
    pub is_archive_failing: bool,
    /// Whether the store has ended, or its database does nothing any more.
    pub is_store_broken: bool,
    /// Modes that can be played.
    pub modes: usize,
}

impl Condition {
    /// What is broken, if something is.
    pub fn why_not_healthy(&self) -> Option<String> {
        let thread = |name: &str, life| match life {
            Life::Good => None,
            Life::Hung => Some(format!("{name} hangs")),
            Life::Ended => Some(format!("{name} has stopped")),
        };
        let reasons = [
            (self.workers_ended > 0).then(|| format!("{} workers have stopped", self.workers_ended)),
            (self.workers_hung > 0).then(|| format!("{} workers hang", self.workers_hung)),
            thread("the thread of WebRTC", self.rtc),
            thread("a thread of the WebSockets", self.sockets),
            (self.archive == Life::Ended).then(|| "the thread that writes files has stopped".to_owned()),
            self.is_store_broken.then(|| "the store is broken".to_owned()),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Why players should be sent elsewhere, if they should.
    pub fn why_not_ready(&self) -> Option<String> {
        if self.is_draining {
            return Some("draining".into());
        }
        let reasons = [
            self.why_not_healthy(),
            // A start would not make room on the disk or make it faster, and matches would be lost with it.
            (self.archive == Life::Hung).then(|| "the thread that writes files hangs".to_owned()),
            self.is_archive_failing.then(|| "matches cannot be written down; see the log".to_owned()),
            (self.modes == 0).then(|| "no mode can be played".to_owned()),
        ];
        reasons.into_iter().flatten().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_part_is_named_and_keeps_players_away() {
        let good = Condition { modes: 1, ..Condition::default() };
        assert_eq!((good.why_not_healthy(), good.why_not_ready()), (None, None));
        for (condition, word) in [
            (Condition { workers_ended: 1, ..good }, "1 workers have stopped"),
            (Condition { workers_hung: 2, ..good }, "2 workers hang"),
            (Condition { rtc: Life::Hung, ..good }, "the thread of WebRTC hangs"),
            (Condition { rtc: Life::Ended, ..good }, "the thread of WebRTC has stopped"),
            (Condition { sockets: Life::Hung, ..good }, "a thread of the WebSockets hangs"),
            (Condition { sockets: Life::Ended, ..good }, "a thread of the WebSockets has stopped"),
            (Condition { archive: Life::Ended, ..good }, "the thread that writes files has stopped"),
            (Condition { is_store_broken: true, ..good }, "store"),
        ] {
            for reason in [condition.why_not_healthy(), condition.why_not_ready()] {
                assert!(reason.as_ref().is_some_and(|reason| reason.contains(word)), "{condition:?}: {reason:?}");
            }
        }
        let two = Condition { workers_hung: 1, is_store_broken: true, ..good };
        assert_eq!(two.why_not_healthy().as_deref(), Some("1 workers hang; the store is broken"));
    }

    #[test]
    fn who_drains_or_has_no_mode_is_healthy_and_not_ready() {
        let draining = Condition { is_draining: true, modes: 1, ..Condition::default() };
        assert_eq!((draining.why_not_healthy(), draining.why_not_ready()), (None, Some("draining".into())));
        let full = Condition { is_archive_failing: true, modes: 1, ..Condition::default() };
        let reason = "matches cannot be written down; see the log".to_owned();
        assert_eq!((full.why_not_healthy(), full.why_not_ready()), (None, Some(reason)));
        let slow = Condition { archive: Life::Hung, modes: 1, ..Condition::default() };
        let reason = "the thread that writes files hangs".to_owned();
        assert_eq!((slow.why_not_healthy(), slow.why_not_ready()), (None, Some(reason)));
        let empty = Condition::default();
        assert_eq!((empty.why_not_healthy(), empty.why_not_ready()), (None, Some("no mode can be played".into())));
    }
}
