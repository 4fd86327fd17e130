//! What has no place in the simulation, where the same inputs give the same bytes on every machine.

use super::{Part, Rule};

const CORE: &[&str] = &["core/src/"];

/// `cargo xtask symbols` looks at what the compiler made of the core; these rules say it earlier, with the line.
pub(super) const RULES: &[Rule] = &[
    Rule {
        words: &["Instant", "SystemTime", "Duration", "std::time", "core::time"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the core has no clock",
        replacement: "the tick of the world",
    },
    Rule {
        words: &[
            "std::fs",
            "std::net",
            "std::io",
            "std::process",
            "std::os",
            "File::open",
            "File::create",
            "UdpSocket",
            "TcpStream",
        ],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the core reaches nothing of the operating system but memory and threads",
        replacement: "bytes that the caller reads and writes",
    },
    Rule {
        words: &["std::env", "available_parallelism"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "what a world does must not depend on where it runs",
        replacement: "a field of WorldConfig or Execution",
    },
    Rule {
        words: &["HashMap", "HashSet", "RandomState", "DefaultHasher"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the order of a hash table is another one in every run",
        replacement: "a sorted vector, or a BTreeMap",
    },
    Rule {
        words: &["f32", "f64"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the last bit of a float depends on the machine and the optimiser",
        replacement: "integers, with the unit in the comment",
    },
    Rule {
        words: &["println!", "print!", "eprintln!", "eprint!"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the core has no output but what it returns",
        replacement: "an event, an error, or a counter in Stats",
    },
    Rule {
        words: &["thread::sleep", "thread::current", "ThreadId", "park_timeout", "wait_timeout", "recv_timeout"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        // Where threads wait for each other, and nothing is worked out.
        except: &["core/src/tick/sync.rs"],
        reason: "no result may depend on which thread works or for how long",
        replacement: "the phases of a tick and their barriers",
    },
    Rule {
        words: &["static mut", "thread_local!", "OnceLock", "LazyLock", "OnceCell", "LazyCell"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "state outside a world makes two worlds of one process know each other",
        replacement: "a field of the World, or a const",
    },
    Rule {
        words: &["rand::", "getrandom", "fastrand"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "randomness comes from the world's seed",
        replacement: "random::draw",
    },
    Rule {
        words: &["as_ptr()", "as *const", "as *mut"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "where something lies in memory is another place in every run",
        replacement: "the id or the key of what is pointed to",
    },
    Rule {
        words: &["to_ne_bytes", "from_ne_bytes", "size_of::<usize>", "usize::BITS"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the order and the number of bytes depend on the machine",
        replacement: "to_le_bytes of a type with a fixed width",
    },
    Rule {
        words: &["std::hash", "core::hash", "write_usize", ".hash(&mut"],
        beside: &[],
        part: Part::Shipped,
        within: CORE,
        except: &[],
        reason: "the standard traits hash lengths as usize and promise no value",
        replacement: "the state hash of core/src/hash.rs",
    },
];

#[cfg(test)]
mod tests {
    use super::super::tests::hits;

    #[test]
    fn each_rule_finds_what_it_is_for_and_spares_the_rest() {
        for (code, expect) in [
            ("let now = Instant::now();", 1),
            ("use std::time::Duration;", 1),
            ("use std::fs;", 1),
            ("let file = File::open(path)?;", 1),
            ("let profile = 1;", 0),
            ("let home = std::env::var_os(name);", 1),
            ("let threads = thread::available_parallelism();", 1),
            ("let map: HashMap<u32, u32>;", 1),
            ("let map: BTreeMap<u32, u32>;", 0),
            ("let share = part as f64;", 1),
            ("fn half(x: f32) {}", 1),
            ("let f640 = 1;", 0),
            ("eprintln!(\"a\");", 1),
            ("write!(f, \"println!\")", 0),
            ("// An f64 would not do.", 0),
            ("thread::park_timeout(pause);", 1),
            ("thread::Builder::new()", 0),
            ("static mut COUNT: u32 = 0;", 1),
            ("static COUNT: u32 = 0;", 0),
            ("rand::random()", 1),
            ("crate::random::draw(seed, tick, subject, purpose)", 0),
            ("let key = vector.as_ptr();", 1),
            ("let key = &row as *const Row;", 1),
            ("out.extend(length.to_ne_bytes());", 1),
            ("out.extend(length.to_le_bytes());", 0),
            ("use std::hash::Hasher;", 1),
            ("id.hash(&mut state);", 1),
            ("world.hash()", 0),
            ("#[derive(PartialEq, Hash)]", 0),
        ] {
            hits("core/src/a.rs", code, expect);
            hits("core/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{code}\n}}"), 0);
            hits("xtask/src/a.rs", code, 0);
        }
    }
}
