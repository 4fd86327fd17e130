//! What Luau's analyser finds in the scripts of a mode, which know the sandbox by its definitions.
//!
//! Files are looked at as they ask for: without a word, names that nobody has made are found; with `--!strict` as the first
//! line, types are held to. What other files return is taken to be anything.

use luau_analysis::{
    DefinitionEnvironment, FileResolver, Frontend, FrontendOptions, ModuleName, NullConfigResolver, SourceCode,
    SourceCodeType,
};
use luau_common::BString;

use crate::{Bundle, ScriptError, library::luau_definitions};

/// How long a file may be looked at.
const SECONDS_MAX: f64 = 5.0;

struct Files<'a>(&'a Bundle);

impl FileResolver for Files<'_> {
    fn read_source(&mut self, name: &ModuleName) -> Option<SourceCode> {
        let text = self.0.file(str::from_utf8(name).ok()?)?;
        Some(SourceCode { source: BString::from(text), kind: SourceCodeType::Module })
    }
}

/// What is found in a bundle's scripts.
pub(crate) fn look_at(bundle: &Bundle) -> Vec<ScriptError> {
    let options = FrontendOptions {
        retain_full_type_graphs: true,
        module_time_limit_sec: Some(SECONDS_MAX),
        ..FrontendOptions::default()
    };
    let mut frontend = Frontend::new(Files(bundle), NullConfigResolver::default(), options);
    let broken = |what: &str| vec![ScriptError::of(&format!("types were not looked at: {what}"), bundle.version())];
    if let Err(error) = frontend.register_builtin_globals(DefinitionEnvironment::Globals) {
        return broken(&error.to_string());
    }
    let scope = frontend.global_scope(DefinitionEnvironment::Globals);
    match frontend.load_definition_file(scope, luau_definitions(), "muster", false) {
        Ok(loaded) if loaded.success => {}
        Ok(_) => return broken("the definitions of the sandbox are wrong"),
        Err(error) => return broken(&error.to_string()),
    }
    let mut found = Vec::new();
    for (file, _) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        let name = ModuleName::from(file);
        let Ok(result) = frontend.check(&name, None) else { continue };
        let Some(model) = frontend.semantic_model(&name) else { continue };
        for error in &result.errors {
            let message = model.error_message(error).to_string();
            let (file, line) = (file.to_owned(), error.location.begin.line + 1);
            found.push(ScriptError { file, line, ..ScriptError::of(&message, bundle.version()) });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, String)> {
        let bundle = Bundle::from_files("test", vec![("rules.lua".into(), text.into())]).expect("the file is text");
        look_at(&bundle).into_iter().map(|error| (error.line, error.message)).collect()
    }

    #[test]
    fn names_and_types_are_looked_at() {
        let rules =
            "local rules = {}\nfunction rules.match_loop(self)\n\tmatch.broadcast(undefined())\nend\nreturn rules";
        let loose = found(rules);
        assert!(loose.len() == 1 && loose[0].0 == 3 && loose[0].1.contains("undefined"), "{loose:?}");
        assert!(found(&rules.replace("undefined()", "world.tick()")).is_empty());
        let strict =
            found("--!strict\nlocal n: number = world.tick()\nmatch.send(\"x\", n)\nworld.spwan({})\nreturn {}");
        assert_eq!(strict.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4], "{strict:?}");
    }
}
