//! What Luau's analyser finds in the scripts of a mode, which know the sandbox by its definitions.
//!
//! Files are looked at as they ask for: without a word, names that nobody has made are found; with `--!strict` as the first
//! line, types are held to, also those of what other files return.

use luau_analysis::{
    DefinitionEnvironment, FileResolver, Frontend, FrontendOptions, ModuleName, NullConfigResolver, SourceCode,
    SourceCodeType, TypeCheckLimits, frontend::resolver::ModuleInfo,
};
use luau_common::BString;
use luau_syntax::ast::{Expression, ExpressionKind};

use crate::{Bundle, ScriptError, library::luau_definitions, nakama};

/// How long a file may be looked at.
const SECONDS_MAX: f64 = 5.0;

struct Files<'a>(&'a Bundle);

impl FileResolver for Files<'_> {
    fn read_source(&mut self, name: &ModuleName) -> Option<SourceCode> {
        // What handlers of Nakama's find there has no types of its own.
        let text =
            if name == nakama::MODULE { "return nil :: any" } else { self.0.file(str::from_utf8(name).ok()?)? };
        Some(SourceCode { source: BString::from(text), kind: SourceCodeType::Module })
    }

    /// As `require` finds it, if its name stands there as a text.
    fn resolve_module(
        &mut self,
        _: Option<&ModuleInfo>,
        expression: Expression<'_>,
        _: &TypeCheckLimits,
    ) -> Option<ModuleInfo> {
        let ExpressionKind::String { value, .. } = expression.kind() else { return None };
        let name = str::from_utf8(value.as_bytes()).ok()?;
        let name = name.strip_prefix("./").unwrap_or(name);
        let is_it = |file: &&str| [name, &format!("{name}.lua"), &format!("{name}.luau")].contains(file);
        let file = self.0.files().map(|(file, _)| file).find(is_it).unwrap_or(name);
        Some(ModuleInfo { name: file.into(), optional: false })
    }
}

/// Whether a file asks to be held to its types: a mistake of them is then one of the file.
pub(crate) fn is_strict(text: &str) -> bool {
    let comments = text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with("--"));
    comments.into_iter().any(|line| line == "--!strict")
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

    #[test]
    fn what_other_files_return_has_its_types() {
        let rules = "--!strict\nlocal maths = require(\"./maths\")\nlocal n: string = maths.twice(2)\nreturn { n = n }";
        let maths =
            "--!strict\nlocal maths = {}\nfunction maths.twice(n: number): number return 2 * n end\nreturn maths";
        let files = vec![("rules.lua".into(), rules.into()), ("maths.luau".into(), maths.into())];
        let bundle = Bundle::from_files("test", files).expect("the files are text");
        let of_both: Vec<(String, u32)> = look_at(&bundle).into_iter().map(|error| (error.file, error.line)).collect();
        assert_eq!(of_both, [("rules.lua".to_owned(), 3)]);
        let nakama = found("--!strict\nlocal nk = require(\"nakama\")\nnk.logger_info(1)\nreturn {}");
        assert!(nakama.is_empty(), "{nakama:?}");
        let absent = found("--!strict\nlocal x = require(\"gone\")\nreturn { x = x }");
        assert!(absent.len() == 1 && absent[0].0 == 2, "{absent:?}");
    }

    #[test]
    fn the_types_of_what_callbacks_are_given_have_names() {
        let rules = "--!strict
local rules = {}
function rules.match_join(self, player: Player)
	local n: string = player.number
	self.last = n
end
function rules.match_loop(self, tick: number, messages: {Message})
	for _, message in messages do
		log.info(message.txt)
	end
end
function rules.match_stored(self, result: StoreResult)
	self.last = result.valeu
end
return rules";
        let found = found(rules);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 9, 13], "{found:?}");
    }
}
