//! See `muster_scripts_fuzz::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_scripts_fuzz::bundle::run(bytes));
