//! A group of regions and the phases that one thread does for it.
//!
//! | phase | reads | writes |
//! |---|---|---|
//! | advance | the view (tick N), own rows | own rows, batches of damage and projectiles to every shard |
//! | settle | the batches | own rows, batches of entities that leave |
//! | publish | the batches | own rows, index and hash of tick N+1 |
//!
//! Between phases the caller's thread has all shards. **In each of the first two phases a shard puts exactly one batch into
//! the ring to every shard, itself included, and in the next it takes exactly one out of each before it puts one in**, so a
//! ring never has more than two (a shard may be a phase ahead of one that has not run yet), never none when one is taken
//! out, and a batch that was taken out is sent back filled.

use std::sync::Arc;

use super::{
    contacts::Contacts,
    message::Batch,
    outbox::Outbox,
    partition::Partition,
    region::Region,
    ring::{Consumer, Producer, ring},
    view::{Constants, View},
};
use crate::command::Command;

/// What a shard is to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Advance,
    Settle,
    Publish,
}

/// A group of regions.
pub(crate) struct Shard {
    pub(crate) phase: Phase,
    pub(crate) tick: u64,
    /// Their order is free.
    pub(crate) regions: Vec<Box<Region>>,
    /// Where in `regions` a region is, by its number; `u32::MAX` if it is in another shard.
    pub(crate) seats: Vec<u32>,
    /// There only for the first phase.
    pub(crate) view: Option<Arc<View>>,
    constants: Arc<Constants>,
    pub(crate) outbox: Outbox,
    senders: Vec<Producer<Box<Batch>>>,
    receivers: Vec<Consumer<Box<Batch>>>,
    contacts: Contacts,
    /// Hits that the first phase sent.
    damages_sent: usize,
}

impl Shard {
    /// So many shards, with rings between all of them.
    pub(crate) fn group(count: u16, constants: &Arc<Constants>) -> Vec<Box<Self>> {
        let count = usize::from(count);
        let shard = || {
            Box::new(Self {
                phase: Phase::Advance,
                tick: 0,
                regions: Vec::new(),
                seats: Vec::new(),
                view: None,
                constants: Arc::clone(constants),
                outbox: Outbox::new(count, &constants.config),
                senders: Vec::new(),
                receivers: Vec::new(),
                contacts: Contacts::new(constants.config.entities_max),
                damages_sent: 0,
            })
        };
        let mut shards: Vec<_> = (0..count).map(|_| shard()).collect();
        for from in 0..count {
            for to in 0..count {
                let (sender, receiver) = ring(2);
                shards[from].senders.push(sender);
                shards[to].receivers.push(receiver);
            }
        }
        shards
    }

    /// Does the phase that is due. This is what workers run.
    pub(crate) fn run(&mut self) {
        match self.phase {
            Phase::Advance => self.advance(),
            Phase::Settle => self.settle(),
            Phase::Publish => self.publish(),
        }
    }

    /// How many messages and rows the second phase has to look at.
    pub(crate) fn settling_work(&self) -> usize {
        self.damages_sent + self.regions.iter().map(|region| region.settling_work()).sum::<usize>()
    }

    /// How much work its regions are, in entities.
    pub(crate) fn load(&self) -> usize {
        self.regions.iter().map(|region| region.load()).sum()
    }

    /// A region that this shard has.
    pub(crate) fn region_mut(&mut self, number: u32) -> &mut Region {
        &mut self.regions[self.seats[number as usize] as usize]
    }

    /// A region that this shard has.
    pub(crate) fn region(&self, number: u32) -> &Region {
        &self.regions[self.seats[number as usize] as usize]
    }

    pub(crate) fn set_partition(&mut self, partition: &Arc<Partition>) {
        self.outbox.partition = Arc::clone(partition);
        self.seats.clear();
        self.seats.resize(partition.strips().len(), u32::MAX);
        for (seat, region) in self.regions.iter().enumerate() {
            self.seats[region.number as usize] = seat as u32;
        }
    }

    /// Lets an entity of one of its regions do what a command says.
    pub(crate) fn obey(&mut self, region: u32, row: usize, command: &Command, tick: u64) {
        let region = &mut self.regions[self.seats[region as usize] as usize];
        region.obey(row, command, tick, &self.constants, &mut self.outbox);
    }

    fn advance(&mut self) {
        let view = self.view.take().expect("the view is there for the first phase");
        for region in &mut self.regions {
            region.advance(&view, &self.constants, &mut self.contacts, &mut self.outbox);
        }
        // Before the caller takes the view apart, nobody may hold it.
        drop(view);
        self.damages_sent = self.outbox.batches.iter().map(|batch| batch.damages.len()).sum();
        self.send();
    }

    fn settle(&mut self) {
        for from in 0..self.receivers.len() {
            let mut batch = self.receive(from);
            for damage in batch.damages.drain(..) {
                self.region_mut(damage.region).strike(&damage);
            }
            for (region, shot) in batch.shots.drain(..) {
                self.region_mut(region).shots.push(shot);
            }
            self.outbox.batches.push(batch);
        }
        for region in &mut self.regions {
            region.settle(self.tick, &self.constants, &mut self.outbox);
        }
        self.send();
    }

    fn publish(&mut self) {
        for from in 0..self.receivers.len() {
            let mut batch = self.receive(from);
            // From the last to the first, so that taking one does not move those still to be taken.
            while let Some(region) = batch.arrival_regions.pop() {
                let row = batch.arrival_regions.len();
                self.region_mut(region).arrive(&mut batch.arrivals, row);
            }
            self.outbox.batches.push(batch);
        }
        for region in &mut self.regions {
            region.publish(self.tick + 1);
        }
    }

    /// Sends every batch; those that come in take their places.
    fn send(&mut self) {
        for (sender, batch) in self.senders.iter_mut().zip(self.outbox.batches.drain(..)) {
            assert!(sender.push(batch).is_ok(), "one batch a phase, so there is room");
        }
    }

    fn receive(&mut self, from: usize) -> Box<Batch> {
        self.receivers[from].pop().expect("one batch a phase, so there is one")
    }
}
