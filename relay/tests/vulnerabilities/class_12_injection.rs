//! Text of a client that is a command somewhere else. The relay has no database, no shell and no console; what a client
//! sends is compared, hashed and forgotten, so hostile text is just a user that does not exist.

use muster_sim::{Relay, RelaySetup, attribute, method};

use super::{address, caller};

#[test]
fn hostile_names_are_unknown_users() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.challenge(&mut relay);
    let (ann, realm, nonce) = (client.credentials.clone(), client.realm.clone(), client.nonce.clone());
    for name in [
        &b"' OR '1'='1"[..],
        b"ann'; DROP TABLE users; --",
        b"%s%s%s%n",
        b"ann\0",
        b"ann\r\nset realm=evil",
        b"../../etc/passwd",
        b"{{7*7}}",
        b"$(reboot)",
        b"\xFF\xFE\xC0\x80",
        b"",
        &[b'a'; 763],
        &[b'9'; 508],
    ] {
        let request = client
            .request(method::ALLOCATE)
            .raw(attribute::USERNAME, name)
            .raw(0x0014, realm.as_bytes())
            .raw(0x0015, nonce.as_bytes())
            .integrity(&ann, &realm)
            .finish();
        let answer = client.exchange(&mut relay, &request).unwrap();
        assert!(matches!(answer.code(), 400 | 401), "{}", name.escape_ascii());
        let echoed = name.len() > 3 && answer.bytes.windows(name.len()).any(|window| window == name);
        assert!(!echoed, "what a client said is not said back");
    }
    for (attribute, value) in [(0x0014, &b"evil\r\nrealm"[..]), (0x0015, b"%n%n%n%n"), (0x0015, &[b'A'; 763])] {
        let request = client
            .request(method::ALLOCATE)
            .raw(attribute, value)
            .authenticated(&ann, &realm, &nonce)
            .integrity(&ann, &realm)
            .finish();
        let code = client.exchange(&mut relay, &request).unwrap().code();
        assert!(matches!(code, 401 | 438), "{attribute:#x}: {code}");
    }
    relay.assert_empty();
}

#[test]
fn other_protocols_are_not_spoken() {
    let mut relay = Relay::new(RelaySetup::default());
    let client = caller(&relay, "30.0.0.1:4000");
    for text in
        ["GET /metrics HTTP/1.1\r\n\r\n", "help\r\n", "PRI * HTTP/2.0\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "\x16\x03\x01"]
    {
        assert_eq!(client.send(&mut relay, text.as_bytes()), [], "{text:?}");
    }
    assert_eq!(address("20.0.0.1:3478"), relay.setup().listen[0]);
}
