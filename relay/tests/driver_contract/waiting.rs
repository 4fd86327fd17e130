//! Watched descriptors, time, and other threads.

use std::{
    io::{Read, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    thread,
};

use muster_relay::io::Waker;

use super::*;

const READABLE: Readiness = Readiness { readable: true, writable: false };

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

/// Turns a few times without waiting and expects that nothing happens.
fn expect_silence<D: Driver>(driver: &mut D) {
    for _ in 0..3 {
        assert_eq!(driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap(), 0);
    }
}

/// Turns until a watched descriptor is ready.
fn next_ready<D: Driver>(driver: &mut D) -> (Token, Readiness) {
    let mut recorder = recorder();
    turn_until(driver, &mut recorder, |seen| !seen.ready.is_empty());
    assert_eq!(recorder.ready.len(), 1);
    recorder.ready[0]
}

pub(super) fn a_watched_descriptor_fires_once_for_each_request<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (mut near, mut far) = pair();
    driver.watch(near.as_raw_fd(), 1, false).unwrap();
    assert!(driver.watch(near.as_raw_fd(), 1, false).is_err(), "watched already");
    expect_silence(&mut driver);
    far.write_all(b"one").unwrap();
    assert_eq!(next_ready(&mut driver), (1, READABLE));
    far.write_all(b"two").unwrap();
    expect_silence(&mut driver);
    driver.rewatch(near.as_raw_fd(), 2, false).unwrap();
    assert_eq!(next_ready(&mut driver), (2, READABLE), "what was not read is told again");
    assert_eq!(near.read(&mut [0; 16]).unwrap(), 6);
    driver.rewatch(near.as_raw_fd(), 3, false).unwrap();
    expect_silence(&mut driver);
    drop(far);
    let (token, ready) = next_ready(&mut driver);
    assert!(token == 3 && ready.readable, "the other side's closing is told as readable");
    assert!(driver.rewatch(far_from_any_descriptor(), 4, false).is_err());
}

/// A number that is not watched.
fn far_from_any_descriptor() -> i32 {
    1 << 20
}

pub(super) fn a_watch_can_change_what_it_waits_for<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (near, mut far) = pair();
    driver.watch(near.as_raw_fd(), 1, false).unwrap();
    expect_silence(&mut driver);
    driver.rewatch(near.as_raw_fd(), 2, true).unwrap();
    assert_eq!(next_ready(&mut driver), (2, Readiness { readable: false, writable: true }));
    driver.rewatch(near.as_raw_fd(), 3, true).unwrap();
    driver.rewatch(near.as_raw_fd(), 4, false).unwrap();
    expect_silence(&mut driver);
    far.write_all(b"x").unwrap();
    assert_eq!(next_ready(&mut driver), (4, READABLE));
    driver.rewatch(near.as_raw_fd(), 5, true).unwrap();
    assert_eq!(next_ready(&mut driver), (5, Readiness { readable: true, writable: true }));
}

pub(super) fn an_unwatched_descriptor_is_silent<D: Make>() {
    let mut driver = D::make(CONFIG);
    for round in 0..50 {
        let (near, mut far) = pair();
        driver.watch(near.as_raw_fd(), round, true).unwrap();
        if round % 2 == 0 {
            assert_eq!(next_ready(&mut driver).0, round);
            driver.rewatch(near.as_raw_fd(), round, false).unwrap();
            expect_silence(&mut driver);
        }
        far.write_all(b"x").unwrap();
        driver.unwatch(near.as_raw_fd());
        driver.unwatch(near.as_raw_fd());
        expect_silence(&mut driver);
        driver.watch(near.as_raw_fd(), 1_000 + round, false).unwrap();
        assert_eq!(next_ready(&mut driver), (1_000 + round, READABLE), "the same descriptor can be watched again");
        driver.unwatch(near.as_raw_fd());
        // The next round most likely gets the same number.
    }
}

pub(super) fn a_turn_waits_as_long_as_it_was_told<D: Make>() {
    for batch_window_us in [0, 500] {
        let mut driver = D::make(DriverConfig { batch_window_us, ..CONFIG });
        open(&mut driver, "127.0.0.1", 0);
        driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
        for wait in [Duration::from_millis(30), Duration::from_micros(1_500)] {
            let start = Instant::now();
            assert_eq!(driver.turn(&mut recorder(), Some(wait)).unwrap(), 0);
            assert!(start.elapsed() >= wait, "{wait:?} took {:?}", start.elapsed());
            assert!(start.elapsed() < PATIENCE);
        }
    }
}

pub(super) fn another_thread_wakes_the_driver<D: Make>() {
    let mut driver = D::make(CONFIG);
    let waker = Waker::new().unwrap();
    driver.watch(waker.fd(), 9, false).unwrap();
    for _ in 0..20 {
        let other = waker.clone();
        let thread = thread::spawn(move || {
            other.wake();
            other.wake();
        });
        let mut recorder = recorder();
        while recorder.ready.is_empty() {
            driver.turn(&mut recorder, None).unwrap();
        }
        assert_eq!(recorder.ready, [(9, READABLE)]);
        thread.join().unwrap();
        waker.clear();
        driver.rewatch(waker.fd(), 9, false).unwrap();
        expect_silence(&mut driver);
    }
}

pub(super) fn a_window_gathers_what_comes_within_it<D: Make>() {
    // Far longer than the gaps between the datagrams, so that only a driver without a window splits them.
    let mut driver = D::make(DriverConfig { batch_window_us: 1_000_000, ..CONFIG });
    let (_, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    driver.flush().unwrap();
    let thread = thread::spawn(move || {
        for _ in 0..5 {
            client.send_to(b"x", address).unwrap();
            // tidy-allow: what is tested is that datagrams apart in time are gathered
            thread::sleep(Duration::from_millis(2));
        }
    });
    let mut recorder = recorder();
    let start = Instant::now();
    assert_eq!(driver.turn(&mut recorder, Some(PATIENCE)).unwrap(), 5);
    assert!(start.elapsed() < PATIENCE, "the window is over long before the timeout");
    assert_eq!(recorder.datagrams.len(), 5);
    thread.join().unwrap();
}
