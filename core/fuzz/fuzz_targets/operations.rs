//! See `muster_core_fuzz::operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_core_fuzz::operations::run(bytes));
