//! What scripts cost: how long it takes to stop one, what the budget costs a loop, a tick over a thousand entities through
//! the bulk interface, a tick of the arena, and an echoed message. `cargo bench -p muster-scripts`.

mod cost;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_scripts::{Bundle, Host, Limits, MatchOptions, Player};

use cost::{best, looping, open};

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

/// The budget's part of a loop.
fn loops() {
    println!("{:<20} {:>9} {:>9} {:>6}", "a loop", "with ms", "without", "+%");
    for cost::Loop { name, with, without } in cost::loops(30) {
        let (with, without) = (with.as_secs_f64() * 1000.0, without.as_secs_f64() * 1000.0);
        println!("{name:<20} {with:>9.2} {without:>9.2} {:>6.1}", (with / without - 1.0) * 100.0);
    }
    println!();
}

/// A tick of rules over a thousand entities.
fn bulk() {
    println!("{:<24} {:>9}", "1,000 entities, a tick", "us");
    for cost::Tick { name, time } in cost::bulk(300) {
        println!("{name:<24} {:>9.1}", time.as_secs_f64() * 1e6);
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
