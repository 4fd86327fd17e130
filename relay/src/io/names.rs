//! What goes into the 64 bits that the kernel hands back with each event, and the table of watched descriptors.

use std::{io, os::fd::RawFd};

use super::Token;

// The drivers hand names to the kernel through types that are as wide as a pointer.
const _: () = assert!(size_of::<usize>() == size_of::<u64>());

/// Positions that fit into a name.
pub(super) const INDEX_MAX: u32 = (1 << 24) - 1;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A socket's datagrams; index and generation of the socket.
    Receive,
    /// A send; index of the socket, and the slot in place of the generation.
    Send,
    /// A send that is tried again; as [`Kind::Send`].
    Resend,
    /// A watched descriptor; index is the descriptor.
    Watch,
    /// The cancellation of a socket's receive; index and generation of the socket.
    Cancel,
    /// Nobody waits for it.
    Ignored,
}

/// Kind, index and generation in 64 bits.
pub(super) fn pack(kind: Kind, index: u32, generation: u32) -> u64 {
    debug_assert!(index <= INDEX_MAX);
    (kind as u64) << 56 | u64::from(index) << 32 | u64::from(generation)
}

/// The reverse of [`pack`].
pub(super) fn unpack(name: u64) -> (Kind, u32, u32) {
    let kind = match (name >> 56) as u8 {
        0 => Kind::Receive,
        1 => Kind::Send,
        2 => Kind::Resend,
        3 => Kind::Watch,
        4 => Kind::Cancel,
        _ => Kind::Ignored,
    };
    (kind, (name >> 32) as u32 & INDEX_MAX, name as u32)
}

/// The descriptors that a driver watches for their owners.
///
/// **At most one request to the kernel is current for a descriptor: the one of the present generation, while armed.**
/// So whatever else the kernel still reports is known to be stale.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_fd: Vec<Watch>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Watch {
    token: Token,
    generation: u32,
    watched: bool,
    armed: bool,
}

impl Watches {
    /// Starts a watch; [`Watches::arm`] comes next.
    pub(super) fn add(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        let index = index_of(fd)? as usize;
        if self.by_fd.len() <= index {
            self.by_fd.resize(index + 1, Watch::default());
        }
        let watch = &mut self.by_fd[index];
        if watch.watched {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the descriptor is watched already"));
        }
        *watch = Watch { token, generation: watch.generation.wrapping_add(1), watched: true, armed: false };
        Ok(())
    }

    /// Makes a new request current. Returns its name, and that of the request that it replaces.
    pub(super) fn arm(&mut self, fd: RawFd, token: Token) -> io::Result<(u64, Option<u64>)> {
        let index = index_of(fd)?;
        let watch = self.by_fd.get_mut(index as usize).filter(|watch| watch.watched);
        let watch = watch.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the descriptor is not watched"))?;
        let replaced = watch.armed.then(|| pack(Kind::Watch, index, watch.generation));
        watch.generation = watch.generation.wrapping_add(1);
        watch.token = token;
        watch.armed = true;
        Ok((pack(Kind::Watch, index, watch.generation), replaced))
    }

    /// Takes an event in. Returns whose it is, or `None` if it is stale.
    pub(super) fn fire(&mut self, index: u32, generation: u32) -> Option<Token> {
        let watch = self.by_fd.get_mut(index as usize)?;
        let current = watch.watched && watch.armed && watch.generation == generation;
        current.then(|| {
            watch.armed = false;
            watch.token
        })
    }

    /// Ends a watch. Returns whether there was one, and the name of its request if that is still current.
    pub(super) fn remove(&mut self, fd: RawFd) -> (bool, Option<u64>) {
        let Some(watch) = usize::try_from(fd).ok().and_then(|index| self.by_fd.get_mut(index)) else {
            return (false, None);
        };
        let name = (watch.watched && watch.armed).then(|| pack(Kind::Watch, fd as u32, watch.generation));
        let was = std::mem::replace(&mut watch.watched, false);
        watch.armed = false;
        (was, name)
    }
}

fn index_of(fd: RawFd) -> io::Result<u32> {
    u32::try_from(fd)
        .ok()
        .filter(|index| *index <= INDEX_MAX)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the descriptor is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        for kind in [Kind::Receive, Kind::Send, Kind::Resend, Kind::Watch, Kind::Cancel, Kind::Ignored] {
            for (index, generation) in [(0, 0), (INDEX_MAX, u32::MAX), (7, 1)] {
                assert_eq!(unpack(pack(kind, index, generation)), (kind, index, generation));
            }
        }
    }

    #[test]
    fn only_the_current_request_of_a_watched_descriptor_fires() {
        let mut watches = Watches::default();
        assert!(watches.arm(3, 1).is_err());
        watches.add(3, 1).unwrap();
        assert!(watches.add(3, 1).is_err());
        let (first, none) = watches.arm(3, 1).unwrap();
        assert_eq!(none, None);
        let (second, replaced) = watches.arm(3, 2).unwrap();
        assert_eq!(replaced, Some(first));
        let fire = |watches: &mut Watches, name| {
            let (_, index, generation) = unpack(name);
            watches.fire(index, generation)
        };
        assert_eq!(fire(&mut watches, first), None);
        assert_eq!(fire(&mut watches, second), Some(2));
        assert_eq!(fire(&mut watches, second), None, "once for each request");
        let (third, _) = watches.arm(3, 2).unwrap();
        assert_eq!(watches.remove(3), (true, Some(third)));
        assert_eq!(fire(&mut watches, third), None);
        assert_eq!(watches.remove(3), (false, None));
        assert_eq!(watches.remove(-1), (false, None));
    }
}
