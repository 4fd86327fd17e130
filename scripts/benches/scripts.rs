//! What scripts cost: how long it takes to stop one, what the budget costs a loop, a tick over a thousand entities through
//! the bulk interface, a tick of the arena, and an echoed message. `cargo bench -p muster-scripts`.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_scripts::{Bundle, Host, Limits, Match, MatchOptions, Player};

fn open(rules: &str, limits: Limits) -> Match {
    let bundle = Bundle::from_files("bench", vec![("rules.lua".into(), rules.into())]).expect("the rules are text");
    let host = Host::new(Arc::new(bundle), limits).expect("the rules compile");
    host.open(&MatchOptions::default()).expect("the rules open a match")
}

fn looping(setup: &str, body: &str) -> String {
    format!(
        "local rules = {{}} function rules.match_init() return {{ tick_rate = 20 }} end
        {setup}
        function rules.match_loop(self, tick, messages) {body} end return rules"
    )
}

fn best(times: u32, mut run: impl FnMut()) -> Duration {
    let one = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..times).map(one).min().expect("it runs at least once")
}

fn main() {
    kills();
    loops();
    bulk();
    arena();
    echo();
    memory();
}

/// From the beginning of a tick to its end, of scripts that do not end by themselves.
fn kills() {
    let bodies = [
        ("empty while", "while true do end"),
        ("empty for", "for i = 1, 1e12 do end"),
        ("arithmetic", "local x = 0 while true do x = (x * 3 + 1) % 7919 + math.sqrt(x) + math.floor(x / 3) end"),
        ("calls", "local function f(a) return a + 1 end local x = 0 while true do x = f(x) end"),
        ("table writes", "local t = {} local i = 0 while true do i += 1 t[i % 1000] = i end"),
        ("garbage", "while true do local t = { 1, 2, 3 } end"),
        ("strings", "while true do local s = 'x' .. math.random() end"),
        ("pcall loop", "while true do pcall(error, 'x') end"),
        ("nested pcall", "while true do pcall(function() while true do end end) end"),
        ("coroutines", "while true do coroutine.wrap(function() coroutine.yield() end)() end"),
        ("coroutines kept", "local t = {} while true do table.insert(t, coroutine.create(function() end)) end"),
        ("string.rep", "while true do string.rep('x', 1000000) end"),
        ("string.find", "local s = string.rep('x', 1000000) while true do string.find(s, 'y', 1, true) end"),
        (
            "pattern",
            "local s = string.rep('a', 30) .. 'b' while true do string.match(s, '(.-)(.-)(.-)(.-)(.-)(.-)c') end",
        ),
        ("buffer.fill", "local b = buffer.create(4000000) while true do buffer.fill(b, 0, 1) end"),
        ("table.concat", "local t = table.create(200000, 'x') while true do table.concat(t) end"),
        ("table.sort", "local t = {} for i = 1, 3000 do t[i] = (i * 7919) % 3001 end while true do table.sort(t) end"),
        (
            "sort by function",
            "local t = {} for i = 1, 3000 do t[i] = (i * 7919) % 3001 end while true do table.sort(t, function(a, b) return a > b end) end",
        ),
        ("world.all", "while true do world.all() end"),
        ("world.spawn", "while true do world.spawn({ x = 1, y = 1 }) end"),
        ("world.near", "while true do world.near(5, 5, 10) end"),
        ("world.nearest", "while true do world.nearest(5, 5, 10, 5) end"),
        ("world.ray", "while true do world.ray(5, 5, 100, 100) end"),
        ("json", "while true do json.decode(json.encode({ a = { 1, 2, 3 }, b = 'x' })) end"),
        ("messages", "while true do pcall(match.broadcast, { a = 1 }) end"),
        ("timers", "while true do pcall(timer.after, 1000, 'x') end"),
        ("string bomb", "local s = 'x' while true do s = s .. s end"),
        ("table bomb", "local t = {} while true do t[#t + 1] = {} end"),
        ("recursion", "local function f() return 1 + f() end f()"),
        ("deep pcall", "local function f() pcall(f) while true do end end f()"),
        (
            "metatables",
            "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) while true do pcall(function() return t.a end) end",
        ),
    ];
    println!("{:<20} {:>9}", "stop a script of", "ms");
    let mut worst = Duration::ZERO;
    for (name, body) in bodies {
        // Two thousand entities, so that queries have something to find.
        let setup = "function rules.match_start() for i = 1, 2000 do world.spawn({ x = i % 50, y = i / 50 }) end end";
        let limits = Limits { open_budget: 100_000_000, ..Limits::default() };
        let time = best(3, || {
            let mut game = open(&looping(setup, body), limits.clone());
            let begin = Instant::now();
            let report = game.step(&mut Vec::new());
            let world = {
                let again = Instant::now();
                game.world_mut().step();
                again.elapsed()
            };
            assert!(report.script_errors == 1, "{name}");
            TIME.with(|time| time.set(begin.elapsed().saturating_sub(world + world)));
        });
        let _ = time;
        let time = TIME.with(std::cell::Cell::get);
        worst = worst.max(time);
        println!("{name:<20} {:>9.2}", time.as_secs_f64() * 1000.0);
    }
    println!("{:<20} {:>9.2}\n", "the longest", worst.as_secs_f64() * 1000.0);
}

thread_local! {
    static TIME: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

/// The budget's part of a loop: the same script in a machine without one.
fn loops() {
    let bodies = [
        ("empty for", "for i = 1, 20000000 do end"),
        ("sum", "local x = 0 for i = 1, 20000000 do x += i end"),
        ("while", "local x = 0 while x < 20000000 do x += 1 end"),
        (
            "array",
            "local t = table.create(1000, 1) local s = 0 for j = 1, 10000 do for i = 1, 1000 do s += t[i] end end",
        ),
        ("call", "local function f(a) return a + 1 end local x = 0 for i = 1, 10000000 do x = f(x) end"),
    ];
    println!("{:<20} {:>9} {:>9} {:>6}", "a loop", "with ms", "without", "+%");
    for (name, body) in bodies {
        let limits = Limits { call_budget: u64::MAX >> 2, tick_budget: u64::MAX >> 2, ..Limits::default() };
        let mut game = open(&looping("", body), limits);
        let lua = mlua::Lua::new();
        lua.sandbox(true).expect("a machine can be closed");
        let chunk = format!("return function() {body} end");
        let plain: mlua::Function = lua.load(chunk).eval().expect("the loop compiles");
        let (mut with, mut without) = (Duration::MAX, Duration::MAX);
        for _ in 0..7 {
            with = with.min(best(1, || _ = game.step(&mut Vec::new())));
            without = without.min(best(1, || plain.call::<()>(()).expect("the loop ends")));
        }
        let (with, without) = (with.as_secs_f64() * 1000.0, without.as_secs_f64() * 1000.0);
        println!("{name:<20} {with:>9.1} {without:>9.1} {:>6.1}", (with / without - 1.0) * 100.0);
    }
    println!();
}

/// A tick of rules over a thousand entities: read them, decide for each, order some.
fn bulk() {
    let setup = "
        local units
        function rules.match_start()
            for i = 0, 999 do
                world.spawn({ x = 10 + i % 40 * 3, y = 10 + i // 40 * 3, health = 50 + i % 50, health_max = 100, speed_max = 5, acceleration_max = 10 })
            end
            units = world.rows('x', 'y', 'health')
        end";
    let cases = [
        ("read 3 columns", "units:all()"),
        (
            "read, look at each",
            "local count = units:all()
            local xs, ys, healths = units.x, units.y, units.health
            local weak, right = 0, 0
            for at = 0, 8 * count - 8, 8 do
                if buffer.readf64(healths, at) < 60 then weak += 1 end
                if buffer.readf64(xs, at) > 60 then right += 1 end
            end",
        ),
        (
            "read, heal, give back",
            "local count = units:all()
            local healths = units.health
            for at = 0, 8 * count - 8, 8 do
                local health = buffer.readf64(healths, at)
                if health < 60 and tick % 8 == 0 then buffer.writef64(healths, at, health + 1) end
            end
            units:set('health')",
        ),
        (
            "read, order each",
            "local count = units:all()
            local xs, ys = units.x, units.y
            for at = 0, 8 * count - 8, 8 do
                buffer.writef64(xs, at, if buffer.readf64(xs, at) > 60 then -1 else 1)
                buffer.writef64(ys, at, 0)
            end
            units:velocity(xs, ys)",
        ),
    ];
    println!("{:<24} {:>9}", "1,000 entities, a tick", "us");
    for (name, body) in cases {
        let mut with = open(&looping(setup, body), Limits { open_budget: 10_000_000, ..Limits::default() });
        let mut without = open(&looping(setup, ""), Limits { open_budget: 10_000_000, ..Limits::default() });
        let (mut a, mut b) = (Duration::MAX, Duration::MAX);
        for _ in 0..300 {
            a = a.min(best(1, || assert_eq!(with.step(&mut Vec::new()).script_errors, 0)));
            b = b.min(best(1, || _ = without.step(&mut Vec::new())));
        }
        println!("{name:<24} {:>9.1}", a.saturating_sub(b).as_secs_f64() * 1e6);
    }
    println!();
}

/// A tick of the arena that ships, bots in every seat.
fn arena() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modes/arena");
    let bundle = Arc::new(Bundle::load(&folder).expect("the arena is a bundle"));
    let host = Host::new(bundle, Limits::default()).expect("it compiles");
    for seats in [8, 64] {
        let params = serde_json::json!({ "seats": seats, "score": 1_000_000, "seconds": 10_000 });
        let mut game = host.open(&MatchOptions { params, ..MatchOptions::default() }).expect("it opens");
        let mut times = Vec::new();
        for _ in 0..2000 {
            times.push(best(1, || assert_eq!(game.step(&mut Vec::new()).script_errors, 0)));
            while game.poll_output().is_some() {}
        }
        times.sort_unstable();
        let us = |at: usize| times[at].as_secs_f64() * 1e6;
        println!("arena, {seats} bots: median {:.1} us a tick, p99 {:.1} us", us(1000), us(1980));
    }
}

/// A message of a player, told to everybody, as text and as a table.
fn echo() {
    let bodies = [
        ("text", "for _, message in messages do match.broadcast_text(message.text, message.player) end"),
        ("table", "for _, message in messages do match.broadcast(json.decode(message.text), message.player) end"),
    ];
    for (name, body) in bodies {
        let mut game = open(&looping("", body), Limits::default());
        for number in 1..=16 {
            let id = number.to_string();
            game.join(&Player { number, id: id.clone(), name: id, is_bot: false }).expect("there is room");
        }
        let text = format!("{{\"k\":\"{}\"}}", "x".repeat(92));
        let time = best(50, || {
            for number in 1..=16 {
                for _ in 0..10 {
                    game.message(number, text.as_bytes()).expect("it is taken");
                }
            }
            game.step(&mut Vec::new());
            while game.poll_output().is_some() {}
        });
        println!("echo of 100 B as {name}: {:.2} us a message", time.as_secs_f64() * 1e6 / 160.0);
    }
}

/// What a match and a machine hold.
fn memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modes/arena");
    let bundle = Arc::new(Bundle::load(&folder).expect("the arena is a bundle"));
    let begin = Instant::now();
    let host = Host::new(bundle, Limits::default()).expect("it compiles");
    let made = begin.elapsed();
    let empty = host.memory_bytes();
    let begin = Instant::now();
    let games: Vec<_> = (0..100).map(|_| host.open(&MatchOptions::default()).expect("it opens")).collect();
    let opened = begin.elapsed() / 100;
    println!(
        "a machine: {made:.1?}, {} KiB; an arena in it: {opened:.1?}, {} KiB of scripts",
        empty >> 10,
        ((host.memory_bytes() - empty) / games.len()) >> 10
    );
}
