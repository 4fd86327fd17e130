//! Who sits in a match, and how they are reached.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use muster_core::{
    EntityId,
    sync::server::{View, ViewerId},
};
use muster_scripts::To;

use crate::{code::ErrorCode, door::line::Line, token::Guest};

/// Numbers from here on are those of spectators.
pub(super) const SPECTATORS_FROM: u32 = 1 << 31;

/// One seat.
pub(super) struct Sitter {
    pub(super) guest: Guest,
    /// `None` is away.
    pub(super) line: Option<Arc<Line>>,
    pub(super) away_since: Option<Instant>,
    /// What gets packets, once the client has said hello.
    pub(super) viewer: Option<ViewerId>,
    pub(super) team: u16,
    pub(super) predicted: EntityId,
    /// What the rules say that the player sees; empty is what is around the predicted entity.
    pub(super) views: Vec<View>,
    pub(super) is_watching: bool,
}

impl Sitter {
    pub(super) fn new(guest: Guest) -> Self {
        Self {
            guest,
            line: None,
            away_since: None,
            viewer: None,
            team: 0,
            predicted: EntityId::NULL,
            views: Vec::new(),
            is_watching: false,
        }
    }

    /// Whether its client is reached by a line.
    pub(super) fn is_of(&self, line: u64) -> bool {
        self.line.as_ref().is_some_and(|its| its.id == line)
    }
}

/// All seats by number.
#[derive(Default)]
pub(super) struct Seats {
    pub(super) by_number: BTreeMap<u32, Sitter>,
    next_player: u32,
    next_spectator: u32,
}

impl Seats {
    /// A number that nobody had.
    pub(super) fn next_player(&mut self) -> u32 {
        self.next_player += 1;
        self.next_player
    }

    pub(super) fn next_spectator(&mut self) -> u32 {
        self.next_spectator = (self.next_spectator + 1) % (SPECTATORS_FROM - 1);
        SPECTATORS_FROM + self.next_spectator
    }

    /// The last number that was given to a player.
    pub(super) const fn last_player(&self) -> u32 {
        self.next_player
    }

    pub(super) const fn set_last_player(&mut self, number: u32) {
        self.next_player = number;
    }

    pub(super) fn players(&self) -> impl Iterator<Item = (u32, &Sitter)> {
        self.by_number.range(..SPECTATORS_FROM).map(|(number, sitter)| (*number, sitter))
    }

    pub(super) fn spectators(&self) -> usize {
        self.by_number.range(SPECTATORS_FROM..).count()
    }

    /// The seat of a line, if it still is that line's.
    pub(super) fn of_line(&mut self, number: u32, line: u64) -> Option<&mut Sitter> {
        self.by_number.get_mut(&number).filter(|sitter| sitter.is_of(line))
    }

    /// Sends what must not be lost.
    pub(super) fn send(&self, to: To, bytes: Bytes) {
        match to {
            To::Player(number) => {
                if let Some(line) = self.by_number.get(&number).and_then(|sitter| sitter.line.as_ref()) {
                    line.reliable(bytes);
                }
            }
            To::Team(team) => self.send_where(&bytes, |number, sitter| number < SPECTATORS_FROM && sitter.team == team),
            To::All => self.send_where(&bytes, |_, _| true),
            To::AllBut(but) => self.send_where(&bytes, |number, _| number != but),
        }
    }

    fn send_where(&self, bytes: &Bytes, is_meant: impl Fn(u32, &Sitter) -> bool) {
        for (number, sitter) in &self.by_number {
            if let Some(line) = &sitter.line
                && is_meant(*number, sitter)
            {
                line.reliable(bytes.clone());
            }
        }
    }

    /// Ends every line.
    pub(super) fn cut(&self, code: ErrorCode) {
        self.by_number.values().filter_map(|sitter| sitter.line.as_ref()).for_each(|line| line.cut(code));
    }

    /// Sends JSON to those who watch what the match costs.
    pub(super) fn tell_watchers(&self, text: impl FnOnce() -> String) {
        let watchers = || self.by_number.values().filter(|sitter| sitter.is_watching).filter_map(|s| s.line.as_ref());
        if watchers().next().is_some() {
            let text = text();
            for line in watchers() {
                line.text(text.clone());
            }
        }
    }

    /// Who has been away for longer than `limit`.
    pub(super) fn lost(&self, limit: Duration, now: Instant) -> Vec<u32> {
        let is_lost =
            |sitter: &Sitter| sitter.away_since.is_some_and(|since| now.saturating_duration_since(since) >= limit);
        self.players().filter(|(_, sitter)| is_lost(sitter)).map(|(number, _)| number).collect()
    }
}
