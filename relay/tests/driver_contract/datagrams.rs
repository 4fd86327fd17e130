//! Receiving, rewriting, sending.

use super::*;

pub(super) fn a_datagram_is_rewritten_in_place_and_sent_from_its_slot<D: Make>() {
    for ip in LOOPBACK {
        let mut driver = D::make(CONFIG);
        let (socket, address) = open(&mut driver, ip, 7);
        let client = client(ip);
        let mut recorder = Recorder::new(|_, from, slot: &mut Slot<'_>| {
            slot.strip_front(4);
            slot.truncate(slot.payload().len() - 1);
            *slot.grow_front::<48>() = [b'h'; 48];
            slot.pad_to_four();
            Forward::Send { socket, to: from }
        });
        client.send_to(b"HEADpayload!", address).unwrap();
        turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 1);
        assert_eq!(recorder.datagrams, [(7, client.local_addr().unwrap(), b"HEADpayload!".to_vec())]);
        let (bytes, from) = receive(&client);
        assert_eq!(bytes, [[b'h'; 48].as_slice(), b"payload\0"].concat());
        assert_eq!(from, address);
        assert_eq!((driver.stats().received, driver.stats().sent), (1, 1));
    }
}

pub(super) fn a_datagram_goes_out_from_another_socket<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (_, listener) = open(&mut driver, "127.0.0.1", 1);
    let (relayed, relayed_address) = open(&mut driver, "::1", 2);
    let (client, peer) = (client("127.0.0.1"), client("::1"));
    let to = peer.local_addr().unwrap();
    let mut recorder = Recorder::new(move |_, _, _: &mut Slot<'_>| Forward::Send { socket: relayed, to });
    client.send_to(b"across families", listener).unwrap();
    turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 1);
    assert_eq!(receive(&peer), (b"across families".to_vec(), relayed_address));
}

pub(super) fn a_datagram_longer_than_a_slot_is_counted_and_never_cut<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    for length in [1_000, 1_001, 5_000, 1_000, 1] {
        client.send_to(&vec![b'x'; length], address).unwrap();
    }
    let mut recorder = recorder();
    turn_until(&mut driver, &mut recorder, |seen| seen.payloads().last() == Some(&b"x".as_slice()));
    let lengths: Vec<_> = recorder.payloads().iter().map(|bytes| bytes.len()).collect();
    assert_eq!(lengths, [1_000, 1_000, 1]);
    assert_eq!((driver.stats().received, driver.stats().dropped_oversize), (5, 2));
    driver.send(socket, client.local_addr().unwrap(), &[0; 1_001]);
    driver.send(socket, client.local_addr().unwrap(), &[0; 1_000]);
    driver.flush().unwrap();
    assert_eq!(receive(&client).0.len(), 1_000);
    assert_eq!((driver.stats().sent, driver.stats().dropped_oversize), (1, 3));
}

pub(super) fn an_empty_datagram_is_a_datagram<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    let mut recorder = Recorder::new(|_, from, _: &mut Slot<'_>| Forward::Send { socket, to: from });
    for bytes in [b"".as_slice(), b"", b"after"] {
        client.send_to(bytes, address).unwrap();
    }
    turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 3);
    for bytes in [b"".as_slice(), b"", b"after"] {
        assert_eq!(receive(&client).0, bytes);
    }
}

pub(super) fn copies_are_sent_even_when_more_than_there_are_slots_for<D: Make>() {
    let mut driver = D::make(DriverConfig { slots: 8, ..CONFIG });
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    for number in 0..600_u32 {
        driver.send(socket, client.local_addr().unwrap(), &number.to_be_bytes());
    }
    driver.flush().unwrap();
    for number in 0..600_u32 {
        assert_eq!(receive(&client), (number.to_be_bytes().to_vec(), address));
    }
    assert_eq!((driver.stats().sent, driver.stats().dropped_no_slot), (600, 0));
}

pub(super) fn flushing_sends_without_a_turn<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (socket, address) = open(&mut driver, "::1", 0);
    let client = client("::1");
    for round in 0..100_u8 {
        driver.send(socket, client.local_addr().unwrap(), &[round]);
        driver.flush().unwrap();
        assert_eq!(receive(&client), (vec![round], address));
    }
}

pub(super) fn more_datagrams_than_slots_are_all_forwarded<D: Make>() {
    let mut driver = D::make(DriverConfig { slots: 8, ..CONFIG });
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let client = client("127.0.0.1");
    for number in 0..400_u32 {
        client.send_to(&number.to_be_bytes(), address).unwrap();
    }
    let mut recorder = Recorder::new(|_, from, _: &mut Slot<'_>| Forward::Send { socket, to: from });
    turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 400);
    for number in 0..400_u32 {
        assert_eq!(receive(&client).0, number.to_be_bytes());
    }
    assert_eq!((driver.stats().received, driver.stats().sent), (400, 400));
}
