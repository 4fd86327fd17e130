//! Calls and words that have no place, each with the reason and what to write instead.
//!
//! A line may be excused where a rule is wrong for once: `tidy-allow: ` and the reason, on the line or the one above.

mod simulation;

use super::{Finding, Text, Tree, code};

/// Which code a rule is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Code that ships.
    Shipped,
    /// Code of tests.
    Tests,
    /// All code.
    Code,
    /// Every line of every text, comments and pages included.
    Text,
}

struct Rule {
    words: &'static [&'static str],
    /// The line has to name one of these too; empty: any line.
    beside: &'static [&'static str],
    part: Part,
    /// Folders or files that the rule is for; empty: all.
    within: &'static [&'static str],
    /// Folders or files that it is not for.
    except: &'static [&'static str],
    reason: &'static str,
    replacement: &'static str,
}

/// What the schema compiler wrote, in its own style.
const GENERATED: &str = "schemas/src/generated/";

/// Words are matched whole: what stands before and after them is no part of a longer name. Those that are looked for in
/// every text are put together from halves, so that this table does not find itself.
const RULES: &[Rule] = &[
    Rule {
        words: &[".unwrap()", ".unwrap_err()"],
        beside: &[],
        part: Part::Shipped,
        within: &[],
        except: &[GENERATED],
        reason: "a panic that does not say why it cannot happen",
        replacement: "`?`, `let else`, or expect() with the reason",
    },
    Rule {
        words: &["println!", "print!"],
        beside: &[],
        part: Part::Shipped,
        within: &["relay/src/"],
        except: &["relay/src/main.rs"],
        reason: "standard output belongs to the command line",
        replacement: "return the text, or count it",
    },
    Rule {
        words: &["Instant::now", "SystemTime::now"],
        beside: &[],
        part: Part::Code,
        within: &["relay/src/turn/"],
        except: &[],
        reason: "a machine has no clock",
        replacement: "the `now` of the call",
    },
    Rule {
        words: &["UdpSocket", "TcpStream", "thread::spawn"],
        beside: &[],
        part: Part::Code,
        within: &["relay/src/turn/"],
        except: &[],
        reason: "a machine has no socket and no thread",
        replacement: "an output that a driver carries out",
    },
    Rule {
        words: &["HashMap::new", "HashSet::new", "HashMap::with_capacity", "HashSet::with_capacity"],
        beside: &[],
        part: Part::Shipped,
        within: &["relay/src/turn/"],
        except: &[],
        reason: "std's hasher is slow on a datagram's way",
        replacement: "ahash's keyed hasher, or a BTreeMap where order shows",
    },
    Rule {
        words: &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"],
        beside: &[],
        part: Part::Code,
        within: &[],
        // A test that counts allocations has to be a global allocator, which is an unsafe trait.
        except: &[
            "relay/src/io/",
            "ffi/src/boundary.rs",
            "scripts/src/raw.rs",
            "scripts/src/raw/",
            "benches/",
            "relay/tests/steady_turns_allocate_nothing.rs",
            "core/tests/steady_ticks_allocate_nothing.rs",
            "core/tests/steady_viewers_allocate_nothing.rs",
            GENERATED,
        ],
        reason: "unsafe has an address",
        replacement: "a safe function of relay/src/io, ffi/src/boundary.rs or scripts/src/raw.rs",
    },
    Rule {
        words: &["==", "!=", ".eq(", ".ne(", "assert_eq!", "assert_ne!"],
        beside: &["tag", "mac", "hmac", "key", "signature", "nonce", "write"],
        part: Part::Shipped,
        within: &["relay/src/turn/integrity.rs", "relay/src/turn/nonce.rs"],
        except: &[],
        reason: "a comparison that ends at the first difference tells how much of a signature was guessed",
        replacement: "verify_slices_are_equal",
    },
    Rule {
        words: &["thread::sleep", "time::sleep"],
        beside: &[],
        part: Part::Tests,
        within: &[],
        except: &[],
        reason: "a test that sleeps is slow when it passes and wrong when the machine is busy",
        replacement: "virtual time, or waiting for the event with a deadline",
    },
    Rule {
        words: &["#[ignore"],
        beside: &[],
        part: Part::Code,
        within: &[],
        except: &[],
        reason: "a test that does not run proves nothing",
        replacement: "a test that runs, or none",
    },
    Rule {
        words: &["todo!", "unimplemented!", "dbg!"],
        beside: &[],
        part: Part::Code,
        within: &[],
        except: &[],
        reason: "unfinished work",
        replacement: "the work, or an error that says what is not supported",
    },
    Rule {
        words: &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")],
        beside: &[],
        part: Part::Text,
        within: &[],
        except: &[],
        reason: "a mark of unfinished work",
        replacement: "the work, or a sentence on why it is like this",
    },
    Rule {
        words: &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")],
        beside: &[],
        part: Part::Text,
        within: &[],
        except: &[],
        reason: "a path of one machine",
        replacement: "a path from the root of the repository, or a placeholder",
    },
    Rule {
        words: &[
            concat!("crates", ".io"),
            concat!("pypi", ".org"),
            concat!("pythonhosted", ".org"),
            concat!("npmjs", ".org"),
            concat!("golang", ".org"),
        ],
        beside: &[],
        part: Part::Text,
        within: &[],
        except: &["Cargo.lock", "deny.toml", "package-lock.json"],
        reason: "the host of a registry, which a mirror may stand for",
        replacement: "the name of the package",
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let modules = code::test_modules(tree);
    let mut findings = Vec::new();
    for text in &tree.texts {
        let lines = if text.path.ends_with(".rs") {
            code::lines(&text.contents, code::is_test_file(&text.path, &modules))
        } else {
            Vec::new()
        };
        for rule in RULES.iter().chain(simulation::RULES).filter(|rule| rule.is_for(&text.path)) {
            for (index, line) in text.contents.lines().enumerate() {
                let hit = match (rule.part, lines.get(index)) {
                    (Part::Text, _) => rule.hit(line),
                    (_, None) => None,
                    (Part::Shipped, Some(code)) => rule.hit(&code.code).filter(|_| !code.is_test),
                    (Part::Tests, Some(code)) => rule.hit(&code.code).filter(|_| code.is_test),
                    (Part::Code, Some(code)) => rule.hit(&code.code),
                };
                findings.extend(hit.filter(|_| !is_excused(text, index)).map(|word| Finding {
                    path: text.path.clone(),
                    line: index + 1,
                    reason: format!("`{word}`: {}", rule.reason),
                    replacement: rule.replacement.into(),
                }));
            }
        }
    }
    findings
}

impl Rule {
    fn is_for(&self, path: &str) -> bool {
        let under = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        (self.within.is_empty() || under(self.within)) && !under(self.except)
    }

    fn hit(&self, line: &str) -> Option<&'static str> {
        let beside = self.beside.is_empty() || self.beside.iter().any(|word| has_word(line, word));
        self.words.iter().copied().find(|word| beside && has_word(line, word))
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let joined_before = is_name(word.chars().next()) && is_name(line[..at].chars().next_back());
        let joined_after = is_name(word.chars().next_back()) && is_name(line[at + word.len()..].chars().next());
        !joined_before && !joined_after
    })
}

fn is_excused(text: &Text, index: usize) -> bool {
    /// An excuse shorter than this says nothing.
    const REASON_CHARS_MIN: usize = 10;
    let excuse = |line: &str| {
        let reason = line.split_once("tidy-allow: ").map(|(_, reason)| reason.trim());
        reason.is_some_and(|reason| reason.chars().count() >= REASON_CHARS_MIN)
    };
    let from = index.saturating_sub(1);
    text.contents.lines().skip(from).take(index - from + 1).any(excuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    pub(super) fn hits(path: &str, contents: &str, expect: usize) {
        let findings = check(&Tree::of(&[(path, contents)]));
        assert_eq!(findings.len(), expect, "{path}: {contents}: {findings:?}");
    }

    #[test]
    fn each_rule_finds_what_it_is_for_and_spares_the_rest() {
        hits("relay/src/a.rs", "x.unwrap();", 1);
        hits("relay/src/a.rs", "x.unwrap_or(1); // .unwrap()", 0);
        hits("relay/src/a.rs", "#[cfg(test)]\nmod tests {\n    x.unwrap();\n}", 0);
        hits("relay/tests/a.rs", "x.unwrap();", 0);
        hits("relay/src/a.rs", "println!(\"a\");", 1);
        hits("relay/src/a.rs", "eprintln!(\"a\"); \"println!\"", 0);
        hits("relay/src/main.rs", "println!(\"a\");", 0);
        hits("relay/src/turn/a.rs", "Instant::now()", 1);
        hits("relay/src/worker.rs", "Instant::now()", 0);
        hits("relay/src/turn/a.rs", "socket: UdpSocket", 1);
        hits("relay/src/turn/a.rs", "HashMap::new()", 1);
        hits("relay/src/turn/a.rs", "HashMap::with_hasher(s)", 0);
        hits("relay/src/turn/a.rs", "unsafe { f() }", 1);
        hits("relay/src/io/a.rs", "unsafe { f() }", 0);
        hits("schemas/src/lib.rs", "unsafe { f() }", 1);
        hits("schemas/src/generated/a.rs", "unsafe { f().unwrap() }", 0);
        hits("relay/src/turn/nonce.rs", "if self.tag(client, time).as_ref() == nonce {", 1);
        hits("relay/src/turn/integrity.rs", "tag.as_ref()[..len].eq(value)", 1);
        hits("relay/src/turn/integrity.rs", "verify_slices_are_equal(&tag.as_ref()[..len], value)?;", 0);
        hits("relay/src/turn/integrity.rs", "IntegrityKind::Sha1 => len == 20,", 0);
        hits("relay/src/turn/nonce.rs", "#[cfg(test)]\nmod tests {\n    assert_ne!(a.tag(), b.tag());\n}", 0);
        hits("relay/tests/a.rs", "std::thread::sleep(d);", 1);
        hits("relay/src/a.rs", "std::thread::sleep(d);", 0);
        hits("relay/tests/a.rs", "#[ignore = \"slow\"]", 1);
        hits("relay/src/a.rs", "todo!()", 1);
        hits("docs/A.md", &format!("a {} b", ["TO", "DO"].concat()), 1);
        hits("docs/A.md", "TODOS and MXXXX and hacks", 0);
        hits("relay/src/a.rs", &format!("// see {}x", ["/ro", "ot/"].concat()), 1);
        hits("README.md", &format!("from {}", ["crates", ".io"].concat()), 1);
        hits("Cargo.lock", &format!("from {}", ["crates", ".io"].concat()), 0);
    }

    #[test]
    fn a_line_may_be_excused_with_a_reason() {
        hits("relay/tests/a.rs", "// tidy-allow: polls a program that cannot tell\nthread::sleep(d);", 0);
        hits("relay/tests/a.rs", "thread::sleep(d); // tidy-allow: polls a program that cannot tell", 0);
        hits("relay/tests/a.rs", "thread::sleep(d); // tidy-allow: why", 1);
    }

    #[test]
    fn a_finding_says_where_why_and_what_instead() {
        let findings = check(&Tree::of(&[("relay/src/a.rs", "\ntodo!()")]));
        assert_eq!(
            findings[0].to_string(),
            "relay/src/a.rs:2: `todo!`: unfinished work; instead: the work, or an error that says what is not supported"
        );
    }
}
