//! Goal: the measurements keep working as the core changes. Method: the real program measures every row on tiny scenes for
//! a moment, with whatever engines are built in; its JSON must hold a figure for each row and for everything that is
//! measured on the way. The figures themselves are not judged: times are benchmarks, not assertions.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use serde_json::Value;

fn run(name: &str, arguments: &[&str]) -> Value {
    let json: PathBuf = env::temp_dir().join(format!("bench-core-smoke-{}-{name}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_bench-core"))
        .args(["--rounds", "2", "--seconds", "0.05", "--entities-max", "300", "--cells-max", "64", "--json"])
        .arg(&json)
        .args(arguments)
        .output()
        .expect("bench-core can be executed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&json).expect("the results were written");
    fs::remove_file(&json).expect("the results can be removed");
    serde_json::from_str(&text).expect("the results are JSON")
}

fn rows() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-core")).arg("--list").output();
    let text = String::from_utf8(output.expect("bench-core can be executed").stdout).expect("names are text");
    text.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}

#[test]
fn every_row_is_measured() {
    let results = run("all", &[]);
    let measured = results["rows"].as_array().expect("there is a list of rows");
    let names: BTreeSet<_> =
        measured.iter().map(|row| row["name"].as_str().expect("a row has a name").to_owned()).collect();
    assert_eq!(names, rows(), "every row that is listed");
    assert_eq!(names.len(), 13);
    for row in measured {
        let name = row["name"].as_str().expect("a row has a name");
        let series = row["series"].as_array().expect("a row has figures");
        // The one row that a machine with a single core cannot have.
        assert!(!series.is_empty() || name.starts_with("threads"), "{name}");
        for series in series {
            let rounds = series["rounds"].as_array().expect("a figure has rounds");
            assert!(!rounds.is_empty() && rounds.iter().all(Value::is_f64), "{name}: {series}");
            let figure = series["figure"].as_str().expect("a figure has a name");
            if figure.contains("ms") || figure.contains("a second") || figure.contains("KiB") {
                assert!(rounds.iter().all(|value| value.as_f64() > Some(0.0)), "{name}: {series}");
            }
        }
        let beside_rapier = name.starts_with("drift") || name == "crowd";
        if !beside_rapier && !name.starts_with("threads") {
            assert!(row["median"].is_f64(), "{name} has its figure");
        }
    }
}

#[test]
fn nothing_leaves_the_walls_of_a_scene() {
    let results = run("walls", &["--only", "drift-dense"]);
    let series = results["rows"][0]["series"].as_array().expect("the row has figures");
    let escaped: Vec<_> = series.iter().filter(|series| series["figure"] == "discs outside the walls").collect();
    assert!(!escaped.is_empty());
    for series in escaped {
        assert_eq!(series["rounds"][0].as_f64(), Some(0.0), "{series}");
    }
}

#[test]
fn an_unknown_row_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-core")).args(["--only", "none"]).output();
    let output = output.expect("bench-core can be executed");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row \"none\""));
}
