//! The events of a tick until they are handed out: merged, cut to the bounds of their classes, ordered.
//!
//! **What [`Queues::finish`] gives depends on which events were pushed and on nothing else**: not on their order, not on
//! how they were spread over queues that were absorbed, not on when memory ran short in between.
//!
//! # What is merged
//!
//! * Hits of the same sector, subject, object and detail become one whose value is the sum (each counts for at most 2^31
//!   either way) and whose count says how many there were. Its place is the least of theirs.
//! * Refusals of the same player, entity and reason become one, with their count.
//! * Contacts of the same pair (and sector and detail) become the hardest one, at its place. Its count stays 1: the others
//!   are reports of the same meeting.
//!
//! Nothing else is merged.
//!
//! # What is cut
//!
//! A class that has more than its bound after merging keeps the best by this order:
//!
//! 1. the kind, by how much a player or a mode would miss it: in class high a destroyed unit comes first and a refusal
//!    last, so that nobody drowns the battle by giving bad commands; in class normal hits come last;
//! 2. of contacts, the hardest;
//! 3. a draw from the tick and from what makes the event or the merged group what it is. So a flood thins out the same
//!    way in every sector and for every player, where the order of keys would silence whole sectors, tick after tick;
//! 4. the event itself, if draws are equal.
//!
//! # Why the order of pushes does not matter
//!
//! Memory is bounded: a class holds at most twice its bound, then it is merged and cut to its bound at once, whenever that
//! happens to be. Call a *group* the events that would be merged into one (an event of another kind is one by itself), and
//! the rank of a group its place in the order above. The claim: a cut, early or late, never changes the result.
//!
//! * *Hits and refusals.* Rank is a function of the group's name only: kind, draw and name are the same for each of its
//!   events. A cut removes a group only when as many better groups as the bound are there. Those can be removed only in
//!   favour of still better ones, so at all later times as many better groups are known, and the removed group cannot be in
//!   the result; whether more of its events come later is the same to it. Turned round: a group that is in the result was
//!   never removed, so all of its events are in its sum, count and place, and these are made by operations that commute and
//!   associate (a sum of numbers of 32 bits in 64, a count that stops at its end, a minimum). This is why hits
//!   are not kept by their damage: the rank of a sum is not known before its last term.
//! * *Contacts.* The rank of a group is the rank of its best event. Removing all but the best `n` groups and going on is
//!   the same as going on and removing them later: if a group that was removed comes back with an event that is better, it
//!   is that event that counts; if with one that is not better, it is behind the same better groups again. Only the number
//!   of a contact's reports is lost by that, which is why its count stays 1.
//! * *All others.* The best `n` of a union are the best `n` of the best `n` of its parts.
//!
//! An event that is worse than the worst that a cut has left can be refused without keeping it, by the same argument.
//! What the counters say is as independent: that a class was cut at all is the same as its having more groups than its
//! bound, and both counters come from sums over all that was pushed and all that was handed out.

use core::cmp::Ordering;

use super::{Class, Event, Kind, group};

/// The events of one tick, a bounded queue for each class.
#[derive(Clone, Debug)]
pub struct Queues {
    pub(super) classes: [Queue; 4],
    dropped: [u64; 4],
    merged: [u64; 4],
}

#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// At most twice [`Queue::bound`]. Counts say how many events each stands for, of contacts too.
    pub(super) events: Vec<Event>,
    pub(super) bound: usize,
    /// The worst event that the last cut of this tick has left.
    pub(super) worst: Option<Event>,
    /// How many events were pushed in this tick.
    pub(super) pushed: u64,
}

impl Queues {
    /// Queues with room for so many events of each class, [`crate::WorldConfig::events_max`]. They grow as needed to
    /// twice that, and allocate nothing in ticks that are no fuller than one before.
    pub fn new(events_max: [u32; 4]) -> Self {
        let queue = |bound: u32| Queue { events: Vec::new(), bound: bound as usize, worst: None, pushed: 0 };
        Self { classes: events_max.map(queue), dropped: [0; 4], merged: [0; 4] }
    }

    /// Takes an event of this tick.
    pub fn push(&mut self, event: Event) {
        self.classes[event.class as usize].push(event);
    }

    /// Takes what another one of the same bounds has got in this tick, and leaves that one empty. A shard can so gather its
    /// events by itself.
    pub fn absorb(&mut self, other: &mut Self) {
        for (queue, other) in self.classes.iter_mut().zip(&mut other.classes) {
            queue.absorb(other);
        }
    }

    /// Hands out the tick's events in the order of their keys, in place of what `out` held, and begins a new tick.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        out.clear();
        for (class, queue) in self.classes.iter_mut().enumerate() {
            let (dropped, merged) = queue.finish(out);
            self.dropped[class] += dropped;
            self.merged[class] += merged;
        }
    }

    /// How many events of each class did not fit in since the beginning, the parts of a merged one counted each. Of
    /// contacts, those that were merged count as dropped in ticks in which class low was cut.
    pub const fn dropped(&self) -> [u64; 4] {
        self.dropped
    }

    /// How many events of each class went into another one since the beginning.
    pub const fn merged(&self) -> [u64; 4] {
        self.merged
    }

    /// How many events of a class were pushed since the last [`Queues::finish`].
    pub const fn pushed(&self, class: Class) -> u64 {
        self.classes[class as usize].pushed
    }
}

impl Queue {
    fn push(&mut self, mut event: Event) {
        event.count = event.count.max(1);
        if event.kind == Kind::Hit {
            event.value = event.value.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        }
        self.pushed = self.pushed.saturating_add(u64::from(event.count));
        self.keep(event);
    }

    fn absorb(&mut self, other: &mut Self) {
        self.pushed = self.pushed.saturating_add(core::mem::take(&mut other.pushed));
        // Where the other one was cut, this one has too many as well, once it has what the other kept.
        if let Some(worst) = other.worst.take() {
            self.lower(worst);
        }
        for event in other.events.drain(..) {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: Event) {
        if self.bound == 0 || self.worst.is_some_and(|worst| group::rank(&event, &worst) == Ordering::Greater) {
            return;
        }
        if self.events.len() >= self.bound.saturating_mul(2) {
            self.merge();
            self.cut();
        }
        self.events.push(event);
    }

    /// Puts the events into the order of their keys and makes each group one event.
    fn merge(&mut self) {
        self.events.sort_unstable_by_key(Event::key);
        // Everything that tells groups apart comes first in the key, so the parts of a group are side by side.
        self.events.dedup_by(|next, kept| group::take_in(kept, next));
    }

    /// Keeps the best of merged events, as many as there may be.
    fn cut(&mut self) {
        if self.events.len() > self.bound {
            self.events.select_nth_unstable_by(self.bound - 1, group::rank);
            self.events.truncate(self.bound);
            self.lower(self.events[self.bound - 1]);
        }
    }

    /// Notes that nothing worse than this will be handed out.
    fn lower(&mut self, worst: Event) {
        if self.worst.is_none_or(|before| group::rank(&worst, &before) == Ordering::Less) {
            self.worst = Some(worst);
        }
    }

    /// Brings what is waiting into the one form that it has however it came in: merged, cut, in the order of keys.
    pub(super) fn settle(&mut self) {
        self.merge();
        if self.events.len() > self.bound {
            self.cut();
            self.events.sort_unstable_by_key(Event::key);
        }
    }

    /// Adds the events to `out`; how many were dropped and how many merged.
    fn finish(&mut self, out: &mut Vec<Event>) -> (u64, u64) {
        self.settle();
        let was_cut = self.worst.take().is_some();
        let mut told = 0;
        for event in &mut self.events {
            // How many reports of a contact a cut has cost is not known, so that none of them count then.
            told += if was_cut && event.kind == Kind::Contact { 1 } else { u64::from(event.count) };
            if event.kind == Kind::Contact {
                event.count = 1;
            }
        }
        let merged = told - self.events.len() as u64;
        out.append(&mut self.events);
        (core::mem::take(&mut self.pushed).saturating_sub(told), merged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{command::Refusal, entity::EntityId, space::SectorId};

    fn event(kind: Kind, subject: u64, object: u64, value: i64) -> Event {
        Event {
            tick: 5,
            class: kind.class(),
            kind,
            sector: SectorId::new(0, 0),
            x: 10,
            y: 20,
            subject: EntityId::from_bits(subject),
            object: EntityId::from_bits(object),
            detail: 0,
            value,
            count: 1,
        }
    }

    fn finish(queues: &mut Queues, events: &[Event]) -> Vec<Event> {
        let mut out = vec![event(Kind::Used, 9, 9, 9)];
        events.iter().for_each(|event| queues.push(*event));
        queues.finish(&mut out);
        out
    }

    #[test]
    fn hits_of_a_pair_become_one() {
        let mut queues = Queues::new([8; 4]);
        let at = |x, event: Event| Event { x, ..event };
        let hits = [
            at(7, event(Kind::Hit, 1, 2, 30)),
            event(Kind::Hit, 2, 1, 5),
            at(3, event(Kind::Hit, 1, 2, -10)),
            Event { sector: SectorId::new(1, 0), ..event(Kind::Hit, 1, 2, 1) },
            at(4, event(Kind::Hit, 1, 2, 30)),
        ];
        let expected = [
            Event { count: 3, ..at(3, event(Kind::Hit, 1, 2, 50)) },
            event(Kind::Hit, 2, 1, 5),
            Event { sector: SectorId::new(1, 0), ..event(Kind::Hit, 1, 2, 1) },
        ];
        assert_eq!(finish(&mut queues, &hits), expected);
        assert_eq!((queues.merged(), queues.dropped()), ([0, 0, 2, 0], [0; 4]));
    }

    #[test]
    fn sums_go_beyond_32_bits_and_no_hit_counts_for_more() {
        let (most, least) = (i64::from(i32::MAX), i64::from(i32::MIN));
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let values = [i64::MAX, most, i64::MIN, -1];
            let hits = order.map(|index: usize| event(Kind::Hit, 1, 2, values[index]));
            assert_eq!(finish(&mut Queues::new([8; 4]), &hits)[0].value, 2 * most + least - 1);
            // Sums that were made in queues of shards are not cut again.
            let (mut one, mut other) = (Queues::new([1; 4]), Queues::new([1; 4]));
            hits.iter().for_each(|hit| one.push(*hit));
            hits.iter().for_each(|hit| other.push(*hit));
            one.absorb(&mut other);
            assert_eq!(finish(&mut one, &[])[0].value, 2 * (2 * most + least - 1));
        }
    }

    #[test]
    fn the_hardest_of_a_pairs_contacts_counts() {
        let mut queues = Queues::new([8; 4]);
        let contacts = [
            event(Kind::Contact, 1, 2, 30),
            Event { y: 4, ..event(Kind::Contact, 1, 2, 50) },
            Event { y: 3, ..event(Kind::Contact, 1, 2, 50) },
            event(Kind::Contact, 1, 3, 1),
        ];
        let expected = [Event { y: 3, ..event(Kind::Contact, 1, 2, 50) }, event(Kind::Contact, 1, 3, 1)];
        assert_eq!(finish(&mut queues, &contacts), expected);
        assert_eq!((queues.merged(), queues.dropped()), ([0, 0, 0, 2], [0; 4]));
    }

    #[test]
    fn refusals_are_counted_by_player_entity_and_reason() {
        let refusal =
            |reason: Refusal, player| Event { detail: reason as u32, ..event(Kind::CommandRefused, 1, 0, player) };
        let refusals = [
            refusal(Refusal::Rate, 5),
            refusal(Refusal::Reach, 5),
            refusal(Refusal::Rate, 6),
            refusal(Refusal::Rate, 5),
            refusal(Refusal::Rate, 5),
        ];
        let out = finish(&mut Queues::new([8; 4]), &refusals);
        let told = out.iter().map(|event| (event.refusal(), event.value, event.count)).collect::<Vec<_>>();
        assert_eq!(told, [(Some(Refusal::Rate), 5, 3), (Some(Refusal::Rate), 6, 1), (Some(Refusal::Reach), 5, 1)]);
    }

    #[test]
    fn other_events_are_never_merged() {
        let used = event(Kind::Used, 1, 2, 3);
        assert_eq!(finish(&mut Queues::new([8; 4]), &[used; 5]), [used; 5]);
    }

    #[test]
    fn classes_come_in_order_and_each_has_its_bound() {
        let mut queues = Queues::new([1, 2, 0, 3]);
        let mut events = Vec::new();
        for subject in 1..=4 {
            for kind in [Kind::Contact, Kind::Hit, Kind::UnitDestroyed, Kind::MassiveBattle] {
                events.push(event(kind, subject, 9, 1));
            }
        }
        let out = finish(&mut queues, &events);
        let classes = out.iter().map(|event| event.class as u8).collect::<Vec<_>>();
        assert_eq!(classes, [0, 1, 1, 3, 3, 3]);
        assert_eq!((queues.dropped(), queues.merged()), ([3, 2, 4, 1], [0; 4]));
        assert_eq!(finish(&mut queues, &[]), []);
        assert_eq!(queues.dropped(), [3, 2, 4, 1]);
    }

    #[test]
    fn a_flood_of_bad_commands_drowns_nothing_else() {
        let mut queues = Queues::new([4; 4]);
        for subject in 0..10_000 {
            queues.push(event(Kind::CommandRefused, subject, 0, 1));
        }
        for kind in [Kind::UnitDestroyed, Kind::PickupTaken, Kind::Used] {
            queues.push(event(kind, 1, 2, 3));
        }
        let mut out = Vec::new();
        queues.finish(&mut out);
        let kinds = out.iter().map(|event| event.kind).collect::<Vec<_>>();
        assert_eq!(kinds, [Kind::UnitDestroyed, Kind::PickupTaken, Kind::CommandRefused, Kind::Used]);
        assert_eq!(queues.dropped(), [0, 9_999, 0, 0]);
        assert!(queues.classes[1].events.capacity() <= 16);
    }

    /// Two sectors with equally many hits lose about equally many, and not the same in two ticks.
    #[test]
    fn a_flood_thins_out_every_sector_alike() {
        let of_tick = |tick| {
            let mut queues = Queues::new([1000; 4]);
            let hit = |x, subject| Event { tick, sector: SectorId::new(x, 0), ..event(Kind::Hit, subject, 1, 1) };
            let hits = (0..5000).flat_map(|subject| [hit(0, subject), hit(1, subject)]).collect::<Vec<_>>();
            finish(&mut queues, &hits)
        };
        let (first, second) = (of_tick(1), of_tick(2));
        let left = first.iter().filter(|event| event.sector.x == 0).count();
        assert!((420..=580).contains(&left), "{left} of 1000");
        let subjects = |events: &[Event]| events.iter().map(|event| event.subject).collect::<Vec<_>>();
        assert_ne!(subjects(&first), subjects(&second));
    }

    #[test]
    fn the_hardest_contacts_stay() {
        let contacts =
            (0..100).map(|pair| event(Kind::Contact, pair, 200, (pair as i64 * 37) % 100)).collect::<Vec<_>>();
        let mut speeds =
            finish(&mut Queues::new([5; 4]), &contacts).iter().map(|event| event.value).collect::<Vec<_>>();
        speeds.sort_unstable();
        assert_eq!(speeds, [95, 96, 97, 98, 99]);
    }

    #[test]
    fn full_ticks_allocate_once() {
        let mut queues = Queues::new([64; 4]);
        let mut out = Vec::new();
        let mut capacities = None;
        for tick in 0..5 {
            for number in 0..1000 {
                queues.push(Event { tick, ..event(Kind::Hit, number, 3, 4) });
                queues.push(Event { tick, ..event(Kind::Contact, number, 3, 4) });
            }
            queues.finish(&mut out);
            let now = (queues.classes.each_ref().map(|queue| queue.events.capacity()), out.capacity());
            assert_eq!(*capacities.get_or_insert(now), now);
            assert!(now.0.iter().all(|capacity| *capacity <= 256), "{now:?}");
        }
    }

    /// Few different values, so that groups, ties and duplicates abound.
    fn any_event() -> impl Strategy<Value = Event> {
        let kinds = proptest::sample::select(vec![
            Kind::Hit,
            Kind::Hit,
            Kind::Hit,
            Kind::Contact,
            Kind::Contact,
            Kind::CommandRefused,
            Kind::CommandRefused,
            Kind::ZoneEntered,
            Kind::Used,
            Kind::Custom,
            Kind::MassiveBattle,
        ]);
        (kinds, 0..2i64, 0..4u64, 0..2u64, 0..2u32, -2..4i64, 0..2i32).prop_map(
            |(kind, sector, subject, object, detail, value, x)| Event {
                sector: SectorId::new(sector, -sector),
                x,
                detail,
                ..event(kind, subject, object, value)
            },
        )
    }

    /// The definition without bounds on memory: merge all, keep the best, order.
    fn plainly(events: &[Event], bounds: [u32; 4]) -> Vec<Event> {
        let mut out = Vec::new();
        for (class, bound) in bounds.into_iter().enumerate() {
            let mut groups = Vec::<Event>::new();
            for event in events.iter().filter(|event| event.class as usize == class) {
                if !groups.iter_mut().any(|group| group::take_in(group, event)) {
                    groups.push(*event);
                }
            }
            groups.sort_by(group::rank);
            groups.truncate(bound as usize);
            let is_contact = |event: &Event| event.kind == Kind::Contact;
            groups.iter_mut().filter(|event| is_contact(event)).for_each(|event| event.count = 1);
            out.extend(groups);
        }
        out.sort_by_key(Event::key);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Any order, any spread over queues that are absorbed in any order, any moment at which memory is short: the same
        /// events, the same counters, and those of the plain definition.
        #[test]
        fn only_what_is_pushed_matters(
            (events, shuffled) in proptest::collection::vec(any_event(), 0..160)
                .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
            bounds in proptest::array::uniform4(0..10u32),
            shards in 1..4usize,
        ) {
            let mut queues = Queues::new(bounds);
            let out = finish(&mut queues, &events);
            prop_assert_eq!(&out, &plainly(&events, bounds));
            prop_assert!(out.is_sorted_by_key(Event::key));

            let mut others = vec![Queues::new(bounds); shards];
            for (number, event) in shuffled.iter().enumerate() {
                others[number * 7 % shards].push(*event);
            }
            let mut again = others.pop().expect("there is at least one");
            others.iter_mut().rev().for_each(|other| again.absorb(other));
            prop_assert_eq!(finish(&mut again, &[]), out.clone());
            prop_assert_eq!((again.dropped(), again.merged()), (queues.dropped(), queues.merged()));

            let told = out.len() as u64;
            let gone = queues.dropped().iter().chain(&queues.merged()).sum::<u64>();
            prop_assert_eq!(told + gone, events.len() as u64);
        }
    }
}
