//! Clients over TLS: handshakes with both versions, certificates changed under live connections, and whatever else may
//! come instead of a handshake.
//!
//! Method: real rustls clients on loopback, driven in turn with the streams under virtual time. Certificates are made
//! for each test.

mod stream_turns;

use std::{
    env, fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use muster_relay::stream::{CloseReason, SendOutcome, StreamLimits, StreamsConfig, TlsAcceptor, TlsLoadError, TlsSlot};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use stream_turns::{Worker, channel_data, connect, drain, padded};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = env::temp_dir().join(format!("muster-tls-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed)));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A self-signed certificate for "relay.test" and its key, in files and as a client trusts it.
struct Identity {
    folder: Folder,
    cert: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["relay.test".to_owned()]).unwrap();
        let folder = Folder::new();
        let cert = folder.write("cert.pem", made.cert.pem());
        let key = folder.write("key.pem", made.signing_key.serialize_pem());
        Self { folder, cert, key, der: made.cert.der().clone() }
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::load(&self.cert, &self.key).unwrap()
    }

    fn slot(&self) -> Arc<TlsSlot> {
        Arc::new(TlsSlot::new(self.acceptor()))
    }

    /// What a client that trusts this certificate and no other is configured with.
    fn client(&self, version: &'static SupportedProtocolVersion) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// A TLS client that never blocks.
struct Client {
    tls: ClientConnection,
    socket: TcpStream,
    error: Option<rustls::Error>,
    closed: bool,
    received: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let tls = ClientConnection::new(Arc::clone(config), ServerName::try_from("relay.test").unwrap()).unwrap();
        Self { tls, socket: connect(address), error: None, closed: false, received: Vec::new() }
    }

    /// Moves what there is to move, both ways.
    fn turn(&mut self) {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.socket).is_err() {
                break;
            }
        }
        while !self.closed {
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => self.closed = true,
                Ok(_) => {
                    if let Err(error) = self.tls.process_new_packets() {
                        self.error = Some(error);
                        self.closed = true;
                    }
                    // A close_notify shows as the end of the plain bytes; the socket says for itself when it ends.
                    let _ = drain(&mut self.tls.reader(), &mut self.received);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
        }
    }

    fn handshake(&mut self, worker: &mut Worker) {
        worker.until("the handshake", |_| {
            self.turn();
            assert!(!self.closed, "closed in the handshake: {:?}", self.error);
            !self.tls.is_handshaking() && !self.tls.wants_write()
        });
    }

    fn until_closed(&mut self, worker: &mut Worker) {
        worker.until("the server closes", |_| {
            self.turn();
            self.closed
        });
    }

    /// Sends `wire` and waits until as many bytes have come back.
    fn echo(&mut self, worker: &mut Worker, wire: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(wire).unwrap();
        worker.until("the echo", |_| {
            self.turn();
            assert!(!self.closed, "closed: {:?}", self.error);
            self.received.len() >= wire.len()
        });
        std::mem::take(&mut self.received)
    }
}

fn echoing(slot: &Arc<TlsSlot>) -> (Worker, SocketAddr) {
    let mut worker = Worker::roomy();
    worker.echo = true;
    let address = worker.listen(Some(slot));
    (worker, address)
}

#[test]
fn both_versions_are_served_and_a_new_certificate_leaves_live_connections_alone() {
    let (old, new) = (Identity::new(), Identity::new());
    let slot = old.slot();
    let (mut worker, address) = echoing(&slot);
    let wire = padded(&channel_data(b"before and after"));
    let mut live = Vec::new();
    for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut client = Client::new(address, &Arc::new(old.client(version)));
        client.handshake(&mut worker);
        assert_eq!(client.tls.protocol_version(), Some(number));
        assert_eq!(client.echo(&mut worker, &wire), wire);
        live.push(client);
    }
    slot.replace(new.acceptor());
    for version in [&TLS12, &TLS13] {
        let mut client = Client::new(address, &Arc::new(new.client(version)));
        client.handshake(&mut worker);
        assert_eq!(client.echo(&mut worker, &wire), wire, "a new connection gets the new certificate");
        let mut distrusts = Client::new(address, &Arc::new(old.client(version)));
        distrusts.until_closed(&mut worker);
        assert!(matches!(distrusts.error, Some(rustls::Error::InvalidCertificate(_))), "{:?}", distrusts.error);
        let _ = distrusts.tls.write_tls(&mut distrusts.socket);
    }
    for client in &mut live {
        assert_eq!(client.echo(&mut worker, &wire), wire, "a live connection does not notice");
    }
    drop(live);
    worker.until("all are gone", |worker| worker.streams.is_empty());
    worker.turn();
    assert_eq!((worker.limits.connections(), worker.limits.handshakes()), (0, 0));
    let stats = worker.streams.stats();
    // A TLS 1.3 client refuses the certificate after the server has done its part, so that handshake may count as
    // completed or as failed; the rest is certain.
    assert!(stats.handshakes_completed >= 4 && stats.handshakes_failed >= 1, "{stats:?}");
}

#[test]
fn a_frame_with_odd_length_is_padded_inside_the_record() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut client = Client::new(address, &Arc::new(identity.client(&TLS13)));
    client.handshake(&mut worker);
    let sent = [&channel_data(b"abcde")[..], &[9, 9, 9]].concat();
    assert_eq!(client.echo(&mut worker, &sent), padded(&channel_data(b"abcde")));
}

#[test]
fn alpn_is_taken_when_offered_and_not_required() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut config = identity.client(&TLS13);
    let mut plain = Client::new(address, &Arc::new(config.clone()));
    plain.handshake(&mut worker);
    assert_eq!(plain.tls.alpn_protocol(), None);

    config.alpn_protocols = vec![b"h2".to_vec(), b"stun.turn".to_vec()];
    let mut turn = Client::new(address, &Arc::new(config.clone()));
    turn.handshake(&mut worker);
    assert_eq!(turn.tls.alpn_protocol(), Some(&b"stun.turn"[..]));

    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut web = Client::new(address, &Arc::new(config));
    web.until_closed(&mut worker);
    assert!(
        matches!(web.error, Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol))),
        "the refusal comes with its alert: {:?}",
        web.error
    );
    assert_eq!(worker.streams.stats().handshakes_failed, 1);
}

#[test]
fn a_session_is_resumed_but_not_past_a_rotation() {
    let identity = Identity::new();
    let slot = identity.slot();
    let (mut worker, address) = echoing(&slot);
    let wire = padded(&channel_data(b"ticket"));
    for version in [&TLS12, &TLS13] {
        let config = Arc::new(identity.client(version));
        let kind = |worker: &mut Worker| {
            let mut client = Client::new(address, &config);
            client.handshake(worker);
            // The ticket of TLS 1.3 comes with or before the first answer.
            assert_eq!(client.echo(worker, &wire), wire);
            client.tls.handshake_kind()
        };
        assert_eq!(kind(&mut worker), Some(HandshakeKind::Full));
        assert_eq!(kind(&mut worker), Some(HandshakeKind::Resumed));
        slot.replace(identity.acceptor());
        assert_eq!(kind(&mut worker), Some(HandshakeKind::Full));
    }
}

#[test]
fn a_handshake_that_stops_is_closed_and_gives_its_place_back() {
    let identity = Identity::new();
    let mut worker = Worker::new(StreamsConfig::default(), StreamLimits::new(99, 99, 2));
    let address = worker.listen(Some(&identity.slot()));
    let _silent = worker.connect(address);
    let mut halfway = Client::new(address, &Arc::new(identity.client(&TLS13)));
    let mut hello = Vec::new();
    halfway.tls.write_tls(&mut hello).unwrap();
    halfway.socket.write_all(&hello[..hello.len() / 2]).unwrap();
    worker.until("half a hello", |worker| worker.streams.stats().bytes_in as usize == hello.len() / 2);
    assert_eq!(worker.limits.handshakes(), 2);

    let mut third = connect(address);
    worker.drain(&mut third);
    assert_eq!(worker.streams.stats().refused_handshakes, 1);

    worker.now += Duration::from_secs(10);
    worker.until("both are closed", |worker| worker.streams.is_empty());
    worker.turn();
    let stats = worker.streams.stats();
    assert_eq!((stats.handshakes_timed_out, stats.closed_for(CloseReason::HandshakeTimeout)), (2, 2));
    assert_eq!((worker.limits.handshakes(), worker.limits.connections()), (0, 0));

    let mut client = Client::new(address, &Arc::new(identity.client(&TLS13)));
    client.handshake(&mut worker);
    worker.until("the place is free", |worker| worker.limits.handshakes() == 0);
    worker.now += Duration::from_secs(15);
    worker.turn();
    assert!(!worker.streams.is_empty(), "after the handshake it is the idle time that counts");
    worker.now += Duration::from_secs(15);
    client.until_closed(&mut worker);
    assert_eq!(worker.streams.stats().closed_for(CloseReason::Idle), 1);
}

#[test]
fn many_handshakes_at_once_all_complete() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let config = Arc::new(identity.client(&TLS13));
    let mut clients: Vec<_> = (0..20).map(|_| Client::new(address, &config)).collect();
    worker.until("twenty handshakes", |worker| {
        clients.iter_mut().for_each(Client::turn);
        worker.streams.stats().handshakes_completed == 20
    });
    assert!(clients.iter().all(|client| client.error.is_none() && !client.closed));
}

#[test]
fn garbage_is_closed_without_a_panic() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let mut hostile: Vec<Vec<u8>> = vec![
        b"POST / HTTP/1.1\r\n\r\n".to_vec(),
        // A record that says it is longer than records may be.
        vec![22, 3, 1, 0xFF, 0xFF, 1, 0],
        // A handshake message of 16 MiB in small records.
        [&[22, 3, 1, 0, 6, 1, 0xFF, 0xFF, 0xFF, 3, 3][..], &[22, 3, 1, 0, 1, 0].repeat(4_000)].concat(),
        // Application data, an alert and a change of cipher before any handshake.
        vec![23, 3, 3, 0, 3, 1, 2, 3],
        vec![21, 3, 3, 0, 2, 2, 40],
        [20, 3, 3, 0, 1, 1].repeat(100),
        // Records of nothing.
        [22, 3, 3, 0, 0].repeat(100),
    ];
    hostile.extend((0..200).map(|_| (0..300).map(|_| random()).collect()));
    for bytes in &hostile {
        let mut client = worker.connect(address);
        let _ = client.write(bytes);
        client.shutdown(std::net::Shutdown::Write).unwrap();
        worker.drain(&mut client);
    }
    worker.until("all are gone", |worker| worker.streams.is_empty());
    worker.turn();
    assert_eq!((worker.limits.connections(), worker.limits.handshakes()), (0, 0));
    assert_eq!(worker.streams.stats().handshakes_failed, hostile.len() as u64);
    assert!(worker.frames.is_empty());
}

/// Every prefix of a good client's bytes, every bit of a few of its bytes.
#[test]
fn cut_and_damaged_records_are_closed_without_a_panic() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut hello = Vec::new();
    let config = Arc::new(identity.client(&TLS12));
    ClientConnection::new(config, ServerName::try_from("relay.test").unwrap()).unwrap().write_tls(&mut hello).unwrap();
    let mut attempts = 0;
    for end in 0..hello.len() {
        let mut damaged = hello.clone();
        damaged[end] ^= 1 << (end % 8);
        for bytes in [&hello[..end], &damaged] {
            let mut client = connect(address);
            client.write_all(bytes).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            worker.drain(&mut client);
            attempts += 1;
        }
    }
    worker.until("all are gone", |worker| worker.streams.is_empty());
    worker.turn();
    assert_eq!((worker.limits.connections(), worker.limits.handshakes()), (0, 0));
    assert_eq!(worker.streams.stats().handshakes_failed, attempts);

    // After a good handshake, a damaged record ends the connection and nothing of it is handed on.
    for version in [&TLS12, &TLS13] {
        let mut client = Client::new(address, &Arc::new(identity.client(version)));
        client.handshake(&mut worker);
        let mut record = Vec::new();
        client.tls.writer().write_all(&padded(&channel_data(b"damaged"))).unwrap();
        client.tls.write_tls(&mut record).unwrap();
        *record.last_mut().unwrap() ^= 1;
        client.socket.write_all(&record).unwrap();
        client.until_closed(&mut worker);
        assert!(matches!(client.error, Some(rustls::Error::AlertReceived(_))), "{:?}", client.error);
    }
    assert!(worker.frames.is_empty());
    assert_eq!(worker.streams.stats().handshakes_completed, 2);
}

#[test]
fn records_and_messages_that_come_byte_by_byte_are_put_together() {
    let identity = Identity::new();
    for (version, fragment) in [(&TLS12, None), (&TLS13, None), (&TLS12, Some(40)), (&TLS13, Some(40))] {
        let (mut worker, address) = echoing(&identity.slot());
        let mut config = identity.client(version);
        // With small fragments a handshake message takes many records, all of which must be kept until its end.
        config.max_fragment_size = fragment;
        let mut client = Client::new(address, &Arc::new(config));
        let mut outgoing: Vec<u8> = Vec::new();
        let frame = channel_data(b"slowly");
        client.tls.writer().write_all(&padded(&frame)).unwrap();
        worker.until("the echo", |_| {
            let _ = client.tls.write_tls(&mut outgoing);
            if !outgoing.is_empty() {
                client.socket.write_all(&outgoing[..1]).unwrap();
                outgoing.remove(0);
            }
            // Only the reading half of a client's turn: writing goes through the trickle.
            let _ = client.tls.read_tls(&mut client.socket);
            client.tls.process_new_packets().unwrap();
            let _ = drain(&mut client.tls.reader(), &mut client.received);
            client.received.len() == padded(&frame).len()
        });
        assert_eq!(worker.only_frames(), [frame]);
    }
}

#[test]
fn large_records_and_a_change_of_keys_are_understood() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut client = Client::new(address, &Arc::new(identity.client(&TLS13)));
    client.handshake(&mut worker);
    // 32 KiB in two records of the largest size, each read in more than one turn, frames cut by the records.
    let wire = padded(&channel_data(&[0xC3; 993])).repeat(33);
    assert!(client.echo(&mut worker, &wire) == wire);
    for _ in 0..3 {
        client.tls.refresh_traffic_keys().unwrap();
        assert!(client.echo(&mut worker, &wire) == wire, "under new keys, in both directions");
    }
}

#[test]
fn a_client_that_does_not_read_loses_whole_frames_and_no_record() {
    let identity = Identity::new();
    let config = StreamsConfig { send_queue_bytes: 10_000, ..StreamsConfig::default() };
    let mut worker = Worker::new(config, StreamLimits::new(9, 9, 9));
    let address = worker.listen(Some(&identity.slot()));
    let mut client = Client::new(address, &Arc::new(identity.client(&TLS13)));
    client.handshake(&mut worker);
    client.tls.writer().write_all(&padded(&channel_data(b"here"))).unwrap();
    worker.until("the name of the stream", |worker| {
        client.turn();
        !worker.frames.is_empty()
    });
    let stream = worker.frames[0].0;
    let frame = |number: u32| channel_data(&[&number.to_be_bytes()[..], &[0xAB; 997]].concat());
    let (mut taken, mut dropped, mut number) = (Vec::new(), 0, 0);
    while dropped < 20 {
        match worker.streams.send(stream, &frame(number)) {
            SendOutcome::Sent | SendOutcome::Queued => taken.extend(padded(&frame(number))),
            SendOutcome::Dropped => dropped += 1,
            SendOutcome::Closed => panic!("a slow client is not closed"),
        }
        number += 1;
    }
    worker.until("all that was taken", |_| {
        client.turn();
        assert!(!client.closed, "{:?}", client.error);
        client.received.len() >= taken.len()
    });
    assert!(client.received == taken);
    assert_eq!(worker.streams.stats().dropped_backlog, dropped);
}

#[test]
fn frames_before_a_proper_end_are_handed_on() {
    let identity = Identity::new();
    for version in [&TLS12, &TLS13] {
        let (mut worker, address) = echoing(&identity.slot());
        let mut client = Client::new(address, &Arc::new(identity.client(version)));
        client.handshake(&mut worker);
        client.tls.writer().write_all(&padded(&channel_data(b"last words"))).unwrap();
        client.tls.send_close_notify();
        client.until_closed(&mut worker);
        assert_eq!(worker.only_frames(), [channel_data(b"last words")]);
        assert_eq!(client.received, padded(&channel_data(b"last words")), "and answered");
        assert_eq!(worker.streams.stats().closed_for(CloseReason::Peer), 1);
    }
}

#[test]
fn closing_tells_the_client() {
    let identity = Identity::new();
    let (mut worker, address) = echoing(&identity.slot());
    let mut client = Client::new(address, &Arc::new(identity.client(&TLS13)));
    client.handshake(&mut worker);
    let wire = padded(&channel_data(b"hi"));
    client.echo(&mut worker, &wire);
    let stream = worker.frames[0].0;
    worker.streams.close(stream);
    client.until_closed(&mut worker);
    assert!(client.error.is_none());
    let end = client.tls.reader().read(&mut [0]);
    assert_eq!(end.unwrap(), 0, "a close_notify, not a connection cut off");
    worker.until("the name is reported", |worker| worker.closed == [stream]);
}

#[test]
fn a_certificate_that_cannot_be_used_says_which_file_and_why() {
    let (one, other) = (Identity::new(), Identity::new());
    let folder = &one.folder;
    let cert_text = fs::read_to_string(&one.cert).unwrap();
    let key_text = fs::read_to_string(&one.key).unwrap();
    let missing = folder.0.join("missing.pem");
    let empty = folder.write("empty.pem", "");
    let huge = folder.write("huge.pem", vec![b'\n'; (1 << 20) + 1]);
    let cut_cert = folder.write("cut_cert.pem", &cert_text[..cert_text.len() / 2]);
    let cut_key = folder.write("cut_key.pem", &key_text[..key_text.len() / 2]);
    let not_base64 = folder.write("not_base64.pem", key_text.replace('M', "!"));
    let not_der = folder.write("not_der.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let key_not_der = folder.write("bad_key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");

    let check = |cert: &Path, key: &Path, kind: fn(&TlsLoadError) -> bool, names: &Path| {
        let error = TlsAcceptor::load(cert, key).unwrap_err();
        assert!(kind(&error), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&names.display().to_string()), "{text}");
        assert!(key_text.lines().skip(1).all(|line| line.starts_with("---") || !text.contains(line)), "{text}");
    };
    check(&missing, &one.key, |e| matches!(e, TlsLoadError::Read { .. }), &missing);
    check(&one.cert, &missing, |e| matches!(e, TlsLoadError::Read { .. }), &missing);
    check(&empty, &one.key, |e| matches!(e, TlsLoadError::NoCertificate { .. }), &empty);
    check(&one.key, &one.key, |e| matches!(e, TlsLoadError::NoCertificate { .. }), &one.key);
    check(&one.cert, &empty, |e| matches!(e, TlsLoadError::NoKey { .. }), &empty);
    check(&one.cert, &one.cert, |e| matches!(e, TlsLoadError::NoKey { .. }), &one.cert);
    check(&huge, &one.key, |e| matches!(e, TlsLoadError::TooLarge { .. }), &huge);
    check(&cut_cert, &one.key, |e| matches!(e, TlsLoadError::Pem { .. }), &cut_cert);
    check(&one.cert, &cut_key, |e| matches!(e, TlsLoadError::Pem { .. }), &cut_key);
    check(&one.cert, &not_base64, |e| matches!(e, TlsLoadError::Pem { .. }), &not_base64);
    check(&not_der, &one.key, |e| matches!(e, TlsLoadError::Certificate { .. }), &not_der);
    check(&one.cert, &key_not_der, |e| matches!(e, TlsLoadError::Key { .. }), &key_not_der);
    check(&one.cert, &other.key, |e| matches!(e, TlsLoadError::Mismatch { .. }), &other.key);
}
