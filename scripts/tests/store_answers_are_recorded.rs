//! Goal: what comes of an answer of the store is in the recording at the tick at which the rules were told, so that a
//! replay needs neither the store nor the scripts.
//! Method: rules that spawn and steer by what is stored; a store outside that answers late, never and in another order
//! each time, some requests after a save and a restore.

mod support;

use muster_core::{
    Execution,
    random::mix,
    replay::{Player as Replayer, Replay, Settings},
};
use muster_scripts::{Match, MatchOptions, Output, StoreAction, StoreRequest, StoreResult};
use serde_json::json;
use support::{errors, host, player, step};

const RULES: &str = r#"
local rules = {}
function rules.match_init() return { tick_rate = 20, state = { asked = {}, log = {} } } end
function rules.match_loop(self, tick)
	if tick % 3 == 0 and tick < 60 then
		self.asked[tostring(store.get(1, "key" .. tick, "t" .. tick))] = tick
		store.add(0, "count", 1)
		store.set(1, "last", { tick = tick })
	end
end
function rules.match_stored(self, result)
	assert(result.id > 0 and result.ok ~= nil)
	if result.action == "get" then
		local asked = self.asked[tostring(result.id)]
		assert(result.tag == "t" .. asked and result.key == "key" .. asked and result.player == 1)
		assert(world.tick() > asked, "an answer comes at a later tick")
		table.insert(self.log, asked)
		local value = if result.ok then result.value else -1
		world.spawn({ x = value, y = 10, velocity_x = 2, speed_max = 5, acceleration_max = 5, health = asked, health_max = 100 })
	elseif result.action == "add" and result.ok then
		for _, id in world.all() do
			world.velocity(id, result.value, 0)
		end
	end
end
function rules.match_signal(self) return table.concat(self.log, " ") end
return rules
"#;

/// A store that holds requests back and answers them in an order that a seed decides.
struct Outside {
    random: u64,
    waiting: Vec<StoreRequest>,
    count: i64,
}

impl Outside {
    fn next(&mut self, below: usize) -> usize {
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        (self.random % below as u64) as usize
    }

    fn take(&mut self, game: &mut Match) {
        let errors = errors_and_requests(game, &mut self.waiting);
        assert!(errors.is_empty(), "{errors:?}");
    }

    /// Answers some of what waits, any first.
    fn answer(&mut self, game: &mut Match) {
        while !self.waiting.is_empty() && self.next(3) > 0 {
            let at = self.next(self.waiting.len());
            let request = self.waiting.swap_remove(at);
            let result = match request.action {
                StoreAction::Get { .. } if self.next(4) == 0 => StoreResult::Failed("the disk is full".into()),
                StoreAction::Get { .. } => StoreResult::Value(Some(json!(self.next(50)))),
                StoreAction::Add { amount, .. } => {
                    self.count += amount;
                    StoreResult::Value(Some(json!(self.count % 5)))
                }
                StoreAction::Set { .. } | StoreAction::Delete { .. } => StoreResult::Value(None),
            };
            game.handle_stored(request.id, result.clone());
            // Who answers twice is not heard twice.
            game.handle_stored(request.id, result);
        }
    }
}

fn errors_and_requests(game: &mut Match, requests: &mut Vec<StoreRequest>) -> Vec<String> {
    let mut errors = Vec::new();
    while let Some(output) = game.poll_output() {
        match output {
            Output::Store(request) => requests.push(request),
            Output::ScriptError(error) => errors.push(error.to_string()),
            _ => {}
        }
    }
    errors
}

/// Plays with a store of a seed; the recording, the world's hash and the order of answers.
fn play(seed: u64) -> (Vec<u8>, u128, String) {
    let mut game = host(RULES).open(&MatchOptions { seed: 9, ..MatchOptions::default() }).unwrap();
    game.join(&player(1)).unwrap();
    game.record(Settings { key_ticks: 25, ..Settings::default() });
    let mut outside = Outside { random: seed, waiting: Vec::new(), count: 0 };
    for _ in 0..100 {
        outside.answer(&mut game);
        let report = step(&mut game);
        assert_eq!(report.script_errors, 0, "{:?}", errors(&mut game));
        outside.take(&mut game);
    }
    let order = game.signal("").unwrap();
    let hash = game.world_mut().hash();
    let recorder = game.recording_mut().unwrap();
    recorder.finish();
    (recorder.pending().to_vec(), u128::from(hash), order)
}

#[test]
fn replays_hold_in_whatever_order_the_store_answers() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 1..6 {
        let (file, hash, order) = play(seed);
        let mut replayer = Replayer::new(Replay::open(&file).unwrap(), None, Execution::default()).unwrap();
        assert!(replayer.verify().unwrap().is_none(), "every tick has the hash that was recorded");
        assert_eq!(u128::from(replayer.into_world().hash()), hash);
        // The same answers at the same ticks are the same match.
        assert!(play(seed) == (file, hash, order.clone()));
        assert!(order.split(' ').count() >= 10, "{order}");
        orders.insert(order);
    }
    assert_eq!(orders.len(), 5, "the store answered in other orders");
}

#[test]
fn what_was_asked_before_a_restart_is_answered_as_failed() {
    let host = host(RULES);
    let mut game = host.open(&MatchOptions::default()).unwrap();
    game.join(&player(1)).unwrap();
    step(&mut game);
    let mut requests = Vec::new();
    errors_and_requests(&mut game, &mut requests);
    assert_eq!(requests.len(), 3);
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    let mut back = host.restore(&saved, &MatchOptions::default()).unwrap();
    for request in &requests {
        back.handle_stored(request.id, StoreResult::Value(Some(json!(7))));
    }
    assert_eq!(step(&mut back).script_errors, 0, "{:?}", errors(&mut back));
    assert_eq!(back.signal("").unwrap(), "0");
    let mut ids = Vec::new();
    back.world().ids(&mut ids);
    assert_eq!(ids.len(), 1, "the rules were told once, that it failed");
}
