//! A child process whose output is kept and whose end is certain.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::{deadline, scratch::Scratch};

/// A signal that a test sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Drain and exit.
    Term,
    /// Read the configuration again.
    Hup,
    /// End at once.
    Kill,
}

/// A running child. Dropping it kills it and, when the test is failing, prints what it wrote.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
    _scratch: Scratch,
}

impl Process {
    /// Starts `command` with no input and its output going to a file, in a process group of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let scratch = Scratch::new();
        let output = scratch.path().join("output");
        let file = File::create(&output).expect("the scratch folder can be written");
        let errors = file.try_clone().expect("a file can be duplicated");
        let child = command.process_group(0).stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name, child, output, _scratch: scratch }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process has ended.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        if let Some(status) = self.status() {
            panic!("{} has ended already: {status}\n{}", self.name, self.output());
        }
        send(signal, &self.child.id().to_string());
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the kernel does not know the child, which cannot be.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours to wait for")
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it has not come within `limit`.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        match deadline::within(limit, || self.status()) {
            Some(status) => status,
            None => panic!("{} has not ended within {limit:?}; it wrote:\n{}", self.name, self.output()),
        }
    }

    /// What it has written so far, output and errors together.
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// Resident memory in bytes.
    ///
    /// # Panics
    /// When the process has ended.
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has resident memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("the kernel writes a number");
        kib * 1024
    }

    /// Open file descriptors.
    ///
    /// # Panics
    /// When the process has ended.
    #[track_caller]
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("the process runs").count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status().is_none() {
            // The whole group, for a program that has started others.
            send(Signal::Kill, &format!("-{}", self.id()));
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("--- {} wrote:\n{}---", self.name, self.output());
        }
    }
}

/// Runs `command` to its end and returns its output.
///
/// # Panics
/// When it fails or has not ended within `limit`.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> String {
    let line = format!("{command:?}");
    let mut process = Process::start(command);
    let status = process.wait(limit);
    let output = process.output();
    assert!(status.success(), "{line}: {status}; it wrote:\n{output}");
    output
}

/// Signals are sent by the shell's own `kill`, so that the tests need no unsafe call.
#[track_caller]
fn send(signal: Signal, target: &str) {
    let name = match signal {
        Signal::Term => "TERM",
        Signal::Hup => "HUP",
        Signal::Kill => "KILL",
    };
    let line = format!("kill -s {name} -- {target}");
    let status = Command::new("sh").args(["-c", &line]).status();
    // A process that has ended in the meantime is not an error here: the caller looks at its status.
    status.unwrap_or_else(|error: io::Error| panic!("{line}: {error}"));
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
