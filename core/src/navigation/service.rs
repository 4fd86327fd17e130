//! Paths for many walkers: requests in a queue, a bounded amount of work each tick, answers when they are found.

use std::collections::VecDeque;

use super::{
    grid::NavGrid,
    paths::{ENDS_BYTES, Ends, Paths},
    search::{Progress, Search},
    smooth::smooth,
};
use crate::{
    hash::Chain,
    snapshot::{Fault, Reader, RestoreError, Writer},
};

/// Finds paths for a world. **When an answer comes depends on the grid, the limits and the calls only**, also across
/// [`Navigator::encode`] and [`Navigator::decode`].
///
/// In each tick: [`Navigator::request`], then [`Navigator::work`] once, then [`Navigator::poll_answer`] until it is
/// `None`. An answer's path comes with one reference; give it back with [`Paths::release`] when the walk is over.
#[derive(Debug)]
pub struct Navigator {
    limits: Limits,
    search: Search,
    /// The first is searched for if `spent` is not 0.
    queue: VecDeque<Request>,
    /// Expansions done for the first in the queue.
    spent: u64,
    /// By how many expansions past ticks went beyond their budget.
    debt: u64,
    answers: VecDeque<Answer>,
    paths: Paths,
    /// How many requests have left the queue.
    served: u64,
    /// The sum of the digests of what is in the queue.
    queue_sum: u64,
    counters: Counters,
    turns: Vec<(u32, u32)>,
    waypoints: Vec<(i32, i32)>,
}

/// What a navigator may hold and do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most requests that wait and answers that are not polled, together.
    pub requests_max: u32,
    /// Most paths, walked and kept ones together; 2^20 at most.
    pub paths_max: u32,
    /// Most expansions in a tick. A last step that goes beyond is taken off the ticks that follow.
    pub expansions_per_tick: u32,
}

/// The answer to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// As in the request.
    pub requester: u64,
    /// As in the request.
    pub from: (u32, u32),
    /// As in the request.
    pub to: (u32, u32),
    /// The handle of the path in [`Navigator::paths`]; `None` if there is no way, or no place left for the path.
    pub path: Option<u32>,
}

/// How often something has happened since the navigator was made or decoded. No part of its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Requests refused because the queue was full.
    pub refused: u64,
    /// Answers with a path that was there already.
    pub cached: u64,
    /// Paths searched for and found.
    pub found: u64,
    /// Requests without any way.
    pub unreachable: u64,
    /// Paths found for which there was no place.
    pub unstored: u64,
    /// Paths that had more than [`Paths::WAYPOINTS_MAX`] waypoints and end early.
    pub shortened: u64,
}

/// The queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueFull;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Request {
    requester: u64,
    ends: Ends,
}

impl Navigator {
    /// A navigator for a grid, which must not change afterwards.
    pub fn new(grid: &NavGrid, limits: Limits) -> Self {
        Self::with_paths(grid, limits, Paths::new(limits.paths_max))
    }

    fn with_paths(grid: &NavGrid, limits: Limits, paths: Paths) -> Self {
        Self {
            limits,
            search: Search::new(grid),
            queue: VecDeque::new(),
            spent: 0,
            debt: 0,
            answers: VecDeque::new(),
            paths,
            served: 0,
            queue_sum: 0,
            counters: Counters::default(),
            turns: Vec::new(),
            waypoints: Vec::new(),
        }
    }

    /// Asks for a path between two cells. It is answered at once if there is no way or the path is known.
    ///
    /// # Errors
    /// When as many requests wait as may.
    pub fn request(&mut self, requester: u64, from: (u32, u32), to: (u32, u32)) -> Result<(), QueueFull> {
        if self.queue.len() + self.answers.len() >= self.limits.requests_max as usize {
            self.counters.refused += 1;
            return Err(QueueFull);
        }
        let request = Request { requester, ends: Ends { from, to } };
        if !self.search.is_connected(from, to) {
            self.counters.unreachable += 1;
            self.answers.push_back(request.answer(None));
        } else if !self.answer_from_paths(request) {
            self.enqueue(request);
        }
        Ok(())
    }

    /// Works for one tick.
    pub fn work(&mut self, grid: &NavGrid) {
        let budget = u64::from(self.limits.expansions_per_tick);
        let mut left = budget.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(budget);
        while left > 0 {
            let Some(&request) = self.queue.front() else { return };
            if self.spent == 0 {
                // Another request for the same may have been answered while this one waited.
                if self.answer_from_paths(request) {
                    self.dequeue();
                    left -= 1;
                    continue;
                }
                self.search.begin(request.ends.from, request.ends.to);
            }
            let progress = self.search.advance(grid, left);
            // A request costs at least 1, so that a tick handles a bounded number of them.
            let cost = (self.search.expansions() - self.spent).max(1);
            self.spent = self.search.expansions();
            self.debt += cost.saturating_sub(left);
            left = left.saturating_sub(cost);
            if progress != Progress::More {
                self.finish(grid, request);
            }
        }
    }

    /// The next answer, the oldest first.
    pub fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// The finished paths.
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The finished paths, to retain and release them.
    pub const fn paths_mut(&mut self) -> &mut Paths {
        &mut self.paths
    }

    /// How many requests wait.
    pub fn waiting(&self) -> u32 {
        self.queue.len() as u32
    }

    /// What has happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A hash of the state. It takes no longer for more paths or more requests.
    pub fn digest(&self) -> u64 {
        let mut digest = Chain::new();
        let numbers = [self.spent, self.debt, self.served, self.queue.len() as u64, self.queue_sum];
        numbers.into_iter().for_each(|word| digest.u64(word));
        digest.u64(self.paths.digest());
        for answer in &self.answers {
            digest.u64(answer.requester);
            digest.u64(answer.ends().digest(&[]));
            digest.u64(answer.path.map_or(0, u64::from));
        }
        digest.finish()
    }

    /// Appends the state. Neither the grid nor the limits are in it.
    pub fn encode(&self, writer: &mut Writer<'_>) {
        [self.spent, self.debt, self.served].into_iter().for_each(|number| writer.u64(number));
        writer.count(self.queue.len());
        for request in &self.queue {
            writer.u64(request.requester);
            request.ends.encode(writer);
        }
        writer.count(self.answers.len());
        for answer in &self.answers {
            writer.u64(answer.requester);
            answer.ends().encode(writer);
            writer.u32(answer.path.unwrap_or(0));
        }
        self.paths.encode(writer);
    }

    /// Reads the state of a navigator of the same grid and limits. A search that was going on is done again up to where it
    /// was, so that it ends in the same tick.
    ///
    /// # Errors
    /// When the bytes are none that [`Self::encode`] writes for this grid and these limits. How many references each path
    /// should have is for the caller to know.
    pub fn decode(reader: &mut Reader<'_>, grid: &NavGrid, limits: Limits) -> Result<Self, RestoreError> {
        let [spent, debt, served] = [reader.u64()?, reader.u64()?, reader.u64()?];
        let waiting = reader.count("requests for paths", limits.requests_max, 8 + ENDS_BYTES)? as u32;
        let mut navigator = Self::with_paths(grid, limits, Paths::new(0));
        navigator.served = served;
        for _ in 0..waiting {
            let request = Request { requester: reader.u64()?, ends: Ends::decode(reader, grid)? };
            if !navigator.search.is_connected(request.ends.from, request.ends.to) {
                return Err(reader.error(Fault::Value("request for a path")));
            }
            navigator.enqueue(request);
        }
        for _ in 0..reader.count("answers", limits.requests_max - waiting, 8 + ENDS_BYTES + 4)? {
            let requester = reader.u64()?;
            let [from, to] = [(reader.u32()?, reader.u32()?), (reader.u32()?, reader.u32()?)];
            let path = Some(reader.u32()?).filter(|handle| *handle != 0);
            navigator.answers.push_back(Answer { requester, from, to, path });
        }
        navigator.paths = Paths::decode(reader, grid, limits.paths_max)?;
        if !navigator.holds_answers() {
            return Err(reader.error(Fault::Value("path of an answer")));
        }
        if !navigator.resume(grid, spent, debt) {
            return Err(reader.error(Fault::Value("search for a path")));
        }
        Ok(navigator)
    }

    /// Whether every answer that waits has a reference to its path.
    fn holds_answers(&self) -> bool {
        let mut handles: Vec<u32> = self.answers.iter().filter_map(|answer| answer.path).collect();
        handles.sort_unstable();
        handles
            .chunk_by(|a, b| a == b)
            .all(|same| self.paths.references(same[0]).is_some_and(|references| references as usize >= same.len()))
    }

    /// Does what was done for the first in the queue again, and says whether it can have been so.
    fn resume(&mut self, grid: &NavGrid, spent: u64, debt: u64) -> bool {
        // No step goes beyond its budget by more than the cells on four diagonals.
        if debt > 4 * u64::from(NavGrid::SIDE_MAX) {
            return false;
        }
        (self.spent, self.debt) = (spent, debt);
        if spent == 0 {
            return true;
        }
        let Some(request) = self.queue.front().filter(|request| self.paths.find(request.ends).is_none()) else {
            return false;
        };
        self.search.begin(request.ends.from, request.ends.to);
        let progress = self.search.advance(grid, spent);
        (progress, self.search.expansions()) == (Progress::More, spent)
    }

    /// Answers the first in the queue when its search has ended.
    fn finish(&mut self, grid: &NavGrid, request: Request) {
        self.search.path(&mut self.turns);
        let path = if self.turns.is_empty() {
            self.counters.unreachable += 1;
            None
        } else {
            smooth(grid, &self.turns, Paths::WAYPOINTS_MAX, &mut self.waypoints);
            let goal = grid.centre_of(request.ends.to);
            self.counters.shortened += u64::from(self.waypoints.last() != Some(&goal));
            let path = self.paths.insert(request.ends, &self.waypoints);
            let counter = if path.is_some() { &mut self.counters.found } else { &mut self.counters.unstored };
            *counter += 1;
            path
        };
        self.answers.push_back(request.answer(path));
        self.dequeue();
    }

    /// Answers with a path that is there already, if it is.
    fn answer_from_paths(&mut self, request: Request) -> bool {
        let Some(handle) = self.paths.find(request.ends) else { return false };
        let held = self.paths.retain(handle);
        if held {
            self.counters.cached += 1;
            self.answers.push_back(request.answer(Some(handle)));
        }
        held
    }

    fn enqueue(&mut self, request: Request) {
        let number = self.served.wrapping_add(self.queue.len() as u64);
        self.queue_sum = self.queue_sum.wrapping_add(request.digest(number));
        self.queue.push_back(request);
    }

    fn dequeue(&mut self) {
        if let Some(request) = self.queue.pop_front() {
            self.queue_sum = self.queue_sum.wrapping_sub(request.digest(self.served));
            self.served = self.served.wrapping_add(1);
        }
        self.spent = 0;
    }
}

impl Request {
    const fn answer(self, path: Option<u32>) -> Answer {
        Answer { requester: self.requester, from: self.ends.from, to: self.ends.to, path }
    }

    /// `number` is its place among all requests ever queued.
    fn digest(self, number: u64) -> u64 {
        let mut digest = Chain::new();
        [number, self.requester, self.ends.digest(&[])].into_iter().for_each(|word| digest.u64(word));
        digest.finish()
    }
}

impl Answer {
    const fn ends(self) -> Ends {
        Ends { from: self.from, to: self.to }
    }
}

impl core::fmt::Display for QueueFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("as many requests for paths wait as may")
    }
}

impl core::error::Error for QueueFull {}
