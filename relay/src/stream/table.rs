//! Connections by name.
//!
//! **A name is never given twice**: each position counts the connections it has had, and a position whose count is used
//! up is left empty for good. So a readiness event, a frame or a close that comes late finds nothing rather than
//! somebody else's connection.

/// Bits of a name that are the position in the table.
const INDEX_BITS: u32 = 24;
/// Bits of a name that count the position's connections.
const GENERATION_BITS: u32 = 31;
/// The bit above both, which tells a listener from a connection in a token.
const LISTENER: u64 = 1 << (INDEX_BITS + GENERATION_BITS);

/// Names one connection of one worker; at most 55 bits.
pub type StreamId = u64;

/// What a token of ours stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Stream(StreamId),
    Listener(usize),
}

impl Name {
    /// The offset from the token base; below 2^56.
    pub(super) fn offset(self) -> u64 {
        match self {
            Self::Stream(id) => id,
            Self::Listener(index) => LISTENER | index as u64,
        }
    }

    pub(super) fn from_offset(offset: u64) -> Self {
        if offset & LISTENER == 0 { Self::Stream(offset) } else { Self::Listener((offset & !LISTENER) as usize) }
    }
}

#[derive(Debug)]
struct Position<T> {
    generation: u32,
    entry: Option<Box<T>>,
}

/// See the module's text. Entries are boxed, so that an empty position costs 16 bytes.
#[derive(Debug)]
pub(super) struct Table<T> {
    positions: Vec<Position<T>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { positions: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Table<T> {
    /// Puts `entry` in and names it; gives it back when all positions are used up.
    pub(super) fn insert(&mut self, entry: T) -> Result<StreamId, T> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.positions.len() < 1 << INDEX_BITS => {
                self.positions.push(Position { generation: 0, entry: None });
                (self.positions.len() - 1) as u32
            }
            None => return Err(entry),
        };
        let position = &mut self.positions[index as usize];
        position.entry = Some(Box::new(entry));
        self.len += 1;
        Ok(u64::from(position.generation) << INDEX_BITS | u64::from(index))
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Option<Box<T>> {
        let position = self.position(id)?;
        let entry = position.entry.take()?;
        position.generation += 1;
        if position.generation < 1 << GENERATION_BITS {
            self.free.push((id & ((1 << INDEX_BITS) - 1)) as u32);
        }
        self.len -= 1;
        Some(entry)
    }

    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        self.position(id)?.entry.as_deref_mut()
    }

    /// Every entry with its name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamId, &T)> {
        self.positions.iter().enumerate().filter_map(|(index, position)| {
            let entry = position.entry.as_deref()?;
            Some((u64::from(position.generation) << INDEX_BITS | index as u64, entry))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn position(&mut self, id: StreamId) -> Option<&mut Position<T>> {
        let position = self.positions.get_mut((id & ((1 << INDEX_BITS) - 1)) as usize)?;
        (u64::from(position.generation) == id >> INDEX_BITS).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_name_finds_nothing() {
        let mut table = Table::default();
        let first = table.insert('a').unwrap();
        assert_eq!(table.remove(first).as_deref(), Some(&'a'));
        let second = table.insert('b').unwrap();
        assert_ne!(first, second);
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get_mut(second), Some(&mut 'b'));
        assert_eq!(table.iter().collect::<Vec<_>>(), [(second, &'b')]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_used_up_position_is_not_used_again() {
        let mut table = Table::default();
        let id = table.insert('a').unwrap();
        table.remove(id);
        table.positions[0].generation = (1 << GENERATION_BITS) - 1;
        let last = table.insert('z').unwrap();
        assert!(last < LISTENER, "the largest name does not reach the listener's bit");
        table.remove(last);
        let other = table.insert('b').unwrap();
        assert_eq!(other & ((1 << INDEX_BITS) - 1), 1, "the next connection goes to a new position");
    }

    #[test]
    fn names_survive_a_token() {
        for name in [Name::Stream(0), Name::Stream(LISTENER - 1), Name::Listener(0), Name::Listener(77)] {
            assert!(name.offset() < 1 << 56);
            assert_eq!(Name::from_offset(name.offset()), name);
        }
    }
}
