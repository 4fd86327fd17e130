//! See `muster_relay_fuzz::authentication`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_relay_fuzz::authentication::run(bytes));
