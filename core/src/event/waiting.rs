//! Events that wait for the coming tick, in snapshots: what the host has put in, and commands refused at the door.

use super::{Class, Event, Kind, Queues};
use crate::snapshot::{Fault, Reader, RestoreError, Writer};

/// Bytes of an event in a snapshot.
const EVENT_BYTES: usize = 58;

impl Queues {
    /// Writes what waits. Queues that hand out the same events give equal bytes, in whatever order they came in.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        for queue in &self.classes {
            let mut queue = queue.clone();
            queue.settle();
            writer.u64(queue.pushed);
            writer.count(queue.events.len());
            queue.events.iter().for_each(|event| encode_event(event, writer));
            writer.bool(queue.worst.is_some());
            queue.worst.iter().for_each(|event| encode_event(event, writer));
        }
    }

    /// Reads what [`Self::encode`] wrote into queues with the same bounds in which nothing waits. Events are of `tick`.
    pub(crate) fn decode(&mut self, tick: u64, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        for (queue, class) in self.classes.iter_mut().zip([Class::Critical, Class::High, Class::Normal, Class::Low]) {
            queue.pushed = reader.u64()?;
            let bound = u32::try_from(queue.bound).unwrap_or(u32::MAX);
            for _ in 0..reader.count("events", bound, EVENT_BYTES)? {
                queue.events.push(decode_event(tick, class, reader)?);
            }
            if reader.bool("cut")? {
                queue.worst = Some(decode_event(tick, class, reader)?);
            }
            let mut settled = queue.clone();
            settled.settle();
            if settled.events != queue.events {
                return Err(reader.error(Fault::Order("events")));
            }
        }
        Ok(())
    }
}

/// The tick and the class are known.
fn encode_event(event: &Event, writer: &mut Writer<'_>) {
    let Event { tick: _, class: _, kind, sector, x, y, subject, object, detail, value, count } = event;
    writer.u8(*kind as u8);
    writer.sector(*sector);
    writer.i32(*x);
    writer.i32(*y);
    writer.id(*subject);
    writer.id(*object);
    writer.u32(*detail);
    writer.i64(*value);
    writer.u32(*count);
}

fn decode_event(tick: u64, class: Class, reader: &mut Reader<'_>) -> Result<Event, RestoreError> {
    let kind = reader.u8()?;
    let kind = Kind::ALL.into_iter().find(|other| *other as u8 == kind);
    let event = Event {
        tick,
        class,
        kind: kind.ok_or_else(|| reader.error(Fault::Value("kind of event")))?,
        sector: reader.sector()?,
        x: reader.i32()?,
        y: reader.i32()?,
        subject: reader.id()?,
        object: reader.id()?,
        detail: reader.u32()?,
        value: reader.i64()?,
        count: reader.u32()?,
    };
    if event.count == 0 { Err(reader.error(Fault::Value("count of an event"))) } else { Ok(event) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entity::EntityId, space::Position};

    fn event(kind: Kind, subject: u64, value: i64) -> Event {
        let (subject, object) = (EntityId::from_bits(subject), EntityId::from_bits(7));
        Event::new(5, kind, Position::default(), subject, object, 3, value)
    }

    fn bytes_of(queues: &Queues) -> Vec<u8> {
        let mut bytes = Vec::new();
        queues.encode(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn what_waits_comes_back_and_is_handed_out_the_same() {
        let kinds = [Kind::Custom, Kind::CommandRefused, Kind::Contact, Kind::Hit, Kind::BaseDestroyed];
        // Few, as many as fit, and many more than fit.
        for many in [0, 3, 8, 50] {
            let events: Vec<Event> =
                (0..many).map(|number| event(kinds[number % 5], number as u64 * 13 % 29, number as i64 % 3)).collect();
            let (mut queues, mut turned) = (Queues::new([8; 4]), Queues::new([8; 4]));
            events.iter().for_each(|event| queues.push(*event));
            events.iter().rev().for_each(|event| turned.push(*event));
            let bytes = bytes_of(&queues);
            let mut back = Queues::new([8; 4]);
            back.decode(5, &mut Reader::new(&bytes, "events")).expect("as written");
            assert_eq!(bytes_of(&back), bytes);
            // More comes in after the save.
            for queues in [&mut queues, &mut back, &mut turned] {
                queues.push(event(Kind::Custom, 99, 1));
                queues.push(event(Kind::Contact, 3, 1000));
            }
            let (mut straight, mut restored, mut other) = (Vec::new(), Vec::new(), Vec::new());
            queues.finish(&mut straight);
            back.finish(&mut restored);
            turned.finish(&mut other);
            assert_eq!(straight, restored);
            assert_eq!(straight, other);
            assert_eq!((queues.dropped(), queues.merged()), (back.dropped(), back.merged()));
        }
    }

    #[test]
    fn what_cannot_wait_is_refused() {
        let mut queues = Queues::new([8; 4]);
        (0..3).for_each(|subject| queues.push(event(Kind::Custom, subject, 1)));
        let good = bytes_of(&queues);
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes, "events");
            Queues::new([8, 8, 2, 8]).decode(5, &mut reader).and_then(|()| reader.finish())
        };
        assert_eq!(read(&good).expect_err("too many").fault, Fault::Count("events"));
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes, "events");
            Queues::new([8; 4]).decode(5, &mut reader).and_then(|()| reader.finish())
        };
        assert_eq!(read(&good), Ok(()));
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "{end}");
        }
        // The third class begins after two empty ones.
        let first = 2 * 13 + 12;
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            read(&bytes).expect_err("changed").fault
        };
        assert_eq!(with(first, 200), Fault::Value("kind of event"));
        assert_eq!(with(first + EVENT_BYTES - 4, 0), Fault::Value("count of an event"));
        assert_eq!(with(first + 26, 9), Fault::Order("events"));
    }
}
