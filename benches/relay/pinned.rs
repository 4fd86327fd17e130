//! One core each for the server and the load, and no server that outlives the run.

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, bail};
use muster_benches::pinned::pin_to;
use nix::sys::{prctl, resource, signal::Signal};

/// Descriptors that 10,000 allocations need on either side, with room to spare.
const DESCRIPTORS: u64 = 65_536;

/// Raises the limit of open descriptors as far as it is needed and allowed.
///
/// # Errors
/// When the limits cannot be read or set.
pub(crate) fn raise_descriptor_limit() -> Result<()> {
    let (soft, hard) = resource::getrlimit(resource::Resource::RLIMIT_NOFILE)?;
    // Only a privileged process may raise the hard limit; the others take what they have.
    if hard < DESCRIPTORS && resource::setrlimit(resource::Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS).is_ok() {
        return Ok(());
    }
    let wanted = DESCRIPTORS.min(hard);
    if soft < wanted {
        resource::setrlimit(resource::Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(())
}

/// Becomes `command`, on `core`, and dies with the process that started this one.
///
/// # Errors
/// When there is no command or it cannot be executed; otherwise this never returns.
pub(crate) fn become_command(core: usize, command: &[OsString]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        bail!("a command is needed");
    };
    pin_to(core)?;
    raise_descriptor_limit()?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot execute {}", program.display()))
}
