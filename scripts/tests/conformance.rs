//! Goal: what scripts see of the language and of the world is what docs/SCRIPTING.md says.
//! Method: every file of `conformance/` is the rules of a match; each of its functions whose name begins with `test_` is
//! called in a fresh match of its own, in a world with a small map, and must not fail.

mod support;

use std::{fs, path::Path};

use muster_scripts::{Limits, MatchOptions};
use support::{errors, host_of, step};

const MAP: &str = r#"{ "version": 1, "size": [100, 80],
  "walls": [{ "box": { "min": [50, 0], "max": [52, 60] } }],
  "zones": [{ "name": "a", "circle": { "at": [20, 20], "radius": 5 }, "team": 2, "value": 7, "tag": 3 }],
  "spawn_points": [{ "at": [10, 10] }, { "at": [90, 70], "team": 2, "heading": 180 }],
  "pickups": [{ "at": [30, 30], "radius": 1, "kind": 4, "effect": "health", "amount": 25, "respawn_ticks": 100 }],
  "routes": [[[1, 1], [2, 2]]] }"#;

#[test]
fn every_file_of_the_suite_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut tests = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let rules = fs::read_to_string(&path).unwrap();
        let names = rules.lines().filter_map(|line| line.strip_prefix("function rules.test_")?.split('(').next());
        for name in names {
            let script = rules.replace("TEST_NAME", &format!("test_{name}"));
            let host = host_of(&[("rules.lua", &script), ("map.json", MAP)], Limits::default());
            let mut game = host.open(&MatchOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
            for _ in 0..12 {
                step(&mut game);
            }
            let errors = errors(&mut game);
            assert!(errors.is_empty(), "{}: {name}: {}\n{}", path.display(), errors[0], errors[0].trace);
            assert!(game.signal("").is_ok_and(|done| done == "done"), "{name} did not come to its end");
            tests += 1;
        }
    }
    assert!(tests >= 15, "{tests} tests");
}

/// Whether the process has code that came from no file.
#[cfg(target_os = "linux")]
fn has_made_code() -> bool {
    let maps = fs::read_to_string("/proc/self/maps").expect("the maps can be read");
    maps.lines().any(|line| {
        let mut columns = line.split_whitespace();
        let is_code = columns.nth(1).is_some_and(|rights| rights.contains('x'));
        is_code && columns.nth(3).is_none()
    })
}

/// Without it the suite would be run interpreted whatever the feature says.
#[cfg(target_os = "linux")]
#[test]
fn machine_code_is_made_with_the_feature_and_only_then() {
    let rules = "local rules = {}\nfunction rules.match_init(ctx, params)\n\treturn {}\nend\nreturn rules";
    let host = host_of(&[("rules.lua", rules)], Limits::default());
    let _game = host.open(&MatchOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(has_made_code(), cfg!(feature = "native"));
}
