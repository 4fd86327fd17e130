//! Differences between generated files and what they were generated to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context as _;

/// One line for each file of the folders that is not the same in both trees.
pub(super) fn findings(committed: &Path, fresh: &Path, folders: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for folder in folders {
        let (committed, fresh) = (files(&committed.join(folder))?, files(&fresh.join(folder))?);
        let names: BTreeSet<&String> = committed.keys().chain(fresh.keys()).collect();
        for name in names {
            let difference = match (committed.get(name), fresh.get(name)) {
                (Some(committed), Some(fresh)) if committed == fresh => continue,
                (Some(committed), Some(fresh)) => {
                    let same = committed.lines().zip(fresh.lines()).take_while(|(left, right)| left == right).count();
                    format!("{}: differs from what the schemas give", same + 1)
                }
                (Some(_), None) => "0: comes from no schema".to_owned(),
                (None, _) => "0: is missing".to_owned(),
            };
            findings.push(format!("{folder}/{name}:{difference}; instead: cargo xtask codegen"));
        }
    }
    Ok(findings)
}

/// The files directly in a folder, which need not exist.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if folder.exists() {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let path = entry.path();
            if path.is_dir() {
                continue;
            }
            let contents = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), contents);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(root: &Path, files: &[(&str, &str)]) {
        for (name, contents) in files {
            let path = root.join("g").join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
            fs::write(path, contents).expect("the file can be written");
        }
    }

    #[test]
    fn what_differs_is_missing_or_left_over_is_told() {
        let root = std::env::temp_dir().join(format!("muster-drift-{}", std::process::id()));
        let (committed, fresh) = (root.join("committed"), root.join("fresh"));
        tree(&committed, &[("same", "a\n"), ("changed", "a\nb\nc\n"), ("old", "")]);
        tree(&fresh, &[("same", "a\n"), ("changed", "a\nB\nc\n"), ("new", "")]);
        let found = findings(&committed, &fresh, &["g", "absent"]).expect("the folders can be read");
        fs::remove_dir_all(&root).expect("the folder can be removed");
        assert_eq!(
            found,
            [
                "g/changed:2: differs from what the schemas give; instead: cargo xtask codegen",
                "g/new:0: is missing; instead: cargo xtask codegen",
                "g/old:0: comes from no schema; instead: cargo xtask codegen",
            ]
        );
    }
}
