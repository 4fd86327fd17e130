//! Goal: an operator finds every metric and every value of its labels in docs/OPERATING.md, and nothing there that is not
//! in the program.
//!
//! Method: the metrics of a running relay are compared with the tables of the page, in both directions.

use std::{collections::BTreeSet, fs};

use muster_tests::{matrix::Case, metrics, program, relay::Relay};

fn page() -> String {
    fs::read_to_string(program::workspace().join("docs/OPERATING.md")).expect("docs/OPERATING.md can be read")
}

/// The first cells of the rows of the table whose head begins with `head`, without their marks of code.
fn first_cells(page: &str, head: &str) -> BTreeSet<String> {
    let rows = page.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// The metrics of a text as they are queried: a counter with its `_total`.
fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split_once(' '));
    types.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect()
}

/// The labels of every sample, as key and value. The text inside of `stepped_down` is free, and `le`, `worker` and `code`
/// are numbers.
fn labels(text: &str) -> BTreeSet<(String, String)> {
    let sets = text.lines().filter_map(|line| line.split_once('{')?.1.rsplit_once('}'));
    let pairs = sets.flat_map(|(set, _)| set.split("\",")).filter_map(|pair| pair.split_once("=\""));
    pairs
        .filter(|(key, _)| !["stepped_down", "le", "worker", "code"].contains(key))
        .map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()))
        .collect()
}

fn metrics_of_a_relay() -> String {
    let relay = Relay::start(Case::ALL[0]);
    let (status, text) = metrics::get(relay.admin(), "/metrics").expect("the admin endpoint answers");
    assert_eq!(status, 200);
    text
}

#[test]
fn the_page_and_the_program_have_the_same_metrics() {
    let (text, page) = (metrics_of_a_relay(), page());
    let names = names(&text);
    assert!(names.contains("muster_relay_drops_total"), "hardly a metric in:\n{text}");
    assert_eq!(first_cells(&page, "| metric |"), names);

    let labels = labels(&text);
    let causes: BTreeSet<_> = labels.iter().filter(|(key, _)| key == "cause").map(|(_, value)| value.clone()).collect();
    assert_eq!(first_cells(&page, "| `cause` |"), causes);
    for (key, value) in &labels {
        for word in [key, value] {
            assert!(page.contains(&format!("`{word}`")), "docs/OPERATING.md does not say what {key}=\"{value}\" is");
        }
    }
}

#[test]
fn the_alerts_of_the_page_use_metrics_that_exist() {
    let (names, page) = (names(&metrics_of_a_relay()), page());
    let alerts = page.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let mut count = 0;
    for alert in alerts {
        count += 1;
        let start = alert.find("muster_relay_").unwrap_or_else(|| panic!("no metric in {alert}"));
        let name: String = alert[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(names.contains(&name), "{name} in {alert:?} does not exist");
    }
    assert!(count > 0, "the page has no alerts");
}
