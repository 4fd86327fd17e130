//! See `muster_server_fuzz::files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_server_fuzz::files::run(bytes));
