//! Goal: every command in README.md works as it is printed.
//!
//! Method: the page's blocks of shell are taken from the page itself and run one by one at the root of the tree, each by
//! a bash of its own. The block of text that follows one is what it must print: each line of it stands in a line of the
//! output. A comment in the page marks a block that stays running, and one that is not run, with the reason.
//!
//! Three things differ from a reader's shell, so that the page can be tested beside other tests and without root:
//! 127.0.0.1 and the port of ::1 are others, /etc/muster-relay is a scratch folder, and the relay is the one that was
//! built for the tests (also where `make run-relay` asks cargo for it), as the server is.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{self, Command},
    time::Duration,
};

use muster_tests::{deadline, ports::Ports, process::Process, program, relay, scratch::Scratch};

/// How long one block may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Blocks that are not run are the exception; who adds one has to change this number too.
const NOT_RUN_MAX: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Manner {
    Runs,
    StaysRunning,
    NotRun,
}

/// One block of shell.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    manner: Manner,
    script: String,
    /// What it must print.
    expected: Vec<String>,
}

/// The blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut manner, mut fence): (Vec<Block>, _, Option<String>) = (Vec::new(), Manner::Runs, None);
    let mut follows = false;
    for (index, line) in page.lines().enumerate() {
        let line_number = index + 1;
        match (&fence, line.strip_prefix("```")) {
            (None, Some(language)) => {
                fence = Some(language.to_owned());
                if language == "sh" {
                    let manner = std::mem::replace(&mut manner, Manner::Runs);
                    blocks.push(Block { line: line_number, manner, script: String::new(), expected: Vec::new() });
                }
                follows &= language == "text";
            }
            (Some(language), Some(_)) => {
                follows = language == "sh";
                fence = None;
            }
            (Some(language), None) => match (language.as_str(), blocks.last_mut()) {
                ("sh", Some(block)) => block.script.extend([line, "\n"]),
                ("text", Some(block)) if follows => block.expected.push(line.trim().to_owned()),
                _ => (),
            },
            (None, None) => {
                if let Some(mark) = line.strip_prefix("<!-- readme test: ") {
                    manner = marked(line_number, mark);
                }
                follows &= line.is_empty();
            }
        }
    }
    assert_eq!(manner, Manner::Runs, "a mark at the end of the page stands before no block");
    blocks
}

fn marked(line: usize, mark: &str) -> Manner {
    match mark.trim_end_matches(" -->").split_once(", because ") {
        Some(("not run", reason)) if !reason.is_empty() => Manner::NotRun,
        None if mark == "stays running -->" => Manner::StaysRunning,
        _ => panic!("README.md:{line}: the mark is neither `stays running` nor `not run, because REASON`"),
    }
}

/// What stands in for the reader's machine.
struct Stage {
    scratch: Scratch,
    cargo: PathBuf,
    address: String,
    _ports: Ports,
    ipv6_port: u16,
}

impl Stage {
    fn new() -> Self {
        let scratch = Scratch::new();
        let release = scratch.path().join("release");
        fs::create_dir(&release).expect("the scratch folder can be written");
        symlink(relay::binary(), release.join("muster-relay")).expect("the scratch folder can be written");
        let server = relay::binary().with_file_name("muster");
        assert!(server.is_file(), "build it first: cargo build --package muster-server");
        symlink(server, release.join("muster")).expect("the scratch folder can be written");
        // Building has been done, and this is where the result is.
        let metadata = format!("{{\"target_directory\":\"{}\"}}", scratch.path().display());
        let cargo = scratch.write("cargo", &format!("#!/bin/sh\n[ \"$1\" = build ] || echo '{metadata}'\n"));
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("the scratch folder can be written");
        let mut ports = Ports::claim();
        let ipv6_port = ports.listening();
        let number = process::id();
        let address = format!("127.{}.{}.{}", 64 + number / 65_536 % 64, number / 256 % 256, 1 + number % 254);
        Self { scratch, cargo, address, _ports: ports, ipv6_port }
    }

    /// The script as it runs here.
    fn staged(&self, script: &str) -> String {
        script
            .replace("127.0.0.1", &self.address)
            .replace("[::1]:3478", &format!("[::1]:{}", self.ipv6_port))
            .replace("/etc/muster-relay", &self.scratch.path().join("etc").display().to_string())
            .replace("target/release/muster-relay", &relay::binary().display().to_string())
    }

    fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(program::workspace()).env("CARGO", &self.cargo);
        for (name, _) in env::vars_os() {
            // Neither the developer's settings nor the flags of the make that runs the tests are a reader's.
            let text = name.to_string_lossy();
            if text.starts_with("MUSTER_") || text.starts_with("MAKE") || text == "MFLAGS" {
                command.env_remove(&name);
            }
        }
        command
    }

    /// `make TARGET` is asked what it would do, because its recipe too has addresses to stand in for.
    fn script_of(&self, block: &Block) -> String {
        let script = match block.script.trim().strip_prefix("make ") {
            Some(target) => {
                muster_tests::process::run(&mut self.bash(&format!("make --no-print-directory -n {target}")), LIMIT)
            }
            None => block.script.clone(),
        };
        self.staged(&script)
    }
}

/// Whether each expected line stands in a line of the output.
fn has_all(output: &str, expected: &[String]) -> bool {
    expected.iter().all(|wanted| output.lines().any(|line| line.contains(wanted.as_str())))
}

#[test]
fn every_command_of_the_page_works() {
    let page = fs::read_to_string(program::workspace().join("README.md")).expect("README.md can be read");
    let blocks = blocks(&page);
    assert!(blocks.len() > NOT_RUN_MAX, "README.md has hardly a command left: {blocks:#?}");
    for name in ["turnutils_uclient", "openssl", "make", "bash"] {
        program::installed(name);
    }
    let stage = Stage::new();
    let mut running: Vec<Process> = Vec::new();
    for block in blocks.iter().filter(|block| block.manner != Manner::NotRun) {
        let mut process = Process::start(&mut stage.bash(&stage.script_of(block)));
        let place = format!("README.md:{}", block.line);
        if block.manner == Manner::StaysRunning {
            assert!(!block.expected.is_empty(), "{place}: the page does not say what a running command prints");
            deadline::until(LIMIT, &place, || {
                let ended = process.status();
                assert!(ended.is_none(), "{place} ended: {ended:?}; it wrote:\n{}", process.output());
                has_all(&process.output(), &block.expected).then_some(())
            });
            running.push(process);
        } else {
            let status = process.wait(LIMIT);
            let output = process.output();
            assert!(status.success(), "{place}: {status}; it wrote:\n{output}");
            assert!(has_all(&output, &block.expected), "{place}: not {:?} in:\n{output}", block.expected);
        }
    }
    assert!(running.iter_mut().all(|process| process.status().is_none()), "a command that stays running has ended");
}

#[test]
fn few_commands_of_the_page_are_not_run() {
    let page = fs::read_to_string(program::workspace().join("README.md")).expect("README.md can be read");
    let left_out = blocks(&page).into_iter().filter(|block| block.manner == Manner::NotRun).count();
    assert!(left_out <= NOT_RUN_MAX, "{left_out} blocks of README.md are not run");
}

#[test]
fn blocks_are_found_with_their_marks_and_outputs() {
    let page = "# A\n```sh\na\n```\n\n```text\nx\n y\n```\n<!-- readme test: stays running -->\n```sh\nb\nc\n```\nProse.\n\
                ```text\nno output\n```\n<!-- readme test: not run, because of root -->\n```js\nz\n```\n";
    let page = page.replace("because of root", "because it needs root") + "```sh\nd\n```\n";
    let block = |line, manner, script: &str, expected: &[&str]| Block {
        line,
        manner,
        script: script.to_owned(),
        expected: expected.iter().map(ToString::to_string).collect(),
    };
    let expected = [
        block(2, Manner::Runs, "a\n", &["x", "y"]),
        block(11, Manner::StaysRunning, "b\nc\n", &[]),
        block(23, Manner::NotRun, "d\n", &[]),
    ];
    assert_eq!(blocks(&page), expected);
}
