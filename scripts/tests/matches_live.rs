//! Goal: a match lives as its rules say: who comes in, messages, timers, the store, signals, reload, save and restore.
//! Method: rules that tell what they were given, and what the host sees of it.

mod support;

use std::collections::BTreeMap;

use muster_scripts::{
    Host, JoinRefusal, LeaveReason, Limits, Match, MatchOptions, MessageRefusal, Output, StoreAction, StoreResult,
    StoreScope, StoredValues, To,
};
use serde_json::{Value, json};
use support::{bundle, errors, host, host_of, looping, messages, open, outputs, player, step};

const LIFE: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
    return { tick_rate = 10, players_max = 2, label = "life", state = { told = {} }, client = params }
end
local function tell(self, ...) table.insert(self.told, { ... }) end
function rules.match_start(self) tell(self, "start", world.tick(), match.tick_rate(), match.id()) end
function rules.match_join_attempt(self, player, metadata)
    if metadata and metadata.no then return false, "no " .. player.name end
end
function rules.match_join(self, player) tell(self, "join", player.number, player.name, #match.players()) end
function rules.match_leave(self, player, reason) tell(self, "leave", player.number, reason, #match.players()) end
function rules.match_away(self, player, away) tell(self, "away", player.number, away) end
function rules.match_terminate(self, grace) tell(self, "terminate", grace) end
function rules.match_signal(self, data) return data .. "!" end
function rules.match_stored(self, result) tell(self, "stored", result.action, result.key, result.tag, result.ok, result.value or result.error) end
function rules.ring(self, data) tell(self, "ring", world.tick(), data) end
function rules.match_loop(self, tick, messages)
    if tick == 0 then
        timer.after(2, "ring", "once")
        self.every = timer.every(3, "ring", { n = 3 })
        store.add(0, "plays", 1, "t")
        store.get(0, "none")
    end
    if tick == 8 then timer.cancel(self.every) end
    for _, message in messages do tell(self, "message", message.player, json.decode(message.text)) end
    for _, told in self.told do match.broadcast(told) end
    self.told = {}
end
return rules
"#;

fn told(game: &mut Match) -> Vec<Value> {
    messages(game).iter().map(|text| serde_json::from_str(text).expect("messages are JSON")).collect()
}

#[test]
fn callbacks_are_called_with_what_they_are_for() {
    let options = MatchOptions { id: "m1".into(), params: json!({ "a": [1, true, "x"] }), ..MatchOptions::default() };
    let mut game = host(LIFE).open(&options).unwrap();
    assert_eq!((game.settings().label.as_str(), game.settings().tick_rate_hz), ("life", 10));
    assert_eq!(game.settings().client, options.params);
    assert_eq!(game.join_attempt(&player(1), &json!({ "no": true })), Err(JoinRefusal::Script("no Player 1".into())));
    assert_eq!(game.join_attempt(&player(1), &Value::Null), Ok(()));
    game.join(&player(1)).unwrap();
    assert_eq!(game.join(&player(1)), Err(JoinRefusal::Player));
    game.join(&player(2)).unwrap();
    assert_eq!(game.join_attempt(&player(3), &Value::Null), Err(JoinRefusal::Full));
    game.message(2, b"{\"k\": 1}").unwrap();
    assert_eq!(game.message(3, b"1"), Err(MessageRefusal::NoPlayer));
    assert_eq!(game.message(1, b"{"), Err(MessageRefusal::NotJson));
    assert_eq!(game.message(1, b"\xff"), Err(MessageRefusal::NotJson));
    assert_eq!(game.message(1, &[b' '; 20_000]), Err(MessageRefusal::TooLong));
    step(&mut game);
    let mut said = Vec::new();
    let mut asked = Vec::new();
    for output in outputs(&mut game) {
        match output {
            Output::Message { to, bytes } => {
                assert_eq!(to, To::All);
                said.push(serde_json::from_slice::<Value>(&bytes).unwrap());
            }
            Output::Store(request) => asked.push(request),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        said,
        [
            json!(["start", 0, 10, "m1"]),
            json!(["join", 1, "Player 1", 1]),
            json!(["join", 2, "Player 2", 2]),
            json!(["message", 2, { "k": 1 }]),
        ]
    );
    assert_eq!(asked[0].action, StoreAction::Add { key: "plays".into(), amount: 1 });
    assert_eq!(asked[1].action, StoreAction::Get { key: "none".into() });
    game.handle_stored(asked[1].id, StoreResult::Failed("gone".into()));
    game.handle_stored(asked[0].id, StoreResult::Value(Some(json!(5))));
    game.handle_stored(99, StoreResult::Value(None));
    game.away(1, true);
    game.away(1, true);
    game.leave(2, LeaveReason::Left);
    step(&mut game);
    assert_eq!(
        told(&mut game),
        [
            json!(["away", 1, true]),
            json!(["leave", 2, "left", 2]),
            json!(["stored", "get", "none", "", false, "gone"]),
            json!(["stored", "add", "plays", "t", true, 5]),
        ]
    );
    let mut rings = Vec::new();
    for _ in 2..14 {
        step(&mut game);
        rings.extend(told(&mut game));
    }
    let ring = |tick, data: Value| json!(["ring", tick, data]);
    assert_eq!(rings, [ring(2, json!("once")), ring(3, json!({ "n": 3 })), ring(6, json!({ "n": 3 }))]);
    assert_eq!(game.signal("hello").unwrap(), "hello!");
    game.terminate(5);
    step(&mut game);
    assert_eq!(told(&mut game), [json!(["terminate", 5])]);
    game.terminate(0);
    assert_eq!(game.ended().map(|ended| ended.reason.as_str()), Some("terminated"));
    assert!(matches!(outputs(&mut game).last(), Some(Output::Ended(_))));
    assert_eq!(game.join_attempt(&player(9), &Value::Null), Err(JoinRefusal::Ended));
}

#[test]
fn a_match_goes_on_where_it_was_saved() {
    let rules = looping(
        "self.list = self.list or { 1, 2, deep = { shared = {} } }
        self.list.again = self.list.deep
        self.sum = (self.sum or 0) + math.random(100)
        self.buffer = self.buffer or buffer.fromstring('abc')
        self.at = self.at or vector.create(1, 2, 3)
        if tick == 1 then timer.every(2, 'beat', 'x'); self.unit = world.spawn({ x = 10, y = 10, velocity_x = 1 }) end
        match.broadcast({ self.sum, #self.list, self.list.again == self.list.deep, buffer.tostring(self.buffer), self.at.y, self.unit and world.get(self.unit, 'x') or 0 })",
    );
    let rules = rules.replace("return rules", "function rules.beat(self, data) match.broadcast(data) end return rules");
    let host = host(&rules);
    let mut game = host.open(&MatchOptions::default()).unwrap();
    game.join(&player(3)).unwrap();
    for _ in 0..5 {
        step(&mut game);
    }
    messages(&mut game);
    game.message(3, b"1").unwrap();
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    let other = support::host(&rules);
    let mut back = other.restore(&saved, &MatchOptions::default()).unwrap();
    let mut again = Vec::new();
    back.save(&mut again).unwrap();
    assert!(saved == again, "the same match has the same bytes");
    assert_eq!(back.players().count(), 1);
    for _ in 0..20 {
        assert_eq!((step(&mut game), step(&mut back)).0.script_errors, 0);
        assert_eq!(messages(&mut game), messages(&mut back));
        assert_eq!(game.world_mut().hash(), back.world_mut().hash());
    }
    for at in 0..saved.len() {
        let mut broken = saved.clone();
        broken[at] ^= 0x20;
        assert!(other.restore(&broken, &MatchOptions::default()).is_err(), "byte {at}");
        assert!(other.restore(&saved[..at], &MatchOptions::default()).is_err(), "{at} bytes");
    }
}

#[test]
fn what_cannot_be_saved_is_named() {
    let cases = [
        ("self.a = { b = { function() end } }", "self.a.b[1] is a function"),
        ("self.co = coroutine.create(print)", "self.co is a thread"),
        ("self.m = setmetatable({}, {})", "self.m has a metatable"),
        ("self.t = { [{}] = 1 }", "self.t has a key that is a table"),
        ("local t = self for i = 1, 100 do t.t = {} t = t.t end", "tables deep"),
    ];
    for (body, expect) in cases {
        let mut game = open(&looping(body));
        assert_eq!(step(&mut game).script_errors, 0, "{body}");
        let error = game.save(&mut Vec::new()).unwrap_err();
        assert!(error.message.contains(expect), "{error:?}");
    }
}

#[test]
fn rules_are_reloaded_between_ticks_and_broken_ones_are_not() {
    let first = looping("self.n = (self.n or 0) + 1 match.broadcast({ 'one', self.n })");
    let second = looping("self.n = self.n + 1 match.broadcast({ 'two', self.n })");
    let third = second.replace("'two'", "'three'").replace(
        "return rules",
        "function rules.on_reload(self, version) self.from = version return { n = self.n * 100 } end return rules",
    );
    let mut game = open(&first);
    step(&mut game);
    assert!(Host::new(bundle(&[("rules.lua", "local rules = {")]), Limits::default()).is_err());
    let failing = [
        "error('at load')",
        "return 1",
        "return { on_reload = function() error('on reload') end }",
        "while true do end",
        "return require('nothing')",
    ];
    for rules in failing {
        assert!(game.reload(&host(rules)).is_err(), "{rules}");
        assert_eq!(step(&mut game).script_errors, 0, "{rules}");
    }
    let version = game.version().to_owned();
    game.reload(&host(&second)).unwrap();
    assert_ne!(game.version(), version);
    step(&mut game);
    game.reload(&host(&third)).unwrap();
    step(&mut game);
    let last = messages(&mut game);
    assert_eq!(last[last.len() - 2..], ["[\"two\",7]", "[\"three\",701]"]);
    // A storm of reloads leaves nothing behind.
    let hosts = [host(&second), host(&first)];
    for turn in 0..200 {
        game.reload(&hosts[turn % 2]).unwrap();
        assert_eq!(step(&mut game).script_errors, 0);
    }
    assert_eq!(hosts[0].matches() + hosts[1].matches(), 1);
    assert!(hosts.iter().all(|host| host.memory_bytes() < 3 << 20));
    let mut stuck = open(&looping("self.f = print"));
    step(&mut stuck);
    assert!(stuck.reload(&hosts[0]).unwrap_err().message.contains("self.f is a function"));
}

#[test]
fn mistakes_in_match_init_say_what_to_change() {
    let cases = [
        ("return { tickrate = 20 }", "is `tick_rate` meant?"),
        ("return { tick_rate = 0 }", "a whole number of 1 to 120"),
        ("return { tick_rate = 'x' }", "`tick_rate` cannot be a string"),
        ("return { players_max = 100000 }", "players_max"),
        ("return { weapons = { { damege = 1 } } }", "is `damage` meant?"),
        ("return { behaviours = { { steps = { 'dance' } } } }", "flee, chase"),
        ("return { attributes = { public = { 'health' } } }", "none that entities have already"),
        ("return { world = { speed_max = 9999 } }", "must be"),
        ("return { away = { behaviour = 'x' } }", "the name of a behaviour"),
        ("return { view = { enter = 10, leave = 5 } }", "at least enter"),
        ("return", "must return a table"),
        ("world.spawn({})", "there is no world"),
    ];
    for (body, expect) in cases {
        let rules = format!("local rules = {{}} function rules.match_init() {body} end return rules");
        let opened = host(&rules).open(&MatchOptions::default());
        let error = opened.unwrap_err();
        assert!(error.to_string().contains(expect), "{body}: {error}");
    }
    let error = host("return {}").open(&MatchOptions::default()).unwrap_err();
    assert!(error.message.contains("match_init"), "{error}");
    let error = Host::new(bundle(&[("rules.lua", "local x = \n\n= 1")]), Limits::default()).unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("rules.lua", 3));
}

#[test]
fn files_of_a_bundle_require_each_other() {
    let rules = looping(
        "match.broadcast({ require('lib/a').name, require('./lib/b.lua').name, require('lib/a') == require('lib/a') })",
    );
    let files = [
        ("rules.lua", rules.as_str()),
        ("lib/a.lua", "return { name = 'a', b = require('lib/b') }"),
        ("lib/b.luau", "return { name = 'b' }"),
    ];
    let host = host_of(&files, Limits::default());
    let mut game = host.open(&MatchOptions::default()).unwrap();
    step(&mut game);
    // b.lua is not there: names are without an ending, or the file's own.
    assert!(errors(&mut game)[0].message.contains("has no file"));
    let rules = rules.replace("./lib/b.lua", "./lib/b");
    let mut game = host_of(&[("rules.lua", &rules), files[1], files[2]], Limits::default())
        .open(&MatchOptions::default())
        .unwrap();
    step(&mut game);
    assert_eq!(messages(&mut game), ["[\"a\",\"b\",true]"]);
    let ring =
        [("rules.lua", "return require('a')"), ("a.lua", "return require('b')"), ("b.lua", "return require('a')")];
    let error = host_of(&ring, Limits::default()).open(&MatchOptions::default()).unwrap_err();
    assert!(error.message.contains("while it is being required"), "{error:?}");
}

#[test]
fn messages_are_heard_at_once_by_rules_that_ask_for_it() {
    let rules = |at_once: bool| {
        format!(
            "local rules = {{}}
function rules.match_init() return {{ tick_rate = 20, at_once = {at_once} }} end
function rules.match_loop(self, tick, messages)
    for _, message in messages do
        if message.text == '0' then error('no') end
        match.broadcast_text(`[{{tick}},{{message.text}}]`)
    end
end
return rules"
        )
    };
    let mut game = open(&rules(true));
    game.join(&player(1)).expect("there is room");
    step(&mut game);
    for text in [b"1", b"2"] {
        game.message(1, text).expect("it is taken");
        assert_eq!((game.hear().tick, game.world().tick()), (1, 1), "no tick is made");
    }
    assert_eq!(messages(&mut game), ["[1,1]", "[1,2]"]);
    assert_eq!(game.hear().script_work, 0, "nothing waits");
    // Whoever writes more than a tick's rules may do waits for the tick, and loses nothing.
    let mut said = 0;
    while game.message(1, b"3").is_ok() {
        said += 1;
        if said % 32 == 0 && game.hear().script_work == 0 {
            break;
        }
        assert!(said < 1_000_000, "a tick is without end");
    }
    step(&mut game);
    let told = outputs(&mut game);
    assert!(told.iter().all(|output| matches!(output, Output::Message { .. })), "nothing fails");
    assert_eq!(told.len(), said);
    // What fails between ticks counts for the tick, so that such a match ends as others do.
    let mut ticks = 0;
    while game.ended().is_none() {
        game.message(1, b"0").expect("it is taken");
        assert_eq!(game.hear().script_errors, 1);
        step(&mut game);
        ticks += 1;
        assert!(ticks <= 20, "a second of failures ends a match");
    }
    assert_eq!(ticks, 20);

    let mut game = open(&rules(false));
    game.join(&player(1)).expect("there is room");
    game.message(1, b"1").expect("it is taken");
    assert_eq!(game.hear().script_work, 0);
    assert!(messages(&mut game).is_empty(), "others hear it in the tick");
    step(&mut game);
    assert_eq!(messages(&mut game), ["[0,1]"]);
}

/// What was read when somebody came is there at once, and what the match writes; the store's answers have the last word.
#[test]
fn what_the_store_held_is_known_at_once() {
    let rules = "local rules = {}
        function rules.match_init() return { tick_rate = 20, state = { mode = store.known(0, 'season') } } end
        function rules.match_join_attempt(self, player)
            store.add(player.number, 'tries', 1)
            return store.known(player.number, 'banned') ~= true, 'banned'
        end
        function rules.match_loop(self, tick, messages)
            for _, message in messages do
                local act = json.decode(message.text)
                if act[1] == 'set' then store.set(1, act[2], act[3]) end
                if act[1] == 'add' then store.add(1, act[2], act[3]) end
                if act[1] == 'get' then store.get(1, act[2]) end
                if act[1] == 'delete' then store.delete(1, act[2]) end
            end
            local ok, problem = pcall(store.known, 2, 'a')
            match.broadcast({ self.mode, store.known(1, 'tries'), store.known(1, 'a') or 'none', problem })
        end
        return rules";
    let stored = |values: Value| -> StoredValues { serde_json::from_value(values).unwrap() };
    let mut options = MatchOptions { stored: BTreeMap::new(), ..MatchOptions::default() };
    let error = host(rules).open(&options).expect_err("nothing was read of the mode");
    assert!(error.message.contains("the values of the mode are not read yet"), "{error}");
    options.stored.insert(StoreScope::Mode, stored(json!({ "season": 7 })));
    let mut game = host(rules).open(&options).unwrap();
    game.learn(StoreScope::Player("id-3".into()), stored(json!({ "banned": true })));
    assert_eq!(game.join_attempt(&player(3), &Value::Null), Err(JoinRefusal::Script("banned".into())));
    assert_eq!(game.join_attempt(&player(3), &Value::Null), Err(JoinRefusal::Failed), "it was forgotten");
    game.learn(StoreScope::Player("id-1".into()), stored(json!({ "tries": 4, "a": 1 })));
    assert_eq!(game.join_attempt(&player(1), &Value::Null), Ok(()));
    game.join(&player(1)).unwrap();
    game.join(&player(2)).unwrap();
    outputs(&mut game);
    let unread = json!("the values of player 2 are not read yet: the store is asked again; store.get asks for one");
    let after = |game: &mut Match, acts: Value| {
        for act in acts.as_array().unwrap() {
            game.message(1, act.to_string().as_bytes()).unwrap();
        }
        step(game);
        let mut ids = Vec::new();
        let mut said = Vec::new();
        for output in outputs(game) {
            match output {
                Output::Store(request) => ids.push(request.id),
                Output::Message { bytes, .. } => said.push(serde_json::from_slice::<Value>(&bytes).unwrap()),
                other => panic!("{other:?}"),
            }
        }
        let said = said.remove(0);
        assert_eq!((&said[0], &said[1], &said[3]), (&json!(7), &json!(5), &unread));
        (said[2].clone(), ids)
    };
    let failed = || StoreResult::Failed("full".into());
    let (a, ids) = after(&mut game, json!([["set", "a", 2], ["add", "a", 3]]));
    assert_eq!(a, 5);
    game.handle_stored(ids[0], failed());
    assert_eq!(after(&mut game, json!([])).0, 4, "it is added to what there is");
    game.handle_stored(ids[1], failed());
    assert_eq!(after(&mut game, json!([])).0, 1, "nothing was written");
    let (_, ids) = after(&mut game, json!([["set", "a", 6], ["get", "a"], ["set", "b", 7], ["delete", "b"]]));
    for id in ids {
        game.handle_stored(id, failed());
    }
    assert_eq!(after(&mut game, json!([])).0, 1);
    let (a, ids) = after(&mut game, json!([["get", "a"], ["delete", "a"]]));
    assert_eq!(a, "none");
    game.handle_stored(ids[0], StoreResult::Value(Some(json!(8))));
    assert_eq!(after(&mut game, json!([])).0, "none", "what is on its way comes later");
    game.handle_stored(ids[1], StoreResult::Value(None));
    let (a, ids) = after(&mut game, json!([["get", "a"], ["add", "text", 1]]));
    assert_eq!(a, "none");
    game.handle_stored(ids[0], StoreResult::Value(Some(json!(9))));
    assert_eq!(after(&mut game, json!([])).0, 9, "somebody else wrote it");
    game.leave(1, LeaveReason::Left);
    game.join(&player(1)).unwrap();
    step(&mut game);
    assert!(errors(&mut game).iter().any(|error| error.message.contains("values of player 1 are not read")));
}

/// However much a match keeps, what was saved can be gone on with, and by other rules too.
#[test]
fn much_that_was_saved_is_gone_on_with() {
    let rules = looping(
        "if tick == 0 then for i = 1, 25000 do self[i] = { a = i, b = tostring(i) } end end match.broadcast(#self)",
    );
    let limits = Limits { call_budget: 1_000_000, tick_budget: 1_000_000, ..Limits::default() };
    let mut game = host_of(&[("rules.lua", &rules)], limits).open(&MatchOptions::default()).unwrap();
    step(&mut game);
    assert_eq!(messages(&mut game), ["25000"]);
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    assert!(saved.len() > 700_000, "{} bytes", saved.len());
    // Under the limits that there are by themselves.
    let host = host(&rules);
    let mut back = host.restore(&saved, &MatchOptions::default()).unwrap();
    back.reload(&self::host(&format!("{rules}\n"))).unwrap();
    step(&mut back);
    assert_eq!(messages(&mut back), ["25000"]);
}
