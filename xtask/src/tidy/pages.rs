//! Pages: one title each, links that lead somewhere, and the pages that every reader looks for.

use super::{Finding, Text, Tree};

/// What a reader looks for at the root.
const EXPECTED: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let missing = EXPECTED.iter().filter(|path| !tree.has(path)).map(|path| Finding {
        path: (*path).into(),
        line: 0,
        reason: "the page is missing".into(),
        replacement: "the page".into(),
    });
    let pages = tree.texts.iter().filter(|text| text.path.ends_with(".md"));
    missing.chain(pages.flat_map(|page| titles(page).into_iter().chain(links(tree, page)))).collect()
}

/// The lines that are not inside a fence of code, numbered from 1.
fn prose(page: &Text) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    page.contents.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((index + 1, line))
    })
}

fn titles(page: &Text) -> Vec<Finding> {
    let titles: Vec<usize> = prose(page).filter(|(_, line)| line.starts_with("# ")).map(|(line, _)| line).collect();
    let finding = |line, reason: &str| Finding {
        path: page.path.clone(),
        line,
        reason: reason.into(),
        replacement: "one line `# Title`, and `## ` below it".into(),
    };
    match titles.as_slice() {
        [] => vec![finding(1, "a page without a title")],
        [_] => Vec::new(),
        [_, more @ ..] => more.iter().map(|line| finding(*line, "a second title")).collect(),
    }
}

/// Links to files of the tree; those to elsewhere and into a page are not followed.
fn links(tree: &Tree, page: &Text) -> Vec<Finding> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (line, text) in prose(page) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or("");
            if path.is_empty() || path.contains(':') || path.contains(' ') {
                continue;
            }
            if !joined(folder, path).is_some_and(|path| path.is_empty() || tree.has(&path)) {
                findings.push(Finding {
                    path: page.path.clone(),
                    line,
                    reason: format!("a link to {target}, which does not exist"),
                    replacement: "what is there now".into(),
                });
            }
        }
    }
    findings
}

/// The path from the root, or none if it leaves the tree.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(page: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("README.md", "# R"),
            ("ARCHITECTURE.md", "# A"),
            ("CONTRIBUTING.md", "# C"),
            ("CHANGELOG.md", "# C"),
            ("docs/A.md", page),
        ]);
        check(&tree).iter().map(|finding| format!("{}: {}", finding.line, finding.reason)).collect()
    }

    #[test]
    fn a_page_has_one_title() {
        assert_eq!(reasons("# A\n\n```sh\n# a comment\n```\n## B"), [""; 0]);
        assert_eq!(reasons("A"), ["1: a page without a title"]);
        assert_eq!(reasons("# A\n# B"), ["2: a second title"]);
    }

    #[test]
    fn links_lead_somewhere() {
        assert_eq!(reasons("# A\n[r](../README.md#x) [w](https://example.org) [d](.) [h](#a) [root](..)"), [""; 0]);
        assert_eq!(
            reasons("# A\n[r](README.md) [o](../../x)"),
            ["2: a link to README.md, which does not exist", "2: a link to ../../x, which does not exist"]
        );
    }

    #[test]
    fn the_expected_pages_are_missed() {
        assert_eq!(check(&Tree::of(&[("README.md", "# R")])).len(), 3);
    }
}
