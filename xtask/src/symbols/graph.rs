//! Which function refers to which, out of compiled libraries.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use anyhow::Context as _;
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionFlags, SectionIndex, elf,
    read::{archive::ArchiveFile, elf::ElfFile64},
};

/// A reference that leads out of the libraries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    /// The object file that it is in.
    pub(super) object: String,
    /// The function or constant that it is in.
    pub(super) from: String,
    /// What it refers to.
    pub(super) symbol: String,
    /// The function of the library in question that leads there.
    pub(super) root: String,
    /// The crates that the libraries are of.
    pub(super) crates: BTreeSet<String>,
}

/// What can be reached.
#[derive(Debug)]
pub(super) struct Reached {
    /// Functions and constants that were looked at.
    pub(super) functions: usize,
    /// References that lead out, sorted.
    pub(super) outside: BTreeSet<Reference>,
}

/// A function or constant: the compiler gives each a section of its own.
#[derive(Debug)]
struct Node {
    library: String,
    object: String,
    name: String,
    /// Nodes of the same object.
    inside: Vec<usize>,
    /// Names, as the linker knows them.
    by_name: Vec<String>,
}

impl Node {
    /// Whether it is a generic function of the standard library that was compiled into another crate.
    fn is_of_std(&self) -> bool {
        self.name.trim_start_matches(['<', '&']).starts_with("std::")
    }
}

/// All that is in some libraries.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// Names of symbols that other objects can see, and where they are.
    defined: BTreeMap<String, usize>,
}

impl Graph {
    /// Adds the objects of a static library.
    pub(super) fn add_library(&mut self, library: &str, bytes: &[u8]) -> anyhow::Result<()> {
        for member in ArchiveFile::parse(bytes)?.members() {
            let member = member?;
            let name = String::from_utf8_lossy(member.name()).into_owned();
            if name.ends_with(".o") {
                self.add_object(library, &name, member.data(bytes)?).with_context(|| name.clone())?;
            }
        }
        Ok(())
    }

    fn add_object(&mut self, library: &str, object: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let file = ElfFile64::<object::Endianness>::parse(bytes)?;
        let mut nodes: HashMap<SectionIndex, usize> = HashMap::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            // What is loaded, without the tables for unwinding: those name functions and are called by none.
            if sh_flags.0 & elf::SHF_ALLOC.0 != 0 && section.name()? != ".eh_frame" {
                nodes.insert(section.index(), self.nodes.len());
                self.nodes.push(Node {
                    library: library.into(),
                    object: object.into(),
                    name: name_of_section(section.name()?),
                    inside: Vec::new(),
                    by_name: Vec::new(),
                });
            }
        }
        for symbol in file.symbols() {
            let Some(node) = symbol.section_index().and_then(|section| nodes.get(&section)) else { continue };
            let name = symbol.name()?;
            if !name.is_empty() {
                self.nodes[*node].name = demangled(name);
                if symbol.is_global() {
                    self.defined.insert(name.into(), *node);
                }
            }
        }
        for section in file.sections() {
            let Some(node) = nodes.get(&section.index()) else { continue };
            for (_, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let symbol = file.symbol_by_index(index)?;
                let target = symbol.section_index().and_then(|section| nodes.get(&section));
                match target {
                    Some(target) => self.nodes[*node].inside.push(*target),
                    None if symbol.is_undefined() => self.nodes[*node].by_name.push(symbol.name()?.into()),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Follows all references from everything in one library.
    pub(super) fn reached_from(&self, library: &str) -> Reached {
        let crates: BTreeSet<String> = self.nodes.iter().map(|node| node.library.clone()).collect();
        let mut roots: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut queue = VecDeque::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if node.library == library && !node.is_of_std() {
                roots[index] = Some(index);
                queue.push_back(index);
            }
        }
        let mut reached = Reached { functions: 0, outside: BTreeSet::new() };
        while let Some(index) = queue.pop_front() {
            reached.functions += 1;
            let node = &self.nodes[index];
            let root = roots[index].unwrap_or(index);
            let leads_out = |symbol: String| Reference {
                object: node.object.clone(),
                from: node.name.clone(),
                symbol,
                root: self.nodes[root].name.clone(),
                crates: crates.clone(),
            };
            let mut next = node.inside.clone();
            for name in node.by_name.iter().filter(|name| !name.is_empty()) {
                match self.defined.get(name) {
                    Some(target) => next.push(*target),
                    None => _ = reached.outside.insert(leads_out(demangled(name))),
                }
            }
            for target in next {
                // It leads out and may lead back in, to a closure of ours that became a part of it.
                let target_node = &self.nodes[target];
                if target_node.is_of_std() {
                    reached.outside.insert(leads_out(target_node.name.clone()));
                }
                if roots[target].is_none() {
                    roots[target] = Some(root);
                    queue.push_back(target);
                }
            }
        }
        reached
    }
}

/// The name of what is in a section that no symbol names: constants and tables have their function's after their kind.
fn name_of_section(name: &str) -> String {
    demangled([".text.", ".rodata.", ".data.rel.ro."].iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name))
}

/// The name as in the source, without hashes.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(library: &str, name: &str, inside: &[usize], by_name: &[&str]) -> Node {
        Node {
            library: library.into(),
            object: format!("{library}.o"),
            name: name.into(),
            inside: inside.into(),
            by_name: by_name.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn only_what_the_library_leads_to_counts() {
        let graph = Graph {
            nodes: vec![
                node("core", "step", &[1], &[]),
                node("core", "a constant of step", &[], &["used"]),
                node("crate", "used", &[3], &["memcpy"]),
                node("crate", "deep", &[2], &["_RNvNtCs0_3std3env6var_os"]),
                node("crate", "unused", &[], &["clock_gettime"]),
                node("core", "<std::thread::Packet<T>>::run", &[], &["open64"]),
                node("core", "spawn", &[5], &[]),
            ],
            defined: [("used".to_owned(), 2), ("unused".to_owned(), 4)].into(),
        };
        let reached = graph.reached_from("core");
        assert_eq!(reached.functions, 6);
        let outside: Vec<_> = reached
            .outside
            .iter()
            .map(|reference| (reference.object.as_str(), reference.from.as_str(), reference.symbol.as_str()))
            .collect();
        assert_eq!(
            outside,
            [
                ("core.o", "<std::thread::Packet<T>>::run", "open64"),
                ("core.o", "spawn", "<std::thread::Packet<T>>::run"),
                ("crate.o", "deep", "std::env::var_os"),
                ("crate.o", "used", "memcpy"),
            ]
        );
        let roots: Vec<_> = reached.outside.iter().map(|reference| reference.root.as_str()).collect();
        assert_eq!(roots[..2], ["spawn", "spawn"]);
        assert!(roots[2..].iter().all(|root| root.contains("step")));
        assert_eq!(graph.reached_from("other").functions, 0);
    }

    #[test]
    fn constants_without_a_symbol_are_their_functions() {
        assert_eq!(name_of_section(".rodata._RNvNtCs0_3std3env6var_os"), "std::env::var_os");
        assert_eq!(name_of_section(".rodata..Lanon.1"), ".Lanon.1");
    }
}
