//! What a setting's value may be, and how text becomes one.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
};

use ipnet::IpNet;

use super::{User, problem::quoted};

/// The shape of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address to listen on: `IP:PORT`, or `IP` with this port.
    Listen {
        /// The port if none is given.
        default_port: u16,
    },
    /// `IP:PORT` to listen on for administration.
    Endpoint,
    /// `IP:PORT` of another server.
    Server,
    /// One concrete address of a host.
    Ip,
    /// `LO-HI`, both included.
    Ports,
    /// A realm.
    Realm,
    /// `NAME:PASSWORD`.
    User,
    /// A shared secret.
    Secret,
    /// A file.
    Path,
    /// A range of addresses.
    Network,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A power of two.
    PowerOfTwo {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
}

/// One value as a layer gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// Text of the environment or of a flag, where everything is text.
    Untyped(String),
    /// Text in the file.
    Text(String),
    /// A whole number in the file.
    Integer(i64),
    /// Something in the file that no setting takes, by its TOML name ("a table", "a boolean").
    Other(&'static str),
}

/// One checked value.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Address(SocketAddr),
    Ip(IpAddr),
    Ports(RangeInclusive<u16>),
    Text(String),
    User(User),
    Path(PathBuf),
    Network(IpNet),
    Integer(u64),
}

/// RFC 8489, 14.3: a USERNAME is shorter than 509 bytes.
const USER_BYTES_MAX: usize = 508;
/// RFC 8489, 14.9: a REALM is shorter than 128 characters, and never needs more than 763 bytes.
const REALM_CHARS_MAX: usize = 127;
/// Longer than any key that HMAC uses as it is, short enough to be no accident.
const SECRET_BYTES_MAX: usize = 512;

impl Kind {
    /// Whether a value may be shown: a password or secret may not.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::User | Self::Secret)
    }

    /// Whether a value is a number in the file; it is text otherwise.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer { .. } | Self::PowerOfTwo { .. })
    }

    /// What is allowed, as the end of the sentence "allowed: ...".
    pub fn allowed(self) -> String {
        match self {
            Self::Listen { default_port } => {
                format!(
                    "an address of this host as IP:PORT, [IPv6]:PORT or IP (port {default_port}), with a port above 0; no host names"
                )
            }
            Self::Endpoint => {
                "an address of this host as IP:PORT or [IPv6]:PORT, with a port above 0; no host names".into()
            }
            Self::Server => "the address of another server as IP:PORT or [IPv6]:PORT; no host names".into(),
            Self::Ip => "one unicast IPv4 or IPv6 address, such as 203.0.113.7".into(),
            Self::Ports => "LO-HI with 1024 <= LO <= HI <= 65535".into(),
            Self::Realm => {
                format!("1 to {REALM_CHARS_MAX} characters without quotes, backslashes and control characters")
            }
            Self::User => format!(
                "NAME:PASSWORD, both of 1 to {USER_BYTES_MAX} bytes without control characters, no colon in the name"
            ),
            Self::Secret => format!("1 to {SECRET_BYTES_MAX} bytes without control characters"),
            Self::Path => "the path of a file".into(),
            Self::Network => "a range of addresses as IP/BITS with no bits set behind BITS, or one IP".into(),
            Self::Choice(words) => words.join(", "),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::PowerOfTwo { min, max } => format!("a power of two from {min} to {max}"),
        }
    }

    /// Checks one value.
    ///
    /// # Errors
    /// What was found, to be shown beside [`Kind::allowed`]; never a secret.
    pub(super) fn parse(self, raw: &Raw) -> Result<Value, String> {
        match (self, raw) {
            (Self::Integer { .. } | Self::PowerOfTwo { .. }, Raw::Untyped(text)) => {
                let number = text.parse::<u64>().map_err(|_| quoted(text))?;
                self.integer(number).ok_or_else(|| number.to_string())
            }
            (Self::Integer { .. } | Self::PowerOfTwo { .. }, Raw::Integer(number)) => {
                u64::try_from(*number).ok().and_then(|number| self.integer(number)).ok_or_else(|| number.to_string())
            }
            (Self::Integer { .. } | Self::PowerOfTwo { .. }, Raw::Text(text)) => {
                Err(format!("the text {}", quoted(text)))
            }
            (_, Raw::Other(what)) => Err((*what).to_owned()),
            (_, Raw::Integer(_)) if self.is_secret() => Err("a number".into()),
            (_, Raw::Integer(number)) => Err(format!("the number {number}")),
            (_, Raw::Untyped(text) | Raw::Text(text)) => self.text(text),
        }
    }

    fn integer(self, number: u64) -> Option<Value> {
        let fits = match self {
            Self::Integer { min, max } => (min..=max).contains(&number),
            Self::PowerOfTwo { min, max } => (min..=max).contains(&number) && number.is_power_of_two(),
            _ => false,
        };
        fits.then_some(Value::Integer(number))
    }

    fn text(self, text: &str) -> Result<Value, String> {
        let refused = || quoted(text);
        match self {
            Self::Listen { default_port } => {
                let address = text
                    .parse()
                    .ok()
                    .or_else(|| bare_ip(text).map(|ip| SocketAddr::new(ip, default_port)))
                    .filter(|address| can_listen(address.ip()) && address.port() != 0);
                address.map(Value::Address).ok_or_else(refused)
            }
            Self::Endpoint => text
                .parse()
                .ok()
                .filter(|address: &SocketAddr| can_listen(address.ip()) && address.port() != 0)
                .map(Value::Address)
                .ok_or_else(refused),
            Self::Server => text
                .parse()
                .ok()
                .filter(|address: &SocketAddr| is_unicast(address.ip()) && address.port() != 0)
                .map(Value::Address)
                .ok_or_else(refused),
            Self::Ip => bare_ip(text).filter(|ip| is_unicast(*ip)).map(Value::Ip).ok_or_else(refused),
            Self::Ports => ports(text).map(Value::Ports).ok_or_else(refused),
            Self::Realm => {
                let fits = (1..=REALM_CHARS_MAX).contains(&text.chars().count())
                    && !text.chars().any(|c| c.is_control() || c == '"' || c == '\\');
                fits.then(|| Value::Text(text.to_owned())).ok_or_else(refused)
            }
            Self::User => user(text).map(Value::User),
            Self::Secret => {
                secret(text, "a secret", SECRET_BYTES_MAX)?;
                Ok(Value::Text(text.to_owned()))
            }
            Self::Path if text.is_empty() || text.contains('\0') => Err(refused()),
            Self::Path => Ok(Value::Path(PathBuf::from(text))),
            Self::Network => network(text).map(Value::Network),
            Self::Choice(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            Self::Choice(_) | Self::Integer { .. } | Self::PowerOfTwo { .. } => Err(refused()),
        }
    }
}

/// An address without a port; an IPv6 one may stand in brackets.
fn bare_ip(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// Wildcards may be listened on; multicast, broadcast and IPv4 in IPv6's clothes may not.
fn can_listen(ip: IpAddr) -> bool {
    is_unicast(ip) || ip.is_unspecified()
}

fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        // A mapped address would make one IPv4 address appear as two, which every later comparison would have to know.
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && v6.to_ipv4_mapped().is_none(),
    }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-')?;
    let (low, high): (u16, u16) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (1024 <= low && low <= high).then_some(low..=high)
}

fn user(text: &str) -> Result<User, String> {
    let Some((name, password)) = text.split_once(':') else {
        return Err("a value without a colon (not shown)".into());
    };
    secret(name, "a name", USER_BYTES_MAX)?;
    secret(password, "a password", USER_BYTES_MAX)?;
    Ok(User { name: name.to_owned(), password: password.to_owned() })
}

fn secret(text: &str, what: &str, bytes_max: usize) -> Result<(), String> {
    if text.is_empty() {
        Err(format!("{what} of 0 bytes"))
    } else if text.len() > bytes_max {
        Err(format!("{what} of {} bytes", text.len()))
    } else if text.chars().any(char::is_control) {
        Err(format!("{what} with a control character (not shown)"))
    } else {
        Ok(())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    let net: IpNet = text.parse().map_err(|_| quoted(text))?;
    // Refused, not corrected: 10.0.0.7/8 may mean one host or sixteen million, and the second is a hole.
    if net.trunc() == net { Ok(net) } else { Err(format!("{} (the range is {})", quoted(text), net.trunc())) }
}

/// Takes the values of a setting whose kind is known; a mismatch is a mistake in the table of settings.
impl Value {
    pub(super) fn address(self) -> SocketAddr {
        match self {
            Self::Address(address) => address,
            _ => mismatch("an address"),
        }
    }

    pub(super) fn ip(self) -> IpAddr {
        match self {
            Self::Ip(ip) => ip,
            _ => mismatch("an IP"),
        }
    }

    pub(super) fn ports(self) -> RangeInclusive<u16> {
        match self {
            Self::Ports(ports) => ports,
            _ => mismatch("ports"),
        }
    }

    pub(super) fn string(self) -> String {
        match self {
            Self::Text(text) => text,
            _ => mismatch("text"),
        }
    }

    pub(super) fn user(self) -> User {
        match self {
            Self::User(user) => user,
            _ => mismatch("a user"),
        }
    }

    pub(super) fn path(self) -> PathBuf {
        match self {
            Self::Path(path) => path,
            _ => mismatch("a path"),
        }
    }

    pub(super) fn network(self) -> IpNet {
        match self {
            Self::Network(network) => network,
            _ => mismatch("a network"),
        }
    }

    /// The number in the width of its field. The table's range must fit the field, which a test of the table proves.
    pub(super) fn number<T: TryFrom<u64>>(self) -> T {
        match self {
            Self::Integer(number) => T::try_from(number).unwrap_or_else(|_| mismatch("a number that fits its field")),
            _ => mismatch("a number"),
        }
    }
}

fn mismatch(wanted: &str) -> ! {
    panic!("the table of settings stores a value of another kind than {wanted}")
}

/// The first value that appears twice, if any.
pub(super) fn repeated<T: Ord + Copy>(values: &[T]) -> Option<T> {
    let mut seen = BTreeSet::new();
    values.iter().copied().find(|value| !seen.insert(*value))
}
