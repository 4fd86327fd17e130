//! What only io_uring can get wrong: a multishot receive that ends.

use super::*;

#[test]
fn receiving_is_armed_again_after_the_slots_ran_out() {
    let mut driver = UringDriver::make(DriverConfig { slots: 8, ..CONFIG });
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    let mut echo = Recorder::new(|_, from, _: &mut Slot<'_>| Forward::Send { socket, to: from });
    driver.turn(&mut echo, Some(Duration::ZERO)).unwrap();
    for _ in 0..3 {
        let before = driver.stats();
        for number in 0..400_u32 {
            client.send_to(&number.to_be_bytes(), address).unwrap();
        }
        let wanted = echo.datagrams.len() + 400;
        turn_until(&mut driver, &mut echo, |seen| seen.datagrams.len() == wanted);
        for number in 0..400_u32 {
            assert_eq!(receive(&client).0, number.to_be_bytes());
        }
        let after = driver.stats();
        assert!(after.receive_exhausted >= before.receive_exhausted + 40, "8 slots, 400 datagrams: {after:?}");
        assert!(after.receive_rearmed >= before.receive_rearmed + 40, "{after:?}");
    }
}

#[test]
fn sockets_share_the_slots_and_none_is_forgotten() {
    let mut driver = UringDriver::make(DriverConfig { slots: 8, ..CONFIG });
    let sockets: Vec<_> = (0..16).map(|token| open(&mut driver, "127.0.0.1", token)).collect();
    let client = client("127.0.0.1");
    let mut recorder = recorder();
    for round in 1..=5 {
        for _ in 0..20 {
            for (_, address) in &sockets {
                client.send_to(b"x", address).unwrap();
            }
        }
        turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == round * 320);
    }
    for token in 0..16 {
        assert_eq!(recorder.datagrams.iter().filter(|(seen, ..)| *seen == token).count(), 100);
    }
    assert!(driver.stats().receive_exhausted > 0);
}

#[test]
fn a_ring_that_is_dropped_gives_its_ports_back() {
    let mut addresses = Vec::new();
    for _ in 0..20 {
        let mut driver = UringDriver::make(CONFIG);
        addresses.push(open(&mut driver, "127.0.0.1", 0).1);
        driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
    }
    // The kernel takes a ring apart after the descriptor is closed.
    let deadline = Instant::now() + PATIENCE;
    for address in addresses {
        while bind_udp(address, UdpOptions::default()).is_err() {
            assert!(Instant::now() < deadline, "{address} is still taken");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_kernel_that_can_has_a_window_and_a_registered_ring() {
    let driver = UringDriver::make(DriverConfig { batch_window_us: 250, ..CONFIG });
    assert_eq!(driver.batching(), driver.facts().batch_window);
    assert!(driver.facts().registered_ring, "since Linux 5.18, and the ring needs 6.1");
    assert!(!UringDriver::make(CONFIG).batching(), "no window was asked for");
}

#[test]
fn a_table_larger_than_the_limit_on_open_files_is_refused_with_a_remedy() {
    let error = UringDriver::new(DriverConfig { sockets_max: 1 << 23, ..CONFIG }).unwrap_err();
    assert!(error.to_string().contains("table of sockets"), "{error}");
    assert!(UringDriver::new(DriverConfig { slots: 12, ..CONFIG }).is_err(), "not a power of two");
}
