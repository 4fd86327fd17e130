//! The heap of the binary, counted.

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use mimalloc::MiMalloc;

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
