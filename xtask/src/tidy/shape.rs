//! The shape of source files: not too long, and tests that say what they are for.

use super::{Finding, Tree};

/// Where a reader has lost the beginning of the file.
const LINES_MAX: usize = 800;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in &tree.texts {
        let is_source =
            [".rs", ".py", ".ts", ".js", ".sh", ".c", ".h"].iter().any(|ending| text.path.ends_with(ending));
        let count = text.contents.lines().count();
        // What a compiler wrote is read from no beginning, and cannot be divided.
        let is_generated = text.path.rsplit_once('.').is_some_and(|(stem, _)| stem.ends_with("_generated"));
        if is_source && !is_generated && count > LINES_MAX {
            findings.push(Finding {
                path: text.path.clone(),
                line: LINES_MAX + 1,
                reason: format!("{count} lines, more than {LINES_MAX}"),
                replacement: "a file for each concept".into(),
            });
        }
        let is_test = (text.path.starts_with("tests/") || text.path.contains("/tests/")) && text.path.ends_with(".rs");
        if is_test && !text.contents.starts_with("//!") {
            findings.push(Finding {
                path: text.path.clone(),
                line: 1,
                reason: "a test that does not say its goal".into(),
                replacement: "`//! Goal: ...` and `//! Method: ...` as the first lines".into(),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_silent_tests_are_told() {
        let (long, good) = ("//!\n".repeat(801), "//!\n".repeat(800));
        for (path, contents, expect) in [
            ("relay/src/a.rs", long.as_str(), 1),
            ("relay/src/a.rs", good.as_str(), 0),
            ("Cargo.lock", long.as_str(), 0),
            ("schemas/src/generated/map_generated.rs", long.as_str(), 0),
            ("relay/tests/a.rs", "use x;", 1),
            ("relay/tests/a.rs", "//! Goal: x.", 0),
            ("tests/sim/src/a.rs", "\n//! Goal: x.", 1),
            ("tests/interop/a.py", "import x", 0),
        ] {
            assert_eq!(check(&Tree::of(&[(path, contents)])).len(), expect, "{path}");
        }
    }
}
