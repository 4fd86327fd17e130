//! Paths that entities ask for, walk and are done with.

use super::World;
use crate::{
    navigation::Navigator,
    snapshot::{Fault, Reader, RestoreError},
};

impl World {
    /// Hands requests to the navigator, lets it work for a tick, and hands paths to who asked for them.
    ///
    /// **What the shards have gathered is put in the order of ids first**, so that handles and answers are the same
    /// whoever gathered it.
    pub(super) fn run_errands(&mut self) {
        let Some(mut navigator) = self.navigator.take() else { return };
        let (mut done, mut requests) = (std::mem::take(&mut self.paths_done), std::mem::take(&mut self.path_requests));
        for shard in &mut self.shards {
            done.append(&mut shard.outbox.paths_done);
            requests.append(&mut shard.outbox.path_requests);
        }
        done.sort_unstable();
        done.drain(..).for_each(|path| {
            navigator.paths_mut().release(path);
        });
        requests.sort_unstable();
        for request in requests.drain(..) {
            // Who has died since is not asked again.
            let Some(place) = self.directory.place(request.entity) else { continue };
            if navigator.request(request.entity.bits(), request.from, request.to).is_err() {
                self.stats.paths_refused += 1;
                self.region_mut(place.region).go_straight(place.row as usize);
            }
        }
        if let Some(map) = &self.constants.map {
            navigator.work(map.grid());
        }
        while let Some(answer) = navigator.poll_answer() {
            let place = self.directory.place(crate::EntityId::from_bits(answer.requester));
            let unwalked = match place {
                Some(place) => self.region_mut(place.region).take_path(place.row as usize, answer.path),
                None => answer.path,
            };
            unwalked.into_iter().for_each(|path| {
                navigator.paths_mut().release(path);
            });
        }
        (self.paths_done, self.path_requests) = (done, requests);
        self.navigator = Some(navigator);
    }

    /// One walker less walks a path, between ticks.
    pub(super) fn release_path(&mut self, path: u32) {
        if let Some(navigator) = &mut self.navigator {
            navigator.paths_mut().release(path);
        }
    }

    /// Reads what the navigator had been at when a world with the same map was saved.
    pub(super) fn decode_paths(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let mut walkers: Vec<u32> = self.regions().flat_map(|region| region.columns.path.iter().copied()).collect();
        walkers.retain(|path| *path != 0);
        let Some(map) = &self.constants.map else {
            return if walkers.is_empty() { Ok(()) } else { Err(reader.error(Fault::Value("path"))) };
        };
        let navigator = Navigator::decode(reader, map.grid(), super::navigation_limits(&self.constants.config))?;
        // A path has a reference for each who walks it and each answer that waits; of those none waits between ticks.
        walkers.sort_unstable();
        let mut walked = 0;
        for group in walkers.chunk_by(|a, b| a == b) {
            walked += 1;
            if navigator.paths().references(group[0]) != Some(group.len() as u32) {
                return Err(reader.error(Fault::Value("path")));
            }
        }
        let referenced = |path: &u32| navigator.paths().references(*path).is_some_and(|references| references > 0);
        if (1..=navigator.paths().count()).filter(referenced).count() != walked {
            return Err(reader.error(Fault::Count("paths")));
        }
        self.navigator = Some(Box::new(navigator));
        Ok(())
    }
}
