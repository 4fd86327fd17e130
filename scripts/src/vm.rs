//! A virtual machine: its sandbox, its memory and the one way into it.
//!
//! **One match at a time runs in a machine**: whoever calls puts the match's stage into the slot that the bindings look at,
//! and takes it out afterwards, whatever happened in between. A machine in which something panicked is broken and takes no
//! more calls.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
};

use mlua::{
    Function, Lua, LuaOptions, StdLib, Table, Value,
    chunk::{ChunkMode, Compiler},
};

use crate::{
    Bundle, Limits, ScriptError, binding,
    error::explain,
    raw::{self, Budget, Work},
    stage::Stage,
};

/// Where the bindings find the match that runs.
pub(crate) type Slot = Rc<RefCell<Option<Box<Stage>>>>;

/// A machine and what its matches share.
pub(crate) struct Vm {
    pub(crate) lua: Lua,
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) limits: Limits,
    slot: Slot,
    /// Every script of the bundle, compiled: its name without the ending, its name, its bytecode.
    chunks: Vec<Chunk>,
    /// Which categories of memory are matches'.
    categories: RefCell<[bool; 256]>,
    collected: RefCell<Collected>,
    is_broken: Cell<bool>,
}

/// What was held after the last collection of garbage.
struct Collected {
    /// By each match, when it was asked for by that match.
    matches: [usize; 256],
    /// By the machine.
    all: usize,
}

/// A script, compiled.
pub(crate) struct Chunk {
    /// By which it is required: without the ending.
    pub(crate) name: String,
    /// As error messages have it.
    pub(crate) file: String,
    /// Whether it ships with the host.
    pub(crate) is_ours: bool,
    bytecode: Vec<u8>,
}

/// What a call came to besides its result.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Safepoints.
    pub(crate) safepoints: u64,
    /// Whether it was stopped.
    pub(crate) is_killed: bool,
}

/// The category of what belongs to no match.
const SHARED: u8 = 0;
/// What a machine holds before any match is opened fits into this.
const SHARED_BYTES: usize = 4 << 20;

/// What may take long on long strings and large tables, and is therefore charged beforehand.
const CHARGED: &[(&str, Work, &[&str])] = &[
    ("string", Work::Sizes, &["rep", "lower", "upper", "reverse", "pack", "unpack", "packsize", "byte", "char", "sub"]),
    ("string", Work::Text, &["format"]),
    ("string", Work::Search, &["find", "match", "gmatch", "gsub"]),
    ("string", Work::PlainSearch, &["split"]),
    (
        "table",
        Work::Sizes,
        &["concat", "insert", "remove", "find", "clone", "unpack", "pack", "clear", "maxn", "foreach", "foreachi"],
    ),
    ("table", Work::Sorting, &["sort"]),
    ("table", Work::Elements, &["create"]),
    ("table", Work::Range, &["move"]),
    ("buffer", Work::Sizes, &["create", "fromstring", "tostring", "copy", "fill", "readstring", "writestring"]),
    ("utf8", Work::Sizes, &["char", "codepoint", "len", "offset"]),
];

/// Globals that reach around the sandbox, tell of the machine, or load code.
const REMOVED: &[&str] = &["loadstring", "collectgarbage", "gcinfo", "getfenv", "setfenv", "newproxy", "_VERSION"];

impl Vm {
    pub(crate) fn new(bundle: Arc<Bundle>, limits: Limits) -> Result<Rc<Self>, Box<ScriptError>> {
        let chunks = compile(&bundle)?;
        let broken = |error: mlua::Error| Box::new(explain(&error, "", bundle.version()));
        let slot = Slot::default();
        let made = catch_unwind(AssertUnwindSafe(|| sandboxed(&slot)));
        let lua = made.map_err(|panic| broken_machine(panic.as_ref(), bundle.version()))?.map_err(broken)?;
        raw::install(&lua);
        let mut categories = [false; 256];
        categories[usize::from(SHARED)] = true;
        Ok(Rc::new(Self {
            lua,
            bundle,
            limits,
            slot,
            chunks,
            categories: RefCell::new(categories),
            collected: RefCell::new(Collected { matches: [0; 256], all: 0 }),
            is_broken: Cell::new(false),
        }))
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// How many matches it has.
    pub(crate) fn matches(&self) -> usize {
        self.categories.borrow().iter().filter(|taken| **taken).count() - 1
    }

    /// Takes a category for a match; `None` when all are taken.
    pub(crate) fn open_category(&self) -> Option<u8> {
        let mut categories = self.categories.borrow_mut();
        let all = categories.iter().take(crate::Host::MATCHES_MAX + 1).enumerate();
        let free: Vec<u8> = all.filter_map(|(at, taken)| (!taken).then(|| u8::try_from(at).ok())?).collect();
        let first = *free.first()?;
        // What a match has left behind would count for the next one of its category.
        let clean = free.into_iter().find(|category| self.bytes_of(*category) == 0);
        let category = clean.unwrap_or_else(|| {
            self.lua.gc_collect().ok();
            first
        });
        categories[usize::from(category)] = true;
        Some(category)
    }

    pub(crate) fn close_category(&self, category: u8) {
        /// Beyond so many bytes it is worth a collection at once, which takes milliseconds from all others.
        const LEFT_BEHIND_MAX: usize = 512 << 10;
        if !self.is_broken() && self.bytes_of(category) > LEFT_BEHIND_MAX {
            self.lua.gc_collect().ok();
        }
        self.categories.borrow_mut()[usize::from(category)] = false;
        self.collected.borrow_mut().matches[usize::from(category)] = 0;
    }

    /// Bytes that a match's scripts hold.
    pub(crate) fn bytes_of(&self, category: u8) -> usize {
        raw::category_bytes(&self.lua, category)
    }

    /// The script of a name, with or without its ending.
    pub(crate) fn chunk(&self, name: &str) -> Option<&Chunk> {
        self.chunks.iter().find(|chunk| chunk.name == name || chunk.file == name)
    }

    /// The names by which scripts are required.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().map(|chunk| chunk.name.as_str())
    }

    /// A function that runs a script in an environment.
    pub(crate) fn load(&self, chunk: &Chunk, environment: Table) -> mlua::Result<Function> {
        // Bytecode is not checked when it is loaded: this is our own, of text that we compiled.
        self.lua
            .load(&chunk.bytecode)
            .set_name(format!("={}", chunk.file))
            .set_mode(ChunkMode::Binary)
            .set_environment(environment)
            .into_function()
    }

    /// Does something in the machine for a match, whose stage the bindings see meanwhile.
    ///
    /// # Errors
    /// What went wrong in the script; the stage is back all the same.
    pub(crate) fn enter<R>(
        &self,
        stage: &mut Option<Box<Stage>>,
        category: u8,
        callback: &str,
        budget: impl Into<Budget>,
        run: impl FnOnce(&Lua) -> mlua::Result<R>,
    ) -> (Result<R, Box<ScriptError>>, Spent) {
        let budget = budget.into();
        let version = self.bundle.version();
        if self.is_broken() {
            let error = ScriptError::of("the machine of this mode broke and takes no more calls", version);
            return (Err(Box::new(error)), Spent::default());
        }
        if let Err(error) = self.make_room(category) {
            return (Err(Box::new(ScriptError { callback: callback.into(), ..*error })), Spent::default());
        }
        *self.slot.borrow_mut() = stage.take();
        raw::set_category(&self.lua, category);
        raw::begin(budget);
        let result = catch_unwind(AssertUnwindSafe(|| run(&self.lua)));
        let left = raw::end();
        raw::set_category(&self.lua, SHARED);
        *stage = self.slot.borrow_mut().take();
        let Budget { safepoints, .. } = budget;
        let work = Spent { safepoints: safepoints - left.unwrap_or(0).min(safepoints), is_killed: left.is_none() };
        let result = match result {
            Ok(Ok(value)) if !work.is_killed => Ok(value),
            Ok(Ok(_)) => Err(Box::new(ScriptError::of(raw::KILLED, version))),
            Ok(Err(error)) => Err(Box::new(explain(&error, callback, version))),
            Err(panic) => {
                self.is_broken.set(true);
                Err(broken_machine(panic.as_ref(), version))
            }
        };
        let result = result.map_err(|mut error| {
            error.callback = callback.into();
            if work.is_killed {
                error.is_killed = true;
                error.message = format!(
                    "{callback} did more than {safepoints} safepoints of work, or worked for too long, and was stopped"
                );
                error.hint = "look for a loop that does not end, or do the work over several ticks".into();
            }
            error
        });
        (result, work)
    }

    /// Sets how much may be allocated in a call, and collects garbage if that would be little.
    fn make_room(&self, category: u8) -> Result<(), Box<ScriptError>> {
        let most = self.limits.memory_bytes;
        let mut held = self.bytes_of(category);
        let mut collected = self.collected.borrow_mut();
        let Collected { matches, all } = &mut *collected;
        let after = &mut matches[usize::from(category)];
        // A collection takes milliseconds in which nobody else on this thread can do anything: another one is worth them
        // when half of the room that the last one left was used up.
        let is_low = |held: usize, after: usize, most: usize| held > most / 4 * 3 && held > after.midpoint(most);
        if is_low(held, *after, most) || is_low(self.lua.used_memory(), *all, self.limits.host_memory_bytes) {
            self.lua.gc_collect().ok();
            held = self.bytes_of(category);
            (*after, *all) = (held, self.lua.used_memory());
        }
        if held >= most {
            let message = format!("the match's scripts hold {held} bytes, more than the {most} that they may");
            let hint = "let go of what is not needed: set it to nil";
            return Err(Box::new(ScriptError {
                hint: hint.into(),
                ..ScriptError::of(&message, self.bundle.version())
            }));
        }
        let limit = (self.lua.used_memory() + (most - held)).min(self.limits.host_memory_bytes + SHARED_BYTES);
        self.lua.set_memory_limit(limit).ok();
        Ok(())
    }
}

fn broken_machine(panic: &(dyn Any + Send), version: &str) -> Box<ScriptError> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let message = format!("the machine of the scripts broke: {}", text.unwrap_or("no reason is known"));
    Box::new(ScriptError::of(&message, version))
}

fn compiler() -> Compiler {
    /// Machine code multiplies and adds in one step where the processor can, which gives other numbers than the interpreter
    /// has. And calls that the interpreter makes directly, but not when the collector is due, would be counted by chance.
    const DISABLED: [&str; 5] = ["math.lerp", "vector.lerp", "tostring", "string.char", "string.sub"];
    Compiler::new().set_optimization_level(1).set_debug_level(1).set_disabled_builtins(DISABLED)
}

fn compile(bundle: &Bundle) -> Result<Vec<Chunk>, Box<ScriptError>> {
    let mut chunks = Vec::new();
    for (file, text) in bundle.files() {
        let Some(name) = file.strip_suffix(".lua").or_else(|| file.strip_suffix(".luau")) else { continue };
        let bytecode = compiler().compile(text).map_err(|error| {
            let mut explained = explain(&error, "", bundle.version());
            if explained.hint.is_empty() {
                explained.hint =
                    "the mistake is here or in a line above: a word too much, or an `end`, a bracket or a quote too few".into();
            }
            // The compiler does not know the file's name.
            explained.file = file.into();
            if let Some((line, text)) = explained.message.split_once(": ")
                && let Ok(line) = line.parse()
            {
                (explained.line, explained.message) = (line, text.to_owned());
            }
            Box::new(explained)
        })?;
        chunks.push(Chunk { name: name.into(), file: file.into(), is_ours: false, bytecode });
    }
    let nakama = compiler().compile(crate::nakama::PRELUDE).expect("the module that ships compiles");
    if !chunks.iter().any(|chunk| chunk.name == crate::nakama::MODULE) {
        let (name, file) = (crate::nakama::MODULE.to_owned(), "nakama".to_owned());
        chunks.push(Chunk { name, file, is_ours: true, bytecode: nakama });
    }
    Ok(chunks)
}

/// A machine with the libraries that scripts have, closed.
fn sandboxed(slot: &Slot) -> mlua::Result<Lua> {
    let libraries = StdLib::COROUTINE
        | StdLib::TABLE
        | StdLib::STRING
        | StdLib::UTF8
        | StdLib::BIT
        | StdLib::MATH
        | StdLib::BUFFER
        | StdLib::VECTOR;
    let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
    lua.set_compiler(compiler());
    let globals = lua.globals();
    for name in REMOVED.iter().copied().chain(["require"]) {
        globals.raw_set(name, Value::Nil)?;
    }
    for (library, work, names) in CHARGED {
        let library: Table = globals.raw_get(*library)?;
        for name in *names {
            let original: Function = library.raw_get(*name)?;
            library.raw_set(*name, raw::charged(&lua, &original, *work)?)?;
        }
    }
    // The global is the same function as the library's.
    let tables: Table = globals.raw_get("table")?;
    globals.raw_set("unpack", tables.raw_get::<Function>("unpack")?)?;
    let original: Function = globals.raw_get("tostring")?;
    globals.raw_set("tostring", raw::charged(&lua, &original, Work::Text)?)?;
    for name in ["pcall", "xpcall"] {
        let original: Function = globals.raw_get(name)?;
        globals.raw_set(name, raw::catching(&lua, &original, true)?)?;
    }
    let coroutines: Table = globals.raw_get("coroutine")?;
    let resume: Function = coroutines.raw_get("resume")?;
    coroutines.raw_set("resume", raw::catching(&lua, &resume, false)?)?;
    binding::register(&lua, slot)?;
    lua.sandbox(true)?;
    Ok(lua)
}

/// A machine as matches have it, for tests of what is in it.
#[cfg(test)]
pub(crate) fn sandbox_for_tests() -> Lua {
    sandboxed(&Slot::default()).expect("the sandbox can be made")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> (Rc<Vm>, Option<Box<Stage>>) {
        let files = vec![("rules.lua".into(), b"return {}".to_vec())];
        let bundle = Arc::new(Bundle::from_files("test", files).expect("the file is text"));
        let limits = Limits::default();
        let stage = Stage::new("", "test", bundle.version(), 1, &limits);
        (Vm::new(bundle, limits).expect("the script compiles"), Some(Box::new(stage)))
    }

    #[test]
    fn a_panic_breaks_the_machine_and_nothing_else() {
        let (vm, mut stage) = vm();
        let (result, _) = vm.enter(&mut stage, 1, "match_loop", 1000, |_| -> mlua::Result<()> { panic!("by a test") });
        assert!(result.is_err_and(|error| error.message.contains("by a test") && error.callback == "match_loop"));
        assert!(stage.is_some() && vm.is_broken());
        let (result, spent) = vm.enter(&mut stage, 1, "match_loop", 1000, |_| Ok(()));
        assert!(result.is_err_and(|error| error.message.contains("takes no more calls")) && spent.safepoints == 0);
    }

    #[test]
    fn a_pcall_cannot_swallow_a_panic() {
        let (vm, mut stage) = vm();
        let (result, _) = vm.enter(&mut stage, 1, "match_loop", 1000, |lua| {
            let panics = lua.create_function(|_, ()| -> mlua::Result<()> { panic!("inside") })?;
            lua.load("local f = ... pcall(f) pcall(coroutine.wrap(f))").call::<()>(panics)
        });
        assert!(result.is_err_and(|error| error.message.contains("inside")));
        assert!(stage.is_some() && vm.is_broken());
    }
}
