//! From counts to tables of frequencies and their source, and what they cost.

use std::fmt::Write;

use muster_core::sync::codec::{Count, Tally};

use crate::rows;

/// The frequencies of a model's context add up to this.
const TOTAL: u32 = 1 << 14;
/// How much all contexts of a model together say about one of them, in symbols.
const COMMON_WEIGHT: f64 = 12.0;
/// How much is known before anything was counted, in symbols.
const PRIOR_WEIGHT: f64 = 2.0;

/// The most rows that a model has; with no more contexts than that each has its own.
const ROWS_MAX: usize = 96;

/// Rows of contexts on a line of the source.
const ROWS_A_LINE: usize = 60;

/// The source of the models.
pub(crate) fn source(tally: &Tally) -> String {
    let mut text = String::from(
        "//! The models' tables, made by `train-sync` in `benches/sync`. @generated\n\n#![cfg_attr(rustfmt, rustfmt_skip)]\n\nuse super::model::{Field, Model};\n\n",
    );
    let mut names = Vec::new();
    for (name, count) in tally.fields().filter(|(_, count)| !count.symbols.is_empty()) {
        let (contexts, symbols) = (count.symbols.len(), count.symbols[0].len());
        let constant = name.to_uppercase();
        let field: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let (rows, frequencies) = frequencies(count);
        let item = format!(
            "pub(super) static {constant}: Model<{symbols}, {contexts}, {}> = Model {{ field: Field::{field}, rows: [\n",
            frequencies.len()
        );
        text.push_str(&item);
        for rows in rows.chunks(ROWS_A_LINE) {
            let rows: Vec<String> = rows.iter().map(usize::to_string).collect();
            writeln!(text, "    {},", rows.join(",")).expect("a string takes everything");
        }
        text.push_str("], starts: [\n");
        for frequencies in frequencies {
            let mut start = 0;
            let starts: Vec<String> = frequencies
                .iter()
                .map(|frequency| {
                    let text = start.to_string();
                    start += frequency;
                    text
                })
                .collect();
            writeln!(text, "    [{}],", starts.join(", ")).expect("a string takes everything");
        }
        text.push_str("] };\n\n");
        names.push(constant);
    }
    text.push_str(
        "/// The hash of all models, in their order.\npub(super) const HASH: u64 = {\n    let mut hash = 0;\n",
    );
    for name in names {
        writeln!(text, "    hash = {name}.hash(hash);").expect("a string takes everything");
    }
    text.push_str("    hash\n};\n");
    text
}

/// Each context's row, and each row's frequencies: at least 1 each, 2^14 in all. Rows with few symbols take after the
/// others.
fn frequencies(count: &Count) -> (Vec<usize>, Vec<Vec<u32>>) {
    let symbols = count.symbols[0].len();
    let prior = prior(symbols);
    let counts: Vec<Vec<f64>> =
        count.symbols.iter().map(|row| row.iter().map(|count| *count as f64).collect()).collect();
    let add = |sums: &mut Vec<f64>, row: &[f64]| sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
    let mut all = vec![0.0; symbols];
    counts.iter().for_each(|row| add(&mut all, row));
    let common = blend(&all, &prior, PRIOR_WEIGHT);
    let smooth = |row: &[f64]| blend(row, &common, COMMON_WEIGHT);
    let rows =
        if counts.len() <= ROWS_MAX { (0..counts.len()).collect() } else { rows::assign(&counts, ROWS_MAX, smooth) };
    let mut sums = vec![vec![0.0; symbols]; rows.iter().max().map_or(0, |row| row + 1)];
    rows.iter().zip(&counts).for_each(|(row, counts)| add(&mut sums[*row], counts));
    (rows, sums.iter().map(|sum| scaled(&smooth(sum))).collect())
}

/// Parts of 1: the counts, and so many symbols that are like `like`.
fn blend(counts: &[f64], like: &[f64], weight: f64) -> Vec<f64> {
    let total: f64 = counts.iter().sum::<f64>() + weight;
    counts.iter().zip(like).map(|(count, like)| (count + weight * like) / total).collect()
}

/// What is thought of models of which nothing was counted: small values are likelier.
fn prior(symbols: usize) -> Vec<f64> {
    let weight = |symbol: usize| match symbols {
        33 | 34 => 0.9_f64.powi(symbol as i32),
        25 | 41 if symbol < 13 => 1.0 / (1.0 + symbol.abs_diff(6) as f64),
        25 | 41 => 0.3 / (1.0 + (symbol - 13) as f64),
        2 | 3 => [0.9, 0.08, 0.02][symbol],
        _ => 1.0,
    };
    let total: f64 = (0..symbols).map(weight).sum();
    (0..symbols).map(|symbol| weight(symbol) / total).collect()
}

/// Integers in these parts, each at least 1. What rounding leaves goes to or comes from the likeliest.
fn scaled(parts: &[f64]) -> Vec<u32> {
    let free = f64::from(TOTAL) - parts.len() as f64;
    let mut scaled: Vec<u32> = parts.iter().map(|part| 1 + (part * free) as u32).collect();
    let sum: u32 = scaled.iter().sum();
    let largest =
        (0..scaled.len()).max_by_key(|index| (scaled[*index], usize::MAX - index)).expect("there are symbols");
    scaled[largest] += TOTAL - sum;
    scaled
}

/// What each model's symbols cost, in bits an entity, with the bits that belong to them.
pub(crate) fn print_costs(tally: &Tally, entities: u64) {
    for (name, count) in tally.fields() {
        let mut bits = 0.0;
        for (row, model) in count.symbols.iter().zip(&count.model) {
            for (symbols, frequency) in row.iter().zip(model) {
                bits += *symbols as f64 * (f64::from(TOTAL) / f64::from(*frequency)).log2();
            }
        }
        let symbols: u64 = count.symbols.iter().flatten().sum();
        let per = |value: f64| value / entities as f64;
        if symbols > 0 || count.plain_bits > 0 {
            let (all, plain) = (per(bits + count.plain_bits as f64), per(count.plain_bits as f64));
            println!("  {name:<18} {all:7.3}  ({plain:.3} without a model; {:.3} symbols)", per(symbols as f64));
        }
    }
}
