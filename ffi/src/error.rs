//! `muster/error.h`: what a call answers, and the sentence about the last one that was refused.

use core::{cell::RefCell, ffi::c_char};
use std::{
    ffi::CStr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::boundary::{Out, Static};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_result_t {
    MUSTER_OK = 0,
    MUSTER_E_ARGUMENT = 1,
    MUSTER_E_STRUCT = 2,
    MUSTER_E_HANDLE = 3,
    MUSTER_E_THREAD = 4,
    MUSTER_E_BUG = 5,
    MUSTER_E_BUFFER = 6,
    MUSTER_E_ENTITY = 7,
    MUSTER_E_VALUE = 8,
    MUSTER_E_FULL = 9,
    MUSTER_E_CONFIG = 10,
    MUSTER_E_MAP = 11,
    MUSTER_E_INPUT = 12,
    MUSTER_E_SNAPSHOT = 13,
    MUSTER_E_REPLAY = 14,
    MUSTER_E_DIVERGED = 15,
    MUSTER_E_PATH = 16,
    MUSTER_E_VIEWER = 17,
    MUSTER_E_TERMS = 18,
    MUSTER_E_REPORT = 19,
    MUSTER_E_PACKET = 20,
}

use muster_result_t::*;

/// Why a call was refused: the code, and a sentence for the programmer.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub(crate) code: muster_result_t,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(code: muster_result_t, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(crate) fn argument(name: &str, what: &str) -> Self {
        Self::new(MUSTER_E_ARGUMENT, format!("{name} {what}"))
    }

    /// The same, with the place that it is about before it.
    pub(crate) fn within(self, place: &str) -> Self {
        Self { text: format!("{place}: {}", self.text), ..self }
    }
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The sentence is cut here, so that no text of a caller makes it long.
const TEXT_BYTES_MAX: usize = 1024;

fn remember(text: &str) {
    // A world that is destroyed while the thread ends finds no place for a sentence, and nobody to read it.
    let _ = LAST.try_with(|last| {
        let mut last = last.borrow_mut();
        last.clear();
        last.push_str(&text[..text.floor_char_boundary(TEXT_BYTES_MAX)]);
    });
}

/// Runs the body of an exported function. A refusal becomes its code, a panic MUSTER_E_BUG.
pub(crate) fn call(body: impl FnOnce() -> Result<(), Refused>) -> muster_result_t {
    match caught(body) {
        Ok(()) => MUSTER_OK,
        Err(refused) => {
            remember(&refused.text);
            refused.code
        }
    }
}

/// Runs something; a panic in it is refused with MUSTER_E_BUG. What it worked on must not be used again.
pub(crate) fn caught<T>(body: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic");
        let refused = Refused::new(MUSTER_E_BUG, format!("a fault of Muster, please report it: {message}"));
        // The payload may be of a type whose drop panics too.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Err(refused)
    })
}

/// Takes a number, since C may pass one that is no result.
#[unsafe(no_mangle)]
pub extern "C" fn muster_result_name(result: i32) -> Static<c_char> {
    const NAMES: [&CStr; 21] = [
        c"MUSTER_OK",
        c"MUSTER_E_ARGUMENT",
        c"MUSTER_E_STRUCT",
        c"MUSTER_E_HANDLE",
        c"MUSTER_E_THREAD",
        c"MUSTER_E_BUG",
        c"MUSTER_E_BUFFER",
        c"MUSTER_E_ENTITY",
        c"MUSTER_E_VALUE",
        c"MUSTER_E_FULL",
        c"MUSTER_E_CONFIG",
        c"MUSTER_E_MAP",
        c"MUSTER_E_INPUT",
        c"MUSTER_E_SNAPSHOT",
        c"MUSTER_E_REPLAY",
        c"MUSTER_E_DIVERGED",
        c"MUSTER_E_PATH",
        c"MUSTER_E_VIEWER",
        c"MUSTER_E_TERMS",
        c"MUSTER_E_REPORT",
        c"MUSTER_E_PACKET",
    ];
    let name = usize::try_from(result).ok().and_then(|index| NAMES.get(index).copied());
    Static::text(name.unwrap_or(c"(not a muster_result_t)"))
}

/// Does not replace the sentence that it reports, also when it is refused.
#[unsafe(no_mangle)]
pub extern "C" fn muster_error_message(
    buffer: Out<c_char>,
    capacity: usize,
    out_length: Out<usize>,
) -> muster_result_t {
    let read = |last: &RefCell<String>| buffer.fill_text(&last.borrow(), capacity, out_length, "buffer");
    let answer = caught(|| LAST.try_with(read).unwrap_or(Ok(())));
    answer.err().map_or(MUSTER_OK, |refused| refused.code)
}
