//! Goal: the comparison keeps working as the relay changes. Method: the real program runs every case for a moment, with
//! few flows, against the bare forwarder, and the cases of the claims against coturn (Debian package `coturn`); its
//! JSON must hold a figure for each. The figures themselves are not judged: times are benchmarks, not assertions.

use std::{env, fs, path::PathBuf, process::Command, thread};

use serde_json::Value;

fn run(name: &str, arguments: &[&str]) -> Value {
    let json: PathBuf = env::temp_dir().join(format!("bench-relay-smoke-{}-{name}.json", std::process::id()));
    let last_core = thread::available_parallelism().expect("the number of cores is known").get() - 1;
    let output = Command::new(env!("CARGO_BIN_EXE_bench-relay"))
        .args(["--seconds", "0.2", "--warm-up", "0.05", "--rounds", "1", "--repeats", "0", "--flows-max", "8"])
        .args(["--load-core", &last_core.to_string(), "--json"])
        .arg(&json)
        .args(arguments)
        .output()
        .expect("bench-relay can be executed");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&json).expect("the results were written");
    fs::remove_file(&json).expect("the results can be removed");
    serde_json::from_str(&text).expect("the results are JSON")
}

fn figure(results: &Value, case: &str, contender: &str, figure: &str) -> f64 {
    let case = results["cases"].as_array().and_then(|cases| cases.iter().find(|found| found["name"] == case));
    let value = &case.expect("the case was run")["contenders"][contender][0][figure];
    value.as_f64().unwrap_or_else(|| panic!("{contender} has no {figure}"))
}

#[test]
fn every_case_runs_against_the_floor() {
    let results = run("floor", &["--contender", "floor-epoll"]);
    let cases = results["cases"].as_array().expect("there is a list of cases");
    assert_eq!(cases.len(), 9, "every case with traffic");
    for case in cases {
        let name = case["name"].as_str().expect("a case has a name");
        for positive in ["datagrams_per_s", "cpu_ns_per_datagram", "p50_us"] {
            assert!(figure(&results, name, "floor-epoll", positive) > 0.0, "{name}: {positive}");
        }
        assert!(figure(&results, name, "floor-epoll", "loss_share") < 1.0, "{name}: answers came back");
    }
}

#[test]
fn coturn_is_driven_through_turn() {
    let cases = ["--case", "closed-64-1200", "--case", "paced-500x60", "--case", "hairpin-64", "--case", "idle-10000"];
    let results = run("coturn", &[&["--contender", "coturn"][..], &cases].concat());
    for case in ["closed-64-1200", "paced-500x60", "hairpin-64"] {
        assert!(figure(&results, case, "coturn", "cpu_ns_per_datagram") > 0.0, "{case}");
        assert!(figure(&results, case, "coturn", "loss_share") < 1.0, "{case}: answers came back");
    }
    assert!(figure(&results, "idle-10000", "coturn", "allocation_us") > 0.0);
}

#[test]
fn an_unknown_case_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-relay")).args(["--case", "none"]).output();
    let output = output.expect("bench-relay can be executed");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no case \"none\""));
}
