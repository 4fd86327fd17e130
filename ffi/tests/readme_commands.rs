//! Goal: every command in `ffi/README.md` works as it is printed, and so do the examples that it speaks of.
//!
//! Method: the page's blocks of shell are run one after the other by one bash at the root of the tree, and the block of
//! text behind one is what it must print: each of its lines stands in a line of the output. Two things differ from a
//! reader's shell: HOME is a scratch folder, and cargo is told that the library is the one that was built for this test.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::Command,
};

mod library;

use library::{Scratch, shared, workspace};

/// The blocks of shell of a page, each with what it must print.
fn blocks(page: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut fence = None;
    let mut follows = false;
    for line in page.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => {
                fence = Some(language);
                if language == "sh" {
                    blocks.push((String::new(), Vec::new()));
                }
                follows &= language == "text";
            }
            (Some(language), Some(_)) => {
                follows = language == "sh";
                fence = None;
            }
            (Some("sh"), None) => blocks.last_mut().expect("a fence has been opened").0.extend([line, "\n"]),
            (Some("text"), None) if follows => {
                blocks.last_mut().expect("a block came before").1.push(line.trim().to_owned());
            }
            (Some(_), None) => {}
            (None, None) => follows &= line.is_empty(),
        }
    }
    blocks
}

/// A cargo that has built already.
fn cargo(scratch: &Scratch) -> PathBuf {
    let release = scratch.path().join("target/release");
    fs::create_dir_all(&release).expect("the scratch folder can be written");
    for name in ["libmuster.so", "libmuster.a"] {
        symlink(shared().with_file_name(name), release.join(name)).expect("the scratch folder can be written");
    }
    let program = scratch.path().join("cargo");
    let metadata = format!("{{\"target_directory\":\"{}\"}}", scratch.path().join("target").display());
    fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = build ] || echo '{metadata}'\n"))
        .expect("the scratch folder can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the scratch folder can be written");
    program
}

#[test]
fn every_command_of_the_page_works() {
    let page = fs::read_to_string(workspace().join("ffi/README.md")).expect("the page can be read");
    let blocks = blocks(&page);
    assert!(blocks.len() >= 3, "the page has hardly a command left");
    let scratch = Scratch::new();
    // A line between two blocks tells their outputs apart.
    let script: String = blocks.iter().map(|(script, _)| format!("{script}echo '--- block'\n")).collect();
    let output = Command::new("timeout")
        .args(["120", "bash", "-euo", "pipefail", "-c", &script])
        .current_dir(workspace())
        .env("HOME", scratch.path())
        .env("CARGO", cargo(&scratch))
        .env_remove("DESTDIR")
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS")
        .output()
        .expect("bash is there");
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{printed}\n{said}", output.status);
    let outputs: Vec<&str> = printed.split("--- block\n").collect();
    for ((script, expected), output) in blocks.iter().zip(outputs) {
        for line in expected {
            assert!(
                output.lines().any(|printed| printed.contains(line.as_str())),
                "{script}: not {line} in:\n{output}"
            );
        }
    }
    let installed = |path: &str| scratch.path().join("muster").join(path);
    for path in ["lib/libmuster.so", "lib/libmuster.so.0", "lib/libmuster.so.0.1.0", "lib/libmuster.a"] {
        assert!(installed(path).is_file(), "{path} is not installed");
    }
    let declarations = fs::read_to_string(installed("share/muster/muster_cdef.lua")).expect("it is installed");
    assert!(declarations.contains("muster_world_create"), "{declarations}");
}

#[test]
fn the_program_of_the_front_page_is_the_example() {
    let page = fs::read_to_string(workspace().join("README.md")).expect("the page can be read");
    let program =
        page.split_once("```c\n").and_then(|(_, rest)| rest.split_once("```")).expect("the page has a program").0;
    let example = fs::read_to_string(workspace().join("ffi/examples/hello.c")).expect("the example can be read");
    assert_eq!(program, example);
}

#[test]
fn blocks_are_found_with_their_outputs() {
    let page =
        "# A\n```sh\na\nb\n```\n\n```text\nx\n```\n```text\nz\n```\nWord.\n```sh\nc\n```\nWord.\n```text\ny\n```\n";
    let expected = vec![("a\nb\n".to_owned(), vec!["x".to_owned()]), ("c\n".to_owned(), Vec::new())];
    assert_eq!(blocks(page), expected);
}
