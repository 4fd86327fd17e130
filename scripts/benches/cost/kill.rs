//! Scripts that do not end by themselves, and how long it takes to stop each.

use std::{sync::Arc, time::Duration};

use muster_scripts::{Bundle, Host, Limits, MatchOptions};
use nix::time::{ClockId, clock_gettime};

use crate::cost::{looping, open};

/// A script and the time of the tick in which it was stopped, without the world's own.
pub(crate) struct Kill {
    pub(crate) name: &'static str,
    pub(crate) time: Duration,
    /// The tick after it, in which the garbage is collected that it has left.
    pub(crate) after: Duration,
}

const BODIES: &[(&str, &str)] = &[
    ("empty while", "while true do end"),
    ("empty for", "for i = 1, 1e12 do end"),
    ("arithmetic", "local x = 0 while true do x = (x * 3 + 1) % 7919 + math.sqrt(x) + math.floor(x / 3) end"),
    ("calls", "local function f(a) return a + 1 end local x = 0 while true do x = f(x) end"),
    ("table writes", "local t = {} local i = 0 while true do i += 1 t[i % 1000] = i end"),
    ("garbage", "while true do local t = { 1, 2, 3 } end"),
    ("closures", "while true do local f = function() return function() end end f() end"),
    ("strings", "while true do local s = 'x' .. math.random() end"),
    ("numbers of text", "local s = string.rep('9', 100000) while true do local _ = s + 1 end"),
    ("pcall loop", "while true do pcall(error, 'x') end"),
    ("nested pcall", "while true do pcall(function() while true do end end) end"),
    ("coroutines", "while true do coroutine.wrap(function() coroutine.yield() end)() end"),
    ("coroutines kept", "local t = {} while true do table.insert(t, coroutine.create(function() end)) end"),
    (
        "nested coroutines",
        "local function nest(n) if n > 0 then coroutine.wrap(nest)(n - 1) end while true do end end nest(150)",
    ),
    ("string.rep", "while true do string.rep('x', 1000000) end"),
    ("string.find", "local s = string.rep('x', 1000000) while true do string.find(s, 'y', 1, true) end"),
    (
        "find, quadratic",
        "local s = string.rep('a', 100000) local p = string.rep('a', 400) .. 'b' while true do string.find(s, p, 1, true) end",
    ),
    ("pattern", "local s = string.rep('a', 30) .. 'b' while true do string.match(s, '(.-)(.-)(.-)(.-)(.-)(.-)c') end"),
    ("pattern %b", "local s = string.rep('(', 100000) while true do string.find(s, '%b()') end"),
    (
        "pattern of a set",
        "local s = string.rep('a', 3000) local p = '[' .. string.rep('b', 900) .. ']*c' while true do string.find(s, p) end",
    ),
    ("gmatch %b", "local s = string.rep('(', 50000) while true do for _ in string.gmatch(s, '%b()') do end end"),
    ("gsub", "local s = string.rep('a', 30000) while true do string.gsub(s, 'a', 'bb') end"),
    ("string.format", "local s = string.rep('x', 50000) while true do string.format('%s%s', s, s) end"),
    ("string.sub", "local s = string.rep('x', 1000000) while true do pcall(string.sub, s, 2) end"),
    ("concatenation", "local s = string.rep('x', 1000000) while true do pcall(function() local _ = s .. 'y' end) end"),
    ("utf8.len", "local s = string.rep('x', 1000000) while true do utf8.len(s) end"),
    ("buffer.fill", "local b = buffer.create(4000000) while true do buffer.fill(b, 0, 1) end"),
    ("table.concat", "local t = table.create(200000, 'x') while true do table.concat(t) end"),
    ("table.sort", "local t = {} for i = 1, 3000 do t[i] = (i * 7919) % 3001 end while true do table.sort(t) end"),
    (
        "sort by function",
        "local t = {} for i = 1, 3000 do t[i] = (i * 7919) % 3001 end while true do table.sort(t, function(a, b) return a > b end) end",
    ),
    ("sort by rawequal", "local t = table.create(20000, 1) while true do table.sort(t, rawequal) end"),
    ("table.move", "while true do table.move({}, 1, 100000, 2) end"),
    ("table.create", "while true do pcall(table.create, 500000) end"),
    ("table.clear", "local t = {} for i = 1, 20000 do t['k' .. i] = 1 end while true do table.clear(t) end"),
    (
        "next of nothing",
        "local t = {} for i = 1, 20000 do t['k' .. i] = 1 end table.clear(t) while true do next(t) end",
    ),
    (
        "many arguments",
        "local function f(...) while true do select(1, ...) end end f(table.unpack(table.create(8000, 1)))",
    ),
    ("many results", "local t = table.create(8000, 1) while true do local _ = { table.unpack(t) } end"),
    ("world.all", "while true do world.all() end"),
    ("world.spawn", "local i = 0 while true do i += 1 world.spawn({ x = i * 2, y = 90 }) end"),
    ("world.get", "local id = world.all()[1] while true do world.get(id, 'x', 'y', 'health', 'heading') end"),
    ("world.near", "while true do world.near(5, 5, 10) end"),
    ("world.near, nobody", "while true do world.near(5, 5, 10000, { layers = 0 }) end"),
    ("place and near", "local id = world.all()[1] while true do world.place(id, 3, 3) world.near(5, 5, 1) end"),
    ("world.nearest", "while true do world.nearest(5, 5, 10, 5) end"),
    ("world.ray", "while true do world.ray(5, 5, 100, 100) end"),
    ("world.ray, far", "while true do world.ray(0, 0, 15000, 15000, { radius = 20 }) end"),
    (
        "world.rows",
        "local zero = buffer.create(16000) local r = world.rows('x', 'y', 'health') while true do r:all() r:set('health') r:velocity(zero, zero) end",
    ),
    ("take_over", "while true do pcall(world.take_over, 1, 1) world.hand_back(1) end"),
    ("wrong names", "while true do pcall(world.get, 1, 'helth') end"),
    ("long names", "local s = string.rep('x', 100000) while true do pcall(world.get, 1, s) pcall(store.get, 0, s) end"),
    ("json", "while true do json.decode(json.encode({ a = { 1, 2, 3 }, b = 'x' })) end"),
    ("json, wide", "local t = {} for i = 1, 10 do t = { t, t, t, t } end while true do pcall(json.encode, t) end"),
    ("json, lists", "local s = '[' .. string.rep('[],', 40000) .. '0]' while true do json.decode(s) end"),
    ("log", "local s = string.rep('x', 1000000) while true do log.info(s, s) end"),
    ("messages", "while true do pcall(match.broadcast, { a = 1 }) end"),
    ("timers", "while true do pcall(timer.after, 1000, 'x') end"),
    ("string bomb", "local s = 'x' while true do s = s .. s end"),
    ("table bomb", "local t = {} while true do t[#t + 1] = {} end"),
    ("kept bomb", "self.t = {} while true do table.insert(self.t, { 1, 2 }) end"),
    ("recursion", "local function f() return 1 + f() end f()"),
    ("deep pcall", "local function f() pcall(f) while true do end end f()"),
    (
        "metatables",
        "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) while true do pcall(function() return t.a end) end",
    ),
    ("error object", "error(setmetatable({}, { __tostring = function() while true do end end }))"),
];

/// How long this thread has worked: others on the processor do not count.
fn worked() -> Duration {
    // What /proc says is as old as the last timer tick.
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("the thread knows its time");
    time.into()
}

/// How long it takes to stop each; the shortest of so many times, since all else is a disturbance.
pub(crate) fn kills(times: u32) -> Vec<Kill> {
    let measure = |(name, body): &(&'static str, &str)| {
        // Two thousand entities, so that queries have something to find.
        let setup = "function rules.match_start() for i = 1, 2000 do world.spawn({ x = i % 50, y = i / 50 }) end end";
        let body = format!("if tick == 1 then {body} end");
        let mut kill = Kill { name, time: Duration::MAX, after: Duration::MAX };
        for _ in 0..times {
            let mut game = open(&looping(setup, &body), Limits::default());
            let mut step = || {
                let begin = worked();
                let report = game.step(&mut Vec::new());
                (worked() - begin, report.script_errors)
            };
            let (world, _) = step();
            let (time, errors) = step();
            assert!(errors == 1, "{name}");
            let (after, _) = step();
            kill.time = kill.time.min(time.saturating_sub(world));
            kill.after = kill.after.min(after.saturating_sub(world));
        }
        kill
    };
    BODIES.iter().map(measure).chain(OPENINGS.iter().map(|opening| measure_opening(opening, times))).collect()
}

/// What does not end before the first tick.
const OPENINGS: &[(&str, &str)] = &[
    ("its files", "while true do end return {}"),
    ("match_init", "return { match_init = function() while true do end end }"),
    (
        "match_start",
        "return { match_init = function() return { tick_rate = 20 } end, match_start = function() while true do world.all() end end }",
    ),
];

fn measure_opening((name, rules): &(&'static str, &str), times: u32) -> Kill {
    let files = vec![("rules.lua".into(), rules.as_bytes().to_vec())];
    let bundle = Bundle::from_files("bench", files).expect("it is text");
    let host = Host::new(Arc::new(bundle), Limits::default()).expect("it compiles");
    let mut kill = Kill { name, time: Duration::MAX, after: Duration::ZERO };
    for _ in 0..times {
        let begin = worked();
        assert!(host.open(&MatchOptions::default()).is_err_and(|error| error.is_killed), "{name}");
        kill.time = kill.time.min(worked() - begin);
    }
    kill
}
