//! What the whole process is allowed, and what it uses.

use std::{
    alloc::{GlobalAlloc, Layout},
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use mimalloc::MiMalloc;

/// Raises the limit of open files to its ceiling, and returns it: every allocation holds a socket.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for the call to fill.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a valid rlimit for the call to read.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

static HEAP_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// mimalloc, with a count of the allocations: steady relaying adds none, and a test holds us to that.
#[derive(Debug, Default, Clone, Copy)]
pub struct CountedHeap;

impl CountedHeap {
    /// Allocations and reallocations so far, if this is the process's allocator.
    pub fn allocations() -> u64 {
        HEAP_ALLOCATIONS.load(Relaxed)
    }
}

// SAFETY: every call goes to MiMalloc unchanged; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP_ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps GlobalAlloc's contract, which is MiMalloc's.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; `pointer` came from MiMalloc.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        HEAP_ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HEAP_ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}
