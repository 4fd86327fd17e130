//! The bodies of the fuzz targets: the relay's real code, with what must hold asserted after every step.
//!
//! Each module has one function `run(bytes)`, which decodes the bytes into what it needs and panics when an invariant is
//! broken. The programs under `fuzz_targets/` give it to libFuzzer; the relay's own tests give it the committed corpora.
//! **A run is a function of its bytes**: time, seeds and keys are constants or come from them.

#![forbid(unsafe_code)]

pub mod authentication;
pub mod config;
pub mod control;
pub mod demux;
pub mod framing;
pub mod slot;

/// The name and the body of every target. A target's corpus is the folder of its name under `corpus/`.
pub const TARGETS: [(&str, fn(&[u8])); 6] = [
    ("authentication", authentication::run),
    ("config", config::run),
    ("control", control::run),
    ("demux", demux::run),
    ("framing", framing::run),
    ("slot", slot::run),
];
