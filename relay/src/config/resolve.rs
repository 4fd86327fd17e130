//! From what the sources say to settings that fit together and fit the host.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use super::{
    Settings, User,
    host::Host,
    layer::{Layer, Values},
    problem::{Origin, Problem},
    table::{Setting, settings},
    value::{Kind, Raw, Value, repeated},
};

/// How a file that a setting names is read.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The worker names a listening socket by one byte.
const LISTENERS_MAX: usize = 255;

/// A port's owner is one byte, of which 0 is nobody.
pub(super) const WORKERS_MAX: usize = 255;

/// Checks every value of `layers`, the lowest source first, takes each setting from the highest that gives it, and
/// fills in what follows from the host.
pub(super) fn resolve(
    layers: &[&Layer],
    host: &Host,
    read: ReadFile<'_>,
    credentials_needed: bool,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut resolver = Resolver { layers, host, read, problems, broken: Vec::new(), settings: Settings::default() };
    resolver.settings.workers = host.cpus.clamp(1, WORKERS_MAX);
    for (index, setting) in settings().iter().enumerate() {
        resolver.take(index, setting);
    }
    resolver.tls();
    resolver.credentials(credentials_needed);
    if resolver.is_sound(&["listen", "listen_tls", "relay_ip"]) {
        resolver.relay_addresses();
        resolver.listening_addresses();
    }
    resolver.external_addresses();
    resolver.ports();
    resolver.admin();
    resolver.alternate_servers();
    resolver.settings
}

struct Resolver<'a> {
    layers: &'a [&'a Layer],
    host: &'a Host,
    read: ReadFile<'a>,
    problems: &'a mut Vec<Problem>,
    /// Settings with a refused value: what depends on them would only be noise.
    broken: Vec<&'static str>,
    settings: Settings,
}

impl Resolver<'_> {
    fn take(&mut self, index: usize, setting: &'static Setting) {
        let mut winner = None;
        // Overridden values are checked too: a mistake in the file must not wait until the flag is taken away.
        for values in self.layers.iter().filter_map(|layer| layer.get(index)) {
            winner = self.checked(setting, values);
        }
        match winner {
            Some(values) if setting.is_repeatable() || !values.is_empty() => {
                (setting.store)(&mut self.settings, values);
            }
            _ => {}
        }
    }

    fn checked(&mut self, setting: &'static Setting, values: &Values) -> Option<Vec<Value>> {
        if values.given.len() > setting.values_max {
            self.refuse(
                values.origin.clone(),
                setting.path(),
                format!("{} values", values.given.len()),
                format!("at most {}", setting.values_max),
                None,
            );
            self.broken.push(setting.key);
            return None;
        }
        let mut sound = Vec::new();
        for given in &values.given {
            match setting.kind.parse(&given.raw) {
                Ok(value) => sound.push(value),
                Err(found) => {
                    self.refuse(given.origin.clone(), setting.path(), found, setting.kind.allowed(), None);
                    self.broken.push(setting.key);
                }
            }
        }
        Some(sound)
    }

    fn tls(&mut self) {
        if !self.is_sound(&["listen_tls", "tls_cert", "tls_key"]) {
            return;
        }
        let files = [
            ("tls_cert", self.settings.tls_cert.clone(), "-----BEGIN CERTIFICATE-----"),
            ("tls_key", self.settings.tls_key.clone(), "PRIVATE KEY-----"),
        ];
        for (key, path, mark) in files {
            match path {
                None if !self.settings.listen_tls.is_empty() => self.refuse(
                    self.origin("listen_tls"),
                    key,
                    "nothing, although listen_tls is set".into(),
                    "the path of a PEM file".into(),
                    Some(format!("add --{} FILE, or take listen_tls away", key.replace('_', "-"))),
                ),
                None => {}
                Some(path) => self.pem(key, &path, mark),
            }
        }
    }

    fn pem(&mut self, key: &str, path: &Path, mark: &str) {
        let found = match (self.read)(path) {
            Err(error) => format!("{}, which cannot be read: {error}", path.display()),
            Ok(bytes) if !bytes.windows(mark.len()).any(|window| window == mark.as_bytes()) => {
                format!("{}, which has no \"{mark}\" in it", path.display())
            }
            Ok(_) => return,
        };
        self.refuse(self.origin(key), key, found, "a readable PEM file".into(), None);
    }

    fn credentials(&mut self, needed: bool) {
        for path in self.settings.user_file.clone() {
            for value in self.lines("user_file", &path, Kind::User) {
                self.settings.users.push(value.user());
            }
        }
        for path in self.settings.auth_secret_file.clone() {
            for value in self.lines("auth_secret_file", &path, Kind::Secret) {
                self.settings.auth_secret.push(value.string());
            }
        }
        if let Some(index) = twice(&self.settings.users) {
            let found = format!("two passwords for {:?}", self.settings.users[index].name);
            self.refuse(self.origin("user"), "user", found, "each name once".into(), None);
        }
        let none = self.settings.users.is_empty() && self.settings.auth_secret.is_empty();
        if needed && none && self.is_sound(&["user", "user_file", "auth_secret", "auth_secret_file"]) {
            self.refuse(
                self.origin("user"),
                "user, auth_secret",
                "no credentials, so nobody could use the relay".into(),
                "at least one user or one secret".into(),
                Some(
                    "add --user NAME:PASSWORD, or --auth-secret-file FILE with a line from: openssl rand -hex 32"
                        .into(),
                ),
            );
        }
    }

    /// The lines of a file of credentials, without blank ones; a first character has no special meaning.
    fn lines(&mut self, key: &'static str, path: &Path, kind: Kind) -> Vec<Value> {
        /// As many as a shard of users, with room: more is a file named by mistake.
        const LINES_MAX: usize = 10_000;
        let text = (self.read)(path).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let found = format!("{}, which cannot be read: {error}", path.display());
                self.refuse(self.origin(key), key, found, "a readable text file".into(), None);
                self.broken.push(key);
                return Vec::new();
            }
        };
        let mut values = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let origin = Origin::File { path: path.to_owned(), line: number + 1, column: 1 };
            if values.len() == LINES_MAX {
                self.refuse(origin, key, "more lines".into(), format!("at most {LINES_MAX}"), None);
                break;
            }
            match kind.parse(&Raw::Text(line.trim().to_owned())) {
                Ok(value) => values.push(value),
                Err(found) => {
                    self.refuse(origin, key, found, kind.allowed(), None);
                    self.broken.push(key);
                }
            }
        }
        if values.is_empty() && self.is_sound(&[key]) {
            let found = format!("{}, which has no line with a value", path.display());
            self.refuse(self.origin(key), key, found, "one value a line".into(), None);
            self.broken.push(key);
        }
        values
    }

    /// Must come before the wildcards among the listening addresses are replaced.
    fn relay_addresses(&mut self) {
        if let Some(twice) = repeated(&self.settings.relay_ip) {
            self.refuse(
                self.origin("relay_ip"),
                "relay_ip",
                format!("{twice} twice"),
                "each address once".into(),
                None,
            );
        }
        if !self.settings.relay_ip.is_empty() {
            return;
        }
        let listening = self.settings.listen.iter().chain(&self.settings.listen_tls);
        let mut chosen: Vec<IpAddr> = Vec::new();
        for ip in listening.map(SocketAddr::ip) {
            let ip = if ip.is_unspecified() { self.host.preferred(ip.is_ipv6()) } else { Some(ip) };
            chosen.extend(ip.filter(|ip| !chosen.contains(ip)));
        }
        self.settings.relay_ip = chosen;
    }

    fn listening_addresses(&mut self) {
        for key in ["listen", "listen_tls"] {
            let given = if key == "listen" { &self.settings.listen } else { &self.settings.listen_tls };
            let mut concrete: Vec<SocketAddr> = Vec::new();
            let mut missing = Vec::new();
            for address in given {
                let mut found = expand(*address, self.host).peekable();
                if found.peek().is_none() {
                    missing.push(*address);
                }
                concrete.extend(found);
            }
            let mut distinct: Vec<SocketAddr> = Vec::new();
            for address in concrete {
                if !distinct.contains(&address) {
                    distinct.push(address);
                }
            }
            // The default asks for both families; a host with one of them is an ordinary host.
            let missing = if self.is_given(key) { missing } else { Vec::new() };
            for address in missing {
                self.refuse(
                    self.origin(key),
                    key,
                    format!("{address}, although no interface has an address of that family"),
                    "an address that the host has".into(),
                    None,
                );
            }
            if key == "listen" {
                self.settings.listen = distinct;
            } else {
                self.settings.listen_tls = distinct;
            }
        }
        let (plain, tls) = (&self.settings.listen, &self.settings.listen_tls);
        if let Some(both) = plain.iter().find(|address| address.port() != 0 && tls.contains(address)) {
            let found = format!("{both}, which listen has too");
            self.refuse(self.origin("listen_tls"), "listen_tls", found, "another port or address".into(), None);
        }
        let count = self.settings.listen.len() + self.settings.listen_tls.len();
        if count == 0 && self.problems.is_empty() {
            self.refuse(
                self.origin("listen"),
                "listen",
                "no address to listen on".into(),
                "at least one address in listen or listen_tls".into(),
                None,
            );
        } else if count > LISTENERS_MAX {
            self.refuse(
                self.origin("listen"),
                "listen",
                format!("{count} addresses once wildcards are replaced by the host's addresses"),
                format!("at most {LISTENERS_MAX}"),
                Some("name the addresses instead of a wildcard".into()),
            );
        }
    }

    fn external_addresses(&mut self) {
        if !self.is_sound(&["external_ip", "relay_ip", "listen", "listen_tls"]) {
            return;
        }
        for (family, ipv6) in [("IPv4", false), ("IPv6", true)] {
            let count = |ips: &[IpAddr]| ips.iter().filter(|ip| ip.is_ipv6() == ipv6).count();
            let (external, relay) = (count(&self.settings.external_ip), count(&self.settings.relay_ip));
            if external != 0 && external != relay {
                let relays = self.settings.relay_ip.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                self.refuse(
                    self.origin("external_ip"),
                    "external_ip",
                    format!("{external} {family} addresses for {relay} {family} relay addresses ({relays})"),
                    format!("none of {family}, or one for each relay_ip of {family}, in the same order"),
                    None,
                );
            }
        }
        if let Some(twice) = repeated(&self.settings.external_ip) {
            let found = format!("{twice} twice");
            self.refuse(self.origin("external_ip"), "external_ip", found, "each address once".into(), None);
        }
    }

    fn ports(&mut self) {
        if !self.is_sound(&["listen", "relay_ip", "relay_ports"]) {
            return;
        }
        let Settings { listen, relay_ip, relay_ports, .. } = &self.settings;
        let inside = listen.iter().find(|at| relay_ports.contains(&at.port()) && relay_ip.contains(&at.ip()));
        if let Some(address) = inside {
            let found =
                format!("{}-{}, which holds the listening port of {address}", relay_ports.start(), relay_ports.end());
            self.refuse(
                self.origin("relay_ports"),
                "relay_ports",
                found,
                "a range without a listening port of the same address".into(),
                Some("move listen or relay_ports".into()),
            );
        }
    }

    fn admin(&mut self) {
        let Some(admin) = self.settings.admin.filter(|admin| admin.port() != 0) else { return };
        let clients = self.settings.listen.iter().chain(&self.settings.listen_tls);
        let clash = clients.copied().find(|at| {
            let everywhere = admin.ip().is_unspecified() && admin.is_ipv6() == at.is_ipv6();
            at.port() == admin.port() && (at.ip() == admin.ip() || everywhere)
        });
        if let Some(address) = clash {
            let found = format!("{admin}, where clients are listened to ({address})");
            self.refuse(self.origin("admin"), "admin", found, "a port of its own".into(), None);
        }
    }

    fn alternate_servers(&mut self) {
        for (family, ipv6) in [("IPv4", false), ("IPv6", true)] {
            if self.settings.alternate_server.iter().filter(|server| server.is_ipv6() == ipv6).count() > 1 {
                self.refuse(
                    self.origin("alternate_server"),
                    "alternate_server",
                    format!("two {family} servers"),
                    "one for each family".into(),
                    None,
                );
            }
        }
        let own = self.settings.alternate_server.iter().find(|server| self.settings.listen.contains(server));
        if let Some(own) = own {
            let found = format!("{own}, which is this relay");
            self.refuse(self.origin("alternate_server"), "alternate_server", found, "another server".into(), None);
        }
    }

    fn winning(&self, key: &str) -> Option<&Values> {
        let index = settings().iter().position(|setting| setting.path() == key)?;
        self.layers.iter().rev().find_map(|layer| layer.get(index))
    }

    fn is_given(&self, key: &str) -> bool {
        self.winning(key).is_some()
    }

    fn origin(&self, key: &str) -> Origin {
        self.winning(key).map_or(Origin::Default, |values| values.origin.clone())
    }

    fn is_sound(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.broken.contains(key))
    }

    fn refuse(&mut self, origin: Origin, key: &str, found: String, allowed: String, hint: Option<String>) {
        self.problems.push(Problem { origin, key: key.to_owned(), found, allowed, hint });
    }
}

/// The concrete addresses that `address` stands for.
fn expand(address: SocketAddr, host: &Host) -> impl Iterator<Item = SocketAddr> + '_ {
    let wildcard = address.ip().is_unspecified();
    let of_host = host.addresses.iter().filter(move |ip| wildcard && ip.is_ipv6() == address.is_ipv6());
    let itself = (!wildcard).then_some(address);
    itself.into_iter().chain(of_host.map(move |ip| SocketAddr::new(*ip, address.port())))
}

/// The index of the first user whose name an earlier one has.
fn twice(users: &[User]) -> Option<usize> {
    let mut names = std::collections::BTreeSet::new();
    users.iter().position(|user| !names.insert(user.name.as_str()))
}

/// The file that `--config` or its variable names, read; or a problem.
pub(super) fn config_file(
    path: &Path,
    origin: Origin,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<u8>> {
    match read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            problems.push(Problem {
                origin,
                key: "config".into(),
                found: format!("{}, which cannot be read: {error}", path.display()),
                allowed: "a readable TOML file".into(),
                hint: None,
            });
            None
        }
    }
}
