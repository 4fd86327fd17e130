//! Large worlds: each has a worker of its own, whose world is worked on by as many threads as there are workers.
//!
//! That a world is large is known only when its rules have said so, which they do on the worker that was to have it. That one
//! stays the way to it for whoever was sent there before, and ends it when the server ends.

use std::{collections::BTreeMap, sync::Arc, thread::JoinHandle};

use super::{Commons, Joining, Opening, Order, WorkerDoor, directory::Directory, start_worker};
use crate::code::{ErrorCode, Refusal};

/// The workers of large worlds, by match.
#[derive(Default)]
pub(super) struct Lodgings(BTreeMap<u64, (Arc<WorkerDoor>, JoinHandle<()>)>);

impl Lodgings {
    /// Starts a worker for a match and has it opened there.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn take_in(&mut self, opening: Box<Opening>, commons: &Commons) -> Result<(), Refusal> {
        let (no, threads) = (opening.match_no, commons.settings.workers.min(256) as u16);
        let started = start_worker(commons, format!("world-{no}"), Some(threads));
        let (door, thread) =
            started.map_err(|error| Refusal::because(ErrorCode::Busy, &format!("no thread for it: {error}")))?;
        // Whoever finds it in the directory from now on asks behind its opening.
        door.send(Order::Open(opening));
        commons.directory.rehouse(no, door.clone());
        self.0.insert(no, (door, thread));
        Ok(())
    }

    /// Passes somebody on who was sent here. Who is not for any of them comes back.
    pub(super) fn forward(&self, joining: Box<Joining>) -> Option<Box<Joining>> {
        match self.0.get(&joining.match_no) {
            Some((door, _)) => {
                door.try_send(Order::Join(joining));
                None
            }
            None => Some(joining),
        }
    }

    /// Tells all of them something.
    pub(super) fn tell(&self, order: impl Fn() -> Order) {
        self.0.values().for_each(|(door, _)| door.send(order()));
    }

    /// Forgets those that have ended.
    pub(super) fn clear(&mut self, directory: &Directory) {
        let ended: Vec<u64> =
            self.0.iter().filter(|(_, (_, thread))| thread.is_finished()).map(|(no, _)| *no).collect();
        for no in ended {
            self.end(no);
            directory.remove(no);
        }
    }

    /// Ends all of them; their matches are saved.
    pub(super) fn close(&mut self) {
        self.tell(|| Order::Stop);
        while let Some(no) = self.0.first_key_value().map(|(no, _)| *no) {
            self.end(no);
        }
    }

    fn end(&mut self, no: u64) {
        if let Some((_, thread)) = self.0.remove(&no)
            && thread.join().is_err()
        {
            tracing::error!("the worker of a large world had broken before its end");
        }
    }
}
