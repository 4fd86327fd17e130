//! Where and with what a run was made.

use std::path::Path;

use muster_benches::host::output;

use crate::contender::Programs;

/// Facts that figures mean nothing without, as (name, value).
pub(crate) fn facts(programs: &Programs) -> Vec<(&'static str, String)> {
    let mut facts = muster_benches::host::facts();
    facts.extend([("muster-relay", version(&programs.relay)), ("coturn", version(&programs.turnserver))]);
    facts
}

fn version(program: &Path) -> String {
    let text = output(program.as_os_str(), &["--version"]);
    // coturn prints warnings about its configuration around the version.
    let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()) && !line.contains(": "));
    line.unwrap_or("unknown").trim().to_owned()
}
