//! The models' tables.

use super::{
    model::{Field, Model},
    movement::{HEADINGS, LAGS, SPEEDS},
};

/// Sums of frequencies from weights, each at least 1 of 2^12.
const fn starts<const N: usize>(weights: [u32; N]) -> [u16; N] {
    let mut total = 0;
    let mut index = 0;
    while index < N {
        total += weights[index];
        index += 1;
    }
    let mut table = [0; N];
    let mut sum = 0;
    index = 0;
    while index < N {
        table[index] = (sum * (4096 - N as u32) / total) as u16 + index as u16;
        sum += weights[index];
        index += 1;
    }
    table
}

/// The first symbol so likely in 256, the others the less the later.
const fn falling<const N: usize>(first: u32, ratio: u32) -> [u16; N] {
    let mut weights = [0; N];
    weights[0] = first * 256;
    let mut weight = (256 - first) * 256 * (256 - ratio) / 256;
    let mut index = 1;
    while index < N {
        weights[index] = weight;
        weight = weight * ratio / 256;
        index += 1;
    }
    starts(weights)
}

/// Small amounts are likely, 0 so many times a bit more.
const fn residual<const N: usize>(zero: u32) -> [u16; N] {
    let mut weights = [0; N];
    let mut index = 0;
    while index < N {
        weights[index] = if index < 13 {
            let amount = (index as u32).abs_diff(6);
            match amount {
                0 => zero * 100,
                _ => 300 / amount,
            }
        } else {
            400 / (index as u32 - 10)
        };
        index += 1;
    }
    starts(weights)
}

const fn even<const N: usize>() -> [u16; N] {
    starts([1; N])
}

pub(super) static SAME: Model<2, 1> = Model { field: Field::Same, starts: [falling(20, 0)] };
pub(super) static LEFT: Model<2, 1> = Model { field: Field::Left, starts: [falling(240, 0)] };
pub(super) static DESTROYED: Model<2, 1> = Model { field: Field::Destroyed, starts: [even()] };
pub(super) static CAME: Model<2, 4> =
    Model { field: Field::Came, starts: [falling(240, 0), falling(200, 0), falling(128, 0), falling(10, 0)] };
pub(super) static SLOT: Model<33, 2> = Model { field: Field::Slot, starts: [falling(10, 220); 2] };
pub(super) static GENERATION: Model<33, 1> = Model { field: Field::Generation, starts: [falling(10, 150)] };
pub(super) static CHANGED: Model<16, { SPEEDS * LAGS * 3 }> =
    Model { field: Field::Changed, starts: [falling(128, 180); SPEEDS * LAGS * 3] };
pub(super) static X: Model<41, { SPEEDS * LAGS }> = Model { field: Field::X, starts: [residual(5); SPEEDS * LAGS] };
pub(super) static Y: Model<41, { SPEEDS * LAGS * 3 }> =
    Model { field: Field::Y, starts: [residual(5); SPEEDS * LAGS * 3] };
pub(super) static HEADING: Model<25, { HEADINGS * 3 }> =
    Model { field: Field::Heading, starts: [residual(1); HEADINGS * 3] };
pub(super) static HEALTH: Model<34, 2> = Model { field: Field::Health, starts: [falling(1, 220), falling(128, 220)] };
pub(super) static OTHER: Model<16, 2> = Model { field: Field::Other, starts: [falling(10, 200); 2] };
pub(super) static STATE: Model<16, 16> = Model { field: Field::State, starts: [falling(80, 200); 16] };
pub(super) static TARGET: Model<4, 4> = Model { field: Field::Target, starts: [even(); 4] };
pub(super) static TARGET_SLOT: Model<33, 1> = Model { field: Field::TargetSlot, starts: [even()] };
pub(super) static TARGET_GENERATION: Model<33, 1> =
    Model { field: Field::TargetGeneration, starts: [falling(10, 150)] };
pub(super) static FLAGS: Model<3, 1> = Model { field: Field::Flags, starts: [falling(200, 64)] };
pub(super) static RARE: Model<2, 6> = Model { field: Field::Rare, starts: [falling(200, 0); 6] };
pub(super) static RARE_VALUE: Model<33, 6> = Model { field: Field::RareValue, starts: [falling(10, 230); 6] };
pub(super) static ATTRIBUTE_CHANGED: Model<2, 3> =
    Model { field: Field::AttributeChanged, starts: [falling(230, 0), falling(128, 0), falling(230, 0)] };
pub(super) static ATTRIBUTE: Model<33, 2> = Model { field: Field::Attribute, starts: [falling(10, 220); 2] };
pub(super) static WHOLE_MORE: Model<16, 1> = Model { field: Field::WholeMore, starts: [falling(100, 200)] };
pub(super) static SECTOR: Model<33, 1> = Model { field: Field::Sector, starts: [falling(100, 220)] };

/// The hash of all models, in their order.
pub(super) const HASH: u64 = {
    let mut hash = 0;
    hash = SAME.hash(hash);
    hash = LEFT.hash(hash);
    hash = DESTROYED.hash(hash);
    hash = CAME.hash(hash);
    hash = SLOT.hash(hash);
    hash = GENERATION.hash(hash);
    hash = CHANGED.hash(hash);
    hash = X.hash(hash);
    hash = Y.hash(hash);
    hash = HEADING.hash(hash);
    hash = HEALTH.hash(hash);
    hash = OTHER.hash(hash);
    hash = STATE.hash(hash);
    hash = TARGET.hash(hash);
    hash = TARGET_SLOT.hash(hash);
    hash = TARGET_GENERATION.hash(hash);
    hash = FLAGS.hash(hash);
    hash = RARE.hash(hash);
    hash = RARE_VALUE.hash(hash);
    hash = ATTRIBUTE_CHANGED.hash(hash);
    hash = ATTRIBUTE.hash(hash);
    hash = WHOLE_MORE.hash(hash);
    hash = SECTOR.hash(hash);
    hash
};
