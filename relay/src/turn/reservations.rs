//! Ports that EVEN-PORT kept for a second allocation (RFC 8656 section 7.2), by token, for all workers.
//!
//! The second request may come from another 5-tuple, hence to another worker, so the table is shared. It is touched by
//! Allocate requests only.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long a reserved port is kept; the RFC asks for at least 30 seconds.
pub(super) const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// A port that is kept.
#[derive(Debug, Clone)]
pub(super) struct Reservation {
    pub(super) account: Arc<str>,
    /// Position of the relay address.
    pub(super) address: usize,
    pub(super) port: u16,
    /// The worker that owns the port until it is claimed.
    pub(super) worker: u8,
    pub(super) expires: Duration,
}

/// All reservations of a relay.
#[derive(Debug, Default)]
pub struct Reservations {
    by_token: Mutex<BTreeMap<u64, Reservation>>,
    count: AtomicU32,
}

impl Reservations {
    /// Keeps a port, unless `account` has `per_account_max` kept already.
    pub(super) fn keep(&self, token: u64, reservation: Reservation, per_account_max: u32) -> bool {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let same = by_token.values().filter(|kept| kept.account == reservation.account).count();
        if same >= per_account_max as usize || by_token.contains_key(&token) {
            return false;
        }
        by_token.insert(token, reservation);
        self.count.store(by_token.len() as u32, Relaxed);
        true
    }

    /// Takes what `account` reserved.
    pub(super) fn claim(&self, token: u64, account: &str, now: Duration) -> Option<Reservation> {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let valid = by_token.get(&token).is_some_and(|kept| &*kept.account == account && kept.expires > now);
        let claimed = if valid { by_token.remove(&token) } else { None };
        self.count.store(by_token.len() as u32, Relaxed);
        claimed
    }

    /// Removes the reservations of `worker` that have expired and hands each to `free`.
    pub(super) fn expire(&self, worker: u8, now: Duration, mut free: impl FnMut(&Reservation)) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        by_token.retain(|_, kept| {
            let expired = kept.worker == worker && kept.expires <= now;
            if expired {
                free(kept);
            }
            !expired
        });
        self.count.store(by_token.len() as u32, Relaxed);
    }

    /// How many ports are kept.
    pub fn live(&self) -> u32 {
        self.count.load(Relaxed)
    }
}
