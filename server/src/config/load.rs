//! From a file, the environment and flags to settings.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use toml_edit::{DocumentMut, Item, Value};

use super::{
    Manner, SECRET_BYTES_MIN, Settings,
    problem::{ConfigProblems, Origin, Problem},
    relay::{self, GivenRelay},
    table::{self, RELAY_PREFIX, Setting, VARIABLE_PREFIX},
};

/// Most bytes of a configuration file.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What a problem of the whole file has for a key.
const THE_FILE: &str = "the file";

/// The variable that names the file.
pub const CONFIG_VARIABLE: &str = "MUSTER_CONFIG";

/// What was given from outside.
#[derive(Debug, Default)]
pub struct Given {
    /// The file's name and what is in it.
    pub file: Option<(String, Vec<u8>)>,
    /// Variables; only those of the server are looked at.
    pub environment: Vec<(String, String)>,
    /// By [`Setting::path`].
    pub flags: Vec<(&'static str, String)>,
}

/// A configuration and where its parts came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// By [`Setting::path`]; what is not in it is the default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// Makes settings of what was given. In [`Manner::Serve`] there must be a secret; in [`Manner::Dev`] the caller makes one.
///
/// # Errors
/// Everything that is wrong, each with where it was said and what is allowed.
pub fn load(manner: Manner, given: &Given) -> Result<Loaded, ConfigProblems> {
    let mut problems = Vec::new();
    let mut values: BTreeMap<&'static str, (Origin, String)> = BTreeMap::new();
    let mut relay = GivenRelay { table: None, environment: Vec::new() };
    if let Some((name, bytes)) = &given.file {
        relay.table = read_file(name, bytes, &mut values, &mut problems).map(|table| (name.as_str(), table));
    }
    for (name, value) in &given.environment {
        if name.starts_with(RELAY_PREFIX) {
            relay.environment.push((OsString::from(name), OsString::from(value)));
        }
        let is_ours = name.starts_with(VARIABLE_PREFIX) && !name.starts_with(RELAY_PREFIX);
        if !is_ours || name == CONFIG_VARIABLE {
            continue;
        }
        let origin = Origin::Environment(name.clone());
        match table::settings().iter().find(|setting| setting.variable() == *name) {
            Some(setting) => _ = values.insert(setting.path(), (origin, value.clone())),
            None => problems.push(unknown(origin, name, table::settings().iter().map(Setting::variable))),
        }
    }
    for (path, value) in &given.flags {
        let setting = table::settings().iter().find(|setting| setting.path() == *path);
        let flag = setting.map_or_else(|| (*path).to_owned(), |setting| format!("--{}", setting.flag()));
        values.insert(path, (Origin::Flag(flag), value.clone()));
    }

    let mut settings = Settings::new(manner);
    let mut origins = BTreeMap::new();
    for setting in table::settings() {
        let Some((origin, value)) = values.remove(setting.path()) else { continue };
        if setting.store(&mut settings, value.trim()) {
            origins.insert(setting.path(), origin);
        } else {
            let found =
                if setting.is_secret { "too short, or one that everybody knows".into() } else { quoted(&value) };
            problems.push(Problem { origin, key: setting.path().into(), found, allowed: setting.allowed.into() });
        }
    }
    problems.extend(memory_problem(&settings.scripts, origins.get(MEMORY)));
    if !origins.contains_key("rtc_listen")
        && let Some(rtc) = &mut settings.rtc_listen
    {
        // One address to open in a firewall, unless somebody wants two.
        *rtc = settings.listen;
    }
    if manner == Manner::Serve && settings.secret.len() < SECRET_BYTES_MIN && problems.is_empty() {
        problems.push(Problem {
            origin: Origin::Default,
            key: "secret".into(),
            found: "not set, and serve makes up none".into(),
            allowed: format!("at least {SECRET_BYTES_MIN} bytes that nobody can guess: openssl rand -base64 48"),
        });
    }
    if problems.is_empty() && (settings.turn || !settings.turn_urls.is_empty() || relay.table.is_some()) {
        match relay::resolve(manner, &settings, &relay) {
            // A table that is there is checked, whether it is used or not.
            Ok(_) if !settings.turn && settings.turn_urls.is_empty() => {}
            Ok(resolved) => settings.relay = Some(Box::new(resolved)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(Loaded { settings, origins }) } else { Err(ConfigProblems(problems)) }
}

/// The limits of scripts alone, for who checks modes by the configuration of a server that is not theirs to run: nothing else of
/// it is looked at.
///
/// # Errors
/// As of [`load`].
pub fn script_limits(given: &Given) -> Result<muster_scripts::Limits, ConfigProblems> {
    let is_ours = |path: &str| path.starts_with("limits.script_");
    let (mut values, mut problems) = (BTreeMap::new(), Vec::new());
    if let Some((name, bytes)) = &given.file {
        read_file(name, bytes, &mut values, &mut problems);
        problems.retain(|problem| is_ours(&problem.key) || problem.key == THE_FILE);
    }
    let mut settings = Settings::new(Manner::Dev);
    let mut origins = BTreeMap::new();
    for setting in table::settings().iter().filter(|setting| is_ours(setting.path())) {
        let variable = given.environment.iter().find(|(name, _)| *name == setting.variable());
        let given = variable.map(|(name, value)| (Origin::Environment(name.clone()), value.clone()));
        let Some((origin, value)) = given.or_else(|| values.remove(setting.path())) else { continue };
        if setting.store(&mut settings, value.trim()) {
            origins.insert(setting.path(), origin);
        } else {
            let (key, found) = (setting.path().into(), quoted(&value));
            problems.push(Problem { origin, key, found, allowed: setting.allowed.into() });
        }
    }
    problems.extend(memory_problem(&settings.scripts, origins.get(MEMORY)));
    if problems.is_empty() { Ok(settings.scripts) } else { Err(ConfigProblems(problems)) }
}

const MEMORY: &str = "limits.script_memory_bytes";

/// One match that may hold more than all of its machine would be told of a limit that is not the one that it met.
fn memory_problem(limits: &muster_scripts::Limits, origin: Option<&Origin>) -> Option<Problem> {
    (limits.memory_bytes > limits.host_memory_bytes).then(|| Problem {
        origin: origin.cloned().unwrap_or(Origin::Default),
        key: MEMORY.into(),
        found: limits.memory_bytes.to_string(),
        allowed: format!("at most limits.script_host_memory_bytes, which is {}", limits.host_memory_bytes),
    })
}

/// Takes what the file says. The text of the relay's table, which has rules of its own, comes back.
fn read_file(
    name: &str,
    bytes: &[u8],
    values: &mut BTreeMap<&'static str, (Origin, String)>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let origin = || Origin::File(name.to_owned());
    let refused = |found: String| Problem {
        origin: origin(),
        key: THE_FILE.into(),
        found,
        allowed: "TOML of at most 1 MiB with the keys of --print-config".into(),
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= FILE_BYTES_MAX => text,
        Ok(_) => {
            problems.push(refused("too large".into()));
            return None;
        }
        Err(_) => {
            problems.push(refused("no text of UTF-8".into()));
            return None;
        }
    };
    let document: DocumentMut = match text.parse() {
        Ok(document) => document,
        Err(error) => {
            problems.push(refused(format!("not TOML: {}", error.to_string().trim_end())));
            return None;
        }
    };
    let mut relay = None;
    for (key, item) in document.iter() {
        match item {
            Item::Table(table) if key == "limits" => {
                for (inner, item) in table.iter() {
                    take(&format!("limits.{inner}"), item, &origin(), values, problems);
                }
            }
            Item::Table(table) if key == "relay" => relay = Some(DocumentMut::from(table.clone()).to_string()),
            _ => take(key, item, &origin(), values, problems),
        }
    }
    relay
}

fn take(
    path: &str,
    item: &Item,
    origin: &Origin,
    values: &mut BTreeMap<&'static str, (Origin, String)>,
    problems: &mut Vec<Problem>,
) {
    let Some(setting) = table::settings().iter().find(|setting| setting.path() == path) else {
        let known = table::settings().iter().map(|setting| setting.path().to_owned());
        return problems.push(unknown(origin.clone(), path, known));
    };
    match item.as_value().and_then(text_of) {
        Some(text) => _ = values.insert(setting.path(), (origin.clone(), text)),
        None => problems.push(Problem {
            origin: origin.clone(),
            key: path.into(),
            found: item.type_name().into(),
            allowed: setting.allowed.into(),
        }),
    }
}

/// A value of the file as the text that a flag would have.
fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.value().clone(),
        Value::Integer(number) => number.value().to_string(),
        Value::Boolean(bool) => bool.value().to_string(),
        Value::Array(values) => values.iter().map(text_of).collect::<Option<Vec<_>>>()?.join(","),
        _ => return None,
    })
}

fn unknown(origin: Origin, name: &str, known: impl Iterator<Item = String>) -> Problem {
    let nearest = known.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    let nearest = nearest.unwrap_or_default();
    Problem {
        origin,
        key: name.chars().take(80).collect(),
        found: "no setting".into(),
        allowed: format!("those of --print-config; the nearest is {nearest}"),
    }
}

fn quoted(value: &str) -> String {
    let short: String = value.chars().take(80).collect();
    format!("{short:?}")
}

/// Reads the file that was named.
///
/// # Errors
/// A problem that names the file.
pub fn read(path: &Path) -> Result<(String, Vec<u8>), ConfigProblems> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(ConfigProblems(vec![Problem {
            origin: Origin::File(name),
            key: THE_FILE.into(),
            found: format!("not readable: {error}"),
            allowed: "a TOML file".into(),
        }])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "gXh4Z0l2b3J5LXRvd2VyLWJhdHRlcnktc3RhcGxl";

    fn given(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Given {
        Given {
            file: Some(("m.toml".into(), file.into())),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            flags: flags.iter().map(|(name, value)| (*name, (*value).into())).collect(),
        }
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_that_over_the_file() {
        let file =
            format!("secret = '{GOOD}'\nworkers = 2\nwatch = true\nlisten = '127.0.0.1:1'\n[limits]\nmatches = 5");
        let environment = [("MUSTER_WORKERS", "3"), ("MUSTER_LISTEN", "127.0.0.1:2"), ("MUSTER_RELAY_IO", "epoll")];
        let loaded =
            load(Manner::Serve, &given(&file, &environment, &[("listen", "127.0.0.1:3")])).expect("it is good");
        assert_eq!(loaded.settings.workers, 3);
        assert_eq!(loaded.settings.listen.port(), 3);
        assert_eq!(loaded.settings.rtc_listen, Some(loaded.settings.listen));
        assert_eq!(loaded.settings.limits.matches, 5);
        assert_eq!(loaded.origins["limits.matches"], Origin::File("m.toml".into()));
        assert_eq!(loaded.origins["workers"], Origin::Environment("MUSTER_WORKERS".into()));
        assert_eq!(loaded.origins["listen"], Origin::Flag("--listen".into()));
        assert!(!loaded.origins.contains_key("data"));
        assert!(!format!("{:?}", loaded.settings).contains(GOOD));
    }

    #[test]
    fn wrong_values_say_where_and_what_is_allowed() {
        let file = "workers = 0\nlimitz = 3\nlog = [1.5]\n[limits]\nidle_seconds = 'soon'";
        let problems = load(Manner::Dev, &given(file, &[("MUSTER_LISTTEN", "x")], &[])).expect_err("it is wrong").0;
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["limitz", "log", "MUSTER_LISTTEN", "workers", "limits.idle_seconds"]);
        assert!(problems[2].allowed.contains("MUSTER_LISTEN"));
        for file in ["= 1", "listen = 7"] {
            assert!(load(Manner::Dev, &given(file, &[], &[])).is_err());
        }
    }

    /// The parser of filters breaks within letters.
    #[test]
    fn filters_of_the_log_are_of_ascii() {
        for (filter, is_good) in [("info,muster_server=debug", true), ("c_listen \u{4b5}=[ff", false), ("=[", false)] {
            assert_eq!(load(Manner::Dev, &given("", &[], &[("log", filter)])).is_ok(), is_good, "{filter}");
        }
    }

    #[test]
    fn serve_needs_a_secret_that_nobody_knows() {
        let is_good = |file: &str| load(Manner::Serve, &given(file, &[], &[])).is_ok();
        assert!(!is_good(""));
        for secret in ["short", "defaultkeydefaultkeydefaultkeydefaultkey", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(!is_good(&format!("secret = '{secret}'")), "{secret}");
        }
        assert!(is_good(&format!("secret = '{GOOD}'")));
        assert!(load(Manner::Dev, &given("", &[], &[])).is_ok());
    }

    #[test]
    fn the_table_of_the_relay_is_read_by_the_relays_rules() {
        let load = |manner, file: &str, environment: &[(&str, &str)]| load(manner, &given(file, environment, &[]));
        let serve = format!("secret = '{GOOD}'\nturn = true\n[relay]\nlisten = '127.0.0.1:3478'\n");
        let loaded = load(Manner::Serve, &serve, &[("MUSTER_RELAY_REALM", "games")]).expect("it is good");
        let relay = loaded.settings.relay.as_ref().expect("there is one");
        assert_eq!((relay.settings.realm.as_str(), relay.settings.workers, relay.may_move), ("games", 1, false));
        assert_eq!(relay.origins["listen"], Origin::File("m.toml".into()));
        assert_eq!(relay.origins["realm"], Origin::Environment("MUSTER_RELAY_REALM".into()));
        let own = relay.settings.auth_secret[0].clone();
        assert!(own.len() >= SECRET_BYTES_MIN && !crate::config::as_text(&loaded).contains(&own));
        assert!(!format!("{:?}", loaded.settings).contains(&own));

        for (wrong, key) in [
            ("auth_secret = 'short'", "relay.auth_secret"),
            ("auth_secret = 'defaultdefaultdefaultdefaultdefaultdefault'", "relay.auth_secret"),
            ("realms = 'x'", "relay.realms"),
            ("[relay.limits]\nallocations = 0", "relay.limits.allocations"),
        ] {
            let problems = load(Manner::Serve, &format!("{serve}{wrong}"), &[]).expect_err("it is wrong").0;
            assert_eq!(problems[0].key, key, "{problems:?}");
            assert_eq!(problems[0].origin, Origin::File("m.toml".into()), "{problems:?}");
        }
        let elsewhere = "turn = false\nturn_urls = ['turn:192.0.2.1:3478?transport=udp']";
        let problems = load(Manner::Dev, elsewhere, &[]).expect_err("nobody knows its secret").0;
        assert_eq!(problems[0].key, "relay.auth_secret");
        assert!(load(Manner::Dev, &format!("{elsewhere}\n[relay]\nauth_secret = 'abc'"), &[]).is_ok());
        assert!(load(Manner::Dev, "turn = false\n[relay]\nrealm = 'unused'", &[]).is_ok());
        assert!(load(Manner::Dev, "turn_urls = ['http://192.0.2.1']", &[]).is_err());
        let dev = load(Manner::Dev, "", &[]).expect("it is good").settings.relay.expect("there is one");
        assert!(dev.may_move && dev.settings.listen.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn what_is_shown_can_be_given_again() {
        let settings = Settings::new(Manner::Dev);
        for setting in table::settings().iter().filter(|setting| !setting.is_secret) {
            let mut again = Settings::new(Manner::Dev);
            let text = setting.view(&settings);
            assert!(setting.store(&mut again, &text), "{}: {text}", setting.path());
            assert!(again == settings, "{}", setting.path());
        }
    }
}
