//! `muster/version.h`.

use core::ffi::{CStr, c_char};

use crate::boundary::Static;

/// The version as C sees it, which has to end in a zero byte.
const TEXT: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("a version has no zero byte"),
};

const fn number(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut at, mut number) = (0, 0);
    while at < bytes.len() {
        assert!(bytes[at].is_ascii_digit(), "the parts of the version are numbers");
        number = number * 10 + (bytes[at] - b'0') as u32;
        at += 1;
    }
    number
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_version() -> u32 {
    number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 1000
        + number(env!("CARGO_PKG_VERSION_PATCH"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_version_text() -> Static<c_char> {
    Static::text(TEXT)
}
