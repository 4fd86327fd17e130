//! The heap of the binary, counted.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use mimalloc::MiMalloc;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// mimalloc, with a count of what the workers take from it: steady relaying adds nothing, and a test holds us to that.
#[derive(Debug, Default, Clone, Copy)]
pub struct CountedHeap;

impl CountedHeap {
    /// Counts the allocations of this thread from now on.
    pub fn count_this_thread() {
        COUNTED.set(true);
    }

    /// Allocations and reallocations by counted threads so far; 0 if this is not the process's allocator.
    pub fn allocations() -> u64 {
        ALLOCATIONS.load(Relaxed)
    }

    /// Gives what this thread's part of the heap does not use back to the system. Takes up to a few milliseconds.
    pub fn give_back() {
        // SAFETY: mimalloc's own bookkeeping; it touches no memory that is handed out. Without mimalloc as the process's
        // allocator there is nothing to collect.
        unsafe { libmimalloc_sys::mi_collect(true) }
    }

    fn count() {
        if COUNTED.get() {
            ALLOCATIONS.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: every call goes to MiMalloc unchanged; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps GlobalAlloc's contract, which is MiMalloc's.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; `pointer` came from MiMalloc.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count();
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}
