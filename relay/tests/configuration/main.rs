//! What an operator may write, what it means, and what is said when it is wrong.
//!
//! One program for the whole domain: every file below is named for a behaviour and uses the harness here, which loads
//! settings from sources in memory on a host that is made up.

mod hostile_files_are_harmless;
mod reload_changes_what_is_live;
mod settings_fit_together;
mod shipped_examples_load;
mod sources_name_the_same_settings;
mod wrong_values_are_refused;

use std::{collections::HashMap, ffi::OsString, io, path::Path};

use muster_relay::config::{Command, Host, LoadError, Problem, Settings, load};

/// A host with loopback, a private IPv4 address, and one public address of each family.
fn host() -> Host {
    let addresses = ["127.0.0.1", "::1", "10.0.0.5", "198.51.45.7", "fd00::5", "2a00:1::7"];
    Host { addresses: addresses.map(|ip| ip.parse().unwrap()).to_vec(), cpus: 3 }
}

/// Sources in memory. Flags are written as on a command line, without spaces inside one.
#[derive(Clone)]
struct Given {
    verb: &'static str,
    flags: String,
    environment: Vec<(OsString, OsString)>,
    files: HashMap<String, Vec<u8>>,
    host: Host,
}

impl Given {
    /// A `run` with one user, and nothing else.
    fn new() -> Self {
        Self::nothing().flags("--user demo:demo")
    }

    fn nothing() -> Self {
        Self { verb: "run", flags: String::new(), environment: Vec::new(), files: HashMap::new(), host: host() }
    }

    fn verb(mut self, verb: &'static str) -> Self {
        self.verb = verb;
        self
    }

    fn flags(mut self, flags: &str) -> Self {
        self.flags = format!("{} {flags}", self.flags);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn file(mut self, path: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), contents.into());
        self
    }

    /// A configuration file, named on the command line.
    fn config(self, contents: impl Into<Vec<u8>>) -> Self {
        self.flags("--config relay.toml").file("relay.toml", contents)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let contents = path.to_str().and_then(|path| self.files.get(path));
        contents.cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn load(&self) -> Result<Command, LoadError> {
        let arguments =
            ["muster-relay", self.verb].into_iter().chain(self.flags.split_whitespace()).map(OsString::from);
        load(arguments, self.environment.iter().cloned(), &self.host, &|path| self.read(path))
    }

    fn settings(&self) -> Settings {
        match self.load() {
            Ok(Command::Run { settings, .. } | Command::Check { settings, .. } | Command::Doctor { settings, .. }) => {
                settings
            }
            Ok(other) => panic!("no settings but {other:?}"),
            Err(error) => panic!("refused: {error}"),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        match self.load() {
            Err(error @ LoadError::Settings(_)) => error.problems().to_vec(),
            Err(LoadError::Usage(text)) => panic!("the command line was refused: {text}"),
            Ok(_) => panic!("accepted"),
        }
    }
}
