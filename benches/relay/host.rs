//! Where and with what a run was made.

use std::{fs, path::Path, process::Command};

use nix::sys::utsname;

use crate::contender::Programs;

/// Facts that figures mean nothing without, as (name, value).
pub(crate) fn facts(programs: &Programs) -> Vec<(&'static str, String)> {
    let kernel = utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| format!("{} {}", name.sysname().display(), name.release().display()),
    );
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("processor", processor()),
        ("kernel", kernel),
        ("muster-relay", version(&programs.relay)),
        ("coturn", version(&programs.turnserver)),
    ]
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let fields = |name: &'static str| {
        text.lines().filter_map(move |line| line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim()))
    };
    let model = fields("model name").next().unwrap_or("unknown");
    let family = fields("cpu family").next().unwrap_or("unknown");
    let virtual_machine =
        if fields("flags").any(|flags| flags.contains("hypervisor")) { ", virtual machine" } else { "" };
    format!("{model} (family {family}), {} cores{virtual_machine}", fields("processor").count())
}

fn version(program: &Path) -> String {
    let text = output(program.as_os_str(), &["--version"]);
    // coturn prints warnings about its configuration around the version.
    let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()) && !line.contains(": "));
    line.unwrap_or("unknown").trim().to_owned()
}

fn output(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).output() else { return "not there".to_owned() };
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
