//! Goal: a match handler written for Nakama runs as it is, and what is not offered is named when it is loaded.
//! Method: a handler in the style of Nakama's own documentation as rules.lua, played through its life.

mod support;

use muster_scripts::{
    JoinRefusal, LeaveReason, LogLevel, Match, MatchOptions, Output, StoreAction, StoreResult, StoreScope,
    StoredValues, To, check,
};
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
        "local function later() nk.wallet_update('x') nk.account_get_id('z') nk.wallet_update('y') dispatcher.match_count() -- nk.never() end return M",
    );
    let handler = handler.replace("-- nk.never() end", "end");
    let mut game = host(&handler).open(&MatchOptions::default()).unwrap();
    let lines = support::lines(&mut game, LogLevel::Warn);
    assert_eq!(lines.len(), 3);
    assert!(lines[2].contains("dispatcher.match_count is not offered"), "{}", lines[2]);
    assert!(lines[0].contains("nakama.wallet_update is not offered") && lines[1].contains("nakama.account_get_id"));
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

/// A handler that lets in by an expression, and does something at messages of the code 9.
fn calling(attempt: &str, body: &str) -> String {
    HANDLER
        .replace("  local acceptuser = presence.username ~= \"Player 9\"", &format!("  local acceptuser = {attempt}"))
        .replace(
            "    if message.op_code == OpCodes.move then",
            &format!("    if message.op_code == 9 then {body} end\n    if message.op_code == OpCodes.move then"),
        )
}

fn called(game: &mut Match) -> Vec<Value> {
    game.message(1, json!({ "op_code": 9, "data": "" }).to_string().as_bytes()).unwrap();
    step(game);
    said(game).into_iter().filter(|(_, value)| value["op_code"] == 7).map(|(_, value)| value["data"].clone()).collect()
}

#[test]
fn storage_is_read_at_once() {
    // Who has no profile, or a bad one, is not let in.
    let attempt = "(function()
        local read = nk.storage_read({ { collection = 'profile', key = 'main', user_id = presence.user_id } })
        return read[1] ~= nil and read[1].value.level >= 3
    end)()";
    let body = "
        local user = message.sender.user_id
        local read = nk.storage_read({
            { collection = 'profile', key = 'main', user_id = user }, { collection = 'rules', key = 'speed' },
            { collection = 'profile', key = 'none', user_id = user },
        })
        local value = read[1].value
        value.level = value.level + 1
        local acks = nk.storage_write({
            { collection = 'profile', key = 'main', user_id = user, value = value, version = read[1].version },
            { collection = 'profile', key = 'a', user_id = user, value = { n = 1 }, version = '*' },
        })
        local again = nk.storage_read({ { collection = 'profile', key = 'main', user_id = user } })
        local listed, cursor = nk.storage_list(user, 'profile', 1)
        local rest, last = nk.storage_list(user, 'profile', 10, cursor)
        local stale, problem = pcall(nk.storage_write, { { collection = 'profile', key = 'a', user_id = user, value = {}, version = '*' } })
        nk.storage_delete({ { collection = 'profile', key = 'a', user_id = user } })
        dispatcher.broadcast_message(7, {
            found = #read, speed = read[2].value.most, owner = read[2].user_id == nil, level = again[1].value.level,
            acked = acks[1].version == again[1].version and acks[1].version ~= read[1].version,
            listed = listed[1].key, rest = rest[1].key, last = last == nil, stale = stale, problem = problem,
            deleted = #nk.storage_list(user, 'profile', 10),
        })";
    let stored = |values: Value| -> StoredValues { serde_json::from_value(values).unwrap() };
    let options = MatchOptions {
        stored: [(StoreScope::Mode, stored(json!({ "rules/speed": { "most": 9 } })))].into(),
        ..MatchOptions::default()
    };
    let host = host(&calling(attempt, body));
    let mut game = host.open(&options).unwrap();
    assert_eq!(game.join_attempt(&player(2), &Value::Null), Err(JoinRefusal::Failed), "nothing was read");
    game.learn(StoreScope::Player("id-2".into()), StoredValues::new());
    assert_eq!(game.join_attempt(&player(2), &Value::Null), Err(JoinRefusal::Script("not you".into())));
    game.learn(StoreScope::Player("id-1".into()), stored(json!({ "profile/main": { "level": 3 }, "other": 1 })));
    assert_eq!(game.join_attempt(&player(1), &Value::Null), Ok(()));
    game.join(&player(1)).unwrap();
    outputs(&mut game);

    game.message(1, json!({ "op_code": 9, "data": "" }).to_string().as_bytes()).unwrap();
    step(&mut game);
    let mut requests = Vec::new();
    let mut told = Vec::new();
    for output in outputs(&mut game) {
        match output {
            Output::Store(request) => requests.push(request),
            Output::Message { bytes, .. } => {
                told.push(serde_json::from_slice::<Value>(&bytes).unwrap()["data"].clone());
            }
            Output::ScriptError(error) => panic!("{error}"),
            _ => {}
        }
    }
    let problem = told[0]["problem"].take();
    assert!(problem.as_str().is_some_and(|text| text.contains("version check failed for profile/a")), "{problem}");
    assert_eq!(
        told,
        [json!({
            "found": 2, "speed": 9, "owner": true, "level": 4, "acked": true, "listed": "a", "rest": "main", "last": true,
            "stale": false, "problem": null, "deleted": 1,
        })]
    );
    let main = |level: i32| StoreAction::Set { key: "profile/main".into(), value: json!({ "level": level }) };
    assert_eq!(requests[0].action, main(4));
    assert_eq!(requests[0].scope, StoreScope::Player("id-1".into()));

    // What could not be written was not.
    game.handle_stored(requests[0].id, StoreResult::Failed("full".into()));
    let again = called(&mut game);
    assert_eq!(again[0]["level"], 4, "it is three again, and one is added");

    // Of a saved match it is read anew.
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    let mut options = options;
    options.stored.insert(StoreScope::Player("id-1".into()), stored(json!({ "profile/main": { "level": 70 } })));
    let mut back = host.restore(&saved, &options).unwrap();
    assert_eq!(called(&mut back)[0]["level"], 71);
}

#[test]
fn texts_are_encoded_and_hashed_as_there() {
    let body = r#"dispatcher.broadcast_message(7, {
        nk.md5_hash("abc"), nk.sha256_hash("abc"), nk.base16_encode(nk.hmac_sha256_hash("what do ya want for nothing?", "Jefe")),
        nk.base64_encode("ab"), nk.base64_encode("ab", false), nk.base64_decode("YWI"), nk.base64_decode("YWI="),
        nk.base64url_encode("\xff\xfe\xff\xfe"), nk.base64url_encode("\xff\xfe\xff\xfe", false),
        nk.base16_encode(nk.base64url_decode("__7__g")), nk.base16_encode(nk.base16_decode("00fF")),
        nk.uuid_bytes_to_string(nk.uuid_string_to_bytes("4ec4f126-3f9d-11e7-84ef-b7c182b36521")),
        #nk.uuid_string_to_bytes(nk.uuid_v4()), nk.logger_info("said"),
        pcall(nk.base64_decode, "a*b"), pcall(nk.base16_decode, "zz"), pcall(nk.uuid_string_to_bytes, "4ec4f126"),
        select('#', pcall(nk.md5_hash, string.rep("x", 1000000))),
    })"#;
    let mut game = host(&calling("true", body)).open(&MatchOptions::default()).unwrap();
    game.join_attempt(&player(1), &Value::Null).unwrap();
    game.join(&player(1)).unwrap();
    outputs(&mut game);
    game.message(1, json!({ "op_code": 9, "data": "" }).to_string().as_bytes()).unwrap();
    // A megabyte is more than a call may hash.
    assert_eq!(step(&mut game).script_kills, 1);
    let fitting = body.replace("1000000", "10000");
    game.reload(&host(&calling("true", &fitting))).unwrap();
    outputs(&mut game);
    assert_eq!(
        called(&mut game),
        [json!([
            "900150983cd24fb0d6963f7d28e17f72",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "YWI=",
            "YWI",
            "ab",
            "ab",
            "__7__g==",
            "__7__g",
            "fffefffe",
            "00ff",
            "4ec4f126-3f9d-11e7-84ef-b7c182b36521",
            16,
            "said",
            false,
            false,
            false,
            2
        ])]
    );
}
