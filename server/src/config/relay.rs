//! The settings of the relay in this process, or of one elsewhere whose secret is known here.
//!
//! They are the relay's own (docs/SETTINGS.md), read by its own rules: from the table `[relay]` of the server's file and from
//! `MUSTER_RELAY_*`. Only what a relay beside a server needs otherwise is said here.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
};

use muster_relay::config::{Command, Host, LoadError, Settings as RelaySettings, load, read_file, table};

use super::{
    Manner, SECRET_BYTES_MIN, Settings,
    problem::{Origin, Problem},
    table::is_known,
};
use crate::token::random_hex;

/// Where a relay on the machine of who writes rules listens, if the port is free.
const DEV_LISTEN: &str = "127.0.0.1:3478";

/// The relay's settings, and what else is known of them.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnRelay {
    /// Checked by the relay's own rules.
    pub settings: RelaySettings,
    /// Whether it takes another port when its own is taken.
    pub may_move: bool,
    /// Where each value came from, by the relay's path; what is not in it is the default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// What was given for the relay.
pub(super) struct GivenRelay<'a> {
    /// The name of the file and the text of its table.
    pub(super) table: Option<(&'a str, String)>,
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// Makes the relay's settings.
pub(super) fn resolve(manner: Manner, settings: &Settings, given: &GivenRelay<'_>) -> Result<TurnRelay, Vec<Problem>> {
    let origins = origins(given);
    let is_given = |path: &str| origins.contains_key(path);
    let mut flags = vec!["muster-relay".to_owned(), "run".to_owned()];
    let mut flag = |name: &str, value: &str| flags.extend([format!("--{name}"), value.to_owned()]);
    if given.table.is_some() {
        flag("config", "relay.toml");
    }
    let may_move = manner == Manner::Dev && !is_given("listen");
    if may_move {
        flag("listen", DEV_LISTEN);
    }
    if manner == Manner::Dev && !is_given("relay_ip") && may_move {
        flag("relay-ip", "127.0.0.1");
    }
    if !is_given("workers") {
        // The other threads are for matches.
        flag("workers", "1");
    }
    if !is_given("auth_secret") && !is_given("auth_secret_file") {
        if !settings.turn && !settings.turn_urls.is_empty() {
            let allowed = "the secret of the relay that turn_urls names";
            return Err(vec![problem(Origin::Default, "relay.auth_secret", "not set", allowed)]);
        }
        // Whoever gets credentials gets them from this process.
        flag("auth-secret", &random_hex::<32>());
    }
    let host = Host::detect().map_err(|error| {
        vec![problem(Origin::Default, "relay", &format!("no addresses of this machine: {error}"), "a working network")]
    })?;
    let text = given.table.as_ref().map(|(_, text)| text.clone().into_bytes());
    let read = move |path: &Path| match &text {
        Some(text) if path == Path::new("relay.toml") => Ok(text.clone()),
        _ => read_file(path),
    };
    let environment = given.environment.iter().cloned();
    let loaded = load(flags.into_iter().map(OsString::from), environment, &host, &read);
    let mut relay = match loaded {
        Ok(Command::Run { settings, .. }) => settings,
        Ok(_) => unreachable!("it was asked to run"),
        Err(error) => return Err(problems(error, given)),
    };
    check_secrets(manner, &relay, &origins)?;
    for ip in players_side(settings, &host) {
        let range = format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 });
        let range = range.parse().expect("an address with all its bits is a range");
        if !relay.allow_peer.contains(&range) {
            relay.allow_peer.push(range);
        }
    }
    Ok(TurnRelay { settings: relay, may_move, origins })
}

/// Where the data channels of players end: the one peer behind the relay that it is there for.
fn players_side(settings: &Settings, host: &Host) -> Vec<IpAddr> {
    let Some(listen) = settings.rtc_listen else { return Vec::new() };
    if !settings.rtc_address.is_empty() {
        settings.rtc_address.clone()
    } else if listen.ip().is_unspecified() {
        host.addresses.iter().copied().filter(|ip| !ip.is_loopback()).collect()
    } else {
        vec![listen.ip()]
    }
}

fn check_secrets(
    manner: Manner,
    relay: &RelaySettings,
    origins: &BTreeMap<&'static str, Origin>,
) -> Result<(), Vec<Problem>> {
    let is_good = |secret: &String| secret.len() >= SECRET_BYTES_MIN && !is_known(secret);
    if manner == Manner::Dev || relay.auth_secret.iter().all(is_good) {
        return Ok(());
    }
    let origin = origins.get("auth_secret").or_else(|| origins.get("auth_secret_file")).cloned();
    let allowed = format!("at least {SECRET_BYTES_MIN} bytes that nobody can guess: openssl rand -hex 32");
    let found = "too short, or one that everybody knows";
    Err(vec![problem(origin.unwrap_or(Origin::Default), "relay.auth_secret", found, &allowed)])
}

fn origins(given: &GivenRelay<'_>) -> BTreeMap<&'static str, Origin> {
    let document: Option<toml_edit::DocumentMut> = given.table.as_ref().and_then(|(_, text)| text.parse().ok());
    let is_in_file = |path: &str| {
        let document = document.as_ref()?;
        let item = match path.split_once('.') {
            Some((outer, inner)) => document.get(outer)?.get(inner),
            None => document.get(path),
        };
        // A list of nothing says what the default says.
        item.filter(|item| item.as_array().is_none_or(|values| !values.is_empty()))
    };
    let rows = table::settings().iter().filter_map(|setting| {
        let variable = given.environment.iter().any(|(name, _)| name.to_str() == Some(setting.variable()));
        let origin = match (&given.table, variable) {
            (_, true) => Origin::Environment(setting.variable().into()),
            (Some((file, _)), false) if is_in_file(setting.path()).is_some() => Origin::File((*file).to_owned()),
            _ => return None,
        };
        Some((setting.path(), origin))
    });
    rows.collect()
}

fn problem(origin: Origin, key: &str, found: &str, allowed: &str) -> Problem {
    Problem { origin, key: key.into(), found: found.into(), allowed: allowed.into() }
}

/// The relay's problems in the server's words.
fn problems(error: LoadError, given: &GivenRelay<'_>) -> Vec<Problem> {
    use muster_relay::config::Origin as Theirs;
    let LoadError::Settings(found) = error else {
        return vec![problem(Origin::Default, "relay", &error.to_string(), "the settings of docs/SETTINGS.md")];
    };
    let file = |path: &PathBuf| match &given.table {
        Some((file, _)) if path == Path::new("relay.toml") => (*file).to_owned(),
        _ => path.display().to_string(),
    };
    let translated = found.into_iter().map(|problem| Problem {
        origin: match &problem.origin {
            Theirs::File { path, .. } => Origin::File(file(path)),
            Theirs::Environment(name) => Origin::Environment(name.clone()),
            Theirs::Default | Theirs::Flag(_) => Origin::Default,
        },
        key: format!("relay.{}", problem.key),
        found: problem.found,
        allowed: match problem.hint {
            Some(hint) => format!("{} ({hint})", problem.allowed),
            None => problem.allowed,
        },
    });
    translated.collect()
}
