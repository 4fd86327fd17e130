//! The C headers: every function says who may call it, what it answers and since when, and stands in the list of symbols.

use super::{Finding, Text, Tree};

/// The functions that libmuster has promised, one a line.
const SYMBOLS: &str = "ffi/symbols.txt";
const HEADERS: &str = "include/muster/";
const THREADS: [&str; 4] = ["[any]", "[world]", "[server]", "[client]"];

/// One declared function.
struct Function<'a> {
    line: usize,
    name: &'a str,
    /// Whether it answers a muster_result_t.
    is_fallible: bool,
    /// The comment right above it, in one line.
    comment: String,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let headers: Vec<&Text> =
        tree.texts.iter().filter(|text| text.path.starts_with(HEADERS) && text.path.ends_with(".h")).collect();
    if headers.is_empty() {
        return Vec::new();
    }
    let listed: Vec<(usize, &str)> = tree.text(SYMBOLS).map_or_else(Vec::new, |text| {
        let lines = text.contents.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
        lines.map(|(index, line)| (index + 1, line)).collect()
    });
    let mut findings = Vec::new();
    let mut declared = Vec::new();
    for header in headers {
        findings.extend(prologue(header));
        for function in functions(&header.contents) {
            findings.extend(faults(&function, &listed).into_iter().map(|(reason, replacement)| Finding {
                path: header.path.clone(),
                line: function.line,
                reason: format!("{} {reason}", function.name),
                replacement: replacement.into(),
            }));
            declared.push(function.name);
        }
    }
    findings.extend(listed.iter().filter(|(_, name)| !declared.contains(name)).map(|(line, name)| Finding {
        path: SYMBOLS.into(),
        line: *line,
        reason: format!("{name} is in no header"),
        replacement: "its declaration; what was once released stays".into(),
    }));
    let sorted = listed.windows(2).find(|pair| pair[0].1 >= pair[1].1);
    findings.extend(sorted.map(|pair| Finding {
        path: SYMBOLS.into(),
        line: pair[1].0,
        reason: format!("{} is not after {}", pair[1].1, pair[0].1),
        replacement: "the list in the order of the alphabet, each name once".into(),
    }));
    findings
}

/// A header opens with prose.
fn prologue(header: &Text) -> Option<Finding> {
    (!header.contents.starts_with("/* ")).then(|| Finding {
        path: header.path.clone(),
        line: 1,
        reason: "a header that does not say what it is for".into(),
        replacement: "a comment with its purpose, the usual calls and the pitfalls as its beginning".into(),
    })
}

fn functions(contents: &str) -> Vec<Function<'_>> {
    const MARK: &str = "MUSTER_API ";
    let lines: Vec<&str> = contents.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix(MARK) else { continue };
        let (before, _) = rest.split_once('(').unwrap_or((rest, ""));
        let name = before.rsplit([' ', '*']).next().unwrap_or(before);
        found.push(Function {
            line: index + 1,
            name,
            is_fallible: rest.starts_with("muster_result_t "),
            comment: comment_above(&lines[..index]),
        });
    }
    found
}

/// The comment whose last line is the last of these, in one line; empty if there is none.
fn comment_above(lines: &[&str]) -> String {
    let ends = lines.last().is_some_and(|line| line.trim_end().ends_with("*/"));
    let start = lines.iter().rposition(|line| line.trim_start().starts_with("/*"));
    let (true, Some(start)) = (ends, start) else { return String::new() };
    lines[start..].iter().map(|line| line.trim().trim_start_matches("* ")).collect::<Vec<_>>().join(" ")
}

fn faults(function: &Function<'_>, listed: &[(usize, &str)]) -> Vec<(&'static str, &'static str)> {
    let comment = function.comment.as_str();
    let threads = comment.split_once("Threads: ").map_or("", |(_, rest)| rest);
    let since = comment.split_once("Since: ").map_or("", |(_, rest)| rest);
    let is_version = since.split_once('.').is_some_and(|(major, rest)| {
        let minor = rest.trim_end_matches("*/").trim_end().trim_end_matches('.');
        [major, minor].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    });
    let mut faults = Vec::new();
    if comment.is_empty() {
        return vec![("has no comment", "its effect, ownership, results, threads and version")];
    }
    if !THREADS.iter().any(|tag| threads.starts_with(tag)) {
        faults.push(("does not say who may call it", "`Threads: [any].` or `Threads: [world].`"));
    }
    if !is_version {
        faults.push(("does not end with its version", "`Since: 0.1.` at the end of the comment"));
    }
    if function.is_fallible && !comment.contains("Results: ") {
        faults.push(("does not say what it answers", "`Results: ` and the codes"));
    }
    if !listed.iter().any(|(_, name)| *name == function.name) {
        faults.push(("is not in ffi/symbols.txt", "a line for it there"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(header: &str, symbols: &str) -> Vec<String> {
        let tree = Tree::of(&[("include/muster/a.h", header), (SYMBOLS, symbols)]);
        check(&tree).iter().map(|finding| format!("{}: {}", finding.line, finding.reason)).collect()
    }

    #[test]
    fn a_function_with_all_its_tags_is_good() {
        let header = "/* For a. */\n\n/* Does it. Results: MUSTER_OK. Threads: [world].\n * Since: 0.1. */\n\
                      MUSTER_API muster_result_t muster_a(int x,\n    int y);\n\n\
                      /* A text. Threads: [any]. Since: 1.12. */\nMUSTER_API const char *muster_b(void);\n";
        assert_eq!(reasons(header, "# The list.\nmuster_a\nmuster_b\n"), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_told() {
        let header = "#include <x.h>\n/* Does it. */\nMUSTER_API muster_result_t muster_a(void);\n\n\
                      MUSTER_API int muster_b(void);\n";
        assert_eq!(
            reasons(header, "muster_b\nmuster_a\nmuster_c\n"),
            [
                "1: a header that does not say what it is for",
                "3: muster_a does not say who may call it",
                "3: muster_a does not end with its version",
                "3: muster_a does not say what it answers",
                "5: muster_b has no comment",
                "3: muster_c is in no header",
                "2: muster_a is not after muster_b",
            ]
        );
        let unlisted = "/* For a. */\n/* Does it. Threads: [all]. Since: soon. */\nMUSTER_API int muster_a(void);\n";
        assert_eq!(
            reasons(unlisted, ""),
            [
                "3: muster_a does not say who may call it",
                "3: muster_a does not end with its version",
                "3: muster_a is not in ffi/symbols.txt",
            ]
        );
    }
}
