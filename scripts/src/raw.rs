//! The raw corner: what mlua has no safe function for. **All `unsafe` of the crate is here and below.**
//!
//! A budget is a number of safepoints: Luau asks at each call, at each return and at each round of a loop whether it
//! should stop, and what built-in functions do on long texts and large tables counts by its size. mlua's own interrupts
//! take a closure through error handling at each safepoint, which costs many times a round of a loop.
//!
//! **The count decides, and the same script stops at the same place wherever it runs.** Below it is a net for work that no
//! count sees, such as calls with thousands of arguments: every so many safepoints the time that the thread has worked is
//! looked at, and a call whose safepoints take many times what they do take is stopped too. What the world was given until
//! then is recorded like all else, so that replays hold. A call that takes milliseconds is looked at sooner (`alarm`).
#![allow(unsafe_code)]

mod alarm;

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
    time::{Duration, Instant},
};

use mlua::{Function, Lua, Result, Table, ffi};

use alarm::Counters;

thread_local! {
    /// How many safepoints the call that runs on this thread may still pass until it is looked at more closely. A machine
    /// never leaves its thread, and no call into one machine is made while another one runs.
    static COUNTERS: Counters = const { Counters::new() };
    /// How many it may pass after those.
    static REST: Cell<i64> = const { Cell::new(0) };
    /// How many calls there were.
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static WATCHED: Watched = const { Watched(Cell::new(false)) };
    static WATCH: Watch = const { Watch::new() };
}

/// Whether the thread's calls are watched, until it ends.
struct Watched(Cell<bool>);

impl Drop for Watched {
    fn drop(&mut self) {
        COUNTERS.with(|counters| alarm::forget(counters));
    }
}

fn slice() -> i64 {
    COUNTERS.with(Counters::slice)
}

fn set_slice(slice: i64) {
    COUNTERS.with(|counters| counters.set_slice(slice));
}

/// The net below the count.
struct Watch {
    /// When the call was first looked at.
    begin: Cell<Option<Instant>>,
    /// How long the thread had worked then.
    worked: Cell<Duration>,
    /// When it was last looked at.
    last: Cell<Option<Instant>>,
    /// The longest time between two looks.
    longest: Cell<Duration>,
    /// When the last standstill was forgiven.
    forgiven: Cell<Option<Instant>>,
    /// How long it may work.
    most: Cell<Duration>,
    /// How many safepoints it passes between two looks: few at first and while they take long.
    length: Cell<i64>,
    length_max: Cell<i64>,
}

/// Nanoseconds that a safepoint may take on average; it takes 2 to 40.
const NS_A_SAFEPOINT: u64 = if cfg!(debug_assertions) { 600 } else { 60 };
/// A call may work so long, whatever its budget is.
const TIME_MIN: Duration = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 1 });
/// What others on a thread may have to wait for: with what it takes to see that it is over, less than ten milliseconds.
const BRIEF: Duration = Duration::from_millis(if cfg!(debug_assertions) { 60 } else { 6 });
/// A virtual machine stands still now and then, and counts that as work of the thread that it meets. So a call that one long time
/// between two looks made late begins anew, as seldom as this: scripts could bring about such times themselves.
const FORGIVEN_EVERY: Duration = Duration::from_secs(10);
/// Safepoints between two looks at the time.
const LENGTH_MIN: i64 = 8;
const LENGTH_MAX: i64 = 512;
/// While patterns are searched for, where a safepoint may stand for a walk over a whole text.
const LENGTH_SEARCHING: i64 = 4;
/// A slice that takes longer is followed by a short one.
const SLICE_TIME_MAX: Duration = Duration::from_micros(50);

/// Bytes of work by a built-in function that count as a safepoint.
const BYTES_A_SAFEPOINT: usize = 32;
/// Most values that a built-in function returns, as in other Luas. Whoever passes them on copies all of them each time.
const RESULTS_MAX: c_int = 8000;

/// What is raised at every safepoint once the budget is used up. It begins a message by which the host knows it.
pub(crate) const KILLED: &str = "out of budget";

/// How the work of a built-in function is counted beforehand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Work {
    /// By the sizes of what it is given.
    Sizes,
    /// So, and again and again for each element: sorting.
    Sorting,
    /// By the length of the text for each byte of what is looked for in it.
    Search,
    /// The same without patterns.
    PlainSearch,
    /// By its first argument, a number of elements.
    Elements,
    /// By its third argument less its second, both positions.
    Range,
    /// By the sizes of what it is given, which it makes text of.
    Text,
}

impl Watch {
    const fn new() -> Self {
        Self {
            begin: Cell::new(None),
            worked: Cell::new(Duration::ZERO),
            last: Cell::new(None),
            longest: Cell::new(Duration::ZERO),
            forgiven: Cell::new(None),
            most: Cell::new(Duration::MAX),
            length: Cell::new(LENGTH_MIN),
            length_max: Cell::new(LENGTH_MAX),
        }
    }

    /// Begins anew: a call that may work so long.
    fn set(&self, most: Duration) {
        self.begin.set(None);
        self.longest.set(Duration::ZERO);
        self.most.set(most);
        self.length.set(LENGTH_MIN);
        self.length_max.set(LENGTH_MAX);
    }

    /// Whether the call has worked for too long, now that the thread has worked for `worked` in all.
    fn is_late(&self, now: Instant, worked: impl FnOnce() -> Duration) -> bool {
        let last = self.last.replace(Some(now)).unwrap_or(now);
        let Some(begin) = self.begin.get() else {
            self.begin.set(Some(now));
            self.worked.set(worked());
            return false;
        };
        let gap = now - last;
        self.longest.set(self.longest.get().max(gap));
        let is_slow = gap > SLICE_TIME_MAX;
        let length = if is_slow { LENGTH_MIN } else { self.length.get() * 2 };
        self.length.set(length.min(self.length_max.get()));
        // Time in which another thread was on the processor does not count, and is asked about only when it may matter.
        let (most, passed) = (self.most.get(), now - begin);
        if passed <= most {
            return false;
        }
        let worked = worked();
        if worked.saturating_sub(self.worked.get()) <= most {
            return false;
        }
        let is_standstill = passed.saturating_sub(self.longest.get()) <= most * 3 / 4;
        let may_forgive = self.forgiven.get().is_none_or(|last| now - last >= FORGIVEN_EVERY);
        if is_standstill && may_forgive {
            self.forgiven.set(Some(now));
            self.begin.set(Some(now));
            self.worked.set(worked);
            self.longest.set(Duration::ZERO);
        }
        !(is_standstill && may_forgive)
    }
}

/// How long what passes so many safepoints may work.
pub(crate) fn time_for(safepoints: u64) -> Duration {
    Duration::from_nanos(safepoints.saturating_mul(NS_A_SAFEPOINT)).max(TIME_MIN)
}

/// How long this thread has worked.
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is one for a time, and lives as long as the call. On failure it stays 0, which is never late.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What a call may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// How many safepoints it may pass.
    pub(crate) safepoints: u64,
    /// How long it may work.
    time: Duration,
}

impl Budget {
    /// So many safepoints, in the time that may be waited for by others on the thread.
    pub(crate) fn brief(safepoints: u64) -> Self {
        Self { safepoints, time: time_for(safepoints).min(BRIEF) }
    }
}

impl From<u64> for Budget {
    fn from(safepoints: u64) -> Self {
        Self { safepoints, time: time_for(safepoints) }
    }
}

/// Starts to count what the call that comes does.
pub(crate) fn begin(budget: Budget) {
    let most = budget.time;
    let budget = i64::try_from(budget.safepoints).unwrap_or(i64::MAX);
    let slice = budget.min(LENGTH_MIN);
    WATCH.with(|watch| watch.set(most));
    REST.set(budget - slice);
    let number = CALLS.get() + 1;
    CALLS.set(number);
    COUNTERS.with(|counters| counters.begin(number, slice));
}

/// Ends the count: how many safepoints are left; `None` when the call was stopped.
pub(crate) fn end() -> Option<u64> {
    let left = COUNTERS.with(Counters::count).saturating_add(REST.get());
    COUNTERS.with(Counters::end);
    REST.set(0);
    WATCH.with(|watch| watch.set(Duration::MAX));
    u64::try_from(left).ok()
}

/// Counts work that the host does for a script. The next safepoint stops the script if that was too much.
pub(crate) fn charge(safepoints: u64) {
    /// More than any call may pass.
    const MOST: u64 = 1 << 40;
    set_slice(slice().saturating_sub(safepoints.min(MOST).cast_signed()));
}

/// Counts work that the host is about to do for a script.
///
/// # Errors
/// When it is too much: nothing must be done.
pub(crate) fn afford(safepoints: u64) -> Result<()> {
    charge(safepoints);
    if slice() >= 0 || refill() { Ok(()) } else { Err(mlua::Error::runtime(KILLED)) }
}

/// Makes a machine count safepoints.
pub(crate) fn install(lua: &Lua) {
    WATCHED.with(|watched| {
        if !watched.0.replace(true) {
            // SAFETY: they live as long as the thread, which forgets them before.
            COUNTERS.with(|counters| unsafe { alarm::watch(counters) });
        }
        alarm::begin();
    });
    lua.exec_raw_lua(|raw| {
        // SAFETY: the state is that of a live machine, whose callbacks live as long as it does. mlua sets `interrupt` only
        // in its own functions for that, which nobody here calls, and clears it when the machine goes.
        unsafe { (*ffi::lua_callbacks(raw.state())).interrupt = Some(interrupt) };
    });
}

unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    // A step of the collector is no safepoint: -1 is.
    if gc >= 0 {
        return look(state, gc);
    }
    let left = slice() - 1;
    set_slice(left);
    if left < 0 {
        look(state, gc);
    }
}

/// At the end of a slice, and at each step of the collector.
#[cold]
fn look(state: *mut ffi::lua_State, gc: c_int) {
    // The collector cannot be left by an error: the next safepoint is soon. It does not count, since its steps depend on
    // what others in the machine did; but one may come with the copy of a text of megabytes, so that it is time for a look.
    if !refill() && gc < 0 {
        stop(state);
    }
}

/// Takes the next slice; false if there is none or the call has worked for too long.
fn refill() -> bool {
    let left = COUNTERS.with(Counters::count).saturating_add(REST.get());
    if left < 0 || WATCH.with(|watch| watch.is_late(Instant::now(), thread_time)) {
        // So far below 0 that it stays there: a script that catches the error meets it again at once.
        set_slice(i64::MIN / 2);
        REST.set(0);
        return false;
    }
    let slice = left.min(WATCH.with(|watch| watch.length.get()));
    set_slice(slice);
    REST.set(left - slice);
    true
}

/// Raises the error.
fn stop(state: *mut ffi::lua_State) {
    // SAFETY: the state is the one that runs, which may raise errors at safepoints; nothing with a destructor is on this
    // stack frame, and the format has no argument.
    unsafe { ffi::luaL_error(state, c"out of budget".as_ptr()) };
}

fn stop_if_over(state: *mut ffi::lua_State) {
    if slice() < 0 {
        look(state, -1);
    }
}

/// What a search for a pattern has to leave as it was.
struct Search {
    length: i64,
    length_max: i64,
    slice: i64,
    left: i64,
}

/// Begins a search for a pattern, during which the time is looked at often.
fn begin_search() -> Search {
    let slice = slice();
    let left = slice.saturating_add(REST.get());
    let (length, length_max) = WATCH.with(|watch| {
        let length = watch.length.replace(watch.length.get().min(LENGTH_SEARCHING));
        (length, watch.length_max.replace(LENGTH_SEARCHING))
    });
    if slice > LENGTH_SEARCHING {
        set_slice(LENGTH_SEARCHING);
        REST.set(left - LENGTH_SEARCHING);
    }
    Search { length, length_max, slice, left }
}

/// Ends a search. The time is looked at next when it would have been without it: never later, whatever is searched for.
fn end_search(search: &Search) {
    WATCH.with(|watch| {
        watch.length.set(search.length);
        watch.length_max.set(search.length_max);
    });
    let slice = slice();
    // One that is over stays over.
    if slice >= 0 {
        let left = slice.saturating_add(REST.get());
        let passed = search.left - left;
        let slice = (search.slice - passed).clamp(0, left);
        set_slice(slice);
        REST.set(left - slice);
    }
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

/// A field of a table that the host makes for scripts.
#[derive(Clone, Copy)]
pub(crate) enum Plain<'a> {
    Number(f64),
    Text(&'a str),
    Boolean(bool),
}

/// A table with these fields. All of it is one call that may fail, where mlua makes one for each field.
pub(crate) fn record<const N: usize>(lua: &Lua, fields: &[(&CStr, Plain<'_>); N]) -> Result<Table> {
    // SAFETY: the closure leaves one table; it has nothing with a destructor, so that an error may pass through it. Names end
    // with a zero.
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_createtable(state, 0, N as c_int);
            for (name, value) in fields {
                push(state, *value);
                ffi::lua_rawsetfield(state, -2, name.as_ptr());
            }
        })
    }
}

/// A list of such tables, one for each item.
pub(crate) fn records<T, const N: usize>(
    lua: &Lua,
    items: &[T],
    fields: impl for<'a> Fn(&'a T) -> [(&'static CStr, Plain<'a>); N],
) -> Result<Table> {
    // SAFETY: as in `record`; what is borrowed outlives the call, and there is room for LUA_MINSTACK values, of which the names
    // of a table, few as they are, take N.
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_createtable(state, items.len() as c_int, 0);
            let Some(first) = items.first() else { return };
            // Each name is looked up once.
            let names = ffi::lua_gettop(state) + 1;
            for (name, _) in &fields(first) {
                ffi::lua_pushstring(state, name.as_ptr());
            }
            for (index, item) in (1..).zip(items) {
                ffi::lua_createtable(state, 0, N as c_int);
                for (name, (_, value)) in (names..).zip(fields(item)) {
                    ffi::lua_pushvalue(state, name);
                    push(state, value);
                    ffi::lua_rawset(state, -3);
                }
                ffi::lua_rawseti(state, names - 1, index);
            }
            ffi::lua_settop(state, names - 1);
        })
    }
}

/// Pushes a value.
///
/// # Safety
/// The state may raise errors and has room for a value.
unsafe fn push(state: *mut ffi::lua_State, value: Plain<'_>) {
    // SAFETY: the caller's; texts are copied.
    unsafe {
        match value {
            Plain::Number(number) => ffi::lua_pushnumber(state, number),
            Plain::Text(text) => {
                ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len());
            }
            Plain::Boolean(boolean) => ffi::lua_pushboolean(state, c_int::from(boolean)),
        }
    }
}

/// A built-in function that counts the work it does on what it is given and what it returns. Without this a loop round one
/// that searches or copies megabytes would take a long time and pass few safepoints.
pub(crate) fn charged(lua: &Lua, original: &Function, work: Work) -> Result<Function> {
    // SAFETY: the closure gets two upvalues, which are on top of the stack, and is left there as the one result.
    unsafe {
        lua.exec_raw((original, work as u8), |state| {
            ffi::lua_pushcclosurek(state, call_charged, c"charged".as_ptr(), 2, None);
        })
    }
}

/// A built-in function that catches errors: they cost time, and it must not go on after a stop. With `makes_text` errors of the
/// host's functions are told as their texts, as Lua's own are; only functions that let panics through may do so.
pub(crate) fn catching(lua: &Lua, original: &Function, makes_text: bool) -> Result<Function> {
    // SAFETY: as in `charged`.
    unsafe {
        lua.exec_raw((original, makes_text), |state| {
            ffi::lua_pushcclosurek(state, call_catching, c"catching".as_ptr(), 2, None);
        })
    }
}

unsafe extern "C-unwind" fn call_charged(state: *mut ffi::lua_State) -> c_int {
    /// What a call takes at least.
    const CALL: u64 = 2;
    // SAFETY: Luau calls this with its arguments on the stack and room for at least LUA_MINSTACK more; results replace
    // them, and errors pass through, since nothing here has a destructor.
    unsafe {
        let work = ffi::lua_tonumber(state, ffi::lua_upvalueindex(2)) as u8;
        if work == Work::Text as u8 {
            hide_addresses(state);
        }
        let is_search = work == Work::Search as u8;
        charge(CALL + before(state, work));
        stop_if_over(state);
        let search = is_search.then(begin_search);
        let results = call_original(state);
        // After an error the time is looked at often until the next call: slower, and as safe.
        if let Some(search) = &search {
            end_search(search);
        }
        if results > RESULTS_MAX {
            ffi::luaL_error(state, c"too many results: a function returns at most 8000".as_ptr());
        }
        if is_search && results == 1 && ffi::lua_type(state, 1) == ffi::LUA_TFUNCTION {
            // The iterator of gmatch searches too.
            ffi::lua_pushnumber(state, f64::from(Work::Search as u8));
            ffi::lua_pushcclosurek(state, call_charged, c"charged".as_ptr(), 2, None);
            return 1;
        }
        charge(sizes(state, results));
        stop_if_over(state);
        results
    }
}

/// What comparing the texts of a table takes when it is sorted, in safepoints: where they begin alike, all of them is looked at.
///
/// # Safety
/// The state is that of a function of this module which runs.
unsafe fn comparing(state: *mut ffi::lua_State) -> u64 {
    /// Bytes that are compared and count as a safepoint.
    const BYTES_A_SAFEPOINT: u64 = 512;
    // SAFETY: the caller's; there is room for a value more, which is taken away again.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return 0;
        }
        let count = ffi::lua_objlen(state, 1);
        let mut longest = 0;
        for index in 1..=count {
            ffi::lua_rawgeti(state, 1, index as i64);
            if ffi::lua_type(state, -1) == ffi::LUA_TSTRING {
                longest = longest.max(ffi::lua_objlen(state, -1) as u64);
            }
            ffi::lua_pop(state, 1);
        }
        let count = count as u64;
        let comparisons = count * u64::from(64 - count.leading_zeros());
        comparisons.saturating_mul(longest / BYTES_A_SAFEPOINT)
    }
}

/// What a built-in function will do, in safepoints.
///
/// # Safety
/// The state is that of a function of this module which runs.
unsafe fn before(state: *mut ffi::lua_State, work: u8) -> u64 {
    /// Elements that are made or moved and count as a safepoint.
    const ELEMENTS_A_SAFEPOINT: f64 = 8.0;
    /// Steps of a search for each byte of a text and each of a pattern.
    const STEPS_A_SAFEPOINT: u64 = 32;
    /// The same where bytes are only compared.
    const PLAIN_STEPS_A_SAFEPOINT: u64 = 512;
    // SAFETY: the caller's; what is looked at is at indexes that may be asked about even if there is nothing.
    unsafe {
        let given = sizes(state, ffi::lua_gettop(state));
        let number = |index| ffi::lua_tonumberx(state, index, std::ptr::null_mut()).max(0.0);
        given
            + match work {
                work if work == Work::Sorting as u8 => given * 7 + comparing(state),
                work if work == Work::Elements as u8 => (number(1) / ELEMENTS_A_SAFEPOINT) as u64,
                work if work == Work::Range as u8 => ((number(3) - number(2)) / ELEMENTS_A_SAFEPOINT) as u64,
                work if work == Work::Search as u8 || work == Work::PlainSearch as u8 => {
                    let steps = text(state, 1).len() as u64 * text(state, 2).len() as u64;
                    let is_plain = work == Work::PlainSearch as u8 || is_plain(text(state, 2));
                    steps / if is_plain { PLAIN_STEPS_A_SAFEPOINT } else { STEPS_A_SAFEPOINT }
                }
                _ => 0,
            }
    }
}

/// Puts the names of their types in the place of arguments whose text would be an address: that is another one wherever a
/// match runs, and nobody's business.
///
/// # Safety
/// The state is that of a function of this module which runs.
unsafe fn hide_addresses(state: *mut ffi::lua_State) {
    // SAFETY: the caller's; there is room for two values more, and what is pushed is taken away again.
    unsafe {
        for index in 1..=ffi::lua_gettop(state) {
            let kind = ffi::lua_type(state, index);
            let has_text = [ffi::LUA_TNIL, ffi::LUA_TBOOLEAN, ffi::LUA_TNUMBER, ffi::LUA_TSTRING, ffi::LUA_TVECTOR];
            if has_text.contains(&kind) {
                continue;
            }
            if ffi::luaL_getmetafield(state, index, c"__tostring".as_ptr()) != 0 {
                ffi::lua_pop(state, 1);
                continue;
            }
            ffi::lua_pushstring(state, ffi::lua_typename(state, kind));
            ffi::lua_replace(state, index);
        }
    }
}

/// Whether a pattern has nothing but itself to match.
fn is_plain(pattern: &[u8]) -> bool {
    /// Longer ones are not looked through.
    const LOOKED_AT: usize = 256;
    pattern.len() <= LOOKED_AT && !pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte))
}

/// The text at an index; empty if there is none.
///
/// # Safety
/// The state is that of a function of this module which runs, and what is at the index stays there.
unsafe fn text<'a>(state: *mut ffi::lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: the caller's. Only what is a string is asked for its bytes, which belong to it.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return &[];
        }
        let mut length = 0;
        let bytes = ffi::lua_tolstring(state, index, &raw mut length);
        if bytes.is_null() { &[] } else { std::slice::from_raw_parts(bytes.cast::<u8>(), length) }
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
            if results > 1 && ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0 {
                make_text(state, 2);
            }
            let text = if results > 1 { text(state, 2) } else { &[] };
            charge(if text.ends_with(b"stack overflow") { DEEP_ERROR } else { ERROR });
        }
        // Whoever caught the stop does not get to know it.
        stop_if_over(state);
        results
    }
}

/// Puts its text in the place of an error of the host's functions, as Lua's own have it: whoever catches one puts it together
/// with other texts.
///
/// # Safety
/// The state is that of a function of this module which runs, and has a value at the index.
unsafe fn make_text(state: *mut ffi::lua_State, index: c_int) {
    // SAFETY: the caller's; there is room for two values more, the text belongs to the one that is taken away last.
    unsafe {
        let is_error = ffi::lua_type(state, index) == ffi::LUA_TUSERDATA;
        if !is_error || ffi::luaL_getmetafield(state, index, c"__tostring".as_ptr()) == 0 {
            return;
        }
        ffi::lua_pop(state, 1);
        ffi::luaL_tolstring(state, index, std::ptr::null_mut());
        let whole = text(state, ffi::lua_gettop(state));
        let whole = whole.strip_prefix(b"runtime error: ").unwrap_or(whole);
        let line = whole.split(|byte| *byte == b'\n').next().unwrap_or(whole);
        ffi::lua_pushlstring(state, line.as_ptr().cast(), line.len());
        ffi::lua_replace(state, index);
        ffi::lua_pop(state, 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Looks after each of these times, in which the thread worked so long; returns at which of them the call was late.
    fn late_at(steps: impl IntoIterator<Item = (Duration, Duration)>) -> Option<usize> {
        let watch = Watch::new();
        watch.set(6 * MS);
        let (mut now, mut worked) = (Instant::now(), 40 * MS);
        assert!(!watch.is_late(now, || worked), "it is the first look");
        steps.into_iter().position(|(passed, its_own)| {
            now += passed;
            worked += its_own;
            watch.is_late(now, || worked)
        })
    }

    #[test]
    fn a_call_is_late_by_what_it_works_and_not_by_what_others_do() {
        assert_eq!(late_at([(MS, MS); 20]), Some(6));
        assert_eq!(late_at([(MS / 10, MS / 10); 100]), Some(60));
        assert_eq!(late_at([(MS, MS / 4); 24]), None, "another thread was on the processor");
        assert_eq!(late_at([(MS, MS / 4); 30]), Some(24));
    }

    #[test]
    fn a_machine_that_stands_still_once_stops_no_call() {
        let work = [(MS / 10, MS / 10); 40];
        let standstill = [(30 * MS, 30 * MS)];
        let busy = [(MS, MS / 4); 7];
        assert_eq!(late_at(work.into_iter().chain(standstill)), None);
        assert_eq!(late_at(standstill.into_iter().chain(work).chain(busy)), None);
        assert_eq!(
            late_at(standstill.into_iter().chain(work).chain(work)),
            Some(61),
            "what goes on is late all the same"
        );
        let more = [(MS / 10, MS / 10); 10];
        assert_eq!(late_at(work.into_iter().chain(more).chain(standstill)), Some(50), "it was about to be");
    }

    #[test]
    fn what_stands_still_again_and_again_is_the_call_itself() {
        let watch = Watch::new();
        let mut now = Instant::now();
        let mut is_stopped_over = |long: Duration| {
            watch.set(6 * MS);
            let began = now;
            assert!(!watch.is_late(began, || Duration::ZERO), "it is the first look");
            now += long;
            watch.is_late(now, || long)
        };
        assert!(!is_stopped_over(100 * MS));
        for _ in 0..98 {
            assert!(is_stopped_over(100 * MS));
        }
        assert!(!is_stopped_over(FORGIVEN_EVERY), "that was long ago");
        assert!(is_stopped_over(7 * MS));
    }
}
