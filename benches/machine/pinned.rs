//! Which cores a thread may use, and programs that run on one and do not outlive the run.

use std::{env, ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, bail};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::{prctl, resource, signal::Signal},
    unistd::{Pid, SysconfVar, sysconf},
};

/// Descriptors that the largest of the comparisons needs on either side, with room to spare.
const DESCRIPTORS: u64 = 65_536;

/// Keeps this thread, and the threads and commands that it starts from now on, on `core`.
///
/// # Errors
/// When the machine has no such core, or it may not be used.
pub fn pin_to(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core).with_context(|| format!("core {core} is out of range"))?;
    sched_setaffinity(Pid::from_raw(0), &cores).with_context(|| format!("cannot run on core {core}"))
}

/// The cores that this thread may use, to give back with [`allow`] what [`pin_to`] took.
///
/// # Errors
/// When the system does not say.
pub fn allowed() -> Result<CpuSet> {
    sched_getaffinity(Pid::from_raw(0)).context("the cores of this thread cannot be read")
}

/// Lets this thread, and those it starts from now on, use `cores`.
///
/// # Errors
/// When none of them may be used.
pub fn allow(cores: &CpuSet) -> Result<()> {
    sched_setaffinity(Pid::from_raw(0), cores).context("cannot run on these cores")
}

/// All cores of the machine, whatever this thread was kept on.
///
/// # Errors
/// When the machine has more cores than such a set can hold.
pub fn all_cores() -> Result<CpuSet> {
    let mut cores = CpuSet::new();
    // What `available_parallelism` says is only what this thread may use.
    let count = sysconf(SysconfVar::_NPROCESSORS_ONLN)?.context("the system does not say how many cores it has")?;
    for core in 0..usize::try_from(count)? {
        cores.set(core).with_context(|| format!("core {core} is out of range"))?;
    }
    Ok(cores)
}

/// How many cores there are in a set.
pub fn count(cores: &CpuSet) -> usize {
    (0..CpuSet::count()).filter(|core| cores.is_set(*core) == Ok(true)).count()
}

/// Raises the limit of open descriptors as far as it is needed and allowed.
///
/// # Errors
/// When the limits cannot be read or set.
pub fn raise_descriptor_limit() -> Result<()> {
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

/// A command line of this program's, `pinned`, that becomes the program whose command follows: see [`become_command`]. Settings
/// of the developer's own shell do not reach it.
///
/// # Errors
/// When this program's own path is unknown.
pub fn pinned(core: usize) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["pinned", "--core", &core.to_string(), "--"]);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
        command.env_remove(name);
    }
    Ok(command)
}

/// Becomes `command`, on `core`, and dies with the process that started this one.
///
/// # Errors
/// When there is no command or it cannot be executed; otherwise this never returns.
pub fn become_command(core: usize, command: &[OsString]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        bail!("a command is needed");
    };
    pin_to(core)?;
    raise_descriptor_limit()?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot execute {}", program.display()))
}
