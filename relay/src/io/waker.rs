//! Wakes a worker from another thread.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::Arc,
};

/// A descriptor that becomes readable when any thread says so. Clones wake the same worker.
///
/// The worker watches [`Waker::fd`] with its driver; on readiness it calls [`Waker::clear`], takes what the other
/// threads left for it, and calls `rewatch`, in this order: what is left after the clearing wakes it again.
#[derive(Debug, Clone)]
pub struct Waker {
    event: Arc<OwnedFd>,
}

impl Waker {
    /// Opens the descriptor.
    ///
    /// # Errors
    /// When descriptors are used up.
    pub fn new() -> io::Result<Self> {
        // SAFETY: `eventfd` takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so `fd` is open and nobody else owns it.
        Ok(Self { event: Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }) })
    }

    /// Makes the descriptor readable. May be called from any thread, and never blocks.
    pub fn wake(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the kernel reads 8 bytes from `one`, which outlives the call. The only possible failure is a counter
        // that is full, and then the descriptor is readable already.
        unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes the descriptor unreadable until the next [`Waker::wake`].
    pub fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: the kernel writes 8 bytes into `count`, which outlives the call. The only possible failure is a
        // counter that is zero, and then the descriptor is unreadable already.
        unsafe { libc::read(self.event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// What to watch.
    pub fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}
