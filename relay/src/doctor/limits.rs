//! Files, locked memory and socket buffers.

use super::{Evidence, Finding};
use crate::config::{IoMode, Settings};

/// Files that are neither clients nor allocations: rings, timers, logs, the admin endpoint's connections.
const FILES_BESIDE: u64 = 256;
/// systemd's default, and enough for the rings of any sensible number of workers.
const MEMLOCK_BYTES: u64 = 8 << 20;
/// A burst of a few milliseconds at a million datagrams a second.
const BUFFER_BYTES: u64 = 4 << 20;

pub(super) fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Vec<Finding> {
    let table = evidence.text("/proc/self/limits").unwrap_or_default();
    let mut findings = vec![files(settings, soft(&table, "Max open files"))];
    if settings.io != IoMode::Epoll {
        findings.push(locked_memory(soft(&table, "Max locked memory")));
    }
    findings.push(buffer(evidence, "receive_buffer", "net.core.rmem_max", "/proc/sys/net/core/rmem_max"));
    findings.push(buffer(evidence, "send_buffer", "net.core.wmem_max", "/proc/sys/net/core/wmem_max"));
    findings
}

/// The soft limit of a row of `/proc/self/limits`; `u64::MAX` is unlimited.
fn soft(table: &str, row: &str) -> Option<u64> {
    let rest = table.lines().find_map(|line| line.strip_prefix(row))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn files(settings: &Settings, limit: Option<u64>) -> Finding {
    let check = "open_files";
    let listening = (2 * settings.listen.len() + settings.listen_tls.len()) * settings.workers;
    // An allocation may relay over both families, and then has a socket for each.
    let families = u64::from(settings.relay_ip.iter().any(|ip| ip.is_ipv4()))
        + u64::from(settings.relay_ip.iter().any(|ip| ip.is_ipv6()));
    let allocations = u64::from(settings.limits.allocations) * families.max(1);
    let needed = allocations + u64::from(settings.limits.connections) + listening as u64 + FILES_BESIDE;
    match limit {
        None => Finding::warn(check, "/proc/self/limits does not say", "check that /proc is mounted"),
        Some(u64::MAX) => Finding::ok(check, format!("no limit, {needed} needed at most")),
        Some(limit) if limit >= needed => Finding::ok(check, format!("{limit}, {needed} needed at most")),
        Some(limit) => Finding::warn(
            check,
            format!("{limit}, although the limits of the settings need {needed}"),
            format!("LimitNOFILE={needed} in the unit, ulimit -n {needed} in a shell, or lower limits.allocations"),
        ),
    }
}

fn locked_memory(limit: Option<u64>) -> Finding {
    let check = "locked_memory";
    match limit {
        None => Finding::warn(check, "/proc/self/limits does not say", "check that /proc is mounted"),
        Some(u64::MAX) => Finding::ok(check, "no limit"),
        Some(limit) if limit >= MEMLOCK_BYTES => Finding::ok(check, format!("{limit} bytes")),
        Some(limit) => Finding::warn(
            check,
            format!("{limit} bytes: the kernel may refuse the rings"),
            format!("LimitMEMLOCK={MEMLOCK_BYTES} in the unit, or ulimit -l {} in a shell", MEMLOCK_BYTES >> 10),
        ),
    }
}

fn buffer(evidence: &Evidence<'_>, check: &'static str, name: &str, path: &str) -> Finding {
    match evidence.number(path) {
        None => Finding::ok(check, format!("{name} cannot be seen here (a network namespace of its own)")),
        Some(bytes) if bytes >= BUFFER_BYTES => Finding::ok(check, format!("{name} is {bytes}")),
        Some(bytes) => Finding::warn(
            check,
            format!("{name} is {bytes}: bursts above it are lost"),
            format!("sysctl -w {name}={BUFFER_BYTES}, and the same line in /etc/sysctl.d/muster-relay.conf"),
        ),
    }
}
