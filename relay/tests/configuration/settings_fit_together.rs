//! Goal: settings that contradict each other or the host are refused; what is left open is filled in from the host.
//! Method: small configurations on a host that is made up.

use super::Given;

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn contradictions_are_refused() {
    let cases = [
        ("--listen-tls 10.0.0.5", "tls_cert", "nothing, although listen_tls is set"),
        ("--tls-cert absent.pem", "tls_cert", "absent.pem, which cannot be read"),
        ("--tls-cert junk --tls-key pem", "tls_cert", "junk, which has no"),
        (
            "--listen 10.0.0.5 --external-ip 203.0.113.7 --external-ip 203.0.113.8",
            "external_ip",
            "2 IPv4 addresses for 1",
        ),
        ("--listen 10.0.0.5 --external-ip 2001:db8::1", "external_ip", "1 IPv6 addresses for 0"),
        (
            "--relay-ip 10.0.0.5 --relay-ip 10.0.0.6 --external-ip 203.0.113.7 --external-ip 203.0.113.7",
            "external_ip",
            "203.0.113.7 twice",
        ),
        ("--relay-ip 10.0.0.5 --relay-ip 10.0.0.5", "relay_ip", "10.0.0.5 twice"),
        ("--listen 10.0.0.5:50000", "relay_ports", "which holds the listening port of 10.0.0.5:50000"),
        ("--relay-ports 3000-4000", "relay_ports", "which holds the listening port of 198.51.45.7:3478"),
        (
            "--listen 10.0.0.5:443 --listen-tls 10.0.0.5:443 --tls-cert pem --tls-key pem",
            "listen_tls",
            "which listen has",
        ),
        ("--listen 10.0.0.5:80 --admin 0.0.0.0:80", "admin", "where clients are listened to (10.0.0.5:80)"),
        ("--alternate-server 192.0.2.1:1 --alternate-server 192.0.2.2:1", "alternate_server", "two IPv4 servers"),
        ("--alternate-server 10.0.0.5:3478", "alternate_server", "which is this relay"),
        ("--user demo:other", "user", "two passwords for \"demo\""),
        ("--user-file absent", "user_file", "absent, which cannot be read"),
        ("--auth-secret-file blank", "auth_secret_file", "no line with a value"),
    ];
    for (flags, key, found) in cases {
        let given = Given::new().flags(flags).file("pem", PEM).file("junk", "junk").file("blank", "\n  \n");
        let problems = given.problems();
        let hit = problems.iter().any(|problem| problem.key == key && problem.found.contains(found));
        assert!(hit, "{flags}: {problems:?}");
    }
}

#[test]
fn no_credentials_are_refused_with_how_to_add_them() {
    let problems = Given::nothing().problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("--user NAME:PASSWORD"), "{}", problems[0]);
    assert!(Given::nothing().verb("doctor").settings().users.is_empty(), "a doctor may be asked first");
}

#[test]
fn a_wildcard_becomes_the_addresses_of_the_host() {
    let settings = Given::new().settings();
    let all = "127.0.0.1:3478 10.0.0.5:3478 198.51.45.7:3478 [::1]:3478 [fd00::5]:3478 [2a00:1::7]:3478";
    assert_eq!(texts(&settings.listen), all.split(' ').collect::<Vec<_>>());
    assert_eq!(texts(&settings.relay_ip), ["198.51.45.7", "2a00:1::7"], "globally routable comes first");
    assert_eq!(settings.workers, 3);
    let mut large = Given::new();
    large.host.cpus = 512;
    assert_eq!(large.settings().workers, 255, "a port's owner is one byte, and 0 is nobody");

    let one = Given::new().flags("--listen 0.0.0.0:5000 --listen 10.0.0.5:5000").settings();
    assert_eq!(texts(&one.listen), ["127.0.0.1:5000", "10.0.0.5:5000", "198.51.45.7:5000"]);
    assert_eq!(texts(&one.relay_ip), ["198.51.45.7", "10.0.0.5"]);
}

#[test]
fn named_addresses_are_relay_addresses_too() {
    let settings = Given::new().flags("--listen 127.0.0.1 --listen [::1]:4000").settings();
    assert_eq!(texts(&settings.listen), ["127.0.0.1:3478", "[::1]:4000"]);
    assert_eq!(texts(&settings.relay_ip), ["127.0.0.1", "::1"]);
    let chosen = Given::new().flags("--listen 0.0.0.0:3478 --listen 0.0.0.0:3478 --relay-ip 10.0.0.5").settings();
    assert_eq!(texts(&chosen.relay_ip), ["10.0.0.5"]);
    assert_eq!(chosen.listen.len(), 3, "what is said twice is listened on once");
}

#[test]
fn a_host_with_less_gets_what_there_is() {
    let with = |addresses: &[&str], flags: &str| {
        let mut given = Given::new().flags(flags);
        given.host.addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        given
    };
    assert_eq!(texts(&with(&["127.0.0.1", "10.0.0.5"], "").settings().relay_ip), ["10.0.0.5"]);
    assert_eq!(texts(&with(&["127.0.0.1"], "").settings().relay_ip), ["127.0.0.1"]);
    let problems = with(&["127.0.0.1"], "--listen [::]").problems();
    assert!(problems[0].found.contains("no interface has an address of that family"), "{problems:?}");
    let problems = with(&[], "").problems();
    assert!(problems[0].found.contains("no address to listen on"), "{problems:?}");
    let many: Vec<String> = (0..=255).map(|n| format!("10.0.0.{n}")).collect();
    let problems = with(&many.iter().map(String::as_str).collect::<Vec<_>>(), "").problems();
    assert_eq!(problems[0].allowed, "at most 255", "{problems:?}");
}

#[test]
fn tls_alone_is_enough_to_listen() {
    let given = Given::new().config("listen = []\nlisten_tls = '10.0.0.5'\ntls_cert = 'pem'\ntls_key = 'pem'");
    let settings = given.file("pem", PEM).settings();
    assert_eq!((settings.listen.len(), texts(&settings.listen_tls)), (0, vec!["10.0.0.5:5349".to_owned()]));
    let problems = Given::new().config("listen = []").problems();
    assert!(problems[0].found.contains("no address to listen on"), "{problems:?}");
}
