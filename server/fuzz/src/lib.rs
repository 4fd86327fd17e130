//! The bodies of the fuzz targets: the server's real code, with what must hold asserted after every step.
//!
//! Each module has one function `run(bytes)`, which panics when an invariant is broken. The first byte says which of the
//! target's parsers gets the rest: few programs are quicker to link than many. The programs under `fuzz_targets/` give it to
//! libFuzzer; `tests/` gives it the committed corpora. **A run is a function of its bytes.**

#![forbid(unsafe_code)]

pub mod doors;
pub mod files;

/// The name and the body of every target. A target's corpus is the folder of its name under `corpus/`.
pub const TARGETS: [(&str, fn(&[u8])); 2] = [("doors", doors::run), ("files", files::run)];
