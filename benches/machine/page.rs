//! Pages of results: a measured part between two marks, and what people wrote around it.

use std::{fs, path::Path};

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Puts `text` between the two marks of the file at `path`, which keeps all that people wrote around them.
///
/// # Errors
/// When the file cannot be read or written or has no marks.
pub fn write_measured(path: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = old.split_once(BEGIN).with_context(|| format!("{} has no {BEGIN}", path.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} has no {END}", path.display()))?;
    fs::write(path, format!("{before}{BEGIN}\n{text}{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_part_of_a_file_is_replaced() {
        let path = std::env::temp_dir().join(format!("bench-page-{}", std::process::id()));
        fs::write(&path, format!("above\n{BEGIN}\nold\n{END}\nbelow\n")).expect("a temporary file can be written");
        write_measured(&path, "new\n").expect("the marks are there");
        assert_eq!(fs::read_to_string(&path).expect("it exists"), format!("above\n{BEGIN}\nnew\n{END}\nbelow\n"));
        fs::write(&path, "no marks").expect("a temporary file can be written");
        assert!(write_measured(&path, "new\n").is_err());
        fs::remove_file(&path).expect("it exists");
    }
}
