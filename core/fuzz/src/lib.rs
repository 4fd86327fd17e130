//! The bodies of the fuzz targets: the core's real code, with what must hold asserted after every step.
//!
//! Each module has one function `run(bytes)`, which decodes the bytes into what it needs and panics when an invariant is
//! broken. The programs under `fuzz_targets/` give it to libFuzzer; `tests/` gives it the committed corpora.
//! **A run is a function of its bytes.**

#![forbid(unsafe_code)]

pub mod inputs;
pub mod map;
pub mod operations;
pub mod replay;
pub mod snapshot;
pub mod sync_bits;
pub mod sync_packet;
pub mod sync_report;

mod meeting;
mod operation;
mod seal;

/// The name and the body of every target. A target's corpus is the folder of its name under `corpus/`.
pub const TARGETS: [(&str, fn(&[u8])); 8] = [
    ("inputs", inputs::run),
    ("map", map::run),
    ("operations", operations::run),
    ("replay", replay::run),
    ("snapshot", snapshot::run),
    ("sync_bits", sync_bits::run),
    ("sync_packet", sync_packet::run),
    ("sync_report", sync_report::run),
];
