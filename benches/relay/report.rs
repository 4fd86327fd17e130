//! Results as Markdown for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    case::{Case, Pace, Pattern},
    claims::{Claim, claims},
    contender::Contender,
    figure::Figure,
    results::{CaseResults, Results},
};

/// How the run was made, as (name, value).
pub(crate) type Facts = Vec<(&'static str, String)>;

/// Everything as Markdown: facts, one table a case, the claims.
pub(crate) fn markdown(results: &Results, facts: &Facts) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        line(&mut text, &format!("- {name}: {value}"));
    }
    for results in &results.cases {
        line(&mut text, &format!("\n### {}\n", results.case.title));
        if results.case.pattern == Pattern::Idle {
            idle_table(&mut text, results);
        } else {
            traffic_table(&mut text, results);
        }
    }
    line(&mut text, "\n### Claims\n");
    claims_table(&mut text, &claims(results));
    text
}

/// Everything as JSON: facts, every round of every contender, the claims.
pub(crate) fn json(results: &Results, facts: &Facts) -> Value {
    let cases: Vec<Value> = results.cases.iter().map(case_json).collect();
    let claims: Vec<Value> = claims(results)
        .into_iter()
        .map(|claim| {
            json!({"what": claim.what, "target": claim.target, "measured": claim.measured, "holds": claim.holds})
        })
        .collect();
    let facts: serde_json::Map<String, Value> =
        facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({"facts": facts, "cases": cases, "claims": claims})
}

fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

fn traffic_table(text: &mut String, results: &CaseResults) {
    let latency = if is_one_way(&results.case) { "one way" } else { "there and back" };
    let floor = results.floor();
    line(
        text,
        &format!(
            "| contender | datagrams/s | CPU ns/datagram (min-max) | x coturn | x floor | p50 / p99 / p99.9 us \
             {latency} | loss | core busy | server, load waited |"
        ),
    );
    line(text, "|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for contender in results.rounds.keys().copied() {
        let show = |figure, digits: usize| {
            results.figure(contender, figure).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let percent = |figure, digits: usize| {
            let value = results.figure(contender, figure).map(|share| share * 100.0);
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$} %"))
        };
        let ratio = |base: Option<Contender>| {
            let ratio = base.and_then(|base| results.ratio(contender, base, Figure::CpuNsPerDatagram));
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
        };
        let (low, high) = results.spread(contender, Figure::CpuNsPerDatagram).unwrap_or_default();
        let mut row = String::new();
        write!(
            row,
            "| {} | {} | {} ({low:.0}-{high:.0}) | {} | {} | {} / {} / {} | {} | {} | {}, {} |",
            contender.name(),
            show(Figure::DatagramsPerSecond, 0),
            show(Figure::CpuNsPerDatagram, 0),
            ratio(Some(Contender::Coturn)),
            ratio(floor),
            show(Figure::P50Us, 1),
            show(Figure::P99Us, 1),
            show(Figure::P999Us, 1),
            percent(Figure::LossShare, 3),
            percent(Figure::ServerBusyShare, 0),
            percent(Figure::ServerWaitedShare, 0),
            percent(Figure::LoadWaitedShare, 0),
        )
        .expect("a string can always grow");
        line(text, &row);
    }
}

fn idle_table(text: &mut String, results: &CaseResults) {
    line(
        text,
        "| contender | allocate + bind us (min-max) | x coturn | server CPU us | x coturn | resident KiB/allocation | \
         resident MiB before the first |",
    );
    line(text, "|---|---:|---:|---:|---:|---:|---:|");
    for contender in results.rounds.keys().copied() {
        let show = |figure, unit: f64| {
            let value = results.figure(contender, figure).map(|value| value / unit);
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
        };
        let ratio = |figure| {
            let ratio = results.ratio(contender, Contender::Coturn, figure);
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
        };
        let (low, high) = results.spread(contender, Figure::AllocationUs).unwrap_or_default();
        line(
            text,
            &format!(
                "| {} | {} ({low:.1}-{high:.1}) | {} | {} | {} | {} | {} |",
                contender.name(),
                show(Figure::AllocationUs, 1.0),
                ratio(Figure::AllocationUs),
                show(Figure::AllocationCpuUs, 1.0),
                ratio(Figure::AllocationCpuUs),
                show(Figure::ResidentPerAllocation, 1_024.0),
                show(Figure::ResidentAtStart, 1_048_576.0),
            ),
        );
    }
}

fn claims_table(text: &mut String, claims: &[Claim]) {
    line(text, "| figure | must reach | measured | |");
    line(text, "|---|---|---|---|");
    for claim in claims {
        let verdict = match claim.holds {
            Some(true) => "pass",
            Some(false) => "short",
            None => "",
        };
        let measured = claim.measured.as_deref().unwrap_or("not measured");
        line(text, &format!("| {} | {} | {measured} | {verdict} |", claim.what, claim.target));
    }
}

fn is_one_way(case: &Case) -> bool {
    case.pattern == Pattern::Hairpin && matches!(case.pace, Pace::Hertz(_))
}

fn case_json(results: &CaseResults) -> Value {
    let contenders: serde_json::Map<String, Value> = results
        .rounds
        .iter()
        .map(|(contender, rounds)| {
            let rounds: Vec<Value> = rounds
                .iter()
                .map(|figures| figures.iter().map(|(figure, value)| (figure.key().to_owned(), json!(value))).collect())
                .collect();
            (contender.name().to_owned(), json!(rounds))
        })
        .collect();
    json!({
        "name": results.case.name,
        "flows": results.case.flows,
        "payload_bytes": results.case.payload,
        "contenders": contenders,
    })
}
