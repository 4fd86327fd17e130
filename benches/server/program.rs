//! A server in a process of its own, on a core of its own.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use muster_benches::{pinned::pinned, usage::Accounts};

/// A running server. Dropping it ends the process and removes its folder.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// One that ends with its standard input is given none that ends sooner.
    _input: Option<ChildStdin>,
    folder: Folder,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it has used.
    pub(crate) accounts: Accounts,
    /// When its process was made.
    pub(crate) begun: Instant,
}

/// A folder for what is temporary, which goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// What a server has used up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    cpu_ns: u64,
    waited_ns: u64,
}

/// What a server used in a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// For how long it was looked at, in seconds.
    pub(crate) seconds: f64,
    /// Time on its core, in seconds.
    pub(crate) cpu_seconds: f64,
    /// The part of the time that its threads could run but waited for the core, which they have for themselves: much of
    /// it means that they wait for each other, or that the machine was busy with something else.
    pub(crate) waited_share: f64,
}

impl Program {
    /// Starts a command on a core, and waits until it says on its standard output where it listens.
    ///
    /// # Errors
    /// When it does not start or says something else; with what it wrote to its standard error.
    pub(crate) fn start(
        core: usize,
        command: &[OsString],
        environment: &[(&str, String)],
        folder: Folder,
        read_address: fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let begun = Instant::now();
        let mut child = pinned(core)?
            .args(command)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("stderr"))?)
            .spawn()
            .context("cannot start a server")?;
        let input = child.stdin.take();
        let mut line = String::new();
        let output = child.stdout.take().context("its output is a pipe")?;
        BufReader::new(output).read_line(&mut line).context("its output cannot be read")?;
        let Some(address) = read_address(line.trim()) else {
            drop(child.kill());
            drop(child.wait());
            bail!("a server did not start: {line} {}", folder.written());
        };
        let accounts = Accounts::open(child.id())?;
        Ok(Self { child, _input: input, folder, address, accounts, begun })
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    /// With the way it ended and what it wrote to its standard error.
    pub(crate) fn must_live(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        bail!("the server ended with {status}: {}", self.folder.written());
    }

    /// What it has used up to now.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Ok(Usage { at: Instant::now(), cpu_ns: self.accounts.cpu_ns()?, waited_ns: self.accounts.waited_ns()? })
    }

    /// What it has used since then.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn used_since(&self, before: &Usage) -> Result<Used> {
        let now = self.usage()?;
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        Ok(Used {
            seconds,
            cpu_seconds: (now.cpu_ns - before.cpu_ns) as f64 * 1e-9,
            // A thread that ended takes its waiting time with it, so this difference may shrink.
            waited_share: now.waited_ns.saturating_sub(before.waited_ns) as f64 * 1e-9 / seconds,
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The process may have ended by itself; neither call has anything to report then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Folder {
    /// A new one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bench-server-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What the server wrote to its standard error, the end of it.
    fn written(&self) -> String {
        let text = fs::read_to_string(self.0.join("stderr")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for what is temporary.
        drop(fs::remove_dir_all(&self.0));
    }
}
