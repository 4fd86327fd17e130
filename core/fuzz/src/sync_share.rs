//! Shares of groups, told from any states: they give a state that a group can have and that is told again, or an error.
//!
//! The first bytes make the states that both sides have; what follows is a share, or a state to be told.

use arbitrary::{Result, Unstructured};
use muster_core::{
    EntityId,
    sync::{
        Cell, GROUP, GroupState,
        codec::{Identity, Known, Layout, decode_group, encode_group},
    },
};

/// Runs the target.
pub fn run(bytes: &[u8]) {
    // Bytes that end early make a state of zeros, which is one too.
    let _ = run_on(&mut Unstructured::new(bytes));
}

fn run_on(input: &mut Unstructured<'_>) -> Result<()> {
    let layout = Layout {
        attributes: input.int_in_range(0..=64)?,
        cell_shift: input.int_in_range(Cell::SHIFT_MIN..=Cell::SHIFT_MAX)?,
    };
    let (lag, gap): (u8, u8) = (input.arbitrary()?, input.arbitrary()?);
    let (is_whole, is_told, has_before): (bool, bool, bool) =
        (input.arbitrary()?, input.arbitrary()?, input.arbitrary()?);
    let base_update = 1_000;
    let update = base_update + u32::from(lag);
    let before = state(input, &layout)?;
    let base = next(&before, input, &layout)?;
    let known =
        Known { base: &base, base_update, before: has_before.then_some((&before, base_update - u32::from(gap))) };
    let known = (!is_whole).then_some(&known);
    if is_told {
        let now = next(&base, input, &layout)?;
        tell(&now, update, known, &layout);
        return Ok(());
    }
    let share = input.bytes(input.len())?;
    let mut out = GroupState::new(layout.attributes.into());
    match decode_group(share, update, known, &layout, &mut out) {
        Ok(identity) => {
            assert_eq!(identity.is_some(), is_whole);
            tell(&out, update, known, &layout);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

/// A state survives the way through bytes.
fn tell(now: &GroupState, update: u32, known: Option<&Known<'_>>, layout: &Layout) {
    let identity = Identity { update, ..Identity::default() };
    let mut share = Vec::new();
    encode_group(now, update, known, &identity, layout, &mut share);
    assert!(!share.is_empty() && share.len() <= layout.share_max(GROUP));
    let mut out = GroupState::new(layout.attributes.into());
    let told = decode_group(&share, update, known, layout, &mut out);
    assert_eq!(told, Ok(known.is_none().then_some(identity)));
    assert_eq!(&out, now);
    let inside = |at: u16| i32::from(at) < layout.side();
    assert!(out.places().all(|place| inside(out.x[place]) && inside(out.y[place]) && !out.id[place].is_null()));
}

/// A state with few entities; the others of its places are like them.
fn state(input: &mut Unstructured<'_>, layout: &Layout) -> Result<GroupState> {
    let mut state = GroupState::new(layout.attributes.into());
    for place in 0..GROUP {
        state.id[place] = EntityId::from_bits(place as u64 + 1);
    }
    next(&state, input, layout)
}

/// The state after another: some places are changed.
fn next(from: &GroupState, input: &mut Unstructured<'_>, layout: &Layout) -> Result<GroupState> {
    let mut state = from.clone();
    state.present = input.arbitrary()?;
    state.destroyed = input.arbitrary()?;
    for _ in 0..input.int_in_range(0..=6)? {
        let place = usize::from(input.int_in_range(0..=31u8)?);
        let within = |at: i32| at.rem_euclid(layout.side()) as u16;
        match input.int_in_range(0..=9)? {
            0 => state.id[place] = EntityId::from_bits(input.arbitrary::<u64>()? | 1),
            1 => state.heading[place] = input.arbitrary()?,
            2 => (state.health[place], state.health_max[place]) = input.arbitrary()?,
            3 => state.state[place] = input.arbitrary()?,
            4 => state.target[place] = EntityId::from_bits(input.arbitrary()?),
            5 => state.flags[place] = input.arbitrary()?,
            6 => (state.kind[place], state.team[place], state.owner[place]) = input.arbitrary()?,
            7 => {
                (state.half_x[place], state.half_y[place]) = input.arbitrary()?;
                state.shape[place] = input.arbitrary::<u8>()? & 1;
            }
            8 if layout.attributes > 0 => {
                let number = usize::from(input.int_in_range(0..=layout.attributes - 1)?);
                state.attributes[number][place] = input.arbitrary()?;
            }
            _ => {
                let (x, y): (i8, i8) = (input.arbitrary()?, input.arbitrary()?);
                state.x[place] = within(i32::from(state.x[place]) + i32::from(x));
                state.y[place] = within(i32::from(state.y[place]) + i32::from(y));
            }
        }
    }
    Ok(state)
}
