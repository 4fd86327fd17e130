//! Bytes become a match that goes on and is saved as the same bytes again, or an error.
//!
//! The bytes are the head of a saved match up to the first zero, and the state of its scripts. They get a world and a
//! checksum, so that what is behind those is met; as they are they are tried too.

use std::sync::{Arc, LazyLock};

use muster_scripts::{Bundle, Host, MatchOptions};
use twox_hash::XxHash3_64;

use crate::{limits, play};

const RULES: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
	return {
		tick_rate = 20,
		attributes = { public = { "score" } },
		weapons = { { name = "gun" } },
		behaviours = { { name = "wander", steps = { "wander" } } },
		away = { behaviour = "wander" },
	}
end
function rules.match_start(self)
	timer.every(2, "beat", { n = 1 })
	store.get(0, "key", "tag")
	self.list = { 1, "two", { three = true } }
end
function rules.beat(self, data)
	match.broadcast({ beat = data, players = match.players() })
end
function rules.match_stored(self, result) end
function rules.match_loop(self, tick, messages)
	self.tick = tick
end
return rules
"#;

/// The world of a match that was just opened, and what stands before it.
static WORLD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let saved = seed();
    let (_, _, world) = parts(&saved).expect("what was saved has its parts");
    world.to_vec()
});

fn host() -> Host {
    let files = vec![("rules.lua".to_owned(), RULES.as_bytes().to_vec())];
    Host::new(Arc::new(Bundle::from_files("fuzz", files).expect("it is text")), limits()).expect("it compiles")
}

/// A saved match, from which the corpus was made.
pub fn seed() -> Vec<u8> {
    let game = host().open(&MatchOptions::default()).expect("it opens");
    let mut saved = Vec::new();
    game.save(&mut saved).expect("it can be saved");
    saved
}

/// Head, state and world of a saved match.
pub fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (body, _checksum) = bytes.split_last_chunk::<8>()?;
    let (head, rest) = part(body.get(8..)?)?;
    let (state, world) = part(rest)?;
    Some((head, state, world))
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let host = host();
    let options = MatchOptions::default();
    assert!(host.restore(bytes, &options).is_err(), "a checksum is not met by chance");
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (head, state) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let mut saved = b"MUMATCH1".to_vec();
    for part in [head, state] {
        saved.extend_from_slice(&u32::try_from(part.len()).expect("inputs are short").to_le_bytes());
        saved.extend_from_slice(part);
    }
    saved.extend_from_slice(&WORLD);
    let checksum = XxHash3_64::oneshot(&saved);
    saved.extend_from_slice(&checksum.to_le_bytes());
    let mut game = match host.restore(&saved, &options) {
        Ok(game) => game,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !host.is_broken(), "{error}");
            return;
        }
    };
    let mut once = Vec::new();
    if game.save(&mut once).is_ok() {
        let again = host.restore(&once, &options).expect("what was saved can be restored");
        let mut twice = Vec::new();
        again.save(&mut twice).expect("and saved again");
        assert_eq!(once, twice, "a match has one form");
    }
    play(&mut game, 4);
    assert!(!host.is_broken());
}
