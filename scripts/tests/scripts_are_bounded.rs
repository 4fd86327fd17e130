//! Goal: whatever a script does, its call ends, its match goes on or ends with a report, and the others do not notice.
//! Method: rules that each do one bad thing in their loop, stepped a few ticks; a good match on the same host beside them.

mod support;

use std::time::Duration;

use muster_scripts::{Limits, Match, MatchOptions, Output, RestoreError, ScriptError};
use nix::time::{ClockId, clock_gettime};
use support::{errors, host, host_of, looping, messages, open, outputs, step};

/// What is wrong for ever, and what the error has to say.
const KILLED: &[&str] = &[
    // Loops of every form.
    "while true do end",
    "for i = 1, math.huge do end",
    "for i = 1, 0, 0 do end for i = 1, 1e300, 1e-300 do end",
    "repeat until false",
    "while true do continue end",
    "for _ in function() return 1 end do end",
    "local t = { 1 } for k in t do t[k + 1] = 1 end while true do for _ in pairs({ 1 }) do end end",
    "local t = setmetatable({}, { __iter = function() return function() return 1 end end }) for _ in t do end",
    "local function f() f() end while true do pcall(f) end",
    "local a, b function a() b() end function b() a() end while true do pcall(a) end",
    // Whoever catches the stop meets it again.
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error, 'x') end",
    "local function again() return pcall(again) and again() or again() end again()",
    "local function catch() while true do xpcall(function() while true do end end, function() while true do end end) end end catch()",
    "local function deep(n) if n == 0 then while true do end end pcall(deep, n - 1) while true do end end deep(100)",
    "xpcall(function() error('x') end, function() while true do end end) while true do end",
    // Coroutines.
    "local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
    "while true do coroutine.wrap(function() coroutine.yield() end)() end",
    "while true do coroutine.close(coroutine.create(function() end)) end",
    "local function nest(n) if n > 0 then coroutine.wrap(nest)(n - 1) end while true do end end nest(50)",
    "local co co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
    // Metamethods.
    "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) while true do pcall(function() return t.a end) end",
    "local t = setmetatable({}, { __eq = function() while true do end end }) while true do local _ = t == setmetatable({}, getmetatable(t)) end",
    "local m = {} m.__lt = function() while true do end end local _ = setmetatable({}, m) < setmetatable({}, m)",
    "local m = {} m.__concat = function() while true do end end local _ = setmetatable({}, m) .. 'x'",
    "local m = {} m.__len = function() while true do end end local _ = #setmetatable({}, m)",
    "local m = {} m.__call = function(self) return self() end while true do pcall(setmetatable({}, m)) end",
    "local m = {} m.__newindex = function(t, k, v) t[k .. 'x'] = v end while true do pcall(function() setmetatable({}, m).a = 1 end) end",
    "local m = { __tostring = function() while true do end end } tostring(setmetatable({}, m))",
    "local m = {} m.__index = m setmetatable(m, m) while true do pcall(function() return m.x end) end",
    // Built-in functions that do much in one call.
    "while true do string.rep('x', 1000000) end",
    "while true do string.rep('', 1000000000) end",
    "local s = string.rep('x', 1000000) while true do string.find(s, 'y', 1, true) end",
    "local s = string.rep('a', 1000000) string.find(s, string.rep('a', 500000) .. 'b', 1, true)",
    "local s = string.rep('a', 1000000) while true do string.split(s, string.rep('a', 500) .. 'b') end",
    "local s = string.rep('a', 30) .. 'b' while true do string.match(s, '(.-)(.-)(.-)(.-)(.-)(.-)c') end",
    "local s = string.rep('(', 60000) while true do string.find(s, '%b()') end",
    "local s = string.rep('a', 100000) string.find(s, '[' .. string.rep('b', 100000) .. ']*c')",
    "local s = string.rep('a', 300000) while true do string.gsub(s, 'a', 'bb') end",
    "while true do for _ in string.gmatch(string.rep('a', 1000), 'a-b') do end end",
    "local s = string.rep('x', 1000000) while true do local _ = string.sub(s, 2) end",
    "local s = string.rep('x', 1000000) while true do local _ = s .. 'y' end",
    "local s = string.rep('x', 1000000) while true do string.upper(s) string.reverse(s) end",
    "local s = string.rep('x', 1000000) while true do string.format('%s%s', s, s) end",
    "local s = string.rep('x', 1000000) while true do utf8.len(s) end",
    "local b = buffer.create(4000000) while true do buffer.fill(b, 0, 1) end",
    "local b = buffer.create(4000000) while true do buffer.tostring(b) end",
    "local b = buffer.create(4000000) while true do buffer.copy(b, 0, b, 1, 3999999) end",
    "local t = table.create(200000, 1) while true do table.concat(t) end",
    "local t = table.create(50000, 1) while true do table.sort(t) end",
    "local s, t = string.rep('a', 100000), {} for i = 1, 9000 do t[i] = i <= 20 and s .. i or t[i - 20] end while true do table.sort(t) end",
    "local t = table.create(50000, 1) while true do table.sort(t, rawequal) end",
    "local t = table.create(50000, 1) while true do table.sort(t, function(a, b) return true end) end",
    "table.move({}, 1, 1000000000, 2)",
    "while true do table.move({}, 1, 100000, 2) end",
    "while true do table.create(500000) end",
    "local t = table.create(100000, 1) while true do table.clone(t) table.find(t, 2) end",
    "local t = table.create(100000, 1) while true do table.insert(t, 1, 2) table.remove(t, 1) end",
    "local t = table.create(100000, 1) table.foreach(t, type) while true do table.foreach(t, type) end",
    "local t = table.create(8000, 1) while true do select('#', unpack(t)) end",
    "local function f(...) while true do select(1, ...) end end f(table.unpack(table.create(8000, 1)))",
    "local s = 'x' while true do local _ = s .. tostring(math.random()) end",
    "while true do string.pack(string.rep('i8', 1000), unpack(table.create(1000, 1))) end",
    // Functions of the host.
    "while true do world.all() end",
    "while true do json.encode({ 1, 2, 3 }) end",
    "local t = {} for i = 1, 10 do t = { t, t, t, t } end json.encode(t)",
    "json.decode('[' .. string.rep('[],', 400000) .. '0]')",
    "while true do json.decode('{') end",
    "local s = string.rep('x', 1000000) while true do log.info(s, s) end",
    "local s = string.rep('x', 1000000) while true do pcall(world.get, 1, s) pcall(store.get, 0, s) pcall(require, s) end",
    "while true do pcall(world.get, 1, 'helth') end",
    "while true do pcall(world.all, { layrs = 1 }) end",
    "while true do pcall(timer.after, 1, 'x', table.create(100000, 1)) end",
    "while true do world.spawn({ x = 1, y = 1 }) world.near(1, 1, 1e6) end",
    "while true do world.ray(0, 0, 15000, 15000) world.sees(0, 0, 15000, 15000) end",
    "local r = world.rows('health') while true do r:all() r:set('health') end",
    "local r = world.rows('x') r.id = buffer.create(4000000) r.count = 500000 while true do r:stop() end",
    "while true do match.players() match.player(1) math.random() end",
    "while true do pcall(world.take_over, 1, 1) world.hand_back(1) end",
];

#[test]
fn what_does_not_end_is_stopped_and_the_match_goes_on() {
    for body in KILLED {
        let mut game = open(&looping(&format!("if tick == 1 then {body} end match.broadcast(tick)")));
        step(&mut game);
        let report = step(&mut game);
        let error = errors(&mut game).remove(0);
        assert_eq!((report.script_errors, error.callback.as_str()), (1, "match_loop"), "{body}: {error:?}");
        // Texts of a megabyte are made faster than the collector takes them away.
        let is_full = body.contains("1000000") && error.message.contains("memory");
        assert!(is_full || (error.is_killed && report.script_kills == 1), "{body}: {error:?}");
        step(&mut game);
        assert_eq!(messages(&mut game), ["2"], "{body}");
        assert!(game.ended().is_none());
    }
}

/// What takes long at few safepoints is stopped by its time, and searches do not put off the look at it.
#[test]
fn searches_do_not_hide_work_from_the_net() {
    let passes = |search: &str| {
        let round = format!("n += 1 if n % 20 == 0 then {search} end math.max(...) math.min(...)");
        let body = format!(
            "local n = 0 for i = 1, 2000 do n += 0 end
            local function f(...) while true do {round} end end f(unpack(table.create(7900, 1)))"
        );
        let mut game = open(&looping(&body));
        let report = step(&mut game);
        assert_eq!(report.script_kills, 1, "{search}");
        game.script_time()
    };
    // The count alone would stop them after some fifty thousand calls with as many arguments.
    for search in
        ["local _ = n", "string.find('a', 'b')", "string.gsub('aa', 'a', function() string.find('a', 'b') end)"]
    {
        let time = passes(search);
        assert!(time < Duration::from_millis(400), "{search}: {time:?}");
    }
}

/// Which of two texts comes first is found without a safepoint. However fast the script was before, the next round is looked at.
#[test]
fn a_round_that_takes_long_is_not_one_of_many() {
    let compare = "if a < b then n += 1 end ".repeat(100);
    // At several places in the slice that fast rounds were given.
    for fast in (3000..3600).step_by(75) {
        let body = format!(
            "local x = 'x' for i = 1, 21 do x = x .. x end local a, b = x .. 'a', x .. 'b'
            local n = 0 for i = 1, {fast} do n += 1 end while true do {compare} end"
        );
        let mut game = open(&looping(&body));
        let report = step(&mut game);
        assert_eq!(report.script_kills, 1);
        let time = game.script_time();
        assert!(time < Duration::from_millis(400), "after {fast} rounds: {time:?}");
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
        ("string.find(string.rep('a', 300), string.rep('a?', 300) .. 'b')", "pattern too complex"),
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
        ("error(print)", ""),
        ("error(coroutine.create(print))", ""),
        ("error(buffer.create(4))", ""),
        ("error(vector.create(1, 2, 3))", ""),
        ("error(setmetatable({}, { __tostring = function() return 'said so' end }))", ""),
        ("error(setmetatable({}, { __tostring = function() return {} end }))", ""),
        ("error(setmetatable({}, { __metatable = false, __index = error }))", ""),
        ("error(string.rep('x', 100000))", "xxx"),
        ("local _, e = pcall(world.spawn, {}) error(e)", "`x` and `y`"),
        ("local _, e = pcall(world.spawn, {}) e.x = 1", ""),
        ("local _, e = pcall(world.spawn, {}) setmetatable(e, {})", ""),
        ("local _, e = pcall(world.spawn, {}) return e.x.y", ""),
        ("select('#', table.unpack({}, 1, 9000))", "at most 8000"),
        ("string.byte(string.rep('x', 9000), 1, -1)", "at most 8000"),
        ("local r = world.rows('x') r.count = 5 r:set('x')", "rows need"),
        ("local r = world.rows('x') r.id = 'x' r:read()", "no rows"),
        ("local r = world.rows('x') r.count = -1 r:stop()", "cannot be -1"),
        ("world.rows('x').all({})", "no rows"),
        ("local r = world.rows('x') r:velocity(buffer.create(0), 3)", ""),
    ];
    for (body, expect) in cases {
        let mut game = open(&looping(&format!("if tick == 0 then {body} end")));
        assert_eq!(step(&mut game).script_errors, 1, "{body}");
        let error = errors(&mut game).remove(0);
        assert!(error.message.contains(expect), "{body}: {error:?}");
        let is_common = ["attempt to", "stack overflow", "readonly"].iter().any(|words| error.message.contains(words));
        assert!(!is_common || !error.hint.is_empty(), "{body} has no hint: {error:?}");
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
    // Bytecode that is good, and could pass for a text.
    let rules = "return { match_init = function() return {} end }";
    let bytecode = mlua::chunk::Compiler::new().compile(rules).expect("it compiles");
    let bytecode = String::from_utf8(bytecode).expect("so short a script has no byte above 127");
    assert!(mlua::Lua::new().load(bytecode.as_bytes()).exec().is_ok(), "a host that takes bytecode would run it");
    let host = |text: &str| muster_scripts::Host::new(support::bundle(&[("rules.lua", text)]), Limits::default());
    let error = host(&bytecode).expect_err("it is no script");
    assert!(error.file == "rules.lua" && !error.hint.is_empty(), "{error:?}");
    assert!(host(rules).is_ok());
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

/// The others of its thread wait for each step of opening a match, as they do for a call.
#[test]
fn what_does_not_end_at_the_beginning_is_stopped_as_soon() {
    let around = |file: &str, init: &str, start: &str, reload: &str| {
        format!(
            "local rules = {{}} {file}
            function rules.match_init() {init} return {{ tick_rate = 20 }} end
            function rules.match_start() {start} end
            function rules.on_reload() {reload} end
            return rules"
        )
    };
    // Of this thread: others have to do with the processor, too.
    let worked = || -> Duration { clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into() };
    let quickest = |run: &dyn Fn() -> Box<ScriptError>| {
        let time = |_| {
            let begun = worked();
            let error = run();
            assert!(error.is_killed, "{error}");
            worked() - begun
        };
        (0..5).map(time).min()
    };
    let endless = "while true do end";
    // The time is ten times as long where everything else is as slow, too.
    let limit = Some(Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 10 }));
    let mut saved = Vec::new();
    open(&around("", "", "", "")).save(&mut saved).unwrap();
    for (file, init, start) in [(endless, "", ""), ("", endless, ""), ("", "", endless)] {
        let host = host(&around(file, init, start, ""));
        let took = quickest(&|| host.open(&MatchOptions::default()).expect_err("it does not end"));
        assert!(took <= limit, "{file}|{init}|{start}: {took:?}");
    }
    let host = host(&around("", "", "", endless));
    let took = quickest(&|| match host.restore(&saved, &MatchOptions::default()) {
        Err(RestoreError::Script(error)) => error,
        other => panic!("{:?}", other.err()),
    });
    assert!(took <= limit, "on_reload: {took:?}");
}

/// Its world takes long to fill, on a thread of its own; where others would wait for that, it is not begun.
#[test]
fn a_large_world_is_filled_where_nobody_waits_for_it() {
    let rules = |large: bool| {
        format!(
            "local rules = {{}}
            local x = string.rep('x', 1048576)
            local a, b = x .. 'a', x .. 'b'
            function rules.match_init() return {{ tick_rate = 20, world = {{ large = {large} }}, state = {{ n = 0 }} }} end
            function rules.match_start(self) for i = 1, 8000 do if a < b then self.n += 1 end end end
            function rules.on_reload(self) for i = 1, 8000 do if a < b then self.n -= 2 end end end
            function rules.match_loop(self) match.broadcast(self.n) end
            return rules"
        )
    };
    let host = |rules: &str| host_of(&[("rules.lua", rules)], Limits { open_budget: 20_000_000, ..Limits::default() });
    let options = MatchOptions::default();
    let small = host(&rules(false)).open(&options).expect_err("others wait for it");
    assert!(small.is_killed && small.callback == "match_start", "{small:?}");
    let mut alone = host(&rules(true)).open(&options).unwrap();
    step(&mut alone);
    assert_eq!(messages(&mut alone), ["8000"]);
    let among_others = MatchOptions { is_alone: false, ..MatchOptions::default() };
    let mut unbegun = host(&rules(true)).open(&among_others).unwrap();
    assert!(unbegun.settings().large);
    step(&mut unbegun);
    assert_eq!(messages(&mut unbegun), ["0"]);
    // The same when it is gone on with by other rules.
    let mut saved = Vec::new();
    alone.save(&mut saved).unwrap();
    let newer = host(&format!("{}\n", rules(true)));
    for (options, said) in [(&options, "-8000"), (&among_others, "8000")] {
        let mut back = newer.restore(&saved, options).unwrap();
        step(&mut back);
        assert_eq!(messages(&mut back), [said]);
    }
}

#[test]
fn a_stop_is_felt_by_its_match_alone() {
    let rules = "local rules = {}
        function rules.match_init(ctx, params) return { tick_rate = 20, state = { bad = params } } end
        function rules.match_start() for i = 1, 20 do world.spawn({ x = i, y = i, speed_max = 5, acceleration_max = 9 }) end end
        function rules.match_loop(self, tick)
            for _, id in world.all() do world.velocity(id, math.random(-3, 3), tick % 3) end
            self.sum = (self.sum or 0) + math.random(9)
            match.broadcast(self.sum)
            if self.bad then while true do local t = { {}, {} } end end
        end
        return rules";
    let host = host_of(&[("rules.lua", rules)], Limits { failing_ms_max: 60_000, ..Limits::default() });
    let bad_options = MatchOptions { params: true.into(), ..MatchOptions::default() };
    let mut alone = open(rules);
    let mut bad: Vec<_> = (0..3).map(|_| host.open(&bad_options).unwrap()).collect();
    let mut good = host.open(&MatchOptions::default()).unwrap();
    for _ in 0..30 {
        for game in &mut bad {
            assert_eq!(step(game).script_kills, 1);
        }
        let (one, other) = (step(&mut good), step(&mut alone));
        assert_eq!((one.script_errors, one.script_work), (0, other.script_work), "the same work is counted");
        assert_eq!(messages(&mut good), messages(&mut alone));
        assert_eq!(good.world_mut().hash(), alone.world_mut().hash());
        // What it did before it was stopped is done.
        assert_eq!(bad[0].world_mut().hash(), alone.world_mut().hash());
    }
}

#[test]
fn work_that_waits_for_a_tick_is_spread_over_ticks() {
    let rules = looping("if tick == 0 then for i = 1, 200 do timer.after(1, 'busy') end end self.ticks = tick");
    let rules = rules.replace(
        "return rules",
        "function rules.busy(self) local n = 0 for i = 1, 5000 do n += 1 end self.done = (self.done or 0) + 1 match.broadcast(self.done) end return rules",
    );
    let mut game = open(&rules);
    step(&mut game);
    let mut ticks = 0;
    let mut done = 0;
    while done < 200 {
        let report = step(&mut game);
        assert!(report.script_work < Limits::default().tick_budget + 110_000, "{report:?}");
        // The last one of a tick may be stopped, and is then not called again.
        done += report.script_kills as usize + messages(&mut game).len();
        ticks += 1;
        assert!(ticks < 30, "{done}");
    }
    assert!(ticks >= 6, "{ticks}");
}

#[test]
fn a_recording_has_what_stopped_scripts_did_until_then() {
    // By the count, and by the net of time: calls with thousands of arguments are one safepoint each.
    let by_count = "while true do pcall(world.spawn, { x = tick, y = 1, kind = 1 }) end";
    let by_time = "local long = table.create(7000, 1) while true do pcall(world.spawn, { x = tick, y = 2 }) math.max(table.unpack(long)) end";
    let body = format!(
        "for _, id in world.all() do world.despawn(id) end if tick % 2 == 0 then {by_count} else {by_time} end"
    );
    let mut game = open(&looping(&body));
    game.record(muster_core::replay::Settings::default());
    let mut kills = 0;
    for _ in 0..20 {
        kills += step(&mut game).script_kills;
    }
    assert!(kills >= 18, "{kills} kills");
    let hash = game.world_mut().hash();
    let recorder = game.recording_mut().expect("it records");
    recorder.finish();
    let file = recorder.pending().to_vec();
    let replay = muster_core::replay::Replay::open(&file).expect("it is a replay");
    let mut player =
        muster_core::replay::Player::new(replay, None, muster_core::Execution::default()).expect("it plays");
    assert!(player.verify().expect("it is whole").is_none(), "every tick has the hash that was recorded");
    assert_eq!(player.into_world().hash(), hash);
}

#[test]
fn timers_that_take_long_wait_for_the_next_tick() {
    // Each takes milliseconds and passes few safepoints.
    let rules = "local rules = {}
local a = string.rep('a', 1_000_000)
local b = a .. 'b'
function rules.match_init() return { tick_rate = 20, state = { calls = 0 } } end
function rules.match_start(self)
	for _ = 1, 500 do timer.every(1, 'slow') end
end
function rules.slow(self)
	self.calls += 1
	for _ = 1, 60 do if b < a then self.calls = 0 end end
end
function rules.match_signal(self) return tostring(self.calls) end
return rules";
    let mut game = open(rules);
    let calls = |game: &mut Match| game.signal("").expect("it answers").parse::<u32>().expect("it is a number");
    // They are due from the second tick on.
    assert_eq!(step(&mut game).script_errors + step(&mut game).script_errors, 0);
    let first = calls(&mut game);
    assert!((1..500).contains(&first), "{first} of 500 were called in one tick");
    step(&mut game);
    assert!(calls(&mut game) > first, "the others wait for the next");
}
