//! What the compiler does not check: the map of the tree, calls that have no place, marks of unfinished work, the shape
//! of files and pages.
//!
//! **A check reads a [`Tree`] and returns findings; it knows no disk, so each is tested with a tree that is made up.**

mod architecture;
mod code;
mod forbidden;
mod headers;
mod pages;
mod shape;

use std::{fmt, fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};

/// The files of a checkout that git tracks or would track.
pub(crate) struct Tree {
    /// Every path, with `/` between its parts, relative to the root.
    pub(crate) paths: Vec<String>,
    /// Those of them that are UTF-8 text.
    pub(crate) texts: Vec<Text>,
}

/// One text file.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) contents: String,
}

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 for a file as a whole.
    line: usize,
    reason: String,
    replacement: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; instead: {}", self.path, self.line, self.reason, self.replacement)
    }
}

/// Runs every check.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    [architecture::check, forbidden::check, headers::check, shape::check, pages::check]
        .iter()
        .flat_map(|check| check(tree))
        .collect()
}

impl Tree {
    /// Reads a checkout, files that are new included, ignored ones not.
    pub(crate) fn from_git(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git is needed to list the files")?;
        ensure!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr).trim());
        let listing = String::from_utf8(listing.stdout).context("a path is not UTF-8")?;
        let (mut paths, mut texts) = (Vec::new(), Vec::new());
        for path in listing.split_terminator('\0') {
            // A file that is deleted and not yet committed is listed and not there.
            let Ok(bytes) = fs::read(root.join(path)) else { continue };
            paths.push(path.to_owned());
            if let Ok(contents) = String::from_utf8(bytes) {
                texts.push(Text { path: path.to_owned(), contents });
            }
        }
        Ok(Self { paths, texts })
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        Self {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: files
                .iter()
                .map(|(path, contents)| Text { path: (*path).to_owned(), contents: (*contents).to_owned() })
                .collect(),
        }
    }

    fn text(&self, path: &str) -> Option<&Text> {
        self.texts.iter().find(|text| text.path == path)
    }

    /// Whether the path, a file or a folder, is in the tree.
    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.paths
            .iter()
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}
