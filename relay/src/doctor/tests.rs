//! Each finding, from hosts that are made up.

use std::{collections::HashMap, io, net::SocketAddr, path::Path};

use super::*;
use crate::config::{IoMode, User};

/// A host that is as it should be.
fn files() -> HashMap<&'static str, String> {
    HashMap::from([
        ("/proc/sys/kernel/osrelease", "6.12.3-generic\n".into()),
        ("/proc/sys/kernel/io_uring_disabled", "0\n".into()),
        ("/proc/self/status", "Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n".into()),
        (
            "/proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max open files            524288               524288               files\n\
             Max locked memory         unlimited            unlimited            bytes\n"
                .into(),
        ),
        ("/proc/sys/net/core/rmem_max", "8388608\n".into()),
        ("/proc/sys/net/core/wmem_max", "8388608\n".into()),
        ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n".into()),
        ("/proc/sys/net/ipv4/ip_local_reserved_ports", "3478,49152-65535\n".into()),
        ("/run/systemd/timesync/synchronized", String::new()),
        ("cert.pem", include_str!("certificate_for_tests.pem").into()),
    ])
}

fn settings() -> Settings {
    Settings {
        listen: vec!["10.0.0.5:3478".parse().unwrap()],
        relay_ip: vec!["10.0.0.5".parse().unwrap()],
        users: vec![User { name: "a".into(), password: "b".into() }],
        ..Settings::default()
    }
}

struct Host {
    files: HashMap<&'static str, String>,
    probe: Result<String, String>,
    bind: fn(SocketAddr, Protocol) -> io::Result<()>,
    unix_s: u64,
}

impl Host {
    fn good() -> Self {
        Self { files: files(), probe: Ok("every flag works".into()), bind: |_, _| Ok(()), unix_s: 1_800_000_000 }
    }

    fn with(mut self, path: &'static str, contents: &str) -> Self {
        self.files.insert(path, contents.into());
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self
    }

    fn examine(&self, settings: &Settings) -> Report {
        let read = |path: &Path| {
            let contents = path.to_str().and_then(|path| self.files.get(path));
            contents.map(|text| text.clone().into_bytes()).ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let evidence = Evidence { read: &read, probe: &|| self.probe.clone(), bind: &self.bind, unix_s: self.unix_s };
        examine(settings, &evidence)
    }

    /// The level and the whole text of one check.
    fn finds(&self, settings: &Settings, check: &str) -> (Level, String) {
        let report = self.examine(settings);
        let finding = report.findings.iter().find(|finding| finding.check == check).unwrap();
        assert_eq!(finding.level == Level::Ok, finding.advice.is_none(), "advice exactly when something is wrong");
        (finding.level, format!("{} {}", finding.found, finding.advice.as_deref().unwrap_or("")))
    }
}

#[track_caller]
fn check(host: &Host, settings: &Settings, check: &str, level: Level, text: &str) {
    let (found, said) = host.finds(settings, check);
    assert!(found == level && said.contains(text), "{check}: {found:?} {said}");
}

#[test]
fn a_good_host_has_nothing_to_change() {
    let report = Host::good().examine(&Settings { tls_cert: Some("cert.pem".into()), ..settings() });
    assert_eq!((report.level(), report.exit_code()), (Level::Ok, 0), "{}", report.text());
    assert!(report.text().ends_with("14 ok, 0 warn, 0 fail\n"), "{}", report.text());
    let json = report.json();
    assert_eq!((&json["level"], &json["findings"][0]["check"]), (&json!("ok"), &json!("kernel")));
}

#[test]
fn a_host_that_says_nothing_is_only_warned_about() {
    let mut host = Host::good();
    host.files.clear();
    let report = host.examine(&settings());
    assert_eq!((report.level(), report.exit_code()), (Level::Warn, 0), "{}", report.text());
}

#[test]
fn io_uring_warns_with_auto_and_fails_when_it_is_demanded() {
    let (auto, demanded) = (settings(), Settings { io: IoMode::Uring, ..settings() });
    let old = Host::good().with("/proc/sys/kernel/osrelease", "5.15.0-91-generic");
    check(&old, &auto, "kernel", Level::Warn, "the ring needs 6.1");
    check(&old, &demanded, "kernel", Level::Fail, "will not start");
    check(&old, &Settings { io: IoMode::Epoll, ..settings() }, "kernel", Level::Ok, "5.15");
    let middle = Host::good().with("/proc/sys/kernel/osrelease", "6.8");
    check(&middle, &auto, "kernel", Level::Ok, "6.8");
    check(&middle, &Settings { batch_window_us: 250, ..settings() }, "kernel", Level::Warn, "from 6.12 on");

    let blocked = Host { probe: Err("EPERM".into()), ..Host::good() };
    let blocked = blocked.with("/proc/sys/kernel/io_uring_disabled", "2").with("/proc/self/status", "Seccomp:\t2");
    check(&blocked, &auto, "io_uring", Level::Warn, "EPERM; the relay will use epoll");
    check(&blocked, &demanded, "io_uring", Level::Fail, "EPERM");
    check(&blocked, &auto, "io_uring_sysctl", Level::Warn, "sysctl -w kernel.io_uring_disabled=0");
    check(&blocked, &auto, "seccomp", Level::Warn, "deploy/README.md");
    let epoll = Settings { io: IoMode::Epoll, ..settings() };
    assert_eq!(blocked.examine(&epoll).level(), Level::Ok, "epoll needs none of it");
}

#[test]
fn limits_are_compared_with_what_the_settings_need() {
    let low = Host::good()
        .with("/proc/self/limits", "Max open files  1024  4096  files\nMax locked memory 65536 65536 bytes");
    check(&low, &settings(), "open_files", Level::Warn, "1024, although the limits of the settings need 24834");
    check(&low, &settings(), "locked_memory", Level::Warn, "ulimit -l 8192");
    let small =
        Host::good().with("/proc/sys/net/core/rmem_max", "212992").with("/proc/sys/net/core/wmem_max", "212992");
    check(&small, &settings(), "receive_buffer", Level::Warn, "sysctl -w net.core.rmem_max=4194304");
    check(&small, &settings(), "send_buffer", Level::Warn, "sysctl -w net.core.wmem_max=4194304");
}

#[test]
fn ports_that_cannot_be_bound_fail_with_the_reason() {
    for (kind, advice) in [
        (io::ErrorKind::AddrInUse, "ss -lnptu 'sport = :3478'"),
        (io::ErrorKind::AddrNotAvailable, "ip -brief address"),
        (io::ErrorKind::PermissionDenied, "CAP_NET_BIND_SERVICE"),
    ] {
        let bind: fn(SocketAddr, Protocol) -> io::Result<()> = match kind {
            io::ErrorKind::AddrInUse => |_, _| Err(io::ErrorKind::AddrInUse.into()),
            io::ErrorKind::AddrNotAvailable => |_, _| Err(io::ErrorKind::AddrNotAvailable.into()),
            _ => |_, _| Err(io::ErrorKind::PermissionDenied.into()),
        };
        let host = Host { bind, ..Host::good() };
        check(&host, &settings(), "listening_ports", Level::Fail, advice);
        assert_eq!(host.examine(&settings()).exit_code(), 1);
    }
    let no_tcp = |_, protocol| if protocol == Protocol::Tcp { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) };
    check(&Host { bind: no_tcp, ..Host::good() }, &settings(), "listening_ports", Level::Fail, "TCP 10.0.0.5:3478");
    let foreign = |at: SocketAddr, _| if at.port() == 0 { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(()) };
    check(&Host { bind: foreign, ..Host::good() }, &settings(), "relay_addresses", Level::Fail, "10.0.0.5");
}

#[test]
fn ports_that_the_kernel_hands_out_are_told_apart_from_ours() {
    let reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    let command = "sysctl -w net.ipv4.ip_local_reserved_ports=49152-65535";
    check(&Host::good().with(reserved, ""), &settings(), "local_port_range", Level::Warn, command);
    let partly = Host::good().with(reserved, "49152-60000");
    check(&partly, &settings(), "local_port_range", Level::Warn, "ip_local_reserved_ports=49152-60000,49152-65535");
    let apart = Host::good().with(reserved, "").with("/proc/sys/net/ipv4/ip_local_port_range", "32768 49151");
    check(&apart, &settings(), "local_port_range", Level::Ok, "outside");
    let last = Settings { relay_ports: 65_535..=65_535, ..settings() };
    let all = Host::good().with(reserved, "65535").with("/proc/sys/net/ipv4/ip_local_port_range", "1 65535");
    check(&all, &last, "local_port_range", Level::Ok, "reserved");
}

#[test]
fn the_clock_must_be_plausible_and_kept_where_credentials_end_by_it() {
    check(&Host { unix_s: 1_000, ..Host::good() }, &settings(), "clock", Level::Fail, "before 2025");
    let alone = Host::good().without("/run/systemd/timesync/synchronized");
    check(&alone, &settings(), "clock", Level::Ok, "no credential depends on it");
    let ephemeral = Settings { auth_secret: vec!["s".into()], ..settings() };
    check(&alone, &ephemeral, "clock", Level::Warn, "timedatectl");
    check(&alone.with("/run/chrony/chronyd.pid", "7"), &ephemeral, "clock", Level::Ok, "chrony");
}

#[test]
fn a_certificate_is_missed_before_clients_miss_it() {
    let tls = Settings { tls_cert: Some("cert.pem".into()), ..settings() };
    let at = |unix_s| Host { unix_s, ..Host::good() };
    check(&at(2_056_363_200 - 15 * 86_400), &tls, "certificate", Level::Ok, "good for 15 days");
    check(&at(2_056_363_200 - 86_400), &tls, "certificate", Level::Warn, "ends in 1 days");
    check(&at(2_056_363_201), &tls, "certificate", Level::Fail, "ended 1 days ago");
    check(&Host::good().without("cert.pem"), &tls, "certificate", Level::Fail, "cannot be read");
    check(&Host::good().with("cert.pem", "junk"), &tls, "certificate", Level::Warn, "-enddate");
}

#[test]
fn missing_credentials_fail() {
    let nobody = Settings { users: Vec::new(), ..settings() };
    check(&Host::good(), &nobody, "credentials", Level::Fail, "openssl rand -hex 32");
}

/// The real hand: a port that is taken is seen as taken, for both protocols.
#[test]
fn a_taken_port_is_seen() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = try_bind(taken.local_addr().unwrap(), Protocol::Udp).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = try_bind(taken.local_addr().unwrap(), Protocol::Tcp).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(try_bind("127.0.0.1:0".parse().unwrap(), Protocol::Udp).is_ok());
}
