//! What the core may reach outside itself and its crates, each with the reason.

use super::graph::Reference;

/// A part of the standard library that the core may reach.
struct Allowed {
    /// A path: it and all below.
    path: &'static str,
    /// The functions that it may be reached from, paths too; empty: any.
    from: &'static [&'static str],
}

const fn any(path: &'static str) -> Allowed {
    Allowed { path, from: &[] }
}

/// Where threads are started: the optimiser may make the one a part of the other.
const START: &[&str] = &["std::thread::lifecycle", "muster_core::tick::sync"];

/// Paths of the standard library. What is in `core` and `alloc` is allowed as a whole: it knows no operating system.
const STD: &[Allowed] = &[
    // Memory.
    any("std::alloc"),
    any("std::collections::TryReserveError"),
    // Threads, and what they wait with. A wait that ends with time is not among them.
    any("std::thread::Thread"),
    any("std::thread::builder"),
    any("std::thread::current"),
    any("std::thread::functions::park"),
    any("std::thread::functions::yield_now"),
    any("std::thread::functions::panicking"),
    any("std::thread::id"),
    any("std::thread::join_handle"),
    any("std::thread::lifecycle"),
    any("std::thread::local"),
    any("std::thread::main_thread"),
    any("std::thread::scoped"),
    any("std::thread::spawnhook"),
    any("std::thread::thread"),
    any("std::sync::barrier"),
    any("std::sync::once"),
    any("std::sync::poison"),
    any("std::sys::sync::condvar::futex::Condvar::wait"),
    any("std::sys::sync::mutex"),
    any("std::sys::sync::once"),
    any("std::sys::sync::rwlock"),
    any("std::sys::sync::thread_parking"),
    any("std::sys::pal::unix::futex::futex_wake"),
    any("std::sys::thread::unix::Thread"),
    any("std::sys::thread_local"),
    // Panics, which say what broke and unwind to the caller.
    any("std::panic"),
    any("std::panicking"),
    any("std::sys::backtrace::__rust_begin_short_backtrace"),
    any("std::sys::backtrace::__rust_end_short_backtrace"),
    any("std::process::abort"),
    // To start a thread, the standard library asks the environment for the size of its stack, and complains on standard
    // error if the thread's own end panics. Neither can change a result.
    Allowed { path: "std::env::var_os", from: START },
    // The compiler may put the first into its caller, which then refers to the second.
    Allowed { path: "std::env::_var_os", from: &["std::env::var_os"] },
    Allowed { path: "std::env::_var_os", from: START },
    Allowed { path: "std::io::Write", from: START },
    Allowed { path: "std::io", from: &["std::io"] },
    Allowed { path: "std::sys::stdio::unix::Stderr", from: &["std::io::Write"] },
    // Which instructions the processor has: to search bytes quickly in a document, with the same result.
    Allowed { path: "std_detect::detect", from: &["memchr"] },
];

/// Crates below the operating system.
const CRATES: &[&str] = &["core", "alloc", "__rustc", "compiler_builtins"];

/// Names of C: bytes in memory, division of 128 bits, unwinding, and where a thread keeps its own.
const C: &[&str] = &[
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
    "strlen",
    "__multi3",
    "__divti3",
    "__modti3",
    "__udivti3",
    "__umodti3",
    "_Unwind_Resume",
    "rust_eh_personality",
    "__tls_get_addr",
    "_GLOBAL_OFFSET_TABLE_",
];

/// Whether the core may reach what it refers to.
pub(super) fn is_allowed(reference: &Reference) -> bool {
    let roots: Vec<&str> = paths(&reference.symbol).collect();
    if roots.is_empty() {
        return C.contains(&reference.symbol.trim_start_matches("DW.ref."));
    }
    roots.into_iter().all(|path| {
        let root = path.split("::").next().unwrap_or_default();
        match root {
            "std" | "std_detect" => STD.iter().any(|allowed| {
                is_below(path, allowed.path)
                    && (allowed.from.is_empty()
                        || allowed.from.iter().any(|above| paths(&reference.from).any(|from| is_below(from, above))))
            }),
            _ => CRATES.contains(&root) || reference.crates.iter().any(|known| known == root),
        }
    })
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The paths in a name of Rust: those of types in it are references too. What follows a type, as in `<a::B>::new`, is no
/// path of its own.
fn paths(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter(|path| !path.starts_with(':'))
        .map(|path| path.trim_end_matches(':'))
        .filter(|path| path.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(symbol: &str, from: &str) -> bool {
        is_allowed(&Reference {
            object: "a.o".into(),
            from: from.into(),
            symbol: symbol.into(),
            root: "muster_core::world::World::step".into(),
            crates: ["muster_core".to_owned(), "flatbuffers".to_owned()].into(),
        })
    }

    #[test]
    fn memory_and_threads_are_allowed_and_nothing_else() {
        for (symbol, expect) in [
            ("__rustc::__rust_alloc", true),
            ("<u64 as core::fmt::Display>::fmt", true),
            ("<alloc::sync::Arc<std::thread::thread::Inner, std::alloc::System>>::drop_slow", true),
            ("core::ptr::drop_in_place::<muster_core::world::World>", true),
            ("<alloc::vec::Vec<_, _>>::swap_remove::assert_failed", true),
            ("std::thread::functions::park", true),
            ("<std::sys::thread::unix::Thread>::new", true),
            ("std::panicking::begin_panic::<&str>", true),
            ("memcpy", true),
            ("__udivti3", true),
            ("std_detect::detect::cache::CACHE", false),
            ("DW.ref.rust_eh_personality", true),
            ("std::thread::functions::park_timeout", false),
            ("std::thread::functions::sleep", false),
            ("std::thread::functions::available_parallelism", false),
            ("<std::sys::sync::condvar::futex::Condvar>::wait_timeout", false),
            ("<std::time::Instant>::now", false),
            ("std::sys::random::linux::hashmap_random_keys", false),
            ("core::ptr::drop_in_place::<std::io::error::Error>", false),
            ("<std::fs::File>::open", false),
            ("<std::net::tcp::TcpStream>::connect::<&str>", false),
            ("std::env::var_os", false),
            ("std::process::exit", false),
            ("std::io::stdio::_print", false),
            ("libc::unix::getpid", false),
            ("clock_gettime", false),
            ("open64", false),
        ] {
            assert_eq!(check(symbol, "<muster_core::world::World>::step"), expect, "{symbol}");
        }
    }

    #[test]
    fn what_a_thread_is_started_with_is_allowed_there_only() {
        assert!(check("std::env::var_os", "std::thread::lifecycle::spawn_unchecked::<muster_core::tick::F, ()>"));
        assert!(check("std::env::var_os", "muster_core::tick::sync::native::spawn"));
        assert!(check("std::env::_var_os", "std::thread::lifecycle::spawn_unchecked::<muster_core::tick::F, ()>"));
        assert!(!check("std::env::_var_os", "muster_core::tick::workers::Workers::new"));
        assert!(!check("std::env::var_os", "muster_core::tick::workers::Workers::new"));
        assert!(!check("<std::time::Instant>::now", "std::thread::lifecycle::spawn_unchecked"));
        assert!(check("std_detect::detect::cache::CACHE", "memchr::arch::x86_64::memchr::memrchr_raw::detect"));
    }
}
