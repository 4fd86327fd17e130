//! See `muster_core_fuzz::replay`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_core_fuzz::replay::run(bytes));
