//! Reading the same sources again while the relay runs.

use std::ffi::OsString;

use super::{
    Command, LoadError, Settings,
    host::{Host, read_file},
    load,
    resolve::ReadFile,
    table::settings,
};

/// Where the settings of a running relay came from.
#[derive(Clone)]
pub struct Sources {
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) host: Host,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Arguments and environment may hold secrets.
        f.debug_struct("Sources").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Sources {
    /// Reads every file again: configuration, users, secrets. Flags, environment and the host's addresses are those of
    /// the start. Nothing changes by the call: the caller takes what can be changed, with [`Settings::with_live_of`].
    ///
    /// # Errors
    /// As [`load`]; the running settings then stay as they are.
    pub fn reload(&self) -> Result<Settings, LoadError> {
        self.reload_with(&read_file)
    }

    /// As [`Sources::reload`], with another way to read a file.
    ///
    /// # Errors
    /// As [`Sources::reload`].
    pub fn reload_with(&self, read: ReadFile<'_>) -> Result<Settings, LoadError> {
        match load(self.arguments.iter().cloned(), self.environment.iter().cloned(), &self.host, read)? {
            Command::Run { settings, .. } | Command::Check { settings, .. } | Command::Doctor { settings, .. } => {
                Ok(settings)
            }
            Command::Help(text) | Command::Version(text) => Err(LoadError::Usage(text)),
        }
    }
}

impl Settings {
    /// Names the settings in which `new` differs and which only a restart can change.
    pub fn restart_needed_for(&self, new: &Self) -> Vec<&'static str> {
        settings()
            .iter()
            .filter(|setting| !setting.live && setting.view(self) != setting.view(new))
            .map(|setting| setting.path())
            .collect()
    }

    /// These settings with what a reload can change taken from `new`: credentials, peers, limits, certificate files,
    /// alternate servers and the drain's deadline.
    #[must_use]
    pub fn with_live_of(&self, new: &Self) -> Self {
        Self {
            tls_cert: new.tls_cert.clone(),
            tls_key: new.tls_key.clone(),
            users: new.users.clone(),
            user_file: new.user_file.clone(),
            auth_secret: new.auth_secret.clone(),
            auth_secret_file: new.auth_secret_file.clone(),
            allow_peer: new.allow_peer.clone(),
            alternate_server: new.alternate_server.clone(),
            drain_deadline: new.drain_deadline,
            limits: new.limits,
            // What needs a restart, named so that a new setting has to be decided on here.
            listen: self.listen.clone(),
            listen_tls: self.listen_tls.clone(),
            external_ip: self.external_ip.clone(),
            relay_ip: self.relay_ip.clone(),
            relay_ports: self.relay_ports.clone(),
            realm: self.realm.clone(),
            workers: self.workers,
            io: self.io,
            batch_window_us: self.batch_window_us,
            admin: self.admin,
            slot_bytes: self.slot_bytes,
            slots: self.slots,
        }
    }
}
