//! What a server process has used, from the process's own accounting.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{time::ClockId, unistd::Pid};

/// What the relay's count of heap allocations is called on its admin endpoint.
const HEAP_METRIC: &str = "muster_relay_heap_allocations_total";

/// Reads the accounts of one running process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accounts {
    pid: Pid,
    clock: ClockId,
}

impl Accounts {
    /// Opens the accounts of the process `pid`.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn open(pid: u32) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).context("a process id fits in 31 bits")?);
        Ok(Self { pid, clock: ClockId::pid_cpu_clock_id(pid).context("the process has no CPU clock")? })
    }

    /// CPU time of all threads, the ones that ended included, user and kernel, in nanoseconds. The process's CPU clock
    /// is kept by the scheduler to the nanosecond; `utime` and `stime` only move by whole ticks.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn cpu_ns(&self) -> Result<u64> {
        let time = self.clock.now().context("the server's CPU clock cannot be read: it has ended")?;
        Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
    }

    /// Nanoseconds that threads which live now could have run but had to wait for a core: much of it means that the
    /// core was shared with something else.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn waited_ns(&self) -> Result<u64> {
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
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the server has ended")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is a number of kB")?;
        Ok(kib * 1024)
    }
}

/// The relay's own count of heap allocations on its workers, or nothing if the endpoint does not show one.
pub(crate) fn heap_allocations(admin: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    sum_of_metric(&text, HEAP_METRIC)
}

/// The sum of a metric over all its labels in Prometheus text.
fn sum_of_metric(text: &str, name: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(name) else { continue };
        if !rest.starts_with(['{', ' ']) {
            continue;
        }
        let value = rest.rsplit(' ').next()?.parse::<f64>().ok()?;
        sum = Some(sum.unwrap_or(0) + value as u64);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_a_metric_over_its_labels() {
        let text = "# TYPE a_total counter\na_total{worker=\"0\"} 3\na_total{worker=\"1\"} 4\na_total_b 9\n";
        assert_eq!(sum_of_metric(text, "a_total"), Some(7));
        assert_eq!(sum_of_metric("a_total 5\n", "a_total"), Some(5));
        assert_eq!(sum_of_metric(text, "c_total"), None);
    }

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
