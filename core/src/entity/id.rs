//! Ids of entities: a slot and the generation that lives in it.

use core::fmt;

/// Names one entity for as long as the world lives: when it is gone, the id is stale and never means another one.
///
/// The low 32 bits are the slot, from 1; the high 32 the generation of the slot. 0 is no entity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[repr(transparent)]
pub struct EntityId(u64);

impl EntityId {
    /// No entity.
    pub const NULL: Self = Self(0);

    /// An id from its bits, as a host or a file has kept them. Whether it lives is for the world to say.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the id, for keeping.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether it is [`Self::NULL`].
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// `slot` from 0.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self((generation as u64) << 32 | (slot as u64 + 1))
    }

    /// The slot, from 0; `None` for ids that no world gives out.
    pub(crate) fn slot(self) -> Option<u32> {
        (self.0 as u32).checked_sub(1)
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot() {
            None if self.0 == 0 => f.write_str("none"),
            None => write!(f, "invalid({:#x})", self.0),
            Some(slot) => write!(f, "{}.{}", slot + 1, self.generation()),
        }
    }
}
