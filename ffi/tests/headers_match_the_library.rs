//! Goal: the headers declare exactly what the library has: every function, struct, field, enum and value, with the same
//! types in the same order; and the library exports exactly those functions, which `ffi/symbols.txt` lists.
//!
//! Method: cbindgen writes C declarations from the Rust source. They and the preprocessed headers are brought to one form
//! (no comments, one space, names of our pointer types replaced by what they stand for) and compared as sets. The symbols
//! are what `nm` finds in the library that was built for this test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

mod library;

/// The declarations of Muster in C text, in one form.
fn declarations(text: &str) -> BTreeSet<String> {
    let mut flat = String::new();
    // What the preprocessor leaves of attributes and static assertions is not part of a declaration.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        flat.push_str(line);
        flat.push(' ');
    }
    let flat =
        flat.replace("__attribute__((visibility(\"default\")))", "").replace("extern", "").replace("_Bool", "bool");
    let mut found = BTreeSet::new();
    let (mut depth, mut from) = (0, 0);
    for (at, character) in flat.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                found.insert(normal(&flat[from..at]));
                from = at + 1;
            }
            _ => (),
        }
    }
    let aliases = aliases(&found);
    found
        .into_iter()
        .filter(|text| text.contains("muster_") && !text.starts_with("_Static_assert"))
        .filter(|text| !library::TEST_HOOKS.iter().any(|name| text.contains(name)))
        .filter(|text| {
            !aliases.iter().any(|(name, _)| text.ends_with(&format!(" {name}")) && text.starts_with("typedef"))
        })
        .map(|text| aliases.iter().fold(text, |text, (name, pointee)| resolve(&text, name, pointee)))
        .collect()
}

/// One space between words, none around punctuation; neither tags where a type's name says the same, nor trailing commas.
fn normal(text: &str) -> String {
    let spaced: String =
        text.chars().flat_map(|c| if c.is_alphanumeric() || c == '_' { vec![c] } else { vec![' ', c, ' '] }).collect();
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    let is_definition = words.first() == Some(&"typedef");
    let mut kept: Vec<&str> = Vec::new();
    for (index, word) in words.drain(..).enumerate() {
        let is_tag = ["enum", "struct"].contains(&word) && !(is_definition && index == 1);
        let ends_list = word == "}" && kept.last() == Some(&",");
        if ends_list {
            kept.pop();
        }
        if !is_tag {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// The pointer types of the boundary: name and what it points to.
fn aliases(found: &BTreeSet<String>) -> Vec<(String, String)> {
    let is_alias = |name: &str| ["In_", "Out_", "Static_"].iter().any(|start| name.starts_with(start));
    let mut aliases: Vec<(String, String)> = found
        .iter()
        .filter_map(|text| text.strip_prefix("typedef ")?.rsplit_once(' '))
        .filter(|(_, name)| is_alias(name))
        .map(|(pointee, name)| (name.to_owned(), pointee.trim_start_matches("struct ").to_owned()))
        .collect();
    // An alias may be of another one. Longer names first, since one may begin another.
    aliases.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    aliases
}

fn resolve(text: &str, name: &str, pointee: &str) -> String {
    // `const P` of a pointer type P is a pointer that does not change, not a pointer to what does not change.
    let text = text.replace(&format!("const {name} "), &format!("{pointee} const "));
    text.split(' ').map(|word| if word == name { pointee } else { word }).collect::<Vec<_>>().join(" ")
}

fn generated() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        usize_is_size_t: true,
        documentation: false,
        no_includes: true,
        export: cbindgen::ExportConfig { include: library::enums_of_the_headers(), ..Default::default() },
        ..Default::default()
    };
    let mut files: Vec<PathBuf> = fs::read_dir(source)
        .expect("the source is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    let builder = files.into_iter().fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::with_src);
    let mut text = Vec::new();
    builder.generate().expect("cbindgen reads the source").write(&mut text);
    String::from_utf8(text).expect("C is text")
}

fn compare(left: (&str, &BTreeSet<String>), right: (&str, &BTreeSet<String>)) {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join("\n  ");
    let (only_left, only_right) = (only(left.1, right.1), only(right.1, left.1));
    assert!(
        only_left.is_empty() && only_right.is_empty(),
        "only {}:\n  {only_left}\nonly {}:\n  {only_right}",
        left.0,
        right.0
    );
}

#[test]
fn headers_and_source_declare_the_same() {
    let headers = declarations(&library::preprocessed_headers());
    let functions = headers.iter().filter(|text| text.ends_with(')')).count();
    assert!(functions > 30, "hardly a function is found: {headers:#?}");
    compare(("in the headers", &headers), ("in the source", &declarations(&generated())));
}

#[test]
fn exported_symbols_are_the_declared_functions() {
    let listed =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("symbols.txt")).expect("the list is there");
    let listed: BTreeSet<String> = listed.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let declared: BTreeSet<String> = declarations(&library::preprocessed_headers())
        .iter()
        .filter_map(|text| text.split_once(" (")?.0.rsplit(' ').next().map(str::to_owned))
        .filter(|name| name.starts_with("muster_"))
        .collect();
    compare(("in symbols.txt", &listed), ("in the headers", &declared));
    let output =
        Command::new("nm").args(["-D", "--defined-only"]).arg(library::shared()).output().expect("nm is there");
    let exported: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.rsplit(' ').next().map(str::to_owned))
        .filter(|name| !library::TEST_HOOKS.contains(&name.as_str()))
        .collect();
    compare(("in symbols.txt", &listed), ("in the library", &exported));
}

#[test]
fn differences_of_spelling_are_none_and_of_meaning_are() {
    let form = |text: &str| declarations(text).into_iter().collect::<Vec<_>>();
    let same = form("typedef int32_t *Out_i32; struct muster_a *f(Out_i32 x , enum muster_b y);");
    assert_eq!(same, form("extern  muster_a* f(int32_t*x,\n muster_b y) ;"));
    for (a, b) in [
        ("void muster_f(int32_t *x);", "void muster_f(const int32_t *x);"),
        (
            "typedef struct muster_s { int32_t a; int32_t b; } muster_s;",
            "typedef struct muster_s { int32_t b; int32_t a; } muster_s;",
        ),
        ("typedef enum muster_e { A = 1 } muster_e;", "typedef enum muster_e { A = 2 } muster_e;"),
    ] {
        assert_ne!(form(a), form(b));
    }
}
