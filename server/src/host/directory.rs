//! Which matches there are: where those who join look.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use serde::Serialize;

use super::WorkerDoor;
use crate::{code::ErrorCode, token::random_hex};

/// How many seats a match is thought to have before the rules of any match of its mode have said it.
const SEATS_UNKNOWN: u32 = 64;

/// One match, as others see it.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// Its id.
    #[serde(rename = "match")]
    pub match_id: String,
    /// Its mode.
    pub mode: String,
    /// Players, those away included.
    pub players: u32,
    /// Most players.
    pub players_max: u32,
    /// Who looks on.
    pub spectators: u32,
    /// Whether anybody may look on.
    pub may_spectate: bool,
    /// Ticks a second.
    pub tick_rate: u32,
    /// By what it is found.
    pub label: String,
    /// The version of its rules.
    pub version: String,
    /// When it was opened, in seconds since 1970.
    pub started: u64,
}

struct Entry {
    listing: Listing,
    worker: Arc<WorkerDoor>,
    /// Seats that were promised to those who are on their way.
    promised: u32,
}

impl Entry {
    fn found(&self, match_no: u64) -> Found {
        let Listing { match_id, mode, .. } = self.listing.clone();
        Found { match_no, match_id, mode, worker: self.worker.clone(), is_new: false }
    }
}

/// The matches.
#[derive(Default)]
pub struct Directory {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<u64, Entry>,
    /// How many seats the last match of each mode had.
    seats: BTreeMap<String, u32>,
    next: u64,
}

/// Where to join.
pub struct Found {
    /// The match's number.
    pub match_no: u64,
    /// Its id.
    pub match_id: String,
    /// Its mode.
    pub mode: String,
    /// Who runs it.
    pub worker: Arc<WorkerDoor>,
    /// Whether it has to be opened first.
    pub is_new: bool,
}

impl Directory {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A match of a mode with a seat, which is promised until [`Self::settle`]; or a new one with the worker that has the
    /// least to do. `except` are those that have just refused. Nothing if there is no seat and it must not be opened.
    ///
    /// # Errors
    /// When there are `matches_max` already.
    pub fn place(
        &self,
        mode: &str,
        except: &[u64],
        may_open: bool,
        doors: &[Arc<WorkerDoor>],
        matches_max: u32,
        now_s: u64,
    ) -> Result<Option<Found>, ErrorCode> {
        let mut table = self.table();
        let fullest = table
            .entries
            .iter_mut()
            .filter(|(no, entry)| entry.listing.mode == mode && !except.contains(no))
            .filter(|(_, entry)| entry.listing.players + entry.promised < entry.listing.players_max)
            // Full matches are better than many.
            .max_by_key(|(no, entry)| (entry.listing.players + entry.promised, std::cmp::Reverse(**no)));
        if let Some((no, entry)) = fullest {
            entry.promised += 1;
            return Ok(Some(entry.found(*no)));
        }
        if table.entries.len() >= matches_max as usize {
            return Err(ErrorCode::ServerFull);
        }
        if !may_open {
            return Ok(None);
        }
        let worker = Self::idlest(&table, doors).ok_or(ErrorCode::ServerFull)?;
        let match_id = random_hex::<8>();
        let match_no = Self::add(&mut table, match_id.clone(), mode, worker.clone(), matches_max, now_s)?;
        table.entries.get_mut(&match_no).expect("it has just been added").promised = 1;
        Ok(Some(Found { match_no, match_id, mode: mode.into(), worker, is_new: true }))
    }

    /// Lists a match of a saved id.
    ///
    /// # Errors
    /// When there are `matches_max` already.
    pub fn restore(
        &self,
        match_id: &str,
        mode: &str,
        doors: &[Arc<WorkerDoor>],
        matches_max: u32,
        started: u64,
    ) -> Result<Found, ErrorCode> {
        let mut table = self.table();
        let worker = Self::idlest(&table, doors).ok_or(ErrorCode::ServerFull)?;
        let match_no = Self::add(&mut table, match_id.into(), mode, worker.clone(), matches_max, started)?;
        Ok(Found { match_no, match_id: match_id.into(), mode: mode.into(), worker, is_new: true })
    }

    fn idlest(table: &Table, doors: &[Arc<WorkerDoor>]) -> Option<Arc<WorkerDoor>> {
        let burden = |door: &&Arc<WorkerDoor>| {
            let matches = table.entries.values().filter(|entry| Arc::ptr_eq(&entry.worker, door)).count() as u32;
            // A match that has just been opened shows in the load only later.
            door.load_permille.load(Ordering::Relaxed) / 50 + matches
        };
        doors.iter().filter(|door| !door.pulse.has_ended()).min_by_key(burden).cloned()
    }

    fn add(
        table: &mut Table,
        match_id: String,
        mode: &str,
        worker: Arc<WorkerDoor>,
        matches_max: u32,
        started: u64,
    ) -> Result<u64, ErrorCode> {
        if table.entries.len() >= matches_max as usize {
            return Err(ErrorCode::ServerFull);
        }
        table.next += 1;
        let no = table.next;
        let listing = Listing {
            match_id,
            mode: mode.into(),
            players: 0,
            players_max: table.seats.get(mode).copied().unwrap_or(SEATS_UNKNOWN),
            spectators: 0,
            may_spectate: false,
            tick_rate: 0,
            label: String::new(),
            version: String::new(),
            started,
        };
        table.entries.insert(no, Entry { listing, worker, promised: 0 });
        Ok(no)
    }

    /// The match of an id. No seat is promised.
    pub fn find(&self, match_id: &str) -> Option<Found> {
        let table = self.table();
        let (no, entry) = table.entries.iter().find(|(_, entry)| entry.listing.match_id == match_id)?;
        Some(entry.found(*no))
    }

    /// Somebody for whom a seat was promised has it, or will not.
    pub fn settle(&self, match_no: u64) {
        if let Some(entry) = self.table().entries.get_mut(&match_no) {
            entry.promised = entry.promised.saturating_sub(1);
        }
    }

    /// Another thread runs the match from now on.
    pub fn rehouse(&self, match_no: u64, worker: Arc<WorkerDoor>) {
        if let Some(entry) = self.table().entries.get_mut(&match_no) {
            entry.worker = worker;
        }
    }

    /// Changes what is listed of a match.
    pub fn update(&self, match_no: u64, change: impl FnOnce(&mut Listing)) {
        let mut table = self.table();
        let Some(entry) = table.entries.get_mut(&match_no) else { return };
        change(&mut entry.listing);
        let (mode, seats) = (entry.listing.mode.clone(), entry.listing.players_max);
        if table.seats.get(&mode) != Some(&seats) {
            table.seats.insert(mode, seats);
        }
    }

    /// The match is over.
    pub fn remove(&self, match_no: u64) {
        self.table().entries.remove(&match_no);
    }

    /// How many matches there are.
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The workers of matches that are none of these: those of large worlds.
    pub fn lodgers(&self, doors: &[Arc<WorkerDoor>]) -> Vec<Arc<WorkerDoor>> {
        let is_lodger = |entry: &&Entry| !doors.iter().any(|door| Arc::ptr_eq(door, &entry.worker));
        self.table().entries.values().filter(is_lodger).map(|entry| entry.worker.clone()).collect()
    }

    /// Up to `count` matches, the newest first.
    pub fn list(&self, mode: Option<&str>, count: usize) -> Vec<Listing> {
        let table = self.table();
        let entries = table.entries.values().rev().filter(|entry| mode.is_none_or(|mode| entry.listing.mode == mode));
        entries.take(count).map(|entry| entry.listing.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn door() -> Arc<WorkerDoor> {
        WorkerDoor::new(1, Arc::new(Metrics::new()))
    }

    #[test]
    fn seats_are_promised_once_and_full_matches_come_first() {
        let (directory, doors) = (Directory::default(), [door(), door()]);
        let place = |except: &[u64]| {
            let found = directory.place("arena", except, true, &doors, 3, 0);
            found.map(|found| found.expect("it may be opened"))
        };
        let first = place(&[]).expect("there is room");
        assert!(first.is_new && !place(&[]).expect("there is room").is_new);
        directory.update(first.match_no, |listing| listing.players_max = 2);
        let second = place(&[]).expect("there is room");
        assert!(second.is_new, "both seats are promised");
        let unopened = directory.place("race", &[], false, &doors, 3, 0).expect("there is room");
        assert!(unopened.is_none() && directory.len() == 2, "it must not be opened");
        assert!(!Arc::ptr_eq(&first.worker, &second.worker), "the other worker has less to do");
        // What is known of the mode holds for a match that is not open yet.
        place(&[]).expect("there is room");
        let third = place(&[]).expect("there is room");
        assert!(third.is_new);
        assert_eq!(place(&[third.match_no]).err(), Some(ErrorCode::ServerFull));
        directory.settle(first.match_no);
        assert_eq!(place(&[third.match_no]).expect("there is room").match_no, first.match_no);
        assert!(directory.lodgers(&doors).is_empty());
        assert_eq!(directory.lodgers(&doors[1..]).len(), 2);
        directory.remove(second.match_no);
        assert!(directory.find(&second.match_id).is_none());
        assert_eq!(directory.list(Some("arena"), 9).len(), 2);
        assert_eq!(directory.list(Some("race"), 9).len(), 0);
        doors.iter().for_each(|door| door.pulse.end());
        assert_eq!(directory.place("race", &[], true, &doors, 9, 0).err(), Some(ErrorCode::ServerFull));
    }
}
