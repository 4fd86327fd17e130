//! From states to bits and back.
//!
//! A *share* is what a packet has for one group: the state at one version, told whole or from an older version that both
//! sides have. **A share depends on the states, on the times of their updates and on nothing else**: not on who reads it,
//! not on what was sent before. So it is encoded once for all viewers, and no loss can spoil the next one.
//!
//! Movement is expected to go on from the base as it did before; only what differs is told. The symbols are coded by a
//! range coder with constant models, which the trainer in `benches/sync` makes from scenes. `docs/WIRE.md` has the order of
//! the symbols and the vectors.

use core::fmt;

use super::{Cell, GroupState, Scope};

mod aim;
pub mod bits;
mod coder;
mod group;
mod model;
mod models_generated;
mod movement;
mod place;
mod range;
mod tally;

#[cfg(test)]
mod tests;

use coder::{Decoder, Encoder};
use group::Members;
use models_generated as models;
use place::{Hearing, Telling};
use range::RangeEncoder;

pub use tally::{Count, Tally};

/// The hash of the models: both sides must have the same.
pub const MODELS_HASH: u64 = models::HASH;

/// What both sides know of shares from the welcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// How many public attributes a state has, at most 64.
    pub attributes: u8,
    /// The side of a cell is 2^shift units of length; from [`Cell::SHIFT_MIN`] to [`Cell::SHIFT_MAX`].
    pub cell_shift: u8,
}

/// The states that a share is told from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The state that the new one is told from.
    pub base: &'a GroupState,
    /// The update at which it was made.
    pub base_update: u32,
    /// An older state, to know movement from, and its update.
    pub before: Option<(&'a GroupState, u32)>,
}

/// What a whole state says of its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// Where its entities are.
    pub cell: Cell,
    /// Who sees them.
    pub scope: ScopeKind,
    /// The update at which the state was made.
    pub update: u32,
}

/// A [`Scope`] without the number: a viewer sees no other team's or player's than its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    /// Everybody.
    #[default]
    Everyone,
    /// The viewer's team.
    Team,
    /// The viewer's player.
    Owner,
}

/// Why a share gives no state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// It is empty, or longer or shorter than its symbols.
    Length,
    /// A cell that its sector does not have.
    Cell,
    /// A scope that there is not.
    Scope,
    /// A place outside of the cell.
    Position,
    /// The id of no entity.
    Id,
    /// The target is a member that the group does not have.
    Target,
}

impl Layout {
    /// The side of a cell in centimetres, rounded up: positions are below it.
    pub const fn side(&self) -> i32 {
        Cell::centimetres((1 << self.cell_shift) - 1, self.cell_shift) as i32 + 1
    }

    /// The bits of a coordinate.
    const fn position_bits(&self) -> u32 {
        (self.side() - 1).ilog2() + 1
    }

    /// No share of so many entities is longer, in bytes, whatever they are and whoever was there before. What moves takes
    /// two or three bytes, and one that is told whole about ten: this is for those who must be sure.
    pub const fn share_max(&self, entities: usize) -> usize {
        192 + entities * (96 + 8 * self.attributes as usize)
    }
}

impl ScopeKind {
    const fn bits(self) -> u32 {
        self as u32
    }

    const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 => Some(Self::Everyone),
            1 => Some(Self::Team),
            2 => Some(Self::Owner),
            _ => None,
        }
    }
}

impl From<Scope> for ScopeKind {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Everyone => Self::Everyone,
            Scope::Team(_) => Self::Team,
            Scope::Owner(_) => Self::Owner,
        }
    }
}

/// Appends the share of a state that was made at `update`, to `out`: told from `known`, or whole if that is `None`, and
/// only then with `identity` (whose update is `update`).
///
/// The states must have as many attributes as the layout, coordinates below [`Layout::side`], ids that are not null and
/// shapes below 2. `now.destroyed` tells of places that `known.base` has and `now` does not, or not with the same id.
pub fn encode_group(
    now: &GroupState,
    update: u32,
    known: Option<&Known<'_>>,
    identity: &Identity,
    layout: &Layout,
    out: &mut Vec<u8>,
) {
    let mut coder = Encoder(RangeEncoder::new(out));
    tell(&mut coder, now, update, known, identity, layout);
    coder.0.finish();
}

/// Fills `out` with the state that a share gives, and returns what a whole state says of its group.
///
/// `known` must be that of the encoder, and `out` must have the layout's attributes. Nothing is allocated. After an error
/// `out` has some state or other. `out.destroyed` has only places that `known.base` has.
///
/// # Errors
/// When the share is none that [`encode_group`] makes, as far as that can be told.
pub fn decode_group(
    share: &[u8],
    update: u32,
    known: Option<&Known<'_>>,
    layout: &Layout,
    out: &mut GroupState,
) -> Result<Option<Identity>, DecodeError> {
    if share.is_empty() {
        return Err(DecodeError::Length);
    }
    let mut coder = Decoder::new(share);
    let identity = hear(&mut coder, update, known, layout, out);
    coder.finish()?;
    Ok(identity)
}

/// Takes the symbols of a share from a decoder. How many there are is bounded by the group, not by the share.
fn hear(
    coder: &mut Decoder<'_>,
    update: u32,
    known: Option<&Known<'_>>,
    layout: &Layout,
    out: &mut GroupState,
) -> Option<Identity> {
    match known {
        None => {
            let identity = group::identity(coder, &Identity::default(), layout);
            let came = group::came(coder, 1, u32::MAX, 0);
            let members = Members { came, ..Members::default() };
            (out.present, out.destroyed) = (members.present(), 0);
            group::entities(coder, &mut Hearing(out), &members, identity.update, None, layout);
            Some(identity)
        }
        Some(known) => {
            out.copy_from(known.base);
            let members = group::members(coder, known.base.present, &Members::default());
            (out.present, out.destroyed) = (members.present(), members.destroyed);
            group::entities(coder, &mut Hearing(out), &members, update, Some(known), layout);
            None
        }
    }
}

/// Gives the symbols of a share to a coder.
fn tell<C: coder::Coder>(
    coder: &mut C,
    now: &GroupState,
    update: u32,
    known: Option<&Known<'_>>,
    identity: &Identity,
    layout: &Layout,
) {
    let mut side = Telling(now);
    let members = match known {
        None => {
            debug_assert_eq!(identity.update, update, "a whole state says when it was made");
            group::identity(coder, identity, layout);
            let came = group::came(coder, 1, u32::MAX, now.present);
            Members { came, ..Members::default() }
        }
        Some(known) => group::members(coder, known.base.present, &Members::between(known.base, now)),
    };
    group::entities(coder, &mut side, &members, update, known, layout);
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the share is not as long as its symbols",
            Self::Cell => "the sector has no such cell",
            Self::Scope => "there is no such scope",
            Self::Position => "a position is outside of the cell",
            Self::Id => "an id is that of no entity",
            Self::Target => "a target is no member of the group",
        })
    }
}

impl core::error::Error for DecodeError {}
