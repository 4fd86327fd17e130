//! Findings as Markdown for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    row::{Finding, Row, Target},
    spread::{median, range},
};

/// Everything as Markdown: facts, the rows with their targets, then what was measured for each.
pub fn markdown<P>(findings: &[(Row<P>, Finding)], facts: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        line(&mut text, &format!("- {name}: {value}"));
    }
    line(&mut text, "\n### Targets\n");
    line(&mut text, "| figure | must reach | measured (min-max) | |");
    line(&mut text, "|---|---|---|---|");
    for (row, finding) in findings {
        line(&mut text, &target_line(row, finding));
    }
    for (row, finding) in findings.iter().filter(|(_, finding)| !finding.series.is_empty()) {
        line(&mut text, &format!("\n### {}\n", row.title));
        table(&mut text, finding);
    }
    text
}

/// Everything as JSON: facts, every round of every figure.
pub fn json<P>(findings: &[(Row<P>, Finding)], facts: &[(&'static str, String)]) -> Value {
    let rows: Vec<Value> = findings
        .iter()
        .map(|(row, finding)| {
            let series: Vec<Value> = finding
                .series
                .iter()
                .map(|series| json!({"of": series.of, "figure": series.figure, "rounds": series.rounds}))
                .collect();
            json!({
                "name": row.name,
                "title": row.title,
                "target": target(row),
                "rounds": finding.rounds,
                "median": finding.median(),
                "holds": finding.median().map(|value| row.target.holds(value)),
                "series": series,
            })
        })
        .collect();
    let facts: serde_json::Map<String, Value> =
        facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({"facts": facts, "rows": rows})
}

/// One row and what became of it.
pub fn target_line<P>(row: &Row<P>, finding: &Finding) -> String {
    let Some(value) = finding.median() else {
        return format!("| {} | {} | not measured | |", row.title, target(row));
    };
    let verdict = match row.target {
        Target::None => "",
        target if target.holds(value) => "pass",
        _ => "short",
    };
    format!("| {} | {} | {} {} | {verdict} |", row.title, target(row), with_range(&finding.rounds), row.unit)
}

fn target<P>(row: &Row<P>) -> String {
    let (sign, value) = match row.target {
        Target::AtLeast(value) => (">=", value),
        Target::AtMost(value) => ("<=", value),
        Target::None => return "-".to_owned(),
    };
    format!("{sign} {value} {}", row.unit)
}

/// One column for each thing that was measured, one line for each figure.
fn table(text: &mut String, finding: &Finding) {
    let (mut columns, mut figures) = (Vec::new(), Vec::new());
    for series in &finding.series {
        if !columns.contains(&&series.of) {
            columns.push(&series.of);
        }
        if !figures.contains(&series.figure) {
            figures.push(series.figure);
        }
    }
    let mut head = "| |".to_owned();
    for column in &columns {
        write!(head, " {column} |").expect("a string can always grow");
    }
    line(text, &head);
    line(text, &format!("|---|{}", "---:|".repeat(columns.len())));
    for figure in figures {
        let mut row = format!("| {figure} |");
        for column in &columns {
            let found = finding.series.iter().find(|series| series.figure == figure && series.of == **column);
            let value = found.map_or_else(|| "-".to_owned(), |series| with_range(&series.rounds));
            write!(row, " {value} |").expect("a string can always grow");
        }
        line(text, &row);
    }
}

/// The median, and what the rounds lie between if there are several.
fn with_range(rounds: &[f64]) -> String {
    let (Some(middle), Some((low, high))) = (median(rounds.to_vec()), range(rounds)) else { return "-".to_owned() };
    if rounds.len() < 2 {
        return number(middle);
    }
    format!("{} ({}-{})", number(middle), number(low), number(high))
}

/// A number with as many digits as it has meaning: about three, and all of a whole one.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_held_against_its_target() {
        let measure = |(): &()| Ok(Finding::default());
        let row = Row { name: "a", title: "a", target: Target::AtMost(20.0), unit: "ns", measure };
        let of = |rounds: &[f64]| target_line(&row, &Finding { rounds: rounds.to_vec(), ..Finding::default() });
        assert_eq!(of(&[19.0, 1.5, 30.25]), "| a | <= 20 ns | 19 (1.50-30.2) ns | pass |");
        assert_eq!(of(&[20.5]), "| a | <= 20 ns | 20.5 ns | short |");
        assert_eq!(of(&[]), "| a | <= 20 ns | not measured | |");
    }

    #[test]
    fn figures_are_lines_and_what_is_measured_columns() {
        let mut finding = Finding::default();
        finding.add("one", "ms", vec![1.0]);
        finding.add("two", "ms", vec![2.0, 4.0]);
        finding.add("two", "mm", vec![0.1234]);
        let mut text = String::new();
        table(&mut text, &finding);
        assert_eq!(text, "| | one | two |\n|---|---:|---:|\n| ms | 1 | 3 (2-4) |\n| mm | - | 0.123 |\n");
    }
}
