//! The clock, because ephemeral credentials and certificates end at a time of day.

use super::{Evidence, Finding};
use crate::config::Settings;

/// The first second of 2025: before this program was written.
const NOT_BEFORE_UNIX_S: u64 = 1_735_689_600;

/// Files that exist while a time service runs (and, for the first one, has found the time).
const SIGNS: [(&str, &str); 4] = [
    ("/run/systemd/timesync/synchronized", "systemd-timesyncd"),
    ("/run/chrony/chronyd.pid", "chrony"),
    ("/run/ntpd.pid", "ntpd"),
    ("/run/openntpd.pid", "openntpd"),
];

pub(super) fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Vec<Finding> {
    let check = "clock";
    let now = evidence.unix_s;
    if now < NOT_BEFORE_UNIX_S {
        let found = format!("{now} seconds since 1970, which is before 2025");
        return vec![Finding::fail(check, found, "timedatectl set-ntp true, or date -s \"YYYY-MM-DD HH:MM:SS\"")];
    }
    let service = SIGNS.iter().find(|(path, _)| evidence.text(path).is_some());
    vec![match service {
        Some((_, name)) => Finding::ok(check, format!("plausible, kept by {name}")),
        None if settings.auth_secret.is_empty() => Finding::ok(check, "plausible; no credential depends on it"),
        None => Finding::warn(
            check,
            "plausible, but no time service can be seen; ephemeral credentials end by this clock",
            "timedatectl set-ntp true; in a container, check the host instead",
        ),
    }]
}
