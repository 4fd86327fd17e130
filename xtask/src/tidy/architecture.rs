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
    let mut findings: Vec<Finding> = named
        .iter()
        .filter(|(_, path)| !exists(tree, path))
        .map(|(line, path)| {
            finding(*line, format!("the map names `{path}`, which does not exist"), "what is there now")
        })
        .collect();
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

/// Whether a path is there: from the root, or as the end of a longer path, since the map may name a file of a folder it
/// has just named.
fn exists(tree: &Tree, path: &str) -> bool {
    if tree.has(path) {
        return true;
    }
    let (inside, end) = (format!("/{path}"), format!("/{path}"));
    tree.paths.iter().any(|known| if path.ends_with('/') { known.contains(&inside) } else { known.ends_with(&end) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(map: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (MAP, map),
            ("relay/src/io/epoll.rs", ""),
            ("relay/src/io/uring/mod.rs", ""),
            ("docs/A.md", ""),
            (".cargo/config.toml", ""),
        ]);
        check(&tree).into_iter().map(|finding| format!("{}: {}", finding.line, finding.reason)).collect()
    }

    #[test]
    fn a_true_map_is_good() {
        let map = "`relay/` and `relay/src/io/` with `uring/` and `epoll.rs`; `docs/A.md`; `Worker::turn`, `/metrics`";
        assert_eq!(reasons(map), [""; 0]);
    }

    #[test]
    fn what_is_gone_or_missing_is_told() {
        let map = "`docs/`\n\nSee `relay/src/old.rs` and `poll.rs`.";
        assert_eq!(
            reasons(map),
            [
                "3: the map names `relay/src/old.rs`, which does not exist",
                "3: the map names `poll.rs`, which does not exist"
            ]
        );
        assert_eq!(reasons("`docs/`"), ["1: the map does not name the folder relay/"]);
    }
}
