//! The submission and completion queues, and the system call between them.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

use io_uring::{
    EnterFlags, IoUring, cqueue, squeue,
    types::{CancelBuilder, SubmitArgs, Timespec},
};

use crate::io::probe::{ProbeError, ProbeStep};

/// Requests that can be queued before they have to be submitted.
const SUBMISSIONS: u32 = 1_024;

/// Completions that fit before the kernel has to set them aside, which ends multishot receives.
const COMPLETIONS: u32 = 8_192;

/// System calls in a row that may fail to submit all that is queued, before it is left for the next turn.
const SUBMIT_TRIES: u32 = 4;

/// `IORING_REGISTER_RING_FDS` and its reverse; the crate only applies a registration to the one `Submitter` that made
/// it, and we make the system call ourselves.
const REGISTER_RING_FDS: libc::c_uint = 20;
const UNREGISTER_RING_FDS: libc::c_uint = 21;

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct ResourceUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}

/// How long one wait may take, and what it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    /// For ever if `None`.
    pub(super) timeout: Option<Duration>,
    /// With a window, completions that end it early.
    pub(super) want: u32,
    /// Microseconds for which less than `want` is not enough; 0 for none.
    pub(super) window_us: u32,
}

/// One ring. It may only be used by the thread that made it (`SINGLE_ISSUER`).
pub(super) struct Ring {
    ring: IoUring,
    /// The index to use instead of the descriptor, which saves the kernel looking it up in each call.
    registered: Option<u32>,
}

impl Ring {
    pub(super) fn new(sockets_max: u32) -> Result<Self, ProbeError> {
        let build = |no_sqarray: bool| {
            let mut builder = IoUring::builder();
            builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_cqsize(COMPLETIONS);
            if no_sqarray {
                builder.setup_no_sqarray();
            }
            builder.build(SUBMISSIONS)
        };
        // NO_SQARRAY came with Linux 6.6, the others are older.
        let ring = build(true).or_else(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => build(false),
            _ => Err(error),
        });
        let ring = ring.map_err(|error| ProbeError { step: ProbeStep::Setup, error })?;
        ring.submitter()
            .register_files_sparse(sockets_max)
            .map_err(|error| ProbeError { step: ProbeStep::RegisterFiles, error })?;
        // Without the index everything works as well, only dearer.
        let registered = register_ring_fd(&ring).ok();
        Ok(Self { ring, registered })
    }

    /// Lends `entries` slots at `address` to the kernel as buffer group 0.
    ///
    /// # Safety
    /// The buffer ring at `address`, and whatever is given to the kernel through it, must stay mapped until this
    /// [`Ring`] is dropped.
    pub(super) unsafe fn register_buffers(&self, address: u64, entries: u16) -> Result<(), ProbeError> {
        // SAFETY: forwarded to the caller.
        unsafe { self.ring.submitter().register_buf_ring_with_flags(address, entries, 0, 0) }
            .map_err(|error| ProbeError { step: ProbeStep::RegisterBuffers, error })
    }

    /// Puts `fd` into the table of files.
    pub(super) fn register_file(&self, index: u32, fd: RawFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(index, &[fd]).map(drop)
    }

    /// Queues a request; `false` if there is no room.
    ///
    /// # Safety
    /// What the request points to must stay valid until it is carried out.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: forwarded to the caller.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Requests that are queued and not submitted.
    pub(super) fn unsubmitted(&mut self) -> u32 {
        self.ring.submission().len() as u32
    }

    /// Submits what is queued. Some of it may be left if the kernel is short of memory.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        for _ in 0..SUBMIT_TRIES {
            let queued = self.unsubmitted();
            if queued == 0 {
                break;
            }
            self.enter(queued, 0, EnterFlags::empty(), None)?;
        }
        Ok(())
    }

    /// Submits what is queued and waits. Returns early for no reason now and then.
    pub(super) fn submit_and_wait(&mut self, wait: Wait) -> io::Result<()> {
        let queued = self.unsubmitted();
        if wait.timeout.is_none() && wait.window_us == 0 {
            return self.enter(queued, wait.want, EnterFlags::GETEVENTS, None);
        }
        let limit = wait.timeout.map(Timespec::from);
        let args = SubmitArgs::new().min_wait_usec(wait.window_us);
        let args = match &limit {
            Some(limit) => args.timespec(limit),
            None => args,
        };
        let want = if wait.timeout == Some(Duration::ZERO) { 0 } else { wait.want };
        self.enter(queued, want, EnterFlags::GETEVENTS | EnterFlags::EXT_ARG, Some(&args))
    }

    fn enter(&self, submit: u32, want: u32, flags: EnterFlags, args: Option<&SubmitArgs<'_, '_>>) -> io::Result<()> {
        let (fd, flags) = match self.registered {
            Some(index) => (index as RawFd, flags | EnterFlags::REGISTERED_RING),
            None => (self.ring.as_raw_fd(), flags),
        };
        let (arg, size) = match args {
            Some(args) => (std::ptr::from_ref(args), size_of::<SubmitArgs<'_, '_>>()),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: `arg` is null or points to the extended argument that EXT_ARG announces, with its size, and outlives
        // the call, as does the time that it points to. Whoever queued a request vouched for it in `push`.
        let result = unsafe { libc::syscall(libc::SYS_io_uring_enter, fd, submit, want, flags.bits(), arg, size) };
        if result >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // The time is up; a signal; completions have to be taken first; short of memory. The next turn goes on.
            Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
            _ => Err(error),
        }
    }

    /// Takes completions.
    pub(super) fn reap<'a>(&mut self, into: &'a mut [MaybeUninit<cqueue::Entry>]) -> &'a [cqueue::Entry] {
        self.ring.completion().fill(into)
    }

    /// Cancels a request in a system call of its own, for when it cannot be queued.
    pub(super) fn cancel_now(&self, name: u64) {
        // "Not found" says that it has ended by itself, which is as good.
        let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::user_data(name));
    }

    /// Whether a wait can have a window.
    pub(super) fn has_window(&self) -> bool {
        self.ring.params().is_feature_min_timeout()
    }

    /// Whether the ring's descriptor is registered.
    pub(super) fn is_registered(&self) -> bool {
        self.registered.is_some()
    }
}

impl Drop for Ring {
    /// Ends every request, so that no receive writes to a buffer after its memory is gone, and gives up the
    /// registration, which would keep the ring alive as long as the thread.
    fn drop(&mut self) {
        let submitter = self.ring.submitter();
        let patience = Timespec::new().sec(1);
        // Each of these can only fail because there is nothing left to end.
        let _ = submitter.register_sync_cancel(Some(patience), CancelBuilder::any());
        let _ = submitter.unregister_files();
        let _ = submitter.unregister_buf_ring(0);
        if let Some(offset) = self.registered {
            let update = ResourceUpdate { offset, reserved: 0, data: 0 };
            let _ = register(self.ring.as_raw_fd(), UNREGISTER_RING_FDS, update);
        }
    }
}

fn register_ring_fd(ring: &IoUring) -> io::Result<u32> {
    let fd = ring.as_raw_fd();
    register(fd, REGISTER_RING_FDS, ResourceUpdate { offset: u32::MAX, reserved: 0, data: fd as u64 })
}

fn register(fd: RawFd, operation: libc::c_uint, mut update: ResourceUpdate) -> io::Result<u32> {
    // SAFETY: both operations read and write one `io_uring_rsrc_update`, which outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_register, fd, operation, &raw mut update, 1) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(update.offset) }
}
