//! Goal: the measurements keep working as synchronisation changes. Method: the real program measures every row on small
//! scenes for a moment, with whatever peers are built in; its JSON must hold a figure for each row and for everything that
//! is measured on the way. It also reads what it sends and fails when that is not what the world is. The figures themselves
//! are not judged: times are benchmarks, not assertions.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use serde_json::Value;

fn run(name: &str, arguments: &[&str]) -> Value {
    let json: PathBuf = env::temp_dir().join(format!("bench-sync-smoke-{}-{name}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_bench-sync"))
        .args(["--rounds", "2", "--seconds", "0.2", "--entities-max", "60", "--viewers-max", "12", "--json"])
        .arg(&json)
        .args(arguments)
        .output()
        .expect("bench-sync can be executed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&json).expect("the results were written");
    fs::remove_file(&json).expect("the results can be removed");
    serde_json::from_str(&text).expect("the results are JSON")
}

fn rows() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-sync")).arg("--list").output();
    let text = String::from_utf8(output.expect("bench-sync can be executed").stdout).expect("names are text");
    text.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}

#[test]
fn every_row_is_measured() {
    let results = run("all", &[]);
    let measured = results["rows"].as_array().expect("there is a list of rows");
    let names: BTreeSet<_> =
        measured.iter().map(|row| row["name"].as_str().expect("a row has a name").to_owned()).collect();
    assert_eq!(names, rows(), "every row that is listed");
    assert!(names.len() >= 16, "{names:?}");
    for row in measured {
        let name = row["name"].as_str().expect("a row has a name");
        for series in row["series"].as_array().expect("a row has figures") {
            let rounds = series["rounds"].as_array().expect("a figure has rounds");
            assert!(!rounds.is_empty() && rounds.iter().all(Value::is_f64), "{name}: {series}");
            let figure = series["figure"].as_str().expect("a figure has a name");
            if figure.starts_with("B a moving entity") || figure.contains("p95") {
                assert!(rounds.iter().all(|value| value.as_f64() > Some(0.0)), "{name}: {series}");
            }
        }
        // Without the strongest peers there is no ratio.
        if !name.starts_with("ratio") {
            assert!(row["median"].is_f64(), "{name} has its figure");
        }
    }
}

/// Ten minutes of a fight with an observer who roams, in virtual time: nothing near it is unknown or old for long.
#[test]
fn a_soak_says_how_old_things_get() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-sync")).args(["soak", "--seconds", "600"]).output();
    let output = output.expect("bench-sync can be executed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("what it found is JSON");
    let figure = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!(figure("age of what is known of who moves within 60 m, p50, ms") > 0.0, "{found}");
    assert!(figure("who moved and was looked at") > 100_000.0, "{found}");
    // One packet of twenty is lost, and updates are 50 ms apart: three in a row are lost once in some minutes.
    assert!(figure("gaps, p99.9, ms") <= 200.0 && figure("gaps, max, ms") <= 400.0, "{found}");
    assert!(figure("of these, not known yet") <= 20.0, "{found}");
    assert!(figure("states that could not be told") + figure("entities told to nobody") == 0.0, "{found}");
    assert!(figure("heap in the second half, B a minute") < 32_768.0, "{found}");
}

#[test]
fn an_unknown_row_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-sync")).args(["--only", "none"]).output();
    let output = output.expect("bench-sync can be executed");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row \"none\""));
}
