//! What scripts cost: how long it takes to stop one, what the budget costs a loop, a tick over a thousand entities through
//! the bulk interface, a tick of the arena, and an echoed message. `cargo bench -p muster-scripts`.

mod cost;
// Of this bench alone: who measures the server stops scripts there.
#[path = "cost/kill.rs"]
mod kill;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_scripts::{Bundle, Host, Limits, MatchOptions, Player};

use cost::{best, looping, open};

/// With names of parts, only those.
fn main() {
    let parts: [(&str, fn()); 6] =
        [("kills", kills), ("loops", loops), ("bulk", bulk), ("arena", arena), ("echo", echo), ("memory", memory)];
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, run) in parts {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}

/// From the beginning of a tick to its end, of scripts that do not end by themselves.
fn kills() {
    println!("{:<20} {:>9} {:>9}", "stop a script of", "ms", "next tick");
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let kills = kill::kills(5);
    for kill::Kill { name, time, after } in &kills {
        println!("{name:<20} {:>9.2} {:>9.2}", ms(*time), ms(*after));
    }
    let longest = kills.iter().map(|kill| kill.time).max().unwrap_or_default();
    println!("{:<20} {:>9.2}\n", "the longest", ms(longest));
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
