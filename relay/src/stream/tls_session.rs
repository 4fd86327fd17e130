//! One connection's TLS, on rustls' unbuffered interface.
//!
//! The unbuffered interface is used because its buffers are the caller's: a worker lends one for decrypting and one for
//! encrypting to whichever connection it serves, and **a quiet connection keeps the protocol's keys and nothing else**
//! (the buffered interface holds on to 4 KiB or more of each).

use std::{fmt, mem, sync::Arc};

use rustls::{
    ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus},
};

/// Most bytes that wait for the rest of a record or of a handshake message. The largest record has 16,384 + 2,048 + 5
/// bytes; the largest honest ClientHello, with post-quantum key shares, about 2 KiB.
pub(super) const HELD_MAX: usize = 24 * 1_024;

/// Room for what TLS adds to one record: header (5), explicit nonce (8), content type (1), tag (16), and to spare.
const RECORD_OVERHEAD: usize = 64;
/// Most plain bytes of one record.
const RECORD_MAX: usize = 16 * 1_024;

/// Why a TLS connection cannot go on.
#[derive(Debug)]
pub(super) enum SessionError {
    /// rustls refused what came, or cannot encrypt any more.
    Protocol,
    /// More than [`HELD_MAX`] bytes would have to wait.
    TooLarge,
    /// Nothing can be encrypted before the handshake is complete.
    NotReady,
}

/// What a call to [`Session::receive`] brought, besides bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The connection goes on.
    Open,
    /// The client said that it will send no more.
    PeerClosed,
}

/// The server's side of one TLS connection.
pub(super) struct Session {
    connection: UnbufferedServerConnection,
    /// The beginning of a record or of a handshake message whose end has not come.
    held: Vec<u8>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The connection holds keys, and rustls gives it no Debug for that reason.
        f.debug_struct("Session").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// What to do once everything that came has been looked at.
#[derive(Clone, Copy)]
enum Goal<'a> {
    Nothing,
    Encrypt(&'a [u8]),
    CloseNotify,
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { connection: UnbufferedServerConnection::new(config)?, held: Vec::new() })
    }

    /// The most that encryption adds to `len` bytes.
    pub(super) fn overhead(len: usize) -> usize {
        (len / RECORD_MAX + 1) * RECORD_OVERHEAD
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Copies the bytes that waited to the front of `buffer`, behind which the socket is then read; returns how many.
    /// `buffer` has at least [`HELD_MAX`] bytes.
    pub(super) fn restore(&self, buffer: &mut [u8]) -> usize {
        buffer[..self.held.len()].copy_from_slice(&self.held);
        self.held.len()
    }

    /// Takes `records`: what [`Session::restore`] put back, and what was read behind it. Appends what they say to
    /// `plain`, and what must be answered to `sealed` (an alert even when this fails).
    pub(super) fn receive(
        &mut self,
        records: &mut [u8],
        plain: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
    ) -> Result<Progress, SessionError> {
        let (used, progress) = self.drive(records, Goal::Nothing, plain, sealed)?;
        // What follows the end of a stream is nothing.
        let rest = if progress == Progress::PeerClosed { &[] } else { &records[used..] };
        if rest.len() > HELD_MAX {
            return Err(SessionError::TooLarge);
        }
        self.held.clear();
        self.held.extend_from_slice(rest);
        Ok(progress)
    }

    /// Appends `frame`, encrypted, to `sealed`.
    pub(super) fn seal(&mut self, frame: &[u8], sealed: &mut Vec<u8>) -> Result<(), SessionError> {
        self.drive_held(Goal::Encrypt(frame), sealed)
    }

    /// Appends the alert that ends the connection properly to `sealed`.
    pub(super) fn close_notify(&mut self, sealed: &mut Vec<u8>) -> Result<(), SessionError> {
        self.drive_held(Goal::CloseNotify, sealed)
    }

    /// Takes the buffer away if it holds nothing.
    pub(super) fn take_buffer(&mut self) -> Option<Vec<u8>> {
        (self.held.is_empty() && self.held.capacity() > 0).then(|| mem::take(&mut self.held))
    }

    /// Lends a buffer from `spares` for records that a read cuts in two, if the session has none.
    pub(super) fn lend_buffer(&mut self, spares: &mut Vec<Vec<u8>>) {
        if self.held.capacity() == 0 {
            self.held = spares.pop().unwrap_or_default();
        }
    }

    /// rustls remembers where in the waiting bytes its handshake fragments lie, so it must be shown them each time.
    fn drive_held(&mut self, goal: Goal<'_>, sealed: &mut Vec<u8>) -> Result<(), SessionError> {
        let mut held = mem::take(&mut self.held);
        let outcome = self.drive(&mut held, goal, &mut Vec::new(), sealed);
        if let Ok((used, _)) = outcome {
            held.drain(..used);
        }
        self.held = held;
        outcome.map(|_| ())
    }

    /// Runs the protocol until it wants more input, then does `goal`. Returns how much of `records` is used up.
    fn drive(
        &mut self,
        records: &mut [u8],
        goal: Goal<'_>,
        plain: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
    ) -> Result<(usize, Progress), SessionError> {
        let mut used = 0;
        let mut progress = Progress::Open;
        loop {
            let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(&mut records[used..]);
            let mut discard = discard;
            let mut finished = false;
            let Ok(state) = state else {
                self.last_words(&mut records[used + discard..], sealed);
                return Err(SessionError::Protocol);
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|_| SessionError::Protocol)?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(sealed, 0, |out| data.encode(out).map_err(Short::from))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => progress = Progress::PeerClosed,
                ConnectionState::WriteTraffic(mut traffic) => {
                    finished = true;
                    match goal {
                        Goal::Nothing => {}
                        Goal::Encrypt(frame) => append(sealed, frame.len() + Self::overhead(frame.len()), |out| {
                            traffic.encrypt(frame, out).map_err(Short::from)
                        })?,
                        Goal::CloseNotify => {
                            append(sealed, RECORD_OVERHEAD, |out| {
                                traffic.queue_close_notify(out).map_err(Short::from)
                            })?;
                        }
                    }
                }
                ConnectionState::BlockedHandshake => match goal {
                    Goal::Nothing => finished = true,
                    _ => return Err(SessionError::NotReady),
                },
                ConnectionState::Closed => match goal {
                    Goal::Nothing => return Ok((used + discard, Progress::PeerClosed)),
                    _ => return Err(SessionError::NotReady),
                },
                // Early data is never offered, and a state of a later rustls is not understood.
                _ => return Err(SessionError::Protocol),
            }
            used += discard;
            if finished {
                return Ok((used, progress));
            }
        }
    }

    /// Appends what rustls has queued although it failed: an alert that tells the client why, and handshake messages
    /// before it without which the client could not decrypt the alert. As long as something is queued, rustls hands
    /// that out before it looks at any record; after that it must not be asked again.
    fn last_words(&mut self, records: &mut [u8], sealed: &mut Vec<u8>) {
        let mut used = 0;
        while self.connection.wants_write() {
            let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(&mut records[used..]);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { return };
            if append(sealed, 0, |out| data.encode(out).map_err(Short::from)).is_err() {
                return;
            }
            used += discard;
        }
    }
}

/// Why rustls wrote nothing.
enum Short {
    By(InsufficientSizeError),
    Never,
}

impl From<EncryptError> for Short {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(needed) => Self::By(needed),
            EncryptError::EncryptExhausted => Self::Never,
        }
    }
}

impl From<EncodeError> for Short {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(needed) => Self::By(needed),
            EncodeError::AlreadyEncoded => Self::Never,
        }
    }
}

/// Lets `write` append to `sealed`, with `guess` bytes of room first and with as many as it asks for after that.
fn append(
    sealed: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Short>,
) -> Result<(), SessionError> {
    let start = sealed.len();
    let mut room = guess;
    for _ in 0..2 {
        sealed.resize(start + room, 0);
        match write(&mut sealed[start..]) {
            Ok(written) => {
                sealed.truncate(start + written);
                return Ok(());
            }
            Err(Short::By(needed)) => room = needed.required_size,
            Err(Short::Never) => break,
        }
    }
    sealed.truncate(start);
    Err(SessionError::Protocol)
}
