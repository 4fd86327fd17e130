//! Goal: the measurements keep working as the server changes. Method: the real program measures every row that needs no
//! Colyseus for a moment, with few players and connections, against the `muster` that is built beside it; its JSON must hold
//! a figure for each, and for everything that is measured on the way. The figures themselves are not judged: times are
//! benchmarks, not assertions.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command, thread};

use serde_json::Value;

fn rows() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-server")).arg("--list").output();
    let text = String::from_utf8(output.expect("bench-server can be executed").stdout).expect("names are text");
    text.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}

#[test]
fn every_row_is_measured() {
    let json: PathBuf = env::temp_dir().join(format!("bench-server-smoke-{}.json", std::process::id()));
    let last_core = thread::available_parallelism().expect("the number of cores is known").get() - 1;
    let output = Command::new(env!("CARGO_BIN_EXE_bench-server"))
        .args(["--rounds", "1", "--seconds", "0.3", "--players-max", "4", "--connections-max", "8"])
        .args(["--without-colyseus", "--load-core", &last_core.to_string(), "--json"])
        .arg(&json)
        .output()
        .expect("bench-server can be executed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&json).expect("the results were written");
    fs::remove_file(&json).expect("the results can be removed");
    let results: Value = serde_json::from_str(&text).expect("the results are JSON");
    let measured = results["rows"].as_array().expect("there is a list of rows");
    let names: BTreeSet<_> =
        measured.iter().map(|row| row["name"].as_str().expect("a row has a name").to_owned()).collect();
    assert_eq!(names, rows(), "every row that is listed");
    for row in measured {
        let name = row["name"].as_str().expect("a row has a name");
        let is_compared = ["crowd", "idle", "echo"].iter().any(|start| name.starts_with(start));
        assert!(is_compared || row["median"].is_f64(), "{name} has its figure");
        for series in row["series"].as_array().expect("a row has figures") {
            let rounds = series["rounds"].as_array().expect("a figure has rounds");
            assert!(!rounds.is_empty() && rounds.iter().all(Value::is_f64), "{name}: {series}");
        }
        if matches!(name, "crowd-cpu" | "echo-cpu") {
            let of_muster = row["series"].as_array().and_then(|series| series.first()).expect("the server is measured");
            assert!(of_muster["rounds"][0].as_f64().is_some(), "{name}: {of_muster}");
        }
    }
}

#[test]
fn an_unknown_row_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-server")).args(["--only", "none"]).output();
    let output = output.expect("bench-server can be executed");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row \"none\""));
}
