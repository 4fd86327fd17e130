//! The control half of a TURN client: allocate with long-term credentials, bind a channel.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use stun_types::{
    attribute::{ErrorCode, Nonce, Realm, Username},
    message::{
        BINDING, IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageWrite, MessageWriteExt,
        MessageWriteVec, Method,
    },
};
use turn_types::{
    attribute::{ChannelNumber, RequestedTransport, XorPeerAddress, XorRelayedAddress},
    message::{ALLOCATE, CHANNEL_BIND},
};

/// The protocol number of UDP, for REQUESTED-TRANSPORT.
const UDP: u8 = 17;
/// How long one try of a request waits for its answer.
const TRY: Duration = Duration::from_millis(500);
/// Tries of one request.
const TRIES: usize = 6;

/// Speaks TURN control messages for one account; the key is computed once and serves every client.
#[derive(Debug)]
pub(crate) struct TurnClient {
    user: &'static str,
    password: &'static str,
    key: Option<(String, IntegrityKey)>,
}

/// What an allocation needs to be used further.
#[derive(Debug)]
pub(crate) struct Allocation {
    /// Where peers send to.
    pub(crate) relayed: SocketAddr,
    nonce: String,
}

impl TurnClient {
    /// A client for `user`.
    pub(crate) fn new(user: &'static str, password: &'static str) -> Self {
        Self { user, password, key: None }
    }

    /// Opens an allocation on a connected, non-blocking socket: the request that is challenged, then the real one.
    ///
    /// # Errors
    /// When the server refuses or stays silent.
    pub(crate) fn allocate(&mut self, socket: &UdpSocket) -> Result<Allocation> {
        let mut buffer = [0; 1_500];
        let mut request = Message::builder_request(ALLOCATE, MessageWriteVec::new());
        request.add_attribute(&RequestedTransport::new(UDP))?;
        let length = transact(socket, &request.finish(), &mut buffer)?;
        let challenge = Message::from_bytes(&buffer[..length])?;
        let code = challenge.attribute::<ErrorCode>().context("an Allocate without credentials is challenged")?.code();
        ensure!(code == 401, "the challenge is {code} instead of 401");
        let realm = challenge.attribute::<Realm>().context("a challenge has a realm")?.realm().to_owned();
        let nonce = challenge.attribute::<Nonce>().context("a challenge has a nonce")?.nonce().to_owned();
        self.learn_realm(&realm);

        let mut request = Message::builder_request(ALLOCATE, MessageWriteVec::new());
        request.add_attribute(&RequestedTransport::new(UDP))?;
        let request = self.sign(request, &nonce)?;
        let length = transact(socket, &request, &mut buffer)?;
        let answer = success(&buffer[..length], ALLOCATE)?;
        let relayed = answer.attribute::<XorRelayedAddress>().context("a success names the relayed address")?;
        Ok(Allocation { relayed: relayed.addr(answer.transaction_id()), nonce })
    }

    /// Binds `channel` to `peer`, which permits the peer too.
    ///
    /// # Errors
    /// When the server refuses or stays silent.
    pub(crate) fn bind_channel(
        &self,
        socket: &UdpSocket,
        allocation: &Allocation,
        channel: u16,
        peer: SocketAddr,
    ) -> Result<()> {
        let mut request = Message::builder_request(CHANNEL_BIND, MessageWriteVec::new());
        let transaction = request.transaction_id();
        request.add_attribute(&ChannelNumber::new(channel))?;
        request.add_attribute(&XorPeerAddress::new(peer, transaction))?;
        let request = self.sign(request, &allocation.nonce)?;
        let mut buffer = [0; 1_500];
        let length = transact(socket, &request, &mut buffer)?;
        success(&buffer[..length], CHANNEL_BIND).map(|_| ())
    }

    fn learn_realm(&mut self, realm: &str) {
        if self.key.as_ref().is_none_or(|(known, _)| known != realm) {
            let credentials =
                LongTermKeyCredentials::new(self.user.to_owned(), self.password.to_owned(), realm.to_owned());
            self.key = Some((realm.to_owned(), credentials.make_key(IntegrityAlgorithm::Sha1)));
        }
    }

    fn sign(&self, mut request: MessageWriteVec, nonce: &str) -> Result<Vec<u8>> {
        let (realm, key) = self.key.as_ref().context("the realm is known from the challenge")?;
        request.add_attribute(&Username::new(self.user)?)?;
        request.add_attribute(&Realm::new(realm)?)?;
        request.add_attribute(&Nonce::new(nonce)?)?;
        request.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)?;
        Ok(request.finish())
    }
}

/// Whether a server answers a Binding request on a connected, non-blocking socket within `patience`.
pub(crate) fn answers_binding(socket: &UdpSocket, patience: Duration) -> bool {
    let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    exchange(socket, &request, &mut [0; 1_500], patience).is_ok_and(|answer| answer.is_some())
}

fn success(bytes: &[u8], method: Method) -> Result<Message<'_>> {
    let answer = Message::from_bytes(bytes)?;
    if let Ok(error) = answer.attribute::<ErrorCode>() {
        bail!("{method} was refused: {} {}", error.code(), error.reason());
    }
    ensure!(answer.has_method(method), "{method} was answered with {}", answer.method());
    Ok(answer)
}

/// Sends `request` until an answer with its transaction id comes; returns the answer's length in `buffer`.
fn transact(socket: &UdpSocket, request: &[u8], buffer: &mut [u8]) -> Result<usize> {
    for _ in 0..TRIES {
        if let Some(length) = exchange(socket, request, buffer, TRY)? {
            return Ok(length);
        }
    }
    bail!("no answer to a request in {:?}", TRY * TRIES as u32)
}

/// One try. Polls instead of sleeping, so that the server's time is not mixed with the waking of this process.
fn exchange(socket: &UdpSocket, request: &[u8], buffer: &mut [u8], patience: Duration) -> io::Result<Option<usize>> {
    socket.send(request)?;
    let deadline = Instant::now() + patience;
    loop {
        match socket.recv(buffer) {
            Ok(length) if length >= 20 && buffer[4..20] == request[4..20] => return Ok(Some(length)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if Instant::now() > deadline {
                    return Ok(None);
                }
                std::hint::spin_loop();
            }
            Err(error) => return Err(error),
        }
    }
}
