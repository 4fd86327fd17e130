//! Goal: what is known to go wrong with Luau in a host does not go wrong in this one. docs/decisions has the list, with the
//! test of each.
//! Method: one test for each that no other file has.

mod support;

use std::{
    fs,
    sync::{Mutex, PoisonError},
};

use muster_scripts::{Host, Limits, MatchOptions, check};
use support::{bundle, errors, host, host_of, looping, messages, open, step};

#[test]
fn the_same_script_does_the_same_work_whatever_else_the_machine_did() {
    let bodies = [
        "local t = {} for i = 1, 200 do t[i] = { i, tostring(i) } end self.n = #t",
        "local t = {} for i = 1, 200 do t[i] = { i, tostring(i) } end table.sort(t, function(a, b) return a[2] < b[2] end)",
        "local t = {} for word in string.gmatch(string.rep('some words ', 20), '%a+') do t[word] = string.upper(word) end",
        "pcall(function() error('x') end)",
        "local t = {} for i = 1, 50 do t['k' .. i] = i end for key, value in t do self.last = key end",
        "match.broadcast(json.encode({ 1, { a = 2 } }))",
        "local co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield({ i }) end end) for i = 1, 9 do co() end",
    ];
    for body in bodies {
        let rules = looping(body);
        let mut first = open(&rules);
        let one: Vec<u64> = (0..9).map(|_| step(&mut first).script_work).collect();
        let busy = host(&rules);
        let mut others: Vec<_> = (0..20).map(|_| busy.open(&MatchOptions::default()).unwrap()).collect();
        for game in &mut others {
            for _ in 0..10 {
                step(game);
            }
        }
        others.truncate(3);
        let mut second = busy.open(&MatchOptions::default()).unwrap();
        let other: Vec<u64> = (0..9).map(|_| step(&mut second).script_work).collect();
        assert_eq!(one, other, "{body}");
    }
}

#[test]
fn built_in_functions_are_called_directly_in_a_match_s_own_environment() {
    let calls = looping("local sum = 0 for i = 1, 1000 do sum += math.abs(-i) + math.floor(i / 2) end");
    let none = looping("local sum = 0 for i = 1, 1000 do sum += i + i / 2 end");
    let work = |rules: &str| step(&mut open(rules)).script_work;
    // A call by way of the table would be a safepoint.
    assert!(work(&calls) < work(&none) + 100, "{} and {}", work(&calls), work(&none));
}

#[test]
fn little_memory_is_an_error_and_never_a_panic() {
    let body = "self.t = self.t or {} for i = 1, 50 do table.insert(self.t, { x = i, s = string.rep('y', i) }) end
        local co = coroutine.wrap(function() coroutine.yield(json.encode(self.t)) end) co()
        world.spawn({ x = 1, y = 1 }) match.broadcast({ a = { 1, 2 } }) world.all() world.events()";
    let rules = looping(body);
    for kilobytes in (1..64).chain((64..1024).step_by(48)) {
        let limits = Limits { memory_bytes: kilobytes << 10, ..Limits::default() };
        let host = host_of(&[("rules.lua", &rules)], limits);
        let Ok(mut game) = host.open(&MatchOptions::default()) else {
            assert!(!host.is_broken(), "{kilobytes} KiB");
            continue;
        };
        for _ in 0..10 {
            step(&mut game);
            assert!(game.memory_bytes() <= (kilobytes + 256) << 10, "{kilobytes} KiB: {}", game.memory_bytes());
        }
        assert!(!host.is_broken(), "{kilobytes} KiB");
        _ = game.save(&mut Vec::new());
        let text = errors(&mut game).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(
            text.is_empty() || text.contains("memory") || text.contains("more than the"),
            "{kilobytes} KiB: {text}"
        );
    }
}

#[test]
fn an_address_is_never_text_nor_an_order() {
    let body = "local values = { {}, print, coroutine.create(print), buffer.create(1), function() end }
        for _, value in values do
            match.broadcast({ tostring(value), string.format('%s %*', value, value), type(value) })
        end
        match.broadcast(tostring(setmetatable({}, { __tostring = function() return 'mine' end })))
        local keys = {} for i = 1, 20 do keys['k' .. i * 7 % 20] = i end
        local order = {} for key in keys do table.insert(order, key) end
        match.broadcast(table.concat(order, ' '))";
    let run = || {
        let mut game = open(&looping(body));
        let report = step(&mut game);
        assert_eq!(report.script_errors, 0, "{:?}", errors(&mut game));
        messages(&mut game)
    };
    let said = run();
    assert!(said.iter().all(|text| !text.contains("0x")), "{said:?}");
    assert_eq!(said[0], "[\"table\",\"table table\",\"table\"]");
    assert_eq!(said[5], "\"mine\"");
    assert_eq!(said, run());
}

/// What looks at the memory of the process is not beside what needs much of it.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_is_not_there_and_what_depends_on_the_collector_is_found() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let rules = looping(
        "if tick > 1000 then print(os.time()) io.open('x') debug.traceback() end
        local weak = setmetatable({}, { __mode = 'k' }) -- __mode
        ",
    );
    let checked = check(&bundle(&[("rules.lua", &rules)]), &Limits::default());
    let text: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    for name in ["os.time", "io.open", "debug.traceback"] {
        assert!(text.iter().any(|text| text.contains(&format!("there is no {name}"))), "{name}: {text:?}");
    }
    assert_eq!(text.iter().filter(|text| text.contains("this is a weak table")).count(), 1, "{text:?}");
    assert!(checked.is_playable(), "{text:?}");
}

/// Resident bytes of this process.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("the process knows its size");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages") * 4096
}

#[test]
fn a_storm_of_reloads_leaves_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let version = |turn: u32| {
        looping(&format!(
            "self.n = (self.n or 0) + 1 self.big = string.rep('x', 50000 + {turn}) match.broadcast(self.n)"
        ))
    };
    let broken = [
        "local rules = {",
        "error('at load')",
        "while true do end",
        "return 7",
        "local t = {} while true do t[#t + 1] = {} end",
    ];
    let mut current = host(&version(0));
    let mut game = current.open(&MatchOptions::default()).unwrap();
    let mut done = 0;
    let mut early = 0;
    for turn in 1..=400_u32 {
        if turn % 3 == 0 {
            let rules = broken[turn as usize / 3 % broken.len()];
            if let Ok(bad) = Host::new(bundle(&[("rules.lua", rules)]), Limits::default()) {
                assert!(game.reload(&bad).is_err(), "{rules}");
            }
        } else {
            let next = host(&version(turn));
            game.reload(&next).unwrap();
            // The machine of the old rules goes with them.
            current = next;
        }
        assert_eq!(step(&mut game).script_errors, 0, "turn {turn}: {:?}", errors(&mut game));
        done += 1;
        assert_eq!(messages(&mut game), [done.to_string()]);
        assert_eq!(game.version(), current.bundle().version());
        assert!(current.memory_bytes() < 2 << 20 && current.matches() == 1, "{}", current.memory_bytes());
        if turn == 200 {
            early = resident();
        }
    }
    // A machine that was left behind would be half a megabyte each time.
    assert!(resident() < early + (48 << 20), "{} KiB more", resident().saturating_sub(early) >> 10);
}
