//! What this process has on the heap, from an allocator that counts.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);
static BYTES_PEAK: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, counting while [`counted`] runs. Otherwise it costs one load: the times of other engines, which
/// may allocate, are not to suffer.
pub(crate) struct Counting;

/// What was asked of the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Calls for new or larger memory, of all threads.
    pub(crate) allocations: u64,
    /// Bytes that were still there at the end.
    pub(crate) bytes: i64,
    /// The most there were at a time.
    pub(crate) bytes_peak: i64,
}

/// Does `work` and says what it asked of the heap.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Heap) {
    ALLOCATIONS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    BYTES_PEAK.store(0, Relaxed);
    IS_COUNTING.store(true, Relaxed);
    let result = work();
    IS_COUNTING.store(false, Relaxed);
    let heap = Heap {
        allocations: ALLOCATIONS.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        bytes_peak: BYTES_PEAK.load(Relaxed),
    };
    (result, heap)
}

fn grow(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    let now = BYTES.fetch_add(bytes as i64, Relaxed) + bytes as i64;
    BYTES_PEAK.fetch_max(now, Relaxed);
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting is a few atomic additions and does not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_COUNTING.load(Relaxed) {
            grow(layout.size());
        }
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if IS_COUNTING.load(Relaxed) {
            grow(layout.size());
        }
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if IS_COUNTING.load(Relaxed) {
            BYTES.fetch_sub(layout.size() as i64, Relaxed);
            grow(size);
        }
        // SAFETY: forwarded to the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if IS_COUNTING.load(Relaxed) {
            BYTES.fetch_sub(layout.size() as i64, Relaxed);
        }
        // SAFETY: forwarded to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_and_what_goes_is_counted() {
        // Other tests of this binary may allocate meanwhile, so these are bounds.
        let (kept, heap) = counted(|| {
            drop(std::hint::black_box(vec![0_u8; 3_000_000]));
            std::hint::black_box(vec![1_u8; 1_000_000])
        });
        assert!(heap.allocations >= 2);
        assert!((900_000..1_900_000).contains(&heap.bytes), "{heap:?}");
        assert!((2_900_000..3_900_000).contains(&heap.bytes_peak), "{heap:?}");
        drop(kept);
    }
}
