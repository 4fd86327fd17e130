//! Texts become rules that are played within their limits, or errors: nothing panics, no machine breaks, and what was saved
//! can be restored.

use std::sync::Arc;

use muster_scripts::{Bundle, Host, MatchOptions, Player, RestoreError};

use crate::{limits, play};

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // Most texts are no whole rules: they are what a loop does.
    let rules = if text.contains("match_init") {
        text.to_owned()
    } else {
        format!(
            "local rules = {{}} function rules.match_init() return {{ tick_rate = 20 }} end
            function rules.match_loop(self, tick, messages)\n{text}\nend return rules"
        )
    };
    let files = vec![("rules.lua".to_owned(), rules.into_bytes())];
    let bundle = Arc::new(Bundle::from_files("fuzz", files).expect("it is text"));
    let host = match Host::new(bundle, limits()) {
        Ok(host) => host,
        Err(error) => {
            assert!(!error.message.is_empty() && error.line > 0, "{error:?}");
            return;
        }
    };
    let options = MatchOptions::default();
    let mut game = match host.open(&options) {
        Ok(game) => game,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !host.is_broken(), "{error:?}");
            return;
        }
    };
    // Whether it lets anybody in is its own business.
    _ = game.join(&Player { number: 1, id: "a".into(), name: "A".into(), is_bot: false });
    _ = game.message(1, b"{\"k\":[1,2]}");
    play(&mut game, 3);
    let mut saved = Vec::new();
    if game.save(&mut saved).is_ok() {
        match host.restore(&saved, &options) {
            // Rules may throw dice on whether they can be loaded.
            Ok(_) | Err(RestoreError::Script(_)) => {}
            Err(error) => panic!("what was saved can be restored: {error}"),
        }
        _ = game.reload(&host);
        play(&mut game, 1);
    }
    game.terminate(0);
    assert!(!host.is_broken());
}
