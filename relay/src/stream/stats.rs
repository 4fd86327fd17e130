//! What happened to a worker's streams, counted.

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed it.
    Peer,
    /// The client sent what is no frame.
    Framing,
    /// The client broke the TLS protocol, or the handshake failed.
    Tls,
    /// The kernel reported an error: reset, timed out, unreachable.
    Io,
    /// Nothing came for the idle time, and there was no allocation.
    Idle,
    /// The TLS handshake was not complete in time.
    HandshakeTimeout,
    /// The relay asked for it.
    Requested,
}

impl CloseReason {
    /// Every reason, in the order of [`StreamStats::closed`].
    pub const ALL: [Self; 7] =
        [Self::Peer, Self::Framing, Self::Tls, Self::Io, Self::Idle, Self::HandshakeTimeout, Self::Requested];

    /// A label for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Framing => "framing",
            Self::Tls => "tls",
            Self::Io => "io",
            Self::Idle => "idle",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::Requested => "requested",
        }
    }
}

/// Monotonic counts since the worker started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Connections accepted and admitted.
    pub accepted: u64,
    /// Connections closed at once because the relay has as many as it may.
    pub refused_total: u64,
    /// Connections closed at once because their address has as many as it may.
    pub refused_address: u64,
    /// Connections closed at once because as many handshakes are under way as may be.
    pub refused_handshakes: u64,
    /// Connections closed at once because the process has no descriptors left.
    pub refused_descriptors: u64,
    /// Times accepting was paused because the kernel could not accept at all.
    pub accept_pauses: u64,
    /// Connections that ended between the kernel's accept and ours, or that could not be set up.
    pub accept_failures: u64,
    /// Connections ended, by [`CloseReason`] as an index.
    pub closed: [u64; CloseReason::ALL.len()],
    /// TLS handshakes completed.
    pub handshakes_completed: u64,
    /// TLS handshakes that failed or that the client broke off.
    pub handshakes_failed: u64,
    /// TLS handshakes that were not complete in time.
    pub handshakes_timed_out: u64,
    /// Frames handed to the relay.
    pub frames_in: u64,
    /// Frames taken from the relay to be sent; those dropped are not among them.
    pub frames_out: u64,
    /// Frames dropped whole because the client does not read fast enough.
    pub dropped_backlog: u64,
    /// Frames from clients that were larger than the largest frame, skipped.
    pub dropped_oversize: u64,
    /// Bytes read from sockets.
    pub bytes_in: u64,
    /// Bytes written to sockets.
    pub bytes_out: u64,
}

impl StreamStats {
    /// Connections that ended for `reason`.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_count() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.label());
        }
    }
}
