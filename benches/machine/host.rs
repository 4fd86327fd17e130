//! Where a run was made.

use std::{ffi::OsStr, fs, process::Command};

use nix::sys::utsname;

/// The date, the processor and the kernel, as (name, value): facts that figures mean nothing without.
pub fn facts() -> Vec<(&'static str, String)> {
    let kernel = utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| format!("{} {}", name.sysname().display(), name.release().display()),
    );
    vec![("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])), ("processor", processor()), ("kernel", kernel)]
}

/// What a command prints, without the white space around it; or that it is not there.
pub fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).output() else { return "not there".to_owned() };
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
