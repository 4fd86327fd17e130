//! Goal: whatever a script does, its call ends, its match goes on or ends with a report, and the others do not notice.
//! Method: rules that each do one bad thing in their loop, stepped a few ticks; a good match on the same host beside them.

mod support;

use muster_scripts::{Limits, MatchOptions, Output};
use support::{errors, host, host_of, looping, messages, open, outputs, step};

/// What is wrong for ever, and what the error has to say.
const KILLED: &[&str] = &[
    "while true do end",
    "for i = 1, math.huge do end",
    "repeat until false",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error, 'x') end",
    "local function catch() while true do xpcall(function() while true do end end, function() while true do end end) end end catch()",
    "local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
    "while true do coroutine.wrap(function() coroutine.yield() end)() end",
    "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) while true do pcall(function() return t.a end) end",
    "local t = setmetatable({}, { __eq = function() while true do end end }) while true do local _ = t == setmetatable({}, getmetatable(t)) end",
    "local t = setmetatable({}, { __iter = function() return function() return 1 end end }) for _ in t do end",
    "while true do string.rep('x', 1000000) end",
    "local s = string.rep('x', 1000000) while true do string.find(s, 'y', 1, true) end",
    "local s = string.rep('a', 30) .. 'b' while true do string.match(s, '(.-)(.-)(.-)(.-)(.-)(.-)c') end",
    "local b = buffer.create(4000000) while true do buffer.fill(b, 0, 1) end",
    "local t = table.create(200000, 1) while true do table.concat(t) end",
    "local t = table.create(50000, 1) while true do table.sort(t) end",
    "local s = 'x' while true do local _ = s .. tostring(math.random()) end",
    "while true do world.all() end",
    "while true do json.encode({ 1, 2, 3 }) end",
];

#[test]
fn what_does_not_end_is_stopped_and_the_match_goes_on() {
    for body in KILLED {
        let mut game = open(&looping(&format!("if tick == 1 then {body} end match.broadcast(tick)")));
        step(&mut game);
        let report = step(&mut game);
        assert_eq!((report.script_errors, report.script_kills), (1, 1), "{body}: {:?}", errors(&mut game));
        let error = errors(&mut game).remove(0);
        assert!(error.is_killed && error.callback == "match_loop", "{body}: {error:?}");
        step(&mut game);
        assert_eq!(messages(&mut game), ["2"], "{body}");
        assert!(game.ended().is_none());
    }
}

#[test]
fn a_pcall_cannot_swallow_the_stop() {
    let body = "if tick == 0 then pcall(function() while true do end end) self.went_on = true end match.broadcast(self.went_on or false)";
    let mut game = open(&looping(body));
    assert_eq!(step(&mut game).script_kills, 1);
    assert!(messages(&mut game).is_empty());
    step(&mut game);
    assert_eq!(messages(&mut game), ["false"]);
}

#[test]
fn memory_has_a_limit_of_each_match_and_others_do_not_notice() {
    let bombs = [
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "self.b = {} while true do table.insert(self.b, buffer.create(100000)) end",
        "local t = table.create(100000000)",
        "string.rep('x', 1000000000)",
        "buffer.create(1000000000)",
        "self.t = self.t or {} for i = 1, 20000 do table.insert(self.t, { i }) end",
    ];
    let rules = looping("local bomb = self.bomb; if bomb then bomb(self) end match.broadcast(tick)");
    for body in bombs {
        let files = rules.replace("return {", &format!("local b = params and function(self) {body} end return {{"));
        let files = files
            .replace("match_init()", "match_init(ctx, params)")
            .replace("tick_rate = 20", "tick_rate = 20, state = { bomb = b }");
        let host = host_of(&[("rules.lua", &files)], Limits { call_budget: 3_000_000, ..Limits::default() });
        let bad_options = MatchOptions { params: true.into(), ..MatchOptions::default() };
        let (mut good, mut bad) = (host.open(&MatchOptions::default()).unwrap(), host.open(&bad_options).unwrap());
        let mut failed = 0;
        for tick in 0..40 {
            failed += step(&mut bad).script_errors;
            assert!(bad.memory_bytes() <= 17 << 20, "{body}: {}", bad.memory_bytes());
            assert_eq!(step(&mut good).script_errors, 0, "{body}");
            assert_eq!(messages(&mut good), [tick.to_string()], "{body}");
        }
        assert!(failed > 0, "{body}");
        drop(bad);
        assert!(host.memory_bytes() < 4 << 20, "{body}: {} left", host.memory_bytes());
    }
}

#[test]
fn errors_of_every_kind_are_reported() {
    let cases = [
        ("error('plain')", "plain"),
        ("error({ code = 3 })", ""),
        ("error(nil)", ""),
        ("error(setmetatable({}, { __tostring = function() while true do end end }))", ""),
        ("error(setmetatable({}, { __tostring = function() error('again') end }))", ""),
        ("local x = nil; return x.y", "attempt to index nil with 'y'"),
        ("nothing()", "attempt to call a nil value"),
        ("local function f() return 1 + f() end return f()", "stack overflow"),
        ("coroutine.yield()", "attempt to yield"),
        ("return coroutine.wrap(function() error('inside') end)()", "inside"),
        ("string.find(string.rep('a', 100000), string.rep('a?', 5000) .. 'b')", "pattern too complex"),
        ("math.foo = 1", "readonly"),
        ("string.rep = nil", "readonly"),
        ("getmetatable('').__index = {}", "readonly"),
        ("setmetatable(_G, {})", "readonly"),
        ("world.spawn = nil", "readonly"),
        ("match.send(1, function() end)", "JSON has no function"),
        ("match.send(7, 1)", "player 7 is not in the match"),
        ("world.spawn({ x = 0/0, y = 1 })", "must be a number"),
        ("world.spawn({ x = 1, y = 1, helth = 3 })", "`health`"),
        ("local t = {} t[1] = t match.broadcast(t)", "64 deep"),
    ];
    for (body, expect) in cases {
        let mut game = open(&looping(&format!("if tick == 0 then {body} end")));
        assert_eq!(step(&mut game).script_errors, 1, "{body}");
        let error = errors(&mut game).remove(0);
        assert!(error.message.contains(expect), "{body}: {error:?}");
        assert_eq!(error.is_killed, body.contains("while true"), "{body}: {error:?}");
        assert_eq!(step(&mut game).script_errors, 0, "{body}");
    }
}

#[test]
fn there_is_no_way_out_of_the_sandbox() {
    let body = "match.broadcast({ tostring(io), tostring(os), tostring(debug), tostring(loadstring), tostring(getfenv),
        tostring(setfenv), tostring(collectgarbage), tostring(newproxy), tostring(package), tostring(load), tostring(dofile) })";
    let mut game = open(&looping(body));
    step(&mut game);
    let nils = ["\"nil\""; 11].join(",");
    assert_eq!(messages(&mut game), [format!("[{nils}]")]);
    for name in ["os", "../x", "/etc/passwd", "@self/x", "rules/../x", ""] {
        let mut game = open(&looping(&format!("require('{name}')")));
        step(&mut game);
        let error = errors(&mut game).remove(0);
        assert!(error.message.contains("has no file"), "{error:?}");
    }
}

#[test]
fn matches_of_a_machine_do_not_see_each_other() {
    let rules = looping("shared = (shared or 0) + 1; counter.count += 1; match.broadcast({ shared, counter.count })");
    let rules = format!("local counter = require('counter')\n{rules}");
    let host = host_of(&[("rules.lua", &rules), ("counter.lua", "return { count = 0 }")], Limits::default());
    let mut games: Vec<_> = (0..3).map(|_| host.open(&MatchOptions::default()).unwrap()).collect();
    for tick in 1..4 {
        for game in &mut games {
            step(game);
            assert_eq!(messages(game), [format!("[{tick},{tick}]")]);
        }
    }
    assert_eq!(host.matches(), 3);
    games.clear();
    assert_eq!(host.matches(), 0);
}

#[test]
fn bytecode_is_no_script() {
    let error = muster_scripts::Bundle::from_files("test", vec![("rules.lua".into(), vec![6, 3, 0, 0xff])]);
    assert!(error.is_err());
    let files = [("rules.lua", "\u{6}\u{3}\0")];
    assert!(muster_scripts::Host::new(support::bundle(&files), Limits::default()).is_err());
}

#[test]
fn a_match_that_fails_for_a_second_ends_with_a_report() {
    let mut game = open(&looping("error('always')"));
    for _ in 0..19 {
        assert!(!step(&mut game).has_ended);
    }
    assert!(step(&mut game).has_ended);
    let outputs = outputs(&mut game);
    let Some(Output::Ended(ended)) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!(ended.reason, "script_failed");
    assert!(ended.error.as_ref().is_some_and(|error| error.message.contains("always") && error.line == 3));
    assert!(step(&mut game).has_ended);
}

#[test]
fn output_has_limits() {
    let mut game = open(&looping("for i = 1, 100 do log.info(i, string.rep('x', 5000)) end"));
    step(&mut game);
    let lines = support::lines(&mut game, muster_scripts::LogLevel::Debug);
    assert_eq!(lines.len(), 33);
    assert!(lines.iter().all(|line| line.len() <= 1100) && lines[32].contains("more than 32 lines"));
    let many = looping("for i = 1, 5000 do match.broadcast(i) end");
    let limits = Limits { messages_per_tick: 100, ..Limits::default() };
    let mut game = host_of(&[("rules.lua", &many)], limits).open(&MatchOptions::default()).unwrap();
    assert_eq!(step(&mut game).script_errors, 1);
    assert_eq!(messages(&mut game).len(), 100);
    let mut game = open(&looping("match.broadcast(string.rep('x', 20000))"));
    assert_eq!(step(&mut game).script_errors, 1);
    let mut game = open(&looping("timer.after(1000, 'x') for i = 1, 2000 do timer.after(100, 'x') end"));
    assert_eq!(step(&mut game).script_errors, 1);
    let mut game = open(&looping("for i = 1, 100 do store.get(0, 'k') end"));
    assert_eq!(step(&mut game).script_errors, 1);
    let host = host(&looping(""));
    assert!(host.memory_bytes() < 3 << 20, "{}", host.memory_bytes());
}
