//! See `muster_relay_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_relay_fuzz::config::run(bytes));
