//! See `muster_server_fuzz::doors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muster_server_fuzz::doors::run(bytes));
