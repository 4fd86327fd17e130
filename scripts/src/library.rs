//! The files for editors, written from the tables of what scripts can call.

use std::fmt::Write as _;

use crate::binding::{EVENTS, FIELDS, FLAGS, Function, LIBRARIES, Library};

/// A type that the tables name: its fields and what each is.
struct Record {
    name: &'static str,
    doc: &'static str,
    fields: &'static [(&'static str, &'static str, &'static str)],
}

const RECORDS: &[Record] = &[
    Record {
        name: "Context",
        doc: "What a match is made for.",
        fields: &[
            ("match_id", "string", ""),
            ("mode", "string", "the name of its folder"),
            ("version", "string", "of the mode's files"),
        ],
    },
    Record {
        name: "Point",
        doc: "A place in metres from the map's lower left corner.",
        fields: &[("x", "number", ""), ("y", "number", "")],
    },
    Record {
        name: "Player",
        doc: "Who plays.",
        fields: &[
            ("number", "number", "from 1: the owner of its entities"),
            ("id", "string", "who it is everywhere"),
            ("name", "string", "for people"),
            ("is_bot", "boolean", ""),
            ("team", "number", "0 is none"),
            ("away", "boolean", "whether it is away for now"),
        ],
    },
    Record {
        name: "Message",
        doc: "What a player sent.",
        fields: &[("player", "number", ""), ("text", "string", "JSON text")],
    },
    Record {
        name: "StoreResult",
        doc: "What came of a request to the store.",
        fields: &[
            ("id", "number", "what the request returned"),
            ("action", "string", "get, set, add or delete"),
            ("player", "number", "0 is the mode itself"),
            ("key", "string", ""),
            ("tag", "string", "as the request gave it"),
            ("ok", "boolean", ""),
            ("value", "Json", "if it is ok"),
            ("error", "string?", "if it is not"),
        ],
    },
    Record {
        name: "Filter",
        doc: "Which entities are meant.",
        fields: &[
            ("layers", "number?", "on any of these collision layers"),
            ("except", "EntityId?", "not this one"),
            ("except_team", "number?", "not those of this side"),
            ("kind", "number?", ""),
            ("team", "number?", ""),
            ("owner", "number?", ""),
        ],
    },
    Record {
        name: "RayOptions",
        doc: "What a ray is.",
        fields: &[("radius", "number?", "metres"), ("filter", "Filter?", "")],
    },
    Record {
        name: "RayHit",
        doc: "What a ray met.",
        fields: &[
            ("id", "EntityId", "0 is a wall"),
            ("x", "number", ""),
            ("y", "number", ""),
            ("part", "number", "the part of the ray before it, 0 to 1"),
        ],
    },
    Record {
        name: "ProjectileFields",
        doc: "A projectile.",
        fields: &[
            ("x", "number", ""),
            ("y", "number", ""),
            ("velocity_x", "number?", "metres a second"),
            ("velocity_y", "number?", ""),
            ("radius", "number?", ""),
            ("damage", "number?", ""),
            ("range", "number?", "metres"),
            ("shooter", "EntityId?", "whom it does not hit"),
            ("team", "number?", "whose side it does not hit"),
            ("hits", "number?", "bits: the collision layers that it hits; all if it is left out"),
        ],
    },
    Record {
        name: "EventFields",
        doc: "An event of the mode's own.",
        fields: &[
            ("x", "number", ""),
            ("y", "number", ""),
            ("subject", "EntityId?", ""),
            ("object", "EntityId?", ""),
            ("value", "number?", ""),
            ("class", "string?", "critical, high, normal or low"),
        ],
    },
    Record {
        name: "WorldEvent",
        doc: "What happened.",
        fields: &[
            ("kind", "EventKind", ""),
            ("subject", "EntityId", "who it is about"),
            ("object", "EntityId", "who else: who destroyed it, who was hit"),
            ("x", "number", ""),
            ("y", "number", ""),
            ("detail", "number", "the zone, the pickup, the mode's kind"),
            ("value", "number", "damage, speed, team, worth"),
            ("count", "number", "how many like it were put together"),
        ],
    },
    Record {
        name: "Zone",
        doc: "A zone of the map.",
        fields: &[
            ("number", "number", "by which events name it"),
            ("name", "string", ""),
            ("kind", "string", "generic, resource or base"),
            ("x", "number", "its middle"),
            ("y", "number", ""),
            ("half_width", "number", "or its radius"),
            ("half_height", "number", ""),
            ("is_circle", "boolean", ""),
            ("team", "number", "whose it is at the beginning"),
            ("value", "number", ""),
            ("tag", "number", ""),
        ],
    },
    Record {
        name: "SpawnPoint",
        doc: "Where entities come into the world.",
        fields: &[("x", "number", ""), ("y", "number", ""), ("team", "number", ""), ("heading", "number", "radians")],
    },
    Record {
        name: "Pickup",
        doc: "What lies on the map to be taken.",
        fields: &[
            ("number", "number", "by which events name it"),
            ("x", "number", ""),
            ("y", "number", ""),
            ("kind", "number", ""),
            ("amount", "number", ""),
        ],
    },
];

const HEAD: &str = "written from the tables in scripts/src/binding; do not edit";

/// The definitions for Luau's analyser: `library/muster.d.luau`.
pub fn luau_definitions() -> String {
    let mut text = format!("-- What rules can call: {HEAD}.\n\n");
    text.push_str("export type EntityId = number\nexport type Json = any\n");
    let kinds: Vec<String> = EVENTS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    put(&mut text, format_args!("export type EventKind = {}\n", kinds.join(" | ")));
    for record in RECORDS {
        put(&mut text, format_args!("\n-- {}\nexport type {} = {{\n", record.doc, record.name));
        for (name, kind, doc) in record.fields {
            let doc = if doc.is_empty() { String::new() } else { format!(" -- {doc}") };
            put(&mut text, format_args!("\t{name}: {kind},{doc}\n"));
        }
        text.push_str("}\n");
    }
    text.push_str(
        "\n-- The fields of an entity; attributes have the names that match_init gives them.\nexport type EntityFields = {\n",
    );
    for (name, _, doc) in FIELDS {
        let kind = if matches!(*name, "weapon" | "bot") { "(number | string)?" } else { "number?" };
        put(&mut text, format_args!("\t{name}: {kind}, -- {doc}\n"));
    }
    for (name, _, doc) in FLAGS {
        put(&mut text, format_args!("\t{name}: boolean?, -- {doc}\n"));
    }
    text.push_str("\t[string]: any,\n}\n");
    for library in LIBRARIES {
        if library.name == "Rows" {
            put(
                &mut text,
                format_args!(
                    "\n-- {}\nexport type Rows = {{\n\tcount: number,\n\tid: buffer,\n\t[string]: buffer,\n",
                    library.doc
                ),
            );
            for function in library.functions {
                let parameters = [&["self: Rows"], function.parameters].concat();
                put_function(&mut text, function, &parameters);
            }
            text.push_str("}\n");
        }
    }
    for library in LIBRARIES.iter().filter(|library| library.name != "Rows") {
        put(&mut text, format_args!("\n-- {}\ndeclare {}: {{\n", library.doc, library.name));
        for function in library.functions {
            put_function(&mut text, function, function.parameters);
        }
        text.push_str("}\n");
    }
    text
}

/// The annotations for the Lua language server: `library/muster.lua`.
pub fn lua_annotations() -> String {
    let mut text = format!(
        "---@meta\n-- What rules can call: {HEAD}.\n\n---@alias EntityId number\n---@alias Json any\n---@alias buffer any\n"
    );
    let kinds: Vec<String> = EVENTS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    put(&mut text, format_args!("---@alias EventKind {}\n", kinds.join("|")));
    for record in RECORDS {
        put(&mut text, format_args!("\n---{}\n---@class {}\n", record.doc, record.name));
        for (name, kind, doc) in record.fields {
            put(&mut text, format_args!("---@field {name} {} {doc}\n", annotated(kind)));
        }
    }
    text.push_str(
        "\n---The fields of an entity; attributes have the names that match_init gives them.\n---@class EntityFields\n",
    );
    for (name, _, doc) in FIELDS {
        let kind = if matches!(*name, "weapon" | "bot") { "number|string|nil" } else { "number?" };
        put(&mut text, format_args!("---@field {name} {kind} {doc}\n"));
    }
    for (name, _, doc) in FLAGS {
        put(&mut text, format_args!("---@field {name} boolean? {doc}\n"));
    }
    for library in LIBRARIES {
        put_annotated(&mut text, library);
    }
    text
}

fn put_function(text: &mut String, function: &Function, parameters: &[&str]) {
    let returns = if function.returns.is_empty() { "()" } else { function.returns };
    // A type says "...string" where a function says "...: string".
    let parameters = parameters.join(", ").replace("...: ", "...");
    put(text, format_args!("\t{}: ({parameters}) -> {returns}, -- {}\n", function.name, function.doc));
}

fn put_annotated(text: &mut String, library: &Library) {
    let is_rows = library.name == "Rows";
    put(text, format_args!("\n---{}\n---@class {}\n", library.doc, library.name));
    if is_rows {
        text.push_str("---@field count number\n---@field id buffer\n---@field [string] buffer\n");
        put(text, format_args!("local {} = {{}}\n", library.name));
    } else {
        put(text, format_args!("{} = {{}}\n", library.name));
    }
    for function in library.functions {
        put(text, format_args!("\n---{}\n", function.doc));
        let mut names = Vec::new();
        for parameter in function.parameters {
            let (name, kind) = parameter.split_once(": ").unwrap_or((parameter, "any"));
            let (name, is_optional) = (name.trim(), kind.ends_with('?'));
            let mark = if is_optional { "?" } else { "" };
            put(text, format_args!("---@param {name}{mark} {}\n", annotated(kind.trim_end_matches('?'))));
            names.push(name);
        }
        for part in function.returns.trim_matches(['(', ')']).split(", ").filter(|part| !part.is_empty()) {
            put(text, format_args!("---@return {}\n", annotated(part)));
        }
        let dot = if is_rows { ':' } else { '.' };
        put(text, format_args!("function {}{dot}{}({}) end\n", library.name, function.name, names.join(", ")));
    }
}

/// A type of Luau as the Lua language server has it.
fn annotated(kind: &str) -> String {
    let kind = kind.trim_start_matches("...");
    if let Some(list) = kind.strip_prefix('{').and_then(|kind| kind.strip_suffix('}')) {
        return format!("({})[]", annotated(list));
    }
    kind.replace(" | ", "|")
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a string takes what is written into it");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `MUSTER_WRITE=1 cargo test -p muster-scripts library` writes the files anew.
    #[test]
    fn the_files_are_what_the_tables_say() {
        for (name, text) in [("muster.d.luau", luau_definitions()), ("muster.lua", lua_annotations())] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name);
            if std::env::var_os("MUSTER_WRITE").is_some() {
                std::fs::write(&path, &text).expect("the file can be written");
            }
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(written == text, "{name} is old: MUSTER_WRITE=1 cargo test -p muster-scripts library");
        }
    }

    #[test]
    fn the_sandbox_has_what_the_tables_say_and_nothing_else() {
        let lua = crate::vm::sandbox_for_tests();
        for library in LIBRARIES {
            let table: mlua::Table = if library.name == "Rows" {
                lua.load("return world.rows").eval::<mlua::Function>().expect("there are rows");
                crate::binding::row_methods(&lua).expect("rows have methods")
            } else {
                lua.globals().get(library.name).expect("the library is a global")
            };
            let there: BTreeSet<String> =
                table.pairs::<String, mlua::Value>().map(|pair| pair.expect("names are text").0).collect();
            let said: BTreeSet<String> = library.functions.iter().map(|function| function.name.to_owned()).collect();
            assert_eq!(there, said, "{}", library.name);
        }
    }

    #[test]
    fn every_type_is_defined() {
        let text = luau_definitions();
        let is_defined = |name: &str| {
            ["number", "string", "boolean", "buffer", "any", "Rows", "EntityFields", "EntityId", "Json", "EventKind"]
                .contains(&name)
                || RECORDS.iter().any(|record| record.name == name)
        };
        for library in LIBRARIES {
            for function in library.functions {
                let kinds =
                    function.parameters.iter().filter_map(|parameter| parameter.split_once(": ")).map(|(_, kind)| kind);
                for word in kinds.chain([function.returns]).flat_map(|kind| kind.split(|c: char| !c.is_alphanumeric()))
                {
                    assert!(word.is_empty() || is_defined(word), "{word} of {}.{}", library.name, function.name);
                }
            }
        }
        assert!(text.contains("declare world: {"));
    }
}
