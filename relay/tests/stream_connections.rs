//! Connections over TCP: what a client sends comes out as frames, what it does not read is dropped whole, and none of
//! them outlives its time or its limits.
//!
//! Method: real sockets on loopback, turned by hand under virtual time.

mod stream_turns;

use std::{env, io::Write, net::TcpStream, path::Path, process::Command, time::Duration};

use muster_relay::{
    io::Readiness,
    slot::HEADROOM,
    stream::{CloseReason, SendOutcome, StreamLimits, StreamsConfig, WatchChange},
};
use stream_turns::{Worker, channel_data, connect, drain, padded};

const BINDING: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

#[test]
fn frames_come_in_without_padding_and_go_out_with_zeroes() {
    let mut worker = Worker::roomy();
    worker.echo = true;
    let address = worker.listen(None);
    let mut client = worker.connect(address);
    let data = channel_data(b"hello");
    let mut wire = [&BINDING[..], &data, &[7, 7, 7], &channel_data(b"")].concat();
    client.write_all(&wire).unwrap();
    wire[29..32].fill(0);
    let echoed = worker.receive(&mut client, wire.len());
    assert_eq!(echoed, wire, "the padding that comes back is ours");
    assert_eq!(worker.only_frames(), [BINDING.to_vec(), data, channel_data(b"")]);
    let stats = *worker.streams.stats();
    assert_eq!((stats.frames_in, stats.frames_out), (3, 3));
    assert_eq!((stats.bytes_in, stats.bytes_out), (wire.len() as u64, wire.len() as u64));
}

#[test]
fn the_clients_address_and_name_come_with_each_frame() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut clients: Vec<_> = (0..3).map(|_| worker.connect(address)).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.write_all(&padded(&channel_data(&[index as u8]))).unwrap();
    }
    let mut seen = Vec::new();
    let mut buffer = [0; 256];
    worker.until("three frames", |worker| {
        // The frames are taken here, where the address can be seen, rather than by the turn.
        worker.carry_out_changes();
        for token in 0..8 {
            worker.streams.handle_ready(token, Readiness { readable: true, writable: false }, Duration::ZERO);
        }
        while let Some((stream, peer, len)) = worker.streams.poll_frame(&mut buffer) {
            assert_eq!(len, 5);
            seen.push((buffer[HEADROOM + 4], peer, stream));
        }
        seen.len() == 3
    });
    seen.sort_unstable();
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(seen[index].0, index as u8);
        assert_eq!(seen[index].1, client.local_addr().unwrap());
    }
    assert!(seen[0].2 != seen[1].2 && seen[1].2 != seen[2].2);
}

#[test]
fn a_hostile_first_byte_closes() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    for hostile in [&b"\x80 rtp"[..], &[0x16, 3, 1], &[0xFF]] {
        let mut client = worker.connect(address);
        client.write_all(&BINDING).unwrap();
        client.write_all(hostile).unwrap();
        worker.drain(&mut client);
    }
    assert_eq!(worker.only_frames(), [BINDING; 3], "the frame before it is good");
    assert_eq!(worker.streams.stats().closed_for(CloseReason::Framing), 3);
    assert_eq!(worker.closed.len(), 3);
    worker.turn();
    assert_eq!(worker.limits.connections(), 0);
}

#[test]
fn an_oversized_frame_is_skipped_and_the_next_one_is_read() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut client = worker.connect(address);
    let mut wire = padded(&channel_data(&[9; 65_535]));
    wire.extend_from_slice(&BINDING);
    let mut sent = 0;
    worker.until("the frame behind it", |worker| {
        sent += client.write(&wire[sent..]).unwrap_or(0);
        !worker.frames.is_empty()
    });
    assert_eq!(worker.only_frames(), [BINDING]);
    assert_eq!(worker.streams.stats().dropped_oversize, 1);
    assert!(worker.closed.is_empty());
}

/// Connecting and asking is free, so what waits for a client that has no allocation must be little.
#[test]
fn little_waits_for_a_client_without_an_allocation() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut client = worker.connect(address);
    client.write_all(&BINDING).unwrap();
    worker.until("the name of the stream", |worker| !worker.frames.is_empty());
    let stream = worker.frames[0].0;
    let frame = channel_data(&[0xAB; 996]);
    let waiting = |worker: &mut Worker| {
        let mut queued = 0;
        loop {
            match worker.streams.send(stream, &frame) {
                SendOutcome::Sent => {}
                SendOutcome::Queued => queued += frame.len(),
                SendOutcome::Dropped => return queued,
                SendOutcome::Closed => panic!("a slow client is not closed"),
            }
        }
    };
    let before = waiting(&mut worker);
    assert!((10_000..=17_000).contains(&before), "{before}");
    worker.streams.set_allocated(stream, true);
    let more = waiting(&mut worker);
    assert!((200_000..=256 * 1_024).contains(&more), "{more}");
}

#[test]
fn a_client_that_does_not_read_loses_whole_frames() {
    let config = StreamsConfig { send_queue_bytes: 10_000, ..StreamsConfig::default() };
    let mut worker = Worker::new(config, StreamLimits::new(9, 9, 9));
    let address = worker.listen(None);
    let mut client = worker.connect(address);
    client.write_all(&BINDING).unwrap();
    worker.until("the name of the stream", |worker| !worker.frames.is_empty());
    let stream = worker.frames[0].0;

    // 1,001 bytes of payload: the frame needs three bytes of padding, which must not be what is dropped either.
    let frame = |number: u32| channel_data(&[&number.to_be_bytes()[..], &[0xAB; 997]].concat());
    let mut taken = Vec::new();
    let mut dropped = 0_u64;
    let mut number = 0;
    while dropped < 20 {
        match worker.streams.send(stream, &frame(number)) {
            SendOutcome::Sent | SendOutcome::Queued => taken.push(number),
            SendOutcome::Dropped => dropped += 1,
            SendOutcome::Closed => panic!("a slow client is not closed"),
        }
        number += 1;
    }
    assert_eq!(worker.streams.stats().dropped_backlog, dropped);

    let expect: Vec<u8> = taken.iter().flat_map(|number| padded(&frame(*number))).collect();
    assert!(worker.receive(&mut client, expect.len()) == expect, "exactly the frames that were taken, each whole");
    let caught_up = worker.streams.send(stream, &frame(number));
    assert_eq!(caught_up, SendOutcome::Sent, "a client that caught up is served as before");
    assert!(worker.receive(&mut client, 1_008) == padded(&frame(number)));
    assert_eq!(worker.streams.stats().frames_out, taken.len() as u64 + 1);
    assert!(worker.closed.is_empty());
}

#[test]
fn a_busy_connection_does_not_keep_a_quiet_one_waiting() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut busy = worker.connect(address);
    let mut quiet = worker.connect(address);
    // As many frames as the sockets' buffers take: far more than one turn's share.
    let flood = channel_data(b"busy").repeat(20_000);
    let flooded = busy.write(&flood).unwrap() / 8;
    assert!(flooded > 10_000, "the flood must exceed a turn: {flooded} frames");
    worker.turn();
    let first = worker.frames.len();
    assert!(first > 0 && first < flooded, "a turn ends although there is more: {first} of {flooded}");
    assert!(worker.streams.has_pending());
    quiet.write_all(&channel_data(b"calm")).unwrap();
    worker.until("the quiet client's frame", |worker| worker.frames.iter().any(|(_, frame)| frame.ends_with(b"calm")));
    let busy_frames = worker.frames.len() - 1 - first;
    assert!(busy_frames <= 3 * first, "{busy_frames} frames went ahead of it, {first} are a turn's share");
    worker.until("all of the flood", |worker| worker.frames.len() > flooded);
    assert!(worker.frames.len() == flooded + 1);
}

#[test]
fn silence_without_an_allocation_closes() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let [_silent, mut talks, mut has_allocation] = [(); 3].map(|()| worker.connect(address));
    has_allocation.write_all(&BINDING).unwrap();
    worker.until("a frame", |worker| worker.frames.len() == 1);
    let allocated = worker.frames[0].0;
    worker.streams.set_allocated(allocated, true);

    assert!(worker.streams.poll_timeout().is_some());
    worker.now += Duration::from_secs(20);
    talks.write_all(&BINDING).unwrap();
    worker.until("a frame", |worker| worker.frames.len() == 2);
    let talking = worker.frames[1].0;
    assert!(worker.closed.is_empty());

    worker.now += Duration::from_secs(11);
    worker.turn();
    assert_eq!(worker.closed.len(), 1, "only the silent one");
    assert!(!worker.closed.contains(&talking) && !worker.closed.contains(&allocated));
    assert_eq!(worker.streams.stats().closed_for(CloseReason::Idle), 1);

    worker.now += Duration::from_secs(3_600);
    worker.turn();
    assert!(worker.closed.contains(&talking) && !worker.closed.contains(&allocated));
    assert_eq!(worker.streams.poll_timeout(), None, "nothing left that time could close");

    worker.streams.set_allocated(allocated, false);
    let due = worker.streams.poll_timeout().expect("its idle time has begun");
    assert_eq!(due, worker.now + Duration::from_secs(30));
    worker.now = due;
    worker.turn();
    assert!(worker.closed.contains(&allocated));
    worker.turn();
    assert_eq!((worker.limits.connections(), worker.streams.len()), (0, 0));
}

#[test]
fn connections_over_a_limit_are_refused_and_places_come_back() {
    let check = |limits: StreamLimits, refused: fn(&Worker) -> u64| {
        let mut worker = Worker::new(StreamsConfig::default(), limits);
        let address = worker.listen(None);
        let clients = [(); 2].map(|()| worker.connect(address));
        let mut third = connect(address);
        worker.drain(&mut third);
        assert_eq!(refused(&worker), 1);
        assert_eq!(worker.streams.stats().accepted, 2);
        drop(clients);
        worker.until("both have gone", |worker| worker.closed.len() == 2);
        worker.turn();
        assert_eq!((worker.limits.connections(), worker.limits.networks_connected()), (0, 0));
        assert_eq!(worker.streams.stats().closed_for(CloseReason::Peer), 2);
        worker.connect(address);
    };
    check(StreamLimits::new(2, 9, 9), |worker| worker.streams.stats().refused_total);
    check(StreamLimits::new(9, 2, 9), |worker| worker.streams.stats().refused_address);
}

#[test]
fn late_names_and_tokens_find_nothing() {
    let base = 7_u64 << 56;
    let config = StreamsConfig { token_base: base, ..StreamsConfig::default() };
    let mut worker = Worker::new(config, StreamLimits::new(9, 9, 9));
    let address = worker.listen(None);
    let mut first = worker.connect(address);
    first.write_all(&BINDING).unwrap();
    worker.until("a frame", |worker| worker.frames.len() == 1);
    let old = worker.frames[0].0;
    worker.streams.close(old);
    worker.until("it is closed", |worker| worker.closed == [old]);
    worker.drain(&mut first);

    let mut second = worker.connect(address);
    second.write_all(&BINDING).unwrap();
    worker.until("a frame", |worker| worker.frames.len() == 2);
    assert_ne!(worker.frames[1].0, old);
    assert_eq!(worker.streams.send(old, &BINDING), SendOutcome::Closed);
    worker.streams.close(old);
    worker.streams.set_allocated(old, true);
    for token in [0, base - 1, base + old, base | 0x00FF_FFFF_FFFF_FFFF, u64::MAX] {
        worker.streams.handle_ready(token, Readiness { readable: true, writable: true }, worker.now);
        worker.streams.handle_watch_error(token);
    }
    worker.turn();
    assert_eq!(worker.closed, [old], "the second connection is not touched");
    assert_eq!(worker.streams.stats().closed_for(CloseReason::Requested), 1);
}

#[test]
fn a_descriptor_is_closed_after_the_driver_has_forgotten_it() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut client = worker.connect(address);
    client.write_all(&BINDING).unwrap();
    worker.until("a frame", |worker| worker.frames.len() == 1);
    worker.carry_out_changes();
    worker.streams.close(worker.frames[0].0);
    assert_eq!(worker.limits.connections(), 1, "its place is taken as long as its descriptor is open");
    let Some(WatchChange::Unwatch { fd }) = worker.streams.poll_watch() else { panic!("nothing to unwatch") };
    assert!(Path::new(&format!("/proc/self/fd/{fd}")).exists());
    assert_eq!(worker.limits.connections(), 1);
    assert_eq!(worker.streams.poll_watch(), None);
    assert_eq!(worker.limits.connections(), 0);
    assert!(drain_within(&mut client, 100_000));
}

fn drain_within(client: &mut TcpStream, attempts: usize) -> bool {
    (0..attempts).any(|_| drain(client, &mut Vec::new()))
}

#[test]
fn a_driver_that_cannot_watch_closes_the_connection_and_retries_the_listener() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let Some(WatchChange::Watch { token: listener, .. }) = worker.streams.poll_watch() else { panic!("no listener") };
    worker.streams.handle_watch_error(listener);
    assert_eq!(worker.streams.poll_watch(), None);
    let retry = worker.streams.poll_timeout().expect("the listener is tried again");
    worker.streams.handle_timeout(retry);
    assert!(matches!(worker.streams.poll_watch(), Some(WatchChange::Watch { token, .. }) if token == listener));

    let mut client = connect(address);
    let mut token = None;
    worker.until("the connection", |worker| {
        worker.streams.handle_ready(listener, Readiness { readable: true, writable: false }, retry);
        while let Some(change) = worker.streams.poll_watch() {
            if let WatchChange::Watch { token: stream, .. } = change {
                token = Some(stream);
            }
        }
        token.is_some()
    });
    worker.streams.handle_watch_error(token.unwrap());
    assert_eq!(worker.streams.stats().closed_for(CloseReason::Io), 1);
    while worker.streams.poll_watch().is_some() {}
    assert!(drain_within(&mut client, 100_000));
}

/// Runs in a process of its own, because the limit is the process's.
#[test]
fn running_out_of_descriptors_neither_spins_nor_stops_accepting() {
    const CHILD: &str = "MUSTER_TEST_DESCRIPTORS_CHILD";
    if env::var_os(CHILD).is_some() {
        return run_out_of_descriptors();
    }
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "running_out_of_descriptors_neither_spins_nor_stops_accepting", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&child.stderr));
}

fn run_out_of_descriptors() {
    let mut worker = Worker::roomy();
    let address = worker.listen(None);
    let mut early = worker.connect(address);
    // The kernel completes these connections; the server needs a descriptor only when it accepts them.
    let mut waiting = [(); 5].map(|()| connect(address));
    let filler: Vec<TcpStream> = std::iter::from_fn(|| early.try_clone().ok()).collect();
    assert!(filler.len() < 64, "the limit was not set");

    // Ten turns, each of which would meet the error again if nothing were done about it.
    for _ in 0..10 {
        worker.turn();
    }
    let stats = *worker.streams.stats();
    assert_eq!((stats.refused_descriptors, stats.accept_pauses, stats.accepted), (5, 0, 1), "{stats:?}");
    for client in &mut waiting {
        worker.drain(client);
    }
    early.write_all(&BINDING).unwrap();
    worker.until("who was there is served meanwhile", |worker| worker.frames.len() == 1);

    drop(filler);
    let mut late = worker.connect(address);
    late.write_all(&BINDING).unwrap();
    worker.until("accepting goes on", |worker| worker.frames.len() == 2);
}
