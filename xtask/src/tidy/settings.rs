//! The page of settings says what the table says.

use muster_relay::config::settings_page;

use super::{Finding, Tree};

/// The page, from the root.
pub(crate) const PAGE: &str = "docs/SETTINGS.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let expected = settings_page::markdown();
    let found = tree.text(PAGE).map_or("", |page| page.contents.as_str());
    if found == expected {
        return Vec::new();
    }
    let same = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    vec![Finding {
        path: PAGE.into(),
        line: same + 1,
        reason: "the page does not say what the table of settings says".into(),
        replacement: "cargo xtask settings".into(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_told_with_its_first_line() {
        let page = settings_page::markdown();
        assert_eq!(check(&Tree::of(&[(PAGE, &page)])), []);
        let stale = page.replacen("# Settings", "# Setings", 1);
        assert_eq!(check(&Tree::of(&[(PAGE, &stale)]))[0].line, 1);
        assert_eq!(check(&Tree::of(&[(PAGE, page.trim_end())])).len(), 1);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
