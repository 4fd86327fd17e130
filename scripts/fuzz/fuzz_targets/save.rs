//! See `muster_scripts_fuzz::save`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_scripts_fuzz::save::run(bytes));
