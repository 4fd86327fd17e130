//! What a process has used, from its own accounting.

use std::fs;

use anyhow::{Context, Result};
use nix::{time::ClockId, unistd::Pid};

/// Reads the accounts of one running process.
#[derive(Debug, Clone, Copy)]
pub struct Accounts {
    pid: Pid,
    clock: ClockId,
}

impl Accounts {
    /// Opens the accounts of the process `pid`.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn open(pid: u32) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).context("a process id fits in 31 bits")?);
        Ok(Self { pid, clock: ClockId::pid_cpu_clock_id(pid).context("the process has no CPU clock")? })
    }

    /// CPU time of all threads, the ones that ended included, user and kernel, in nanoseconds. The process's CPU clock
    /// is kept by the scheduler to the nanosecond; `utime` and `stime` only move by whole ticks.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_ns(&self) -> Result<u64> {
        let time = self.clock.now().context("the CPU clock of the process cannot be read: it has ended")?;
        Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
    }

    /// Nanoseconds that threads which live now could have run but had to wait for a core: much of it means that the
    /// core was shared with something else.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn waited_ns(&self) -> Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // A thread may end between the listing and the reading; it then counts as nothing.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            sum += text.split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the process has ended")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is a number of kB")?;
        Ok(kib * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_of_this_process_move() {
        let accounts = Accounts::open(std::process::id()).expect("this process exists");
        let before = accounts.cpu_ns().expect("this process runs");
        let mut sum = 0_u64;
        while accounts.cpu_ns().expect("this process runs") < before + 1_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
        assert!(accounts.resident_bytes().expect("this process has memory") > 100_000);
        accounts.waited_ns().expect("this process has threads");
    }
}
