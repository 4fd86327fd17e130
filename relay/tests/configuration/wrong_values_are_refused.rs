//! Goal: a wrong setting is refused with its source, what was found and what is allowed, and no secret is shown.
//! Method: tables of wrong values, given through the file, the environment and flags.

use muster_relay::config::{LoadError, Origin};

use super::Given;

/// A wrong value (as TOML) of a setting, and what must be in the message.
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("listen", "'example.org:3478'", "\"example.org:3478\"", "no host names"),
    ("listen", "'224.0.0.1'", "\"224.0.0.1\"", "an address of this host"),
    ("listen", "'[::ffff:10.0.0.5]:3478'", "\"[::ffff:10.0.0.5]:3478\"", "an address of this host"),
    ("listen", "'10.0.0.5:70000'", "\"10.0.0.5:70000\"", "port 3478"),
    ("listen", "['10.0.0.5', 7]", "the number 7", "port 3478"),
    ("listen", "['10.0.0.5', ['10.0.0.6']]", "a list", "port 3478"),
    ("listen_tls", "true", "a boolean", "port 5349"),
    ("tls_cert", "''", "\"\"", "the path of a file"),
    ("tls_key", "1.5", "a number with a fraction", "the path of a file"),
    ("external_ip", "'0.0.0.0'", "\"0.0.0.0\"", "unicast"),
    ("external_ip", "'10.0.0.5:3478'", "\"10.0.0.5:3478\"", "unicast"),
    ("relay_ip", "'::'", "\"::\"", "unicast"),
    ("relay_ports", "'65535-49152'", "\"65535-49152\"", "LO <= HI"),
    ("relay_ports", "'1-2000'", "\"1-2000\"", "1024 <= LO"),
    ("relay_ports", "'5000'", "\"5000\"", "LO-HI"),
    ("relay_ports", "['5000-6000']", "a list", "LO-HI"),
    ("allow_peer", "'10.0.0.7/8'", "the range is 10.0.0.0/8", "no bits set behind BITS"),
    ("allow_peer", "'10.0.0.0/33'", "\"10.0.0.0/33\"", "IP/BITS"),
    ("realm", "''", "\"\"", "1 to 127 characters"),
    ("realm", "\"a\\nb\"", "\"a\\nb\"", "without quotes"),
    ("user", "'alice'", "a value without a colon (not shown)", "NAME:PASSWORD"),
    ("user", "'alice:'", "a password of 0 bytes", "NAME:PASSWORD"),
    ("user", "':secret'", "a name of 0 bytes", "NAME:PASSWORD"),
    ("user", "5", "a number", "NAME:PASSWORD"),
    ("auth_secret", "''", "a secret of 0 bytes", "1 to 512 bytes"),
    ("auth_secret", "\"a\\tb\"", "a control character (not shown)", "1 to 512 bytes"),
    ("workers", "0", "0", "a whole number from 1 to 255"),
    ("workers", "256", "256", "a whole number from 1 to 255"),
    ("workers", "-1", "-1", "a whole number from 1 to 255"),
    ("workers", "'4'", "the text \"4\"", "a whole number from 1 to 255"),
    ("io", "'iouring'", "\"iouring\"", "auto, uring, epoll"),
    ("batch_window_us", "10001", "10001", "0 to 10000"),
    ("slots", "1000", "1000", "a power of two from 64 to 32768"),
    ("slots", "65536", "65536", "a power of two"),
    ("slot_bytes", "100", "100", "from 576 to 65504"),
    ("admin", "'127.0.0.1'", "\"127.0.0.1\"", "IP:PORT"),
    ("alternate_server", "'203.0.113.1:0'", "\"203.0.113.1:0\"", "another server"),
    ("drain_deadline_s", "1979-05-27", "a date or time", "0 to 86400"),
    ("limits.allocations", "0", "0", "1 to 1000000"),
    ("limits.permissions_per_allocation", "99999", "99999", "1 to 4096"),
    ("limits.handshakes", "{ a = 1 }", "a table", "1 to 100000"),
    ("limits.bytes_per_second", "9223372036854775807", "9223372036854775807", "0 to 1000000000000"),
];

#[test]
fn a_wrong_value_in_the_file_is_named_with_line_and_column() {
    for (key, value, found, allowed) in WRONG {
        let assignment = match key.strip_prefix("limits.") {
            Some(key) => format!("[limits]\n  {key} = {value}\n"),
            None => format!("# A comment.\n  {key} = {value}\n"),
        };
        let problems = Given::new().config(assignment).problems();
        let [problem] = problems.as_slice() else { panic!("{key} = {value}: {problems:?}") };
        assert_eq!(problem.key, *key, "{problem}");
        assert!(problem.found.contains(found), "{problem}");
        assert!(problem.allowed.contains(allowed), "{problem}");
        let Origin::File { path, line, column } = &problem.origin else { panic!("{problem}") };
        assert_eq!((path.to_str(), *line), (Some("relay.toml"), 2), "{problem}");
        let key_width = key.rsplit('.').next().unwrap().len();
        assert!(*column >= key_width + 6, "{problem}: the column is that of the value");
        assert!(problem.to_string().starts_with(&format!("relay.toml:2:{column}: {key}: found ")), "{problem}");
    }
}

#[test]
fn a_wrong_value_elsewhere_is_named_with_its_variable_or_flag() {
    let variable = Given::new().variable("MUSTER_RELAY_BATCH_WINDOW_US", "soon").problems();
    assert_eq!(
        variable[0].to_string(),
        "environment variable MUSTER_RELAY_BATCH_WINDOW_US: batch_window_us: found \"soon\"; allowed: a whole number \
         from 0 to 10000"
    );
    let flag = Given::new().flags("--limit-allocations 0").problems();
    assert_eq!(
        flag[0].to_string(),
        "flag --limit-allocations: limits.allocations: found 0; allowed: a whole number from 1 to 1000000"
    );
}

#[test]
fn unknown_names_are_refused_with_what_was_meant() {
    for (text, line, hint) in [
        ("\nlissten = '10.0.0.5'", 2, "did you mean listen?"),
        ("batch-window-us = 5", 1, "did you mean batch_window_us?"),
        ("allocations = 5", 1, "allocations stands in the table [limits]"),
        ("[limits]\nrealm = 'a'", 2, "realm stands above [limits], not in it"),
        ("[limits]\nalocations = 5", 2, "did you mean allocations?"),
        ("[limit]\nallocations = 5", 1, ""),
    ] {
        let problems = Given::new().config(text).problems();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(matches!(problems[0].origin, Origin::File { line: at, .. } if at == line), "{text}: {problems:?}");
        assert_eq!(problems[0].hint.as_deref().unwrap_or(""), hint, "{text}");
    }
    let problems = Given::new().variable("MUSTER_RELAY_RELM", "x").problems();
    assert!(problems[0].to_string().contains("did you mean MUSTER_RELAY_REALM?"), "{problems:?}");
    let problems = Given::new().variable("MUSTER_RELAY_", "x").problems();
    assert_eq!(problems[0].key, "muster_relay_", "a problem always names something");
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = Given::new()
        .config("io = 'fast'\nnonsense_here = 1\n[limits]\nhandshakes = 0")
        .variable("MUSTER_RELAY_WORKERS", "many")
        .flags("--relay-ports 1-2")
        .problems();
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    for key in ["io", "nonsense_here", "limits.handshakes", "workers", "relay_ports"] {
        assert!(keys.contains(&key), "{key} is missing from {keys:?}");
    }
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn a_wrong_value_is_refused_although_a_higher_source_overrides_it() {
    let problems = Given::new().config("workers = 0").flags("--workers 2").problems();
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_file_that_is_not_toml_is_refused_where_it_stops_being_toml() {
    for (text, line) in [("realm = 'a'\nworkers == 2\n", 2), ("realm = 'a'\nrealm = 'b'", 2), ("\n\n[limits", 3)] {
        let problems = Given::new().config(text).problems();
        assert!(matches!(problems[0].origin, Origin::File { line: at, .. } if at == line), "{text}: {problems:?}");
        assert!(problems[0].found.starts_with("what is not TOML"), "{problems:?}");
    }
    let problems = Given::new().config(*b"realm = 'a'\nio = '\xff'").problems();
    assert_eq!(
        problems[0].to_string(),
        "relay.toml:2:7: file: found bytes that are not UTF-8; allowed: a TOML file in UTF-8"
    );
    let problems = Given::new().flags("--config missing.toml").problems();
    assert!(problems[0].to_string().starts_with("flag --config: config: found missing.toml, which cannot be read"));
}

#[test]
fn secrets_are_never_shown() {
    let given = Given::nothing()
        .config("user = ['hunter2', \"hunter2:hunter2\\u0007\"]\nauth_secret = \"hunter2\\u0000\"\nuser_file = 'users'")
        .file("users", "alice:good\nhunter2\n")
        .variable("MUSTER_RELAY_USER", "hunter2")
        .flags("--user hunter2");
    let text = given.load().unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("users:2:1: user_file: found a value without a colon (not shown)"), "{text}");

    let command = Given::nothing().flags("--user alice:hunter2 --auth-secret hunter2").load().unwrap();
    assert!(!format!("{command:?}").contains("hunter2"));
}

#[test]
fn too_many_values_are_refused() {
    let secrets = (0..9).map(|n| format!("s{n}")).collect::<Vec<_>>().join(",");
    let problems = Given::new().variable("MUSTER_RELAY_AUTH_SECRET", &secrets).problems();
    assert_eq!((problems[0].found.as_str(), problems[0].allowed.as_str()), ("9 values", "at most 8"));
}

#[test]
fn a_command_line_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = std::ffi::OsString::from_vec(b"\xff".to_vec());
    let arguments =
        ["muster-relay", "run", "--user", "a:b", "--realm"].map(Into::into).into_iter().chain([bad.clone()]);
    let environment = [("MUSTER_RELAY_IO".into(), bad)];
    let nothing = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let error = muster_relay::config::load(arguments, environment, &super::host(), &nothing).unwrap_err();
    assert!(matches!(&error, LoadError::Settings(problems) if problems.len() == 2), "{error}");
}
