//! Rust as the checks see it: without the contents of strings and comments, and with tests told apart.

use std::collections::BTreeSet;

use super::Tree;

/// One line of a Rust file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The code; strings are empty and comments are gone.
    pub(super) code: String,
    /// Whether it is compiled only for tests.
    pub(super) is_test: bool,
}

/// Paths (of files) and folders (with a slash at the end) that are compiled only for tests.
pub(super) fn test_modules(tree: &Tree) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for text in tree.texts.iter().filter(|text| text.path.ends_with(".rs")) {
        let (folder, file) = text.path.rsplit_once('/').unwrap_or(("", &text.path));
        let stem = file.trim_end_matches(".rs");
        let inside =
            if ["mod", "lib", "main"].contains(&stem) { folder.to_owned() } else { format!("{folder}/{stem}") };
        let lines: Vec<&str> = text.contents.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| is_for_tests(pair[0])) {
            let name = pair[1].split("mod ").nth(1).and_then(|rest| rest.strip_suffix(';'));
            if let Some(name) = name {
                modules.insert(format!("{inside}/{name}.rs"));
                modules.insert(format!("{inside}/{name}/"));
            }
        }
    }
    modules
}

/// Whether a whole file is of tests: by its folder, or by the module that declares it.
pub(super) fn is_test_file(path: &str, modules: &BTreeSet<String>) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || modules.iter().any(|module| path == module || (module.ends_with('/') && path.starts_with(module.as_str())))
}

/// The lines of a Rust file.
pub(super) fn lines(contents: &str, is_test_file: bool) -> Vec<Line> {
    let plain = without_strings_and_comments(contents);
    let lines: Vec<&str> = plain.lines().collect();
    // By custom the tests of a file are its end, so what follows their module's head belongs to it.
    let tests_from = lines
        .windows(2)
        .position(|pair| {
            let head = pair[1].trim();
            is_for_tests(pair[0].trim()) && head.contains("mod ") && head.ends_with('{')
        })
        .unwrap_or(usize::MAX);
    lines
        .iter()
        .enumerate()
        .map(|(index, code)| Line { code: (*code).to_owned(), is_test: is_test_file || index >= tests_from })
        .collect()
}

/// Whether an attribute leaves what follows to tests: `#[cfg(test)]`, or `all` of that and more.
fn is_for_tests(attribute: &str) -> bool {
    let conditions = attribute.strip_prefix("#[cfg(all(").and_then(|rest| rest.strip_suffix("))]"));
    attribute == "#[cfg(test)]"
        || conditions.is_some_and(|conditions| conditions.split(',').any(|condition| condition.trim() == "test"))
}

/// The same number of lines, with every string emptied and every comment taken away.
fn without_strings_and_comments(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => line_end(&chars, at),
            ('/', Some('*')) => comment_end(&chars, at),
            ('"', _) => quoted_end(&chars, at),
            ('r', Some('"' | '#')) if !is_word(chars.get(at.wrapping_sub(1))) => raw_end(&chars, at),
            ('\'', _) => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            // A string keeps its quotes, so that a call with one is still seen as a call.
            let is_string = chars[at] != '/';
            out.push_str(if is_string { "\"" } else { "" });
            out.extend(chars[at..end].iter().filter(|c| **c == '\n'));
            out.push_str(if is_string { "\"" } else { "" });
            at = end;
        }
    }
    out
}

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

fn line_end(chars: &[char], at: usize) -> usize {
    (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0_usize, at);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => {
                (depth, i) = (depth - 1, i + 2);
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of `r"..."` or `r#"..."#`; `at` itself if it is a raw name such as `r#type`.
fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return at;
    }
    (open + 1..chars.len())
        .find(|i| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
        .map_or(chars.len(), |i| i + 1 + hashes)
}

/// The end of a character such as `'"'` or `'\n'`; `at` itself if it is a lifetime.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => (at + 3..chars.len().min(at + 12)).find(|i| chars[*i] == '\'').map_or(at, |i| i + 1),
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_taken_away() {
        for (source, expect) in [
            ("a(\"x.unwrap()\") // y", "a(\"\") "),
            ("a /* b /* c */ d */ e", "a  e"),
            ("f(r#\"q\"q\"#, r\"z\")", "f(\"\", \"\")"),
            ("let r#type = 'a'; x: &'a str", "let r#type = \"\"; x: &'a str"),
            ("'\"' + '\\'' + \"\\\"\" + b", "\"\" + \"\" + \"\" + b"),
            ("\"a\nb\" c", "\"\n\" c"),
            ("\"never closed", "\"\""),
            ("/* never closed", ""),
        ] {
            assert_eq!(without_strings_and_comments(source), expect, "{source}");
        }
    }

    #[test]
    fn tests_are_told_apart() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    b();\n}\n";
        let is_test: Vec<bool> = lines(source, false).iter().map(|line| line.is_test).collect();
        assert_eq!(is_test, [false, true, true, true, true]);
        for (attribute, expect) in [
            ("#[cfg(all(test, not(loom)))]", true),
            ("#[cfg(all(loom, test))]", true),
            ("#[cfg(not(test))]", false),
            ("#[cfg(all(loom, not(test)))]", false),
        ] {
            assert_eq!(is_for_tests(attribute), expect, "{attribute}");
        }
        let tree =
            Tree::of(&[("x/src/turn/mod.rs", "#[cfg(test)]\nmod oracle;"), ("x/src/a.rs", "#[cfg(test)]\nmod tests;")]);
        let modules = test_modules(&tree);
        for (path, expect) in [
            ("x/src/turn/oracle.rs", true),
            ("x/src/turn/oracle/deep.rs", true),
            ("x/src/a/tests.rs", true),
            ("x/src/a.rs", false),
            ("x/tests/b.rs", true),
            ("tests/sim/src/lib.rs", true),
        ] {
            assert_eq!(is_test_file(path, &modules), expect, "{path}");
        }
    }
}
