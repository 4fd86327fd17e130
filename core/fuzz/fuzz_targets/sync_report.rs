//! See `muster_core_fuzz::sync_report`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_core_fuzz::sync_report::run(bytes));
