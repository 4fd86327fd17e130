//! No file, variable or flag, however broken, makes the relay panic; what is refused is refused with a reason that shows
//! no secret; and settings that are accepted keep what their documentation promises.
//!
//! The bytes are text in four parts, which a byte of 0 separates: the configuration file, the environment (a line for
//! each variable), the command line (a line for each argument), and the file of users and of secrets.

use std::{ffi::OsString, io, os::unix::ffi::OsStringExt as _, path::Path};

use muster_relay::{
    config::{Command, Host, LoadError, Settings, load},
    turn::{Credentials, PeerPolicy},
};

/// Given as the password of a user, and in a value that is refused: it must be in no text that is shown.
const MARKER: &str = "hunter2-correct-horse";

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |&byte| byte == 0).map(<[u8]>::to_vec);
    let mut part = || parts.next().unwrap_or_default();
    let (file, environment, arguments, lines) = (part(), part(), part(), part());
    let read = |path: &Path| match path.to_str() {
        Some("relay.toml") => Ok(file.clone()),
        Some("lines") => Ok(lines.clone()),
        Some("cert.pem") => Ok(b"-----BEGIN CERTIFICATE-----".to_vec()),
        Some("key.pem") => Ok(b"-----BEGIN PRIVATE KEY-----".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let variables = variables(&environment);
    let given = lines_of(&arguments).map(OsString::from_vec);
    for host in hosts() {
        // With a password of ours, a user that is refused because it has none, and with neither.
        for own in [Some(("USER", format!("marked:{MARKER}"))), Some(("USER", MARKER.to_owned())), None] {
            if host.addresses.is_empty() && own.is_some() {
                continue;
            }
            let refused = own.as_ref().is_some_and(|(_, value)| !value.contains(':'));
            let own = own.map(|(name, value)| (format!("MUSTER_RELAY_{name}").into(), value.into()));
            let environment: Vec<_> = variables.iter().cloned().chain(own).collect();
            let arguments: Vec<_> = with_verb(given.clone()).collect();
            let loaded = load(arguments, environment, &host, &read);
            assert!(!refused || !matches!(loaded, Ok(Command::Run { .. })), "a user without a password is refused");
            check(loaded, &host, &read);
        }
    }
}

/// A command is needed to come as far as the settings; one in the input comes first and decides.
fn with_verb(given: impl Iterator<Item = OsString> + Clone) -> impl Iterator<Item = OsString> {
    let verbs = ["run", "check", "doctor", "help", "--help", "--version"];
    let has_verb = given.clone().next().is_some_and(|first| verbs.iter().any(|verb| first == *verb));
    let verb = (!has_verb).then(|| OsString::from("run"));
    let rest: Vec<OsString> = given.collect();
    let config = ["--config".into(), "relay.toml".into()];
    let own = if rest.iter().any(|argument| argument == "--config") { None } else { Some(config) };
    std::iter::once("muster-relay".into()).chain(verb).chain(rest).chain(own.into_iter().flatten())
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + Clone {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).take(32).map(<[u8]>::to_vec)
}

fn variables(text: &[u8]) -> Vec<(OsString, OsString)> {
    let pairs = lines_of(text).filter_map(|line| {
        let at = line.iter().position(|&byte| byte == b'=')?;
        // Without our prefix a variable would not be looked at.
        let name = [b"MUSTER_RELAY_", &line[..at]].concat();
        Some((OsString::from_vec(name), OsString::from_vec(line[at + 1..].to_vec())))
    });
    pairs.collect()
}

/// One host like any other, and one with nothing.
fn hosts() -> [Host; 2] {
    let addresses = ["127.0.0.1", "::1", "10.0.0.5", "198.51.45.7", "2a00:1::7"];
    let usual = Host { addresses: addresses.map(|ip| ip.parse().expect("a literal")).to_vec(), cpus: 2 };
    [usual, Host { addresses: Vec::new(), cpus: 0 }]
}

fn check(loaded: Result<Command, LoadError>, host: &Host, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) {
    let shown = match &loaded {
        Ok(command) => format!("{command:?}"),
        Err(error) => format!("{error}"),
    };
    assert!(!shown.trim().is_empty(), "a refusal says why");
    assert!(!shown.contains(MARKER), "a secret is shown: {shown}");
    match loaded {
        Ok(Command::Run { settings, sources }) => {
            check_settings(&settings, host);
            assert!(!(settings.users.is_empty() && settings.auth_secret.is_empty()), "a relay that nobody could use");
            let again = sources.reload_with(read).expect("the same sources are accepted again");
            assert!(again == settings, "the same sources give the same settings");
            assert_eq!(settings.restart_needed_for(&again), Vec::<&str>::new());
            assert!(settings.with_live_of(&again) == settings);
        }
        Ok(Command::Check { settings, .. } | Command::Doctor { settings, .. }) => check_settings(&settings, host),
        Ok(Command::Help(_) | Command::Version(_)) | Err(LoadError::Usage(_)) => {}
        Err(LoadError::Settings(problems)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in problems {
                assert!(!problem.key.is_empty() && !problem.found.is_empty() && !problem.allowed.is_empty());
                assert!(problem.to_string().len() < 4_096, "a problem is shown at a bounded length");
            }
        }
    }
}

/// What the documentation of [`Settings`] promises.
fn check_settings(settings: &Settings, host: &Host) {
    let listeners = || settings.listen.iter().chain(&settings.listen_tls);
    assert!((1..=255).contains(&listeners().count()), "a worker names a listener by one byte");
    for address in listeners() {
        assert!(!address.ip().is_unspecified(), "wildcards are replaced");
    }
    assert!(!settings.relay_ip.is_empty());
    assert!(settings.relay_ip.iter().all(|ip| !ip.is_unspecified()));
    assert!(distinct(&settings.relay_ip) && distinct(&settings.external_ip));
    for ipv6 in [false, true] {
        let count = |ips: &[std::net::IpAddr]| ips.iter().filter(|ip| ip.is_ipv6() == ipv6).count();
        let (external, relay) = (count(&settings.external_ip), count(&settings.relay_ip));
        assert!(external == 0 || external == relay, "an external address for each relay address");
    }
    assert!(*settings.relay_ports.start() > 0 && !settings.relay_ports.is_empty());
    let tls_files = settings.tls_cert.is_some() && settings.tls_key.is_some();
    assert!(settings.listen_tls.is_empty() || tls_files, "TLS needs its files");
    assert!(!settings.realm.is_empty());
    assert!(settings.workers >= 1 && settings.workers <= 255, "a worker is named by one byte");
    assert!(settings.slots.is_power_of_two() && settings.slot_bytes > 0);
    for ipv6 in [false, true] {
        assert!(settings.alternate_server.iter().filter(|server| server.is_ipv6() == ipv6).count() <= 1);
    }
    let limits = settings.limits;
    assert!(limits.allocations > 0 && limits.allocations_per_user > 0 && limits.allocations_per_address > 0);
    assert!(limits.permissions_per_allocation > 0 && limits.channels_per_allocation > 0 && limits.lifetime_max_s > 0);
    assert!(limits.connections > 0 && limits.connections_per_address > 0 && limits.handshakes > 0);
    let mut names: Vec<_> = settings.users.iter().map(|user| &user.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "each name once");
    assert!(settings.auth_secret.iter().all(|secret| !secret.is_empty()), "anyone could sign with an empty secret");
    // What a worker makes of them first.
    let credentials = Credentials::new(&settings.realm, &settings.users, &settings.auth_secret);
    assert_eq!(credentials.realm(), settings.realm);
    let listening: Vec<_> = listeners().copied().collect();
    let policy = PeerPolicy::new(&settings.allow_peer, &listening, &host.addresses);
    for own in listening.iter().filter(|own| own.port() != 0) {
        assert!(policy.judge(*own).is_err(), "no client reaches the relay's own listeners through it");
    }
}

fn distinct<T: PartialEq>(values: &[T]) -> bool {
    values.iter().enumerate().all(|(index, value)| !values[..index].contains(value))
}
