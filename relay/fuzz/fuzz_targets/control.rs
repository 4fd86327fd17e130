//! See `muster_relay_fuzz::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_relay_fuzz::control::run(bytes));
