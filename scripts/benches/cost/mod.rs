//! What the budget costs loops, and what a tick over a thousand entities costs: measured here, and told by `cargo bench -p
//! muster-scripts` and by `make bench-server`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use muster_core::{
    METRE,
    command::{Action, Command},
};
use muster_scripts::{Bundle, Host, Limits, Match, MatchOptions, Output};

/// A loop with the budget and the same in a machine without one.
pub(crate) struct Loop {
    pub(crate) name: &'static str,
    pub(crate) with: Duration,
    pub(crate) without: Duration,
}

/// A tick of rules that do something with a thousand entities, without the tick of rules that do nothing.
pub(crate) struct Tick {
    pub(crate) name: &'static str,
    pub(crate) time: Duration,
}

pub(crate) fn open(rules: &str, limits: Limits) -> Match {
    let bundle = Bundle::from_files("bench", vec![("rules.lua".into(), rules.into())]).expect("the rules are text");
    let host = Host::new(Arc::new(bundle), limits).expect("the rules compile");
    host.open(&MatchOptions::default()).expect("the rules open a match")
}

pub(crate) fn looping(setup: &str, body: &str) -> String {
    format!(
        "local rules = {{}} function rules.match_init() return {{ tick_rate = 20 }} end
        {setup}
        function rules.match_loop(self, tick, messages) {body} end return rules"
    )
}

pub(crate) fn best(times: u32, mut run: impl FnMut()) -> Duration {
    let one = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..times).map(one).min().expect("it runs at least once")
}

/// The budget's part of a loop: the same script in a machine without one. The shortest of 20 times so many, each of which
/// is a few milliseconds, so that some are not disturbed.
pub(crate) fn loops(times: u32) -> Vec<Loop> {
    let bodies = [
        ("empty for", "for i = 1, 500000 do end"),
        ("sum", "local x = 0 for i = 1, 500000 do x += i end"),
        ("while", "local x = 0 while x < 500000 do x += 1 end"),
        ("array", "local t = table.create(1000, 1) local s = 0 for j = 1, 500 do for i = 1, 1000 do s += t[i] end end"),
        ("call", "local function f(a) return a + 1 end local x = 0 for i = 1, 200000 do x = f(x) end"),
    ];
    let measure = |(name, body): (&'static str, &str)| {
        let limits = Limits { call_budget: u64::MAX >> 2, tick_budget: u64::MAX >> 2, ..Limits::default() };
        let mut game = open(&looping("", body), limits);
        let lua = mlua::Lua::new();
        lua.sandbox(true).expect("a machine can be closed");
        let chunk = format!("return function() {body} end");
        let plain: mlua::Function = lua.load(chunk).eval().expect("the loop compiles");
        let (mut with, mut without) = (Duration::MAX, Duration::MAX);
        for _ in 0..20 * times {
            with = with.min(best(1, || _ = game.step(&mut Vec::new())));
            without = without.min(best(1, || plain.call::<()>(()).expect("the loop ends")));
        }
        Loop { name, with, without }
    };
    bodies.into_iter().map(measure).collect()
}

/// A tick of rules over a thousand entities: read them, decide for each, order some. The shortest of so many times.
pub(crate) fn bulk(times: u32) -> Vec<Tick> {
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
                buffer.writef64(xs, at, if buffer.readf64(xs, at) > 1000 then -1 else 1)
                buffer.writef64(ys, at, 0)
            end
            units:velocity(xs, ys)",
        ),
        (
            "read, order each anew",
            "local count = units:all()
            local xs, ys = units.x, units.y
            local way = 1 + tick % 2
            for at = 0, 8 * count - 8, 8 do
                buffer.writef64(xs, at, if buffer.readf64(xs, at) > 1000 then -way else way)
                buffer.writef64(ys, at, 0)
            end
            units:velocity(xs, ys)",
        ),
    ];
    let measure = |(name, body): (&'static str, &str)| {
        // Who is ordered moves, in both: what that takes is the world's, and so is to carry out other orders than before.
        let is_anew = name.ends_with("anew");
        let once = if body.contains("velocity") { format!("if tick == 0 then {body} end") } else { String::new() };
        let mut with = open(&looping(setup, body), Limits::default());
        let mut without = open(&looping(setup, &once), Limits::default());
        let (mut a, mut b) = (Duration::MAX, Duration::MAX);
        let mut ids = Vec::new();
        for _ in 0..times {
            a = a.min(best(1, || _ = with.step(&mut Vec::new())));
            while let Some(output) = with.poll_output() {
                assert!(!matches!(output, Output::ScriptError(_)), "{name}: {output:?}");
            }
            let world = without.world_mut();
            world.ids(&mut ids);
            let x = METRE * (1 + (world.tick() % 2) as i32);
            b = b.min(best(1, || {
                if is_anew {
                    for entity in &ids {
                        let action = Action::SetVelocity { x, y: 0 };
                        let command = Command { player: 0, entity: *entity, sector: None, action, rewind: 0 };
                        without.world_mut().command(command).expect("the host has no rate");
                    }
                }
                _ = without.step(&mut Vec::new());
            }));
        }
        Tick { name, time: a.saturating_sub(b) }
    };
    cases.into_iter().map(measure).collect()
}
