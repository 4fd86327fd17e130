//! See `muster_core_fuzz::sync_packet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_core_fuzz::sync_packet::run(bytes));
