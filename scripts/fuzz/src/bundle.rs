//! What comes from outside as JSON — a map, parameters, a message, an answer of the store — becomes values of scripts, or
//! an error, and comes back as the same JSON.
//!
//! The bytes are those four texts, a zero after each.

use std::sync::Arc;

use muster_scripts::{Bundle, Host, MatchOptions, Output, Player, StoreResult};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::limits;

const RULES: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
	return { tick_rate = 20, state = { params = params } }
end
function rules.match_start(self)
	self.places = { world.zones(), world.spawn_points(), world.pickups(), world.routes(), { world.size() } }
	store.get(0, "key")
end
function rules.match_stored(self, result)
	match.broadcast({ stored = result.value })
end
function rules.match_loop(self, tick, messages)
	for _, message in messages do
		match.broadcast({ said = json.decode(message.text) })
	end
	match.broadcast({ params = self.params })
end
return rules
"#;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (map, params, message, stored) = (part(), part(), part(), part());
    let mut files = vec![("rules.lua".to_owned(), RULES.as_bytes().to_vec())];
    if !map.is_empty() {
        files.push(("map.json".to_owned(), map.to_vec()));
    }
    let bundle = match Bundle::from_files("fuzz", files) {
        Ok(bundle) => Arc::new(bundle),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let params: Value = serde_json::from_slice(params).unwrap_or_default();
    let limits = limits();
    let host = Host::new(bundle, limits.clone()).expect("the rules compile");
    let options = MatchOptions { params: params.clone(), ..MatchOptions::default() };
    let Ok(mut game) = host.open(&options) else { return };
    if game.join(&Player { number: 1, id: "a".into(), name: "A".into(), is_bot: false }).is_err() {
        return;
    }
    // A number that is too large for any is JSON all the same, and an error for whoever decodes it.
    let is_taken = game.message(1, message).is_ok();
    assert!(!is_taken || serde_json::from_slice::<IgnoredAny>(message).is_ok());
    if let Ok(value) = serde_json::from_slice(stored) {
        game.handle_stored(1, StoreResult::Value(Some(value)));
    }
    let report = game.step(&mut Vec::new());
    while let Some(output) = game.poll_output() {
        if let Output::Message { bytes, .. } = output {
            assert!(bytes.len() <= limits.message_bytes_max);
            serde_json::from_slice::<Value>(&bytes).expect("what is sent is JSON");
        }
    }
    assert!(report.script_kills == 0 || bytes.len() > 64, "{report:?}");
    assert!(!host.is_broken());
}
