//! A relay that has warmed up does not allocate.
//!
//! Goal: no datagram costs an allocation, with either driver. Method: an allocator that counts what the current thread
//! asks for; 10,000 datagrams are forwarded, copied, refused and dropped in turns, and the count must not move.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use muster_relay::{
    io::{
        Driver, DriverConfig, EpollDriver, Forward, Handler, IcmpError, Readiness, SocketId, Token, UdpOptions,
        UringDriver, Waker, bind_udp,
    },
    slot::Slot,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting itself does not allocate, because the
// counter is initialised at compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: forwarded to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Forwards everything to one address.
struct Forwarder {
    socket: SocketId,
    to: SocketAddr,
    seen: u64,
    ready: bool,
}

impl Handler for Forwarder {
    fn handle_datagram(&mut self, _: Token, _: SocketAddr, slot: &mut Slot<'_>) -> Forward {
        self.seen += 1;
        slot.grow_front::<4>().copy_from_slice(b"HEAD");
        Forward::Send { socket: self.socket, to: self.to }
    }

    fn handle_icmp(&mut self, _: Token, _: IcmpError) {}

    fn handle_ready(&mut self, _: Token, _: Readiness) {
        self.ready = true;
    }
}

fn check(mut driver: impl Driver) {
    let home = "127.0.0.1:0".parse().unwrap();
    let socket = bind_udp(home, UdpOptions::default()).unwrap();
    let address = socket.local_addr().unwrap();
    let socket = driver.open(socket, 0).unwrap();
    let other = driver.open(bind_udp(home, UdpOptions::default()).unwrap(), 1).unwrap();
    let (client, peer) = (UdpSocket::bind(home).unwrap(), UdpSocket::bind(home).unwrap());
    peer.set_nonblocking(true).unwrap();
    // A port below those that the system hands out, so that no other test listens there.
    let nobody = "127.0.0.1:200".parse().unwrap();
    let waker = Waker::new().unwrap();
    driver.watch(waker.fd(), 2, false).unwrap();
    let mut forwarder = Forwarder { socket, to: peer.local_addr().unwrap(), seen: 0, ready: false };
    let mut round = |number: u32| {
        client.send_to(&[7; 2_000], address).unwrap();
        // More than there are slots, so that receiving ends and is armed again.
        for _ in 0..50 {
            client.send_to(&[7; 200], address).unwrap();
        }
        driver.send(other, peer.local_addr().unwrap(), b"copy");
        if number.is_multiple_of(2) {
            driver.send(other, nobody, b"refused");
            waker.wake();
        }
        let wanted = forwarder.seen + 50;
        while forwarder.seen < wanted {
            driver.turn(&mut forwarder, Some(Duration::from_millis(20))).unwrap();
        }
        if std::mem::take(&mut forwarder.ready) {
            waker.clear();
            driver.rewatch(waker.fd(), 2, false).unwrap();
        }
        driver.flush().unwrap();
        while peer.recv(&mut [0; 300]).is_ok() {}
    };
    (0..20).for_each(&mut round);
    let before = ALLOCATIONS.get();
    (0..200).for_each(&mut round);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let stats = driver.stats();
    assert_eq!(stats.received, 220 * 51);
    assert_eq!(stats.dropped_oversize, 220);
    assert_eq!(stats.sent, 220 * 51 + 110);
}

const CONFIG: DriverConfig = DriverConfig { sockets_max: 8, slot_bytes: 1_000, slots: 32, batch_window_us: 0 };

#[test]
fn with_io_uring() {
    check(UringDriver::new(CONFIG).unwrap());
}

#[test]
fn with_epoll() {
    check(EpollDriver::new(CONFIG).unwrap());
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}
