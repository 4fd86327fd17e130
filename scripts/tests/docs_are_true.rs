//! Goal: what docs/SCRIPTING.md shows can be typed in and runs.
//! Method: each piece of Lua in it is played, as it is if it is whole rules, else as a part of some; and each name after a
//! library's is one that the library has.

mod support;

use muster_scripts::{MatchOptions, luau_definitions};
use support::{errors, host, messages, player, step};

const DOCUMENT: &str = include_str!("../../docs/SCRIPTING.md");

/// The pieces of Lua in the document.
fn pieces() -> Vec<&'static str> {
    let mut pieces = Vec::new();
    let mut rest = DOCUMENT;
    while let Some((_, after)) = rest.split_once("```lua\n") {
        let (piece, after) = after.split_once("```").expect("a piece has an end");
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn every_piece_of_lua_runs() {
    let pieces = pieces();
    assert!(pieces.len() >= 2);
    let mut said = Vec::new();
    for piece in &pieces {
        let rules = if piece.contains("return rules") {
            (*piece).to_owned()
        } else {
            let begin = "local rules = {}
                function rules.match_init() return { tick_rate = 20, state = {} } end
                function rules.match_start() for i = 1, 9 do world.spawn({ x = i, y = i, kind = i % 2, health = 50, health_max = 100 }) end end";
            format!("{begin}\n{piece}\nreturn rules")
        };
        let mut game = host(&rules).open(&MatchOptions::default()).unwrap_or_else(|error| panic!("{error}: {piece}"));
        game.join(&player(1)).unwrap();
        for _ in 0..5 {
            let report = step(&mut game);
            assert_eq!(report.script_errors, 0, "{:?}: {piece}", errors(&mut game));
        }
        said.extend(messages(&mut game));
        if piece.contains("units:set") {
            let healths = game.world().stats().entities;
            assert_eq!(healths, 9);
        }
    }
    assert!(said.iter().any(|text| text.contains("\"joined\":1")), "{said:?}");
}

#[test]
fn names_that_the_document_has_are_there() {
    let definitions = luau_definitions();
    let mut names = 0;
    for library in ["world", "match", "timer", "store", "json", "log"] {
        let (_, functions) = definitions.split_once(&format!("declare {library}: {{")).expect("the library is defined");
        let (functions, _) = functions.split_once("\n}").expect("its functions end");
        for code in DOCUMENT.split('`').skip(1).step_by(2) {
            let Some(rest) = code.strip_prefix(library).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(functions.contains(&format!("\t{name}: (")), "{library}.{name}");
            names += 1;
        }
    }
    assert!(names >= 8, "{names} names");
}

/// What the document says that `require("nakama")` offers is what it offers.
#[test]
fn the_functions_of_nakama_are_named() {
    let (_, section) = DOCUMENT.split_once("`require(\"nakama\")` offers:\n").expect("the list begins");
    let (list, _) = section.split_once("\nWhatever else").expect("the list ends");
    let is_name = |code: &&str| code.contains('_') || *code == "time";
    let mut named: Vec<&str> = list.split('`').skip(1).step_by(2).filter(is_name).collect();
    named.retain(|name| *name != "match_join_attempt");
    named.sort_unstable();
    // `rules` is for the host.
    let rules = "local nk = require('nakama')
        local rules = {}
        function rules.match_init() return { tick_rate = 20 } end
        function rules.match_start()
            local names = {}
            for name, value in pairs(nk) do if type(value) == 'function' and name ~= 'rules' then table.insert(names, name) end end
            table.sort(names)
            match.broadcast(table.concat(names, ' '))
        end
        return rules";
    let mut game = host(rules).open(&MatchOptions::default()).expect("it opens");
    assert_eq!(messages(&mut game), [format!("\"{}\"", named.join(" "))]);
}
