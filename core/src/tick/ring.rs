//! A bounded queue from one shard to another.
//!
//! For each ordered pair of shards one ring carries the messages of a tick as one batch, and a twin in the other
//! direction returns the emptied batches, so that their memory is used again.

use super::sync::{Arc, Queue};

/// The end that puts in: one owner, and so one thread at a time.
pub(crate) struct Producer<T>(Arc<Queue<T>>);

/// The end that takes out: one owner, and so one thread at a time.
pub(crate) struct Consumer<T>(Arc<Queue<T>>);

/// A ring for at most `capacity` values, 1 or more; all its memory is taken here.
pub(crate) fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a ring holds at least one value");
    let queue = Arc::new(Queue::new(capacity));
    (Producer(Arc::clone(&queue)), Consumer(queue))
}

impl<T> Producer<T> {
    /// Puts a value in after all others, or returns it when the ring is full.
    pub(crate) fn push(&mut self, value: T) -> Result<(), T> {
        self.0.push(value)
    }

    /// How many values are in the ring; the consumer may have taken some since.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Consumer<T> {
    /// Takes the value out that was put in first.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// How many values are in the ring; the producer may have put more in since.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_returns_the_value_and_keeps_the_order() {
        let (mut producer, mut consumer) = ring(2);
        assert_eq!((producer.push(1), producer.push(2), producer.push(3)), (Ok(()), Ok(()), Err(3)));
        assert_eq!((producer.len(), consumer.len()), (2, 2));
        assert_eq!(consumer.pop(), Some(1));
        assert_eq!(producer.push(4), Ok(()));
        assert_eq!((consumer.pop(), consumer.pop(), consumer.pop()), (Some(2), Some(4), None));
        assert_eq!(consumer.len(), 0);
    }

    #[test]
    fn every_value_crosses_threads_once_and_in_order() {
        const COUNT: u32 = 20_000;
        let (mut producer, mut consumer) = ring(4);
        let sender = std::thread::spawn(move || {
            for mut value in 0..COUNT {
                while let Err(refused) = producer.push(value) {
                    value = refused;
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < COUNT {
            match consumer.pop() {
                Some(value) => {
                    assert_eq!(value, expected);
                    expected += 1;
                }
                None => std::thread::yield_now(),
            }
        }
        sender.join().expect("the sender ends");
        assert_eq!(consumer.pop(), None);
    }
}
