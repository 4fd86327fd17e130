//! The addresses and ports that the relay will bind.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use super::{Evidence, Finding, Protocol};
use crate::config::Settings;

pub(super) fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = vec![listening(settings, evidence)];
    findings.push(relaying(settings, evidence));
    findings.push(local_range(settings, evidence));
    findings
}

fn listening(settings: &Settings, evidence: &Evidence<'_>) -> Finding {
    let check = "listening_ports";
    let plain = settings.listen.iter().flat_map(|at| [(*at, Protocol::Udp), (*at, Protocol::Tcp)]);
    let streams = settings.listen_tls.iter().chain(&settings.admin).map(|at| (*at, Protocol::Tcp));
    let mut tried = 0_usize;
    for (address, protocol) in plain.chain(streams) {
        tried += 1;
        if let Err(error) = (evidence.bind)(address, protocol) {
            let name = if protocol == Protocol::Udp { "UDP" } else { "TCP" };
            return Finding::fail(check, format!("{name} {address}: {error}"), bind_advice(&error, address));
        }
    }
    Finding::ok(check, format!("{tried} listening sockets can be bound"))
}

fn bind_advice(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("stop what listens there (is the relay running already?): ss -lnptu 'sport = :{}'", address.port())
        }
        io::ErrorKind::AddrNotAvailable => "name an address that the host has: ip -brief address".into(),
        io::ErrorKind::PermissionDenied => {
            "use a port from 1024 on, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit".into()
        }
        _ => "choose another address or port".into(),
    }
}

fn relaying(settings: &Settings, evidence: &Evidence<'_>) -> Finding {
    let check = "relay_addresses";
    for ip in &settings.relay_ip {
        // Any port will do: the question is whether the address is this host's.
        let address = SocketAddr::new(*ip, 0);
        if let Err(error) = (evidence.bind)(address, Protocol::Udp) {
            return Finding::fail(check, format!("{ip}: {error}"), bind_advice(&error, address));
        }
    }
    let shown = settings.relay_ip.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    Finding::ok(check, format!("{shown} can be bound"))
}

/// The kernel gives ports of its local range to any socket that asks for none: one that lies in our range is then
/// refused to a client although we count it as free.
fn local_range(settings: &Settings, evidence: &Evidence<'_>) -> Finding {
    let check = "local_port_range";
    let ours = &settings.relay_ports;
    let Some(local) = evidence.text("/proc/sys/net/ipv4/ip_local_port_range").as_deref().and_then(range) else {
        return Finding::ok(check, "net.ipv4.ip_local_port_range cannot be seen here");
    };
    let shared = *ours.start().max(local.start())..=*ours.end().min(local.end());
    if shared.is_empty() {
        let found = format!("{}-{} lies outside of relay_ports", local.start(), local.end());
        return Finding::ok(check, found);
    }
    let reserved = evidence.text("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    if is_covered(&shared, &reserved) {
        return Finding::ok(check, format!("relay_ports are reserved ({reserved})"));
    }
    let others = if reserved.is_empty() { String::new() } else { format!("{reserved},") };
    Finding::warn(
        check,
        format!(
            "{}-{}: the kernel may hand ports {}-{} of relay_ports to other programs",
            local.start(),
            local.end(),
            shared.start(),
            shared.end()
        ),
        format!("sysctl -w net.ipv4.ip_local_reserved_ports={others}{}-{}", ours.start(), ours.end()),
    )
}

/// Two numbers with space or a dash between them, or one number.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split(|c: char| c.is_whitespace() || c == '-').filter(|part| !part.is_empty());
    let low = numbers.next()?.parse().ok()?;
    let high = numbers.next().map_or(Some(low), |number| number.parse().ok())?;
    Some(low..=high)
}

/// Whether the kernel's list ("3478,49152-65535") holds every port of `wanted`.
fn is_covered(wanted: &RangeInclusive<u16>, list: &str) -> bool {
    let listed: Vec<_> = list.split(',').filter_map(range).collect();
    wanted.clone().all(|port| listed.iter().any(|range| range.contains(&port)))
}
