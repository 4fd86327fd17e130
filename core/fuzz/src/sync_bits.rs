//! The bits in packets, which the verifier of their envelope cannot look into: any bytes are refused or are something that can
//! be told again. The first byte says as what they are read.

use muster_core::sync::{
    GroupState,
    codec::{Identity, Known, Layout, decode_group, encode_group},
    own::{OWNER_VALUES_MAX, Own, decode_own, encode_own},
    told::{EVENTS_MAX, decode_events, encode_event},
};

/// The tick that the packets are of.
const TICK: u64 = 1 << 33;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Some((way, bits)) = bytes.split_first() else { return };
    match way % 4 {
        0 => own(bits),
        1 => events(bits),
        2 => share(bits, false),
        _ => share(bits, true),
    }
}

fn own(bits: &[u8]) {
    let mut own = Own::default();
    if decode_own(bits, &mut own).is_ok() {
        assert!(own.values.len() <= OWNER_VALUES_MAX);
        let (mut again, mut back) = (Vec::new(), Own::default());
        encode_own(&own, &mut again);
        assert_eq!(decode_own(&again, &mut back), Ok(()));
        assert_eq!(back, own);
    }
}

fn events(bits: &[u8]) {
    let mut told = Vec::new();
    match decode_events(bits, TICK, &mut told) {
        Ok(()) => {
            assert!(told.len() <= EVENTS_MAX);
            for told in &told {
                let mut again = Vec::new();
                encode_event(&told.event, &mut again);
                assert_eq!(muster_core::sync::told::decode_event(&again, TICK), Ok(told.event));
            }
        }
        Err(_) => assert!(told.is_empty()),
    }
}

/// A share as a whole state, and then what is left as shares told from the states before.
fn share(bits: &[u8], is_delta: bool) {
    let layout = Layout { attributes: 2, cell_shift: 22 };
    let (length, bits) = bits.split_first().map_or((0, bits), |(length, bits)| (usize::from(*length), bits));
    let (first, rest) = bits.split_at(length.min(bits.len()));
    let mut base = GroupState::new(2);
    let Ok(Some(identity)) = decode_group(first, 1, None, &layout, &mut base) else { return };
    let again = tell(&base, identity.update, None, &identity, &layout);
    let mut back = GroupState::new(2);
    assert_eq!(decode_group(&again, 1, None, &layout, &mut back), Ok(Some(identity)));
    assert_eq!(back, base);
    if !is_delta {
        return;
    }
    let update = identity.update.wrapping_add(3);
    let known = Known { base: &base, base_update: identity.update, before: None };
    let mut now = GroupState::new(2);
    if decode_group(rest, update, Some(&known), &layout, &mut now).is_ok() {
        assert_eq!(now.destroyed & !base.present, 0);
        let again = tell(&now, update, Some(&known), &identity, &layout);
        assert_eq!(decode_group(&again, update, Some(&known), &layout, &mut back), Ok(None));
        assert_eq!(back, now);
    }
}

fn tell(state: &GroupState, update: u32, known: Option<&Known<'_>>, identity: &Identity, layout: &Layout) -> Vec<u8> {
    let mut out = Vec::new();
    encode_group(state, update, known, identity, layout, &mut out);
    out
}
