//! What Luau's analyser finds in the scripts of a mode, which know the sandbox by its definitions.
//!
//! Files are looked at as they ask for: without a word, names that nobody has made are found; with `--!strict` as the first
//! line, types are held to, also those of what other files return.

use luau_analysis::{
    DefinitionEnvironment, FileResolver, Frontend, FrontendOptions, ModuleName, NullConfigResolver, SourceCode,
    SourceCodeType, TypeCheckLimits, frontend::resolver::ModuleInfo,
};
use luau_common::BString;
use luau_syntax::{
    ast::{Expression, ExpressionKind},
    parser::Mode,
};

use crate::{Bundle, ScriptError, Severity, library::luau_definitions, nakama};

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

/// What is found in a bundle's scripts: errors in files that are strict, else warnings.
pub(crate) fn look_at(bundle: &Bundle) -> Vec<(Severity, ScriptError)> {
    let options = FrontendOptions {
        retain_full_type_graphs: true,
        module_time_limit_sec: Some(SECONDS_MAX),
        ..FrontendOptions::default()
    };
    let mut frontend = Frontend::new(Files(bundle), NullConfigResolver::default(), options);
    let unknown = |file: &str, what: &str| {
        let error = ScriptError::of(&format!("types were not looked at: {what}"), bundle.version());
        (Severity::Warning, ScriptError { file: file.into(), ..error })
    };
    if let Err(error) = frontend.register_builtin_globals(DefinitionEnvironment::Globals) {
        return vec![unknown("", &error.to_string())];
    }
    let scope = frontend.global_scope(DefinitionEnvironment::Globals);
    match frontend.load_definition_file(scope, luau_definitions(), "muster", false) {
        Ok(loaded) if loaded.success => {}
        Ok(_) => return vec![unknown("", "the definitions of the sandbox are wrong")],
        Err(error) => return vec![unknown("", &error.to_string())],
    }
    let mut found = Vec::new();
    for (file, _) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        let name = ModuleName::from(file);
        let result = match frontend.check(&name, None) {
            Ok(result) => result,
            Err(error) => {
                found.push(unknown(file, &error.to_string()));
                continue;
            }
        };
        let Some(model) = frontend.semantic_model(&name) else { continue };
        let is_strict = frontend.source_module(&name).and_then(|source| source.mode) == Some(Mode::Strict);
        let severity = if is_strict { Severity::Error } else { Severity::Warning };
        if result.timeout_hits.contains(&name) {
            found.push(unknown(file, &format!("the file takes more than {SECONDS_MAX} s")));
        }
        // Those of files that it requires have a turn of their own.
        for error in result.errors.iter().filter(|error| error.module_name == name) {
            let message = model.error_message(error).to_string();
            // Files may require each other within their functions; `require` finds where they cannot.
            if message.starts_with("Cyclic module dependency") {
                continue;
            }
            let (file, line) = (file.to_owned(), error.location.begin.line + 1);
            found.push((severity, ScriptError { file, line, ..ScriptError::of(&message, bundle.version()) }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, String)> {
        let bundle = Bundle::from_files("test", vec![("rules.lua".into(), text.into())]).expect("the file is text");
        look_at(&bundle).into_iter().map(|(_, error)| (error.line, error.message)).collect()
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
        // One file before and one behind, as their names are ordered; each has a mistake of its own, and they know each other.
        let rules = "--!strict\nlocal maths = require(\"./maths\")\nlocal n: string = maths.twice(2)\nlocal z = require(\"zeta\")\nreturn { n = n, z = z }";
        let maths = "--!strict\nlocal maths = {}\nfunction maths.twice(n: number): number return 2 * n end\n\
                     function maths.zeta() return require(\"zeta\") end\nundefined()\nreturn maths";
        let zeta = "--[[ loose ]] --!nonstrict\n--!strict\nlocal zeta = {}\nfunction zeta.maths() return require(\"maths\") end\nundefined()\nreturn zeta";
        let files = [("rules.lua", rules), ("maths.luau", maths), ("zeta.lua", zeta)];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).to_vec();
        let bundle = Bundle::from_files("test", files).expect("the files are text");
        let found_in_all: Vec<(String, u32, Severity)> =
            look_at(&bundle).into_iter().map(|(severity, error)| (error.file, error.line, severity)).collect();
        assert_eq!(
            found_in_all,
            [
                ("maths.luau".to_owned(), 5, Severity::Error),
                ("rules.lua".to_owned(), 3, Severity::Error),
                ("zeta.lua".to_owned(), 5, Severity::Warning),
            ]
        );
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
