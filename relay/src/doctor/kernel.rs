//! The kernel, io_uring, and what keeps a process from it.

use super::{Evidence, Finding};
use crate::config::{IoMode, Settings};

/// The ring's flags (SINGLE_ISSUER with DEFER_TASKRUN) came with 6.1.
const RING: (u32, u32) = (6, 1);
/// Waiting for several completions or a moment (min-wait), which a batching window rests on, came with 6.12.
const MIN_WAIT: (u32, u32) = (6, 12);

pub(super) fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = vec![kernel(settings, evidence)];
    if settings.io == IoMode::Epoll {
        findings.push(Finding::ok("io_uring", "not asked for: io is epoll"));
        return findings;
    }
    let probe = (evidence.probe)();
    let works = probe.is_ok();
    findings.push(match probe {
        Ok(found) => Finding::ok("io_uring", found),
        Err(reason) => worse(
            settings,
            "io_uring",
            &format!("the live probe failed: {reason}"),
            "see io_uring_sysctl and seccomp below; in a container, deploy/README.md says how to allow io_uring",
        ),
    });
    findings.push(sysctl(settings, evidence, works));
    findings.push(seccomp(settings, evidence, works));
    findings
}

/// A fault of io_uring: it stops a relay that was told to use it, and costs speed where epoll may take over.
fn worse(settings: &Settings, check: &'static str, found: &str, advice: &str) -> Finding {
    match settings.io {
        IoMode::Uring => Finding::fail(check, format!("{found}; io is uring, so the relay will not start"), advice),
        IoMode::Auto | IoMode::Epoll => Finding::warn(check, format!("{found}; the relay will use epoll"), advice),
    }
}

fn kernel(settings: &Settings, evidence: &Evidence<'_>) -> Finding {
    let release = evidence.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let Some(version) = version(&release) else {
        let advice = "check that /proc is mounted";
        return Finding::warn("kernel", format!("the release {release:?} cannot be read"), advice);
    };
    if version < RING && settings.io != IoMode::Epoll {
        let found = format!("{release}, and the ring needs {}.{}", RING.0, RING.1);
        return worse(settings, "kernel", &found, "boot a newer kernel, or set io = \"epoll\"");
    }
    if version < MIN_WAIT && settings.batch_window_us > 0 {
        let found = format!("{release}: a batching window is precise from {}.{} on", MIN_WAIT.0, MIN_WAIT.1);
        return Finding::warn("kernel", found, "boot a newer kernel, or set batch_window_us = 0");
    }
    Finding::ok("kernel", release)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn sysctl(settings: &Settings, evidence: &Evidence<'_>, works: bool) -> Finding {
    let check = "io_uring_sysctl";
    match evidence.number("/proc/sys/kernel/io_uring_disabled") {
        Some(mode @ 1..) if !works => worse(
            settings,
            check,
            &format!("kernel.io_uring_disabled is {mode}"),
            "sysctl -w kernel.io_uring_disabled=0, or add the relay's group to kernel.io_uring_group",
        ),
        Some(mode) => Finding::ok(check, format!("kernel.io_uring_disabled is {mode}")),
        None => Finding::ok(check, "kernel.io_uring_disabled does not exist: nothing is disabled"),
    }
}

fn seccomp(settings: &Settings, evidence: &Evidence<'_>, works: bool) -> Finding {
    let status = evidence.text("/proc/self/status").unwrap_or_default();
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
    match mode {
        Some("0") => Finding::ok("seccomp", "no filter"),
        Some(_) if works => Finding::ok("seccomp", "a filter is active, and it lets io_uring pass"),
        Some(_) => worse(
            settings,
            "seccomp",
            "a filter is active, as in most containers, and may be what blocks io_uring",
            "allow io_uring_setup, io_uring_enter and io_uring_register: deploy/README.md",
        ),
        None => Finding::warn("seccomp", "/proc/self/status does not say", "check that /proc is mounted"),
    }
}
