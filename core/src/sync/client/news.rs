//! What a viewer is told once: events, and who went out of sight.

use super::track::Departure;
use crate::{
    entity::EntityId,
    event::Event,
    sync::{
        own::OwnerValue,
        told::{Told, WINDOW},
    },
};

/// Most events, and most departures, that wait to be taken.
pub(super) const WAITING_MAX: usize = 4096;

/// The events of a session.
///
/// **Those with a number are handed over once each, in the order of their numbers.**
#[derive(Debug)]
pub(super) struct News {
    /// The number of the event that comes next.
    next: u32,
    /// Those that came before it, by their numbers.
    early: Vec<Option<Event>>,
    pub(super) events: Vec<Event>,
    pub(super) departures: Vec<(EntityId, Departure)>,
    /// How many were dropped since nobody took them.
    pub(super) dropped: u64,
}

impl News {
    pub(super) fn new() -> Self {
        Self { next: 1, early: vec![None; WINDOW as usize], events: Vec::new(), departures: Vec::new(), dropped: 0 }
    }

    /// Whether there is room for the events of a packet.
    pub(super) fn has_room(&self, told: &[Told]) -> bool {
        told.iter().all(|told| told.sequence < self.next.saturating_add(WINDOW))
    }

    /// Takes in the events of a packet. Those without a number are wanted if the packet has not come before.
    pub(super) fn handle_events(&mut self, told: &[Told]) {
        for told in told {
            if told.sequence == 0 {
                if self.events.len() < WAITING_MAX {
                    self.events.push(told.event);
                } else {
                    self.dropped += 1;
                }
            } else if told.sequence >= self.next {
                self.early[(told.sequence % WINDOW) as usize] = Some(told.event);
            }
        }
        self.move_up();
    }

    fn move_up(&mut self) {
        // Twice the room for those that may not be missed; then they wait, and packets with more are refused.
        while self.events.len() < 2 * WAITING_MAX
            && let Some(event) = self.early[(self.next % WINDOW) as usize].take()
        {
            self.events.push(event);
            self.next = self.next.saturating_add(1);
        }
    }

    pub(super) fn handle_departure(&mut self, id: EntityId, departure: Departure) {
        if self.departures.len() < WAITING_MAX {
            self.departures.push((id, departure));
        } else {
            self.dropped += 1;
        }
    }

    /// Hands over the events, and takes up those that had no room.
    pub(super) fn take_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
        self.move_up();
    }
}

/// The attributes that only this viewer sees.
#[derive(Debug)]
pub(super) struct OwnerValues {
    /// Ascending by slot of the entity, then attribute.
    values: Vec<Known>,
    values_max: usize,
    pub(super) dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    update: u32,
    value: OwnerValue,
}

const fn key(value: &OwnerValue) -> (u32, u8) {
    (value.entity.bits() as u32, value.attribute)
}

impl OwnerValues {
    pub(super) fn new(values_max: usize) -> Self {
        Self { values: Vec::new(), values_max, dropped: 0 }
    }

    /// Takes in a value of an update, unless a newer one is known.
    pub(super) fn handle_value(&mut self, value: OwnerValue, update: u32) {
        match self.values.binary_search_by_key(&key(&value), |known| key(&known.value)) {
            Ok(at) if !super::group::is_after(self.values[at].update, update) => {
                self.values[at] = Known { update, value }
            }
            Ok(_) => {}
            Err(at) if self.values.len() < self.values_max => self.values.insert(at, Known { update, value }),
            Err(_) => self.dropped += 1,
        }
    }

    /// A value; `None` if it was never told.
    pub(super) fn value(&self, entity: EntityId, attribute: u8) -> Option<i32> {
        let wanted = (entity.bits() as u32, attribute);
        let at = self.values.binary_search_by_key(&wanted, |known| key(&known.value)).ok()?;
        (self.values[at].value.entity == entity).then_some(self.values[at].value.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Kind, space::Position};

    fn told(sequence: u32, detail: u32) -> Told {
        let event = Event::new(1, Kind::Custom, Position::default(), EntityId::NULL, EntityId::NULL, detail, 0);
        Told { sequence, event }
    }

    #[test]
    fn numbered_events_are_handed_over_once_and_in_their_order() {
        let mut news = News::new();
        news.handle_events(&[told(0, 100), told(3, 3), told(2, 2)]);
        let mut out = Vec::new();
        news.take_events(&mut out);
        news.handle_events(&[told(1, 1), told(2, 2)]);
        news.handle_events(&[told(1, 1), told(4, 4)]);
        news.take_events(&mut out);
        let details: Vec<u32> = out.iter().map(|event| event.detail).collect();
        assert_eq!(details, [100, 1, 2, 3, 4]);
        assert!(news.has_room(&[told(4 + WINDOW, 0)]));
        assert!(!news.has_room(&[told(5 + WINDOW, 0)]));
    }

    #[test]
    fn events_that_nobody_takes_are_bounded_and_numbered_ones_are_kept() {
        let mut news = News::new();
        let mut sequence = 0;
        loop {
            let next = told(sequence + 1, sequence + 1);
            if !news.has_room(&[next]) {
                break;
            }
            sequence += 1;
            news.handle_events(&[told(0, 0), next]);
        }
        assert!(news.events.len() <= 2 * WAITING_MAX && news.dropped > 0);
        let mut out = Vec::new();
        news.take_events(&mut out);
        news.take_events(&mut out);
        let numbered: Vec<u32> = out.iter().map(|event| event.detail).filter(|detail| *detail != 0).collect();
        assert_eq!(numbered, (1..=sequence).collect::<Vec<_>>());
    }

    #[test]
    fn older_values_do_not_replace_newer_ones() {
        let mut values = OwnerValues::new(2);
        let value = |entity, value| OwnerValue { entity: EntityId::from_bits(entity), attribute: 1, value };
        values.handle_value(value(5, 10), 7);
        values.handle_value(value(5, 9), 6);
        assert_eq!(values.value(EntityId::from_bits(5), 1), Some(10));
        // The slot is another entity's now.
        values.handle_value(value(1 << 32 | 5, 3), 8);
        assert_eq!(values.value(EntityId::from_bits(5), 1), None);
        values.handle_value(value(6, 1), 8);
        values.handle_value(value(7, 1), 8);
        assert_eq!((values.value(EntityId::from_bits(7), 1), values.dropped), (None, 1));
    }
}
