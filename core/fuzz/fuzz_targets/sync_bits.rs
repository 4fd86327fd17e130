//! See `muster_core_fuzz::sync_bits`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_core_fuzz::sync_bits::run(bytes));
