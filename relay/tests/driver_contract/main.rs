//! What every driver promises, checked on both.
//!
//! Goal: the rest of the relay can be written against `Driver` without knowing which one runs. Method: each case is a
//! function over any driver, moves real datagrams over the loopback interface, and is run once for io_uring and once
//! for epoll. Loopback hands a datagram to the receiving socket before `send_to` returns, so a case never has to wait
//! for one to arrive, only for the driver to tell.

mod datagrams;
mod sockets;
mod uring;
mod waiting;

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use muster_relay::{
    io::{
        Driver, DriverConfig, EpollDriver, Forward, Handler, IcmpError, Readiness, SocketId, Token, UdpOptions,
        UringDriver, bind_udp, raise_open_file_limit,
    },
    slot::Slot,
};

/// Runs every case for one driver.
macro_rules! contract {
    ($name:ident, $driver:ty) => {
        mod $name {
            use super::*;

            contract!(@cases $driver,
                datagrams: [
                    a_datagram_is_rewritten_in_place_and_sent_from_its_slot,
                    a_datagram_goes_out_from_another_socket,
                    a_datagram_longer_than_a_slot_is_counted_and_never_cut,
                    an_empty_datagram_is_a_datagram,
                    copies_are_sent_even_when_more_than_there_are_slots_for,
                    flushing_sends_without_a_turn,
                    more_datagrams_than_slots_are_all_forwarded,
                ],
                sockets: [
                    a_closed_socket_delivers_nothing_even_if_its_place_is_taken,
                    a_closed_socket_gives_its_port_back,
                    a_thousand_sockets_open_and_close,
                    a_full_table_refuses_and_recovers,
                    an_icmp_error_names_the_peer_and_receiving_goes_on,
                    one_dead_peer_costs_no_datagram_to_another,
                ],
                waiting: [
                    a_watched_descriptor_fires_once_for_each_request,
                    a_watch_can_change_what_it_waits_for,
                    an_unwatched_descriptor_is_silent,
                    a_turn_waits_as_long_as_it_was_told,
                    another_thread_wakes_the_driver,
                    a_window_gathers_what_comes_within_it,
                ],
            );
        }
    };
    (@cases $driver:ty, $($file:ident: [$($case:ident,)*],)*) => {
        $($(
            #[test]
            fn $case() {
                super::$file::$case::<$driver>();
            }
        )*)*
    };
}

contract!(io_uring, UringDriver);
contract!(epoll, EpollDriver);

/// A driver that can be made by a case that does not know which it is.
trait Make: Driver {
    fn make(config: DriverConfig) -> Self;
}

impl Make for UringDriver {
    fn make(config: DriverConfig) -> Self {
        Self::new(config).expect("this suite needs a machine where io_uring works")
    }
}

impl Make for EpollDriver {
    fn make(config: DriverConfig) -> Self {
        Self::new(config).unwrap()
    }
}

const CONFIG: DriverConfig = DriverConfig { sockets_max: 16, slot_bytes: 1_000, slots: 64, batch_window_us: 0 };

/// Long enough for any machine; reached only by a case that fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes down what the driver tells it, and forwards as `forward` says.
struct Recorder<F> {
    forward: F,
    datagrams: Vec<(Token, SocketAddr, Vec<u8>)>,
    icmp: Vec<(Token, IcmpError)>,
    ready: Vec<(Token, Readiness)>,
}

impl<F> Recorder<F> {
    fn new(forward: F) -> Self {
        Self { forward, datagrams: Vec::new(), icmp: Vec::new(), ready: Vec::new() }
    }

    fn events(&self) -> usize {
        self.datagrams.len() + self.icmp.len() + self.ready.len()
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.datagrams.iter().map(|(_, _, bytes)| bytes.as_slice()).collect()
    }
}

/// A recorder that forwards nothing.
fn recorder() -> Recorder<impl FnMut(Token, SocketAddr, &mut Slot<'_>) -> Forward> {
    Recorder::new(|_, _, _: &mut Slot<'_>| Forward::Nothing)
}

impl<F: FnMut(Token, SocketAddr, &mut Slot<'_>) -> Forward> Handler for Recorder<F> {
    fn handle_datagram(&mut self, token: Token, from: SocketAddr, slot: &mut Slot<'_>) -> Forward {
        self.datagrams.push((token, from, slot.payload().to_vec()));
        (self.forward)(token, from, slot)
    }

    fn handle_icmp(&mut self, token: Token, error: IcmpError) {
        self.icmp.push((token, error));
    }

    fn handle_ready(&mut self, token: Token, ready: Readiness) {
        self.ready.push((token, ready));
    }
}

/// Turns until `done`, and checks that the driver counts the events that it hands on.
fn turn_until<D, F>(driver: &mut D, recorder: &mut Recorder<F>, mut done: impl FnMut(&Recorder<F>) -> bool)
where
    D: Driver,
    F: FnMut(Token, SocketAddr, &mut Slot<'_>) -> Forward,
{
    let deadline = Instant::now() + PATIENCE;
    while !done(recorder) {
        assert!(Instant::now() < deadline, "saw {:?} {:?} {:?}", recorder.payloads(), recorder.icmp, recorder.ready);
        let before = recorder.events();
        let count = driver.turn(recorder, Some(Duration::from_millis(20))).unwrap();
        assert_eq!(count, recorder.events() - before);
    }
    driver.flush().unwrap();
}

/// Opens a socket on a free port of `ip`.
fn open<D: Driver>(driver: &mut D, ip: &str, token: Token) -> (SocketId, SocketAddr) {
    let options = UdpOptions { receive_buffer: 1 << 20, ..UdpOptions::default() };
    let socket = bind_udp(SocketAddr::new(ip.parse().unwrap(), 0), options).unwrap();
    let address = socket.local_addr().unwrap();
    (driver.open(socket, token).unwrap(), address)
}

/// A plain socket on a free port of `ip`, as a client or a peer has it.
fn client(ip: &str) -> UdpSocket {
    let options = UdpOptions { receive_buffer: 1 << 20, icmp_errors: false, ..UdpOptions::default() };
    let socket = bind_udp(SocketAddr::new(ip.parse().unwrap(), 0), options).unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Waits for one datagram.
fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2_048];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    (bytes[..length].to_vec(), from)
}

/// An address where nobody listens. The port is below those that the system hands out, so no other test gets it.
fn dead(ip: &str, number: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 200 + number)
}

/// Both families.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];
