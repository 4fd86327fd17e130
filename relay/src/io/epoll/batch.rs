//! Several datagrams in one system call: `recvmmsg` and `sendmmsg`.

use std::{io, os::fd::RawFd};

use crate::{
    io::{
        address::{ADDRESS_BYTES, RawAddress},
        buffers::{SlotId, SlotMemory},
    },
    slot::HEADROOM,
};

/// Datagrams in one system call at most.
pub(super) const BATCH: usize = 32;

/// Where a received datagram's sender is put: at the end of the headroom, in front of the payload.
pub(super) const NAME_START: usize = HEADROOM - NAME_BYTES;

/// Bytes of a sender's address, rounded up to keep it aligned.
pub(super) const NAME_BYTES: usize = ADDRESS_BYTES.next_multiple_of(8);

/// Headers for one system call, with an I/O vector each.
pub(super) struct Messages {
    headers: Box<[libc::mmsghdr]>,
    /// The headers point here. Boxed, so it stays where it is.
    vectors: Box<[libc::iovec]>,
}

/// One received datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    /// Bytes of the payload.
    pub(super) payload: usize,
    /// Bytes of the sender's address.
    pub(super) name: usize,
    /// It did not fit.
    pub(super) truncated: bool,
}

impl Messages {
    pub(super) fn new() -> Self {
        let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut vectors = vec![nothing; BATCH].into_boxed_slice();
        let header = |vector: &mut libc::iovec| {
            // SAFETY: all zeroes is a valid `mmsghdr`: null pointers with zero lengths.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header
        };
        Self { headers: vectors.iter_mut().map(header).collect(), vectors }
    }

    /// Makes `slot` the place where the datagram at `position` of the next receive goes.
    pub(super) fn set_receive(&mut self, position: usize, slot: &SlotId, memory: &SlotMemory) {
        let header = &mut self.headers[position].msg_hdr;
        header.msg_name = memory.start(slot.get()).wrapping_add(NAME_START).cast();
        header.msg_namelen = NAME_BYTES as _;
        let vector = libc::iovec {
            iov_base: memory.start(slot.get()).wrapping_add(HEADROOM).cast(),
            iov_len: memory.payload_max(),
        };
        self.vectors[position] = vector;
    }

    /// Receives up to `count` datagrams into the slots that were set. Returns how many.
    ///
    /// # Safety
    /// Every position below `count` must have been set to a slot of mapped memory that nobody else uses.
    pub(super) unsafe fn receive(&mut self, fd: RawFd, count: usize) -> io::Result<usize> {
        let headers = &mut self.headers[..count];
        // SAFETY: there are `count` headers. The vectors that they point to are boxed and written only here; the caller
        // vouches for the slots that those point to. No timeout is given.
        let result = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(result).map_err(|_| io::Error::last_os_error())
    }

    /// The datagram at `position` of the last receive.
    pub(super) fn arrived(&self, position: usize) -> Arrived {
        let libc::mmsghdr { msg_hdr: header, msg_len } = &self.headers[position];
        Arrived {
            payload: *msg_len as usize,
            name: (header.msg_namelen as usize).min(NAME_BYTES),
            truncated: header.msg_flags & libc::MSG_TRUNC != 0,
        }
    }

    /// Makes the datagram at `position` of the next send `length` bytes at `start`, for `to`.
    pub(super) fn set_send(&mut self, position: usize, to: &RawAddress, start: *mut u8, length: usize) {
        let header = &mut self.headers[position].msg_hdr;
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len() as _;
        self.vectors[position] = libc::iovec { iov_base: start.cast(), iov_len: length };
    }

    /// Sends the datagrams from position `from` up to `to`. Returns how many went before one failed; fails if the first
    /// did.
    ///
    /// # Safety
    /// Every position of the range must have been set to an address and to bytes that are still there.
    pub(super) unsafe fn send(&mut self, fd: RawFd, from: usize, to: usize) -> io::Result<usize> {
        let headers = &mut self.headers[from..to];
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: as for `receive`; the kernel only reads addresses and bytes.
        let result = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), headers.len() as libc::c_uint, flags as _) };
        usize::try_from(result).map_err(|_| io::Error::last_os_error())
    }
}

/// Sends one datagram.
///
/// # Safety
/// There must be `length` bytes at `start`.
pub(super) unsafe fn send_one(fd: RawFd, to: &RawAddress, start: *const u8, length: usize) -> io::Result<()> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the caller vouches for the bytes, and `to` holds as many bytes as it says.
    let result = unsafe { libc::sendto(fd, start.cast(), length, flags, to.as_ptr(), to.len()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
