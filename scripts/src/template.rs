//! A new mode, for `muster new mode`.

use crate::library::luau_definitions;

/// The files of a new mode, by their names: rules that can be played at once, and what editors need to complete them.
pub fn new_mode(name: &str) -> Vec<(String, String)> {
    let rules = include_str!("template.luau").replace("NAME", name);
    let settings = "{ \"languageMode\": \"nonstrict\", \"lint\": { \"*\": true } }\n";
    vec![("rules.lua".into(), rules), ("muster.d.luau".into(), luau_definitions()), (".luaurc".into(), settings.into())]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Bundle, Limits, check};

    #[test]
    fn a_new_mode_has_nothing_to_find_fault_with() {
        let files = new_mode("first").into_iter().filter(|(name, _)| name == "rules.lua");
        let files = files.map(|(name, text)| (name, text.into_bytes())).collect();
        let bundle = Arc::new(Bundle::from_files("first", files).expect("the files are a mode"));
        let checked = check(&bundle, &Limits::default());
        assert!(checked.findings.is_empty(), "{:?}", checked.findings);
    }
}
