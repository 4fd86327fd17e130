//! Goal: a match handler written for Nakama runs as it is, and what is not offered is named when it is loaded.
//! Method: a handler in the style of Nakama's own documentation as rules.lua, played through its life.

mod support;

use muster_scripts::{JoinRefusal, LeaveReason, LogLevel, Match, MatchOptions, Output, To, check};
use serde_json::{Value, json};
use support::{bundle, host, outputs, player, step};

const HANDLER: &str = r#"
local nk = require("nakama")
local M = {}

local OpCodes = { move = 1, state = 2 }

function M.match_init(context, setupstate)
  local gamestate = { presences = {}, moves = 0, context_mode = context.execution_mode, setup = setupstate }
  local tickrate = 10
  local label = nk.json_encode({ mode = "test" })
  return gamestate, tickrate, label
end

function M.match_join_attempt(context, dispatcher, tick, state, presence, metadata)
  local acceptuser = presence.username ~= "Player 9"
  return state, acceptuser, "not you"
end

function M.match_join(context, dispatcher, tick, state, presences)
  for _, presence in ipairs(presences) do
    state.presences[presence.session_id] = presence
  end
  dispatcher.match_label_update(nk.json_encode({ mode = "test", players = #presences }))
  return state
end

function M.match_leave(context, dispatcher, tick, state, presences)
  for _, presence in ipairs(presences) do
    state.presences[presence.session_id] = nil
  end
  return state
end

function M.match_loop(context, dispatcher, tick, state, messages)
  for _, message in ipairs(messages) do
    nk.logger_info(string.format("Received %s from %s", message.data, message.sender.username))
    if message.op_code == OpCodes.move then
      local decoded = nk.json_decode(message.data)
      state.moves = state.moves + decoded.by
      dispatcher.broadcast_message(OpCodes.state, nk.json_encode({ moves = state.moves }), nil, message.sender)
      dispatcher.broadcast_message(3, message.data, { message.sender })
    end
  end
  if tick >= 20 then
    return nil
  end
  return state
end

function M.match_terminate(context, dispatcher, tick, state, grace_seconds)
  dispatcher.broadcast_message(4, "bye " .. grace_seconds)
  return state
end

function M.match_signal(context, dispatcher, tick, state, data)
  return state, data .. nk.base64_encode(data) .. nk.base64_decode(nk.base64_encode(data))
end

return M
"#;

fn said(game: &mut Match) -> Vec<(To, Value)> {
    let message = |output| match output {
        Output::Message { to, bytes } => Some((to, serde_json::from_slice(&bytes).unwrap())),
        Output::ScriptError(error) => panic!("{error}"),
        _ => None,
    };
    outputs(game).into_iter().filter_map(message).collect()
}

#[test]
fn a_handler_lives_its_life() {
    let mut game = host(HANDLER).open(&MatchOptions::default()).unwrap();
    assert_eq!(game.settings().tick_rate_hz, 10);
    assert_eq!(game.settings().label, "{\"mode\":\"test\"}");
    assert_eq!(game.join_attempt(&player(9), &Value::Null), Err(JoinRefusal::Script("not you".into())));
    assert_eq!(game.join_attempt(&player(1), &Value::Null), Ok(()));
    game.join(&player(1)).unwrap();
    let labels = outputs(&mut game);
    assert!(labels.iter().any(|output| matches!(output, Output::Label(label) if label.contains("players"))));
    game.message(1, json!({ "op_code": 1, "data": "{\"by\":3}" }).to_string().as_bytes()).unwrap();
    step(&mut game);
    assert_eq!(
        said(&mut game),
        [
            (To::All, json!({ "op_code": 2, "data": "{\"moves\":3}", "sender": "id-1" })),
            (To::Player(1), json!({ "op_code": 3, "data": "{\"by\":3}" })),
        ]
    );
    assert_eq!(game.signal("abcd").unwrap(), "abcdYWJjZA==abcd");
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    let mut back = host(HANDLER).restore(&saved, &MatchOptions::default()).unwrap();
    back.message(1, json!({ "op_code": 1, "data": { "by": 4 } }).to_string().as_bytes()).unwrap();
    step(&mut back);
    assert_eq!(said(&mut back)[0].1["data"], "{\"moves\":7}");
    back.reload(&host(&HANDLER.replace("decoded.by", "decoded.by * 100"))).unwrap();
    back.message(1, json!({ "op_code": 1, "data": { "by": 1 } }).to_string().as_bytes()).unwrap();
    step(&mut back);
    assert_eq!(said(&mut back)[0].1["data"], "{\"moves\":107}");
    game.terminate(3);
    assert_eq!(said(&mut game), [(To::All, json!({ "op_code": 4, "data": "bye 3" }))]);
    game.leave(1, LeaveReason::Left);
    for _ in 0..30 {
        step(&mut game);
    }
    assert!(game.ended().is_some_and(|ended| ended.reason.contains("nil")), "{:?}", game.ended());
}

#[test]
fn what_is_not_offered_is_named_when_it_is_loaded() {
    let handler = HANDLER.replace(
        "return M",
        "local function later() nk.wallet_update('x') nk.storage_read({}) nk.wallet_update('y') dispatcher.match_count() -- nk.never() end return M",
    );
    let handler = handler.replace("-- nk.never() end", "end");
    let mut game = host(&handler).open(&MatchOptions::default()).unwrap();
    let lines = support::lines(&mut game, LogLevel::Warn);
    assert_eq!(lines.len(), 3);
    assert!(lines[2].contains("dispatcher.match_count is not offered"), "{}", lines[2]);
    assert!(lines[0].contains("nakama.wallet_update is not offered") && lines[1].contains("nakama.storage_read"));
    let checked = check(&bundle(&[("rules.lua", &handler)]), &muster_scripts::Limits::default());
    assert!(!checked.is_playable());
    assert!(check(&bundle(&[("rules.lua", HANDLER)]), &muster_scripts::Limits::default()).is_playable());
}

#[test]
fn handlers_have_the_time_of_the_match_and_what_else_is_missing_is_named() {
    let timed = HANDLER
        .replace("local M = {}", "local M = {}\nmath.randomseed(os.time())\nlocal begun = os.clock() + nk.time()")
        .replace("  if tick >= 20", "  dispatcher.match_label_update(tostring(os.time() - begun))\n  if tick >= 20");
    let mut game = host(&timed).open(&MatchOptions::default()).unwrap();
    for _ in 0..15 {
        step(&mut game);
    }
    let labels: Vec<String> = outputs(&mut game)
        .into_iter()
        .filter_map(|output| match output {
            Output::Label(label) => Some(label),
            Output::ScriptError(error) => panic!("{error}"),
            Output::Log { level: LogLevel::Warn, text, .. } => panic!("{text}"),
            _ => None,
        })
        .collect();
    assert_eq!(labels, ["0", "1"]);
    assert!(check(&bundle(&[("rules.lua", &timed)]), &muster_scripts::Limits::default()).is_playable());

    // What is used before anything can be said of it is named where that goes wrong.
    let dated = HANDLER.replace("local M = {}", "local M = {}\nlocal day = os.date(\"*t\")");
    let error = host(&dated).open(&MatchOptions::default()).expect_err("there is no os.date");
    assert!(error.hint.contains("there is no os.date"), "{error}");

    // By another name, too.
    let named = HANDLER
        .replace("function M.match_loop(context, dispatcher,", "function M.match_loop(context, d,")
        .replace("dispatcher.broadcast_message(OpCodes", "d.match_count(OpCodes");
    let mut game = host(&named).open(&MatchOptions::default()).unwrap();
    game.join(&player(1)).unwrap();
    game.message(1, json!({ "op_code": 1, "data": { "by": 4 } }).to_string().as_bytes()).unwrap();
    step(&mut game);
    let errors = support::errors(&mut game);
    assert!(errors.iter().any(|error| error.message.contains("dispatcher.match_count is not offered")), "{errors:?}");
}

#[test]
fn values_of_who_is_not_there_are_not_written_to_the_mode() {
    let write = "nk.storage_write({ { collection = 'c', key = 'k', user_id = 'gone', value = { 1 } } })";
    let handler = HANDLER.replace("  if tick >= 20", &format!("  {write}\n  if tick >= 20"));
    let mut game = host(&handler).open(&MatchOptions::default()).unwrap();
    step(&mut game);
    let outputs = outputs(&mut game);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Store(_))), "{outputs:?}");
    let is_said = |output: &Output| matches!(output, Output::ScriptError(error) if error.message.contains("gone is not in the match"));
    assert!(outputs.iter().any(is_said), "{outputs:?}");
}
