//! The raw corner: what mlua has no safe function for. **All `unsafe` of the crate is here.**
//!
//! A budget is a number of safepoints: Luau asks at each call, at each return and at each round of a loop whether it
//! should stop. Nothing but the count decides, so the same script stops at the same place wherever it runs. mlua's own
//! interrupts take a closure through error handling at each safepoint, which costs many times a round of a loop.
#![allow(unsafe_code)]

use std::{cell::Cell, ffi::c_int};

use mlua::{Function, Lua, Result, ffi};

thread_local! {
    /// How many safepoints the call that runs on this thread may still pass; below 0 it is being stopped. A machine never
    /// leaves its thread, and no call into one machine is made while another one runs.
    static LEFT: Cell<i64> = const { Cell::new(i64::MAX) };
}

/// Bytes of work by a built-in function that count as a safepoint.
const BYTES_A_SAFEPOINT: usize = 32;

/// What is raised at every safepoint once the budget is used up. It begins a message by which the host knows it.
pub(crate) const KILLED: &str = "out of budget";

/// Starts to count: the call that comes may pass so many safepoints.
pub(crate) fn set_budget(safepoints: u64) {
    LEFT.set(i64::try_from(safepoints).unwrap_or(i64::MAX));
}

/// How many safepoints are left; `None` when the call has been stopped.
pub(crate) fn budget_left() -> Option<u64> {
    u64::try_from(LEFT.get()).ok()
}

/// Counts work that the host does for a script. The next safepoint stops the script if that was too much.
pub(crate) fn charge(safepoints: u64) {
    LEFT.set(LEFT.get().saturating_sub(i64::try_from(safepoints).unwrap_or(i64::MAX)));
}

/// Makes a machine count safepoints.
pub(crate) fn install(lua: &Lua) {
    lua.exec_raw_lua(|raw| {
        // SAFETY: the state is that of a live machine, whose callbacks live as long as it does. mlua sets `interrupt` only
        // in its own functions for that, which nobody here calls, and clears it when the machine goes.
        unsafe { (*ffi::lua_callbacks(raw.state())).interrupt = Some(interrupt) };
    });
}

unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    /// A step of the collector stands for a page or so of new objects, whatever script made them.
    const GC_STEP: i64 = 64;
    if gc >= 0 {
        // The collector cannot be left by an error: the next safepoint is soon.
        LEFT.set(LEFT.get().saturating_sub(GC_STEP));
        return;
    }
    let left = LEFT.get() - 1;
    LEFT.set(left);
    if left < 0 {
        stop(state);
    }
}

/// Raises the error. The count stays below 0, so that a script that catches it meets it again at once.
#[cold]
fn stop(state: *mut ffi::lua_State) {
    LEFT.set(i64::MIN / 2);
    // SAFETY: the state is the one that runs, which may raise errors at safepoints; nothing with a destructor is on this
    // stack frame, and the format has no argument.
    unsafe { ffi::luaL_error(state, c"out of budget".as_ptr()) };
}

/// Objects that the machine makes from now on, and coroutines made by them, count for this category, 0 to 255.
pub(crate) fn set_category(lua: &Lua, category: u8) {
    // SAFETY: the state is that of a live machine; the category is in the range that Luau asks for.
    lua.exec_raw_lua(|raw| unsafe { ffi::lua_setmemcat(raw.state(), c_int::from(category)) });
}

/// Bytes of the objects of a category, garbage that was not collected yet included.
pub(crate) fn category_bytes(lua: &Lua, category: u8) -> usize {
    // SAFETY: as in `set_category`; reading a total changes nothing.
    lua.exec_raw_lua(|raw| unsafe { ffi::lua_totalbytes(raw.state(), c_int::from(category)) })
}

/// A built-in function that counts the work it does on what it is given and what it returns, `weight` times. Without this
/// a loop round one that searches or copies megabytes would take a long time and pass few safepoints.
pub(crate) fn charged(lua: &Lua, original: &Function, weight: u16) -> Result<Function> {
    // SAFETY: the closure gets two upvalues, which are on top of the stack, and is left there as the one result.
    unsafe {
        lua.exec_raw((original, weight), |state| {
            ffi::lua_pushcclosurek(state, call_charged, c"charged".as_ptr(), 2, None);
        })
    }
}

/// A built-in function that catches errors: they cost time, and it must not go on after a stop.
pub(crate) fn catching(lua: &Lua, original: &Function) -> Result<Function> {
    // SAFETY: as in `charged`, with one upvalue.
    unsafe {
        lua.exec_raw((original,), |state| {
            ffi::lua_pushcclosurek(state, call_catching, c"catching".as_ptr(), 1, None);
        })
    }
}

unsafe extern "C-unwind" fn call_charged(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Luau calls this with its arguments on the stack and room for at least LUA_MINSTACK more; results replace
    // them, and errors pass through, since nothing here has a destructor.
    unsafe {
        let weight = ffi::lua_tonumber(state, ffi::lua_upvalueindex(2)) as u64;
        charge(sizes(state, ffi::lua_gettop(state)) * weight);
        stop_if_over(state);
        let results = call_original(state);
        charge(sizes(state, results) * weight);
        stop_if_over(state);
        results
    }
}

unsafe extern "C-unwind" fn call_catching(state: *mut ffi::lua_State) -> c_int {
    /// What an error on its way from one function to another takes.
    const ERROR: u64 = 64;
    /// What it takes through as many calls of functions by metamethods as there may be, which pass no safepoint.
    const DEEP_ERROR: u64 = 6000;
    // SAFETY: as in `call_charged`; the text belongs to the value on the stack.
    unsafe {
        let results = call_original(state);
        if results > 0 && ffi::lua_type(state, 1) == ffi::LUA_TBOOLEAN && ffi::lua_toboolean(state, 1) == 0 {
            let mut length = 0;
            let is_text = results > 1 && ffi::lua_type(state, 2) == ffi::LUA_TSTRING;
            let text = if is_text { ffi::lua_tolstring(state, 2, &raw mut length) } else { std::ptr::null() };
            let text = if text.is_null() { &[] } else { std::slice::from_raw_parts(text.cast::<u8>(), length) };
            charge(if text.ends_with(b"stack overflow") { DEEP_ERROR } else { ERROR });
        }
        // Whoever caught the stop does not get to know it.
        stop_if_over(state);
        results
    }
}

/// Calls the first upvalue with what is on the stack, and returns how many results there are instead.
///
/// # Safety
/// The state is that of a function of this module which runs.
unsafe fn call_original(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the caller's; the function goes below its arguments.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        ffi::lua_gettop(state)
    }
}

fn stop_if_over(state: *mut ffi::lua_State) {
    if LEFT.get() < 0 {
        stop(state);
    }
}

/// How many safepoints the work on the values on the stack is worth, from their sizes.
///
/// # Safety
/// The stack has at least `count` values.
unsafe fn sizes(state: *mut ffi::lua_State, count: c_int) -> u64 {
    /// Elements of a table that count as a safepoint: they are compared, moved or put together.
    const ELEMENTS_A_SAFEPOINT: usize = 4;
    /// Beyond so many values only their number counts.
    const LOOKED_AT: c_int = 8;
    let mut sum = count as usize / ELEMENTS_A_SAFEPOINT;
    for index in 1..=count.min(LOOKED_AT) {
        // SAFETY: the index is on the stack; the length is asked for without a metamethod.
        unsafe {
            sum += match ffi::lua_type(state, index) {
                ffi::LUA_TSTRING | ffi::LUA_TBUFFER => ffi::lua_rawlen(state, index) / BYTES_A_SAFEPOINT,
                ffi::LUA_TTABLE => ffi::lua_rawlen(state, index) / ELEMENTS_A_SAFEPOINT,
                _ => 0,
            };
        }
    }
    sum as u64
}
