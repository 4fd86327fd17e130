//! Opening, closing, and errors that come back.

use super::*;

pub(super) fn a_closed_socket_delivers_nothing_even_if_its_place_is_taken<D: Make>() {
    let mut driver = D::make(DriverConfig { sockets_max: 2, slots: 8, ..CONFIG });
    let client = client("127.0.0.1");
    let mut names = Vec::new();
    for round in 0..40_u64 {
        let (old, old_address) = open(&mut driver, "127.0.0.1", 1_000 + round);
        if round % 2 == 0 {
            // In half of the rounds the kernel has begun to receive before the socket is closed.
            driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
        }
        for _ in 0..20 {
            client.send_to(b"stale", old_address).unwrap();
        }
        driver.close(old);
        driver.close(old);
        let (new, new_address) = open(&mut driver, "127.0.0.1", round);
        client.send_to(b"fresh", new_address).unwrap();
        driver.send(old, client.local_addr().unwrap(), b"from nowhere");
        let mut recorder = recorder();
        turn_until(&mut driver, &mut recorder, |seen| !seen.datagrams.is_empty());
        assert_eq!(recorder.datagrams, [(round, client.local_addr().unwrap(), b"fresh".to_vec())]);
        names.extend([old, new]);
        driver.close(new);
        // Both places are free again after what the closing left behind is through.
        driver.turn(&mut recorder, Some(Duration::ZERO)).unwrap();
        driver.turn(&mut recorder, Some(Duration::ZERO)).unwrap();
        assert_eq!(recorder.datagrams.len(), 1);
    }
    assert_eq!(driver.stats().dropped_send_error, 40);
    assert!(
        names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1),
        "names are never reused"
    );
    assert!(names.iter().any(|name| name.generation > 5), "places are");
}

pub(super) fn a_closed_socket_gives_its_port_back<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
    assert!(bind_udp(address, UdpOptions::default()).is_err());
    driver.close(socket);
    for _ in 0..2 {
        driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
    }
    bind_udp(address, UdpOptions::default()).unwrap();
}

pub(super) fn a_thousand_sockets_open_and_close<D: Make>() {
    raise_open_file_limit().unwrap();
    let mut driver = D::make(DriverConfig { sockets_max: 1_000, ..CONFIG });
    let client = client("127.0.0.1");
    for _ in 0..3 {
        let sockets: Vec<_> = (0..1_000).map(|token| open(&mut driver, "127.0.0.1", token)).collect();
        for (_, address) in &sockets {
            client.send_to(b"hello", address).unwrap();
        }
        let mut recorder = recorder();
        turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 1_000);
        let mut tokens: Vec<_> = recorder.datagrams.iter().map(|(token, ..)| *token).collect();
        tokens.sort_unstable();
        assert!(tokens.iter().copied().eq(0..1_000));
        for (socket, _) in sockets {
            driver.close(socket);
        }
        // The kernel ends a few receives in each turn.
        for _ in 0..100 {
            assert_eq!(driver.turn(&mut recorder, Some(Duration::ZERO)).unwrap(), 0);
        }
    }
}

pub(super) fn a_full_table_refuses_and_recovers<D: Make>() {
    let mut driver = D::make(DriverConfig { sockets_max: 1, ..CONFIG });
    let (socket, _) = open(&mut driver, "127.0.0.1", 1);
    let another = || bind_udp("127.0.0.1:0".parse().unwrap(), UdpOptions::default()).unwrap();
    assert!(driver.open(another(), 2).is_err());
    driver.close(socket);
    for _ in 0..2 {
        driver.turn(&mut recorder(), Some(Duration::ZERO)).unwrap();
    }
    driver.open(another(), 3).unwrap();
}

pub(super) fn an_icmp_error_names_the_peer_and_receiving_goes_on<D: Make>() {
    for (ip, kind) in LOOPBACK.into_iter().zip([(3, 3), (1, 4)]) {
        let mut driver = D::make(CONFIG);
        let (socket, address) = open(&mut driver, ip, 5);
        let client = client(ip);
        let mut recorder = recorder();
        for round in 1..=20 {
            let peer = dead(ip, round as u16);
            driver.send(socket, peer, b"anybody there?");
            turn_until(&mut driver, &mut recorder, |seen| !seen.icmp.is_empty());
            let wanted = IcmpError { peer, icmp_type: kind.0, code: kind.1, data: 0 };
            assert_eq!(std::mem::take(&mut recorder.icmp), [(5, wanted)]);
            client.send_to(b"still here", address).unwrap();
            turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == round);
        }
        assert_eq!(driver.stats().sent, 20);
    }
}

pub(super) fn one_dead_peer_costs_no_datagram_to_another<D: Make>() {
    let mut driver = D::make(CONFIG);
    let (socket, address) = open(&mut driver, "127.0.0.1", 0);
    let (client, peer, nobody) = (client("127.0.0.1"), client("127.0.0.1"), dead("127.0.0.1", 0));
    let alive = peer.local_addr().unwrap();
    let mut recorder = Recorder::new(move |_, _, slot: &mut Slot<'_>| {
        let to = if slot.payload() == b"dead" { nobody } else { alive };
        Forward::Send { socket, to }
    });
    for round in 1..=20 {
        for bytes in [b"dead", b"one!", b"dead", b"dead", b"two!"] {
            client.send_to(bytes, address).unwrap();
        }
        turn_until(&mut driver, &mut recorder, |seen| seen.datagrams.len() == 5 * round);
        // Copies too.
        driver.send(socket, nobody, b"dead");
        driver.send(socket, alive, b"copy");
        // An error that one send met makes it try again in the next turn.
        turn_until(&mut driver, &mut recorder, |seen| seen.icmp.len() == 4 * round);
        for _ in 0..2 {
            driver.turn(&mut recorder, Some(Duration::ZERO)).unwrap();
        }
        // A datagram that is tried again may be overtaken.
        let mut got: Vec<_> = (0..3).map(|_| receive(&peer).0).collect();
        got.sort();
        assert_eq!(got, [b"copy".to_vec(), b"one!".to_vec(), b"two!".to_vec()]);
    }
    let stats = driver.stats();
    assert_eq!((stats.sent, stats.dropped_send_full, stats.dropped_send_error), (140, 0, 0));
}
