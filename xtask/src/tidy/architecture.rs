//! The map names every top-level folder and only paths that exist.

use std::collections::BTreeSet;

use super::{Finding, Tree};

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.text(MAP) else { return Vec::new() };
    let finding = |line, reason: String, replacement: &str| Finding {
        path: MAP.into(),
        line,
        reason,
        replacement: replacement.into(),
    };
    let named: Vec<(usize, &str)> = map
        .contents
        .lines()
        .enumerate()
        .flat_map(|(index, line)| quoted_paths(line).map(move |path| (index + 1, path)))
        .collect();
    let mut findings = Vec::new();
    let mut folder = "";
    for &(line, path) in &named {
        if tree.has(path) {
            folder = folder_of(path);
        } else if !exists(tree, folder, path) {
            let reason = format!("the map names `{path}`, which is neither there nor in `{folder}`");
            findings.push(finding(line, reason, "what is there now"));
        }
    }
    let folders: BTreeSet<&str> = tree
        .paths
        .iter()
        .filter_map(|path| path.split_once('/'))
        .map(|(folder, _)| folder)
        .filter(|folder| !folder.starts_with('.'))
        .collect();
    for folder in folders {
        if !named.iter().any(|(_, path)| path.split('/').next() == Some(folder) && path.contains('/')) {
            findings.push(finding(
                1,
                format!("the map does not name the folder {folder}/"),
                "a line on what it is for",
            ));
        }
    }
    findings
}

/// What stands between backticks and looks like a path of the tree.
fn quoted_paths(line: &str) -> impl Iterator<Item = &str> {
    /// The kinds of file that the map speaks of without their folder.
    const ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".service", ".py"];
    let looks_like_a_path = |text: &&str| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        plain && !text.starts_with('/') && (text.contains('/') || ENDINGS.iter().any(|ending| text.ends_with(ending)))
    };
    line.split('`').skip(1).step_by(2).filter(looks_like_a_path)
}

/// The folder that names after `path`, which is in the tree, may be in: itself, or the one that a file is in.
fn folder_of(path: &str) -> &str {
    if path.ends_with('/') { path } else { path.rfind('/').map_or("", |slash| &path[..=slash]) }
}

/// Whether a bare name is there: directly in the folder that was the last to be named from the root.
fn exists(tree: &Tree, folder: &str, name: &str) -> bool {
    tree.has(&format!("{folder}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(map: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (MAP, map),
            ("relay/src/main.rs", ""),
            ("relay/src/io/epoll/mod.rs", ""),
            ("relay/src/io/probe.rs", ""),
            ("relay/src/io/uring/mod.rs", ""),
            ("docs/A.md", ""),
            (".cargo/config.toml", ""),
        ]);
        check(&tree).into_iter().map(|finding| format!("{}: {}", finding.line, finding.reason)).collect()
    }

    #[test]
    fn a_true_map_is_good() {
        let map = "`relay/` and `relay/src/io/` with `uring/`, `epoll/` and `probe.rs`; `docs/A.md`; `Worker::turn`, \
                   `/metrics`";
        assert_eq!(reasons(map), [""; 0]);
        assert_eq!(reasons("`relay/src/io/probe.rs`\nand beside it `uring/`; `docs/`"), [""; 0]);
    }

    #[test]
    fn what_is_gone_or_missing_is_told() {
        let map = "`docs/`\n\nSee `relay/src/old.rs` and `relay/src/io/` with `epoll.rs`.";
        assert_eq!(
            reasons(map),
            [
                "3: the map names `relay/src/old.rs`, which is neither there nor in `docs/`",
                "3: the map names `epoll.rs`, which is neither there nor in `relay/src/io/`"
            ]
        );
        assert_eq!(reasons("`docs/`"), ["1: the map does not name the folder relay/"]);
    }

    #[test]
    fn a_bare_name_is_of_the_folder_that_was_named_last() {
        let elsewhere = "`probe.rs` of `relay/src/io/`, then `docs/` with `main.rs` and `io/`";
        assert_eq!(
            reasons(elsewhere),
            [
                "1: the map names `probe.rs`, which is neither there nor in ``",
                "1: the map names `main.rs`, which is neither there nor in `docs/`",
                "1: the map names `io/`, which is neither there nor in `docs/`"
            ]
        );
        let deeper = "`docs/`, `relay/src/` with `main.rs` and `probe.rs`";
        assert_eq!(reasons(deeper), ["1: the map names `probe.rs`, which is neither there nor in `relay/src/`"]);
    }
}
