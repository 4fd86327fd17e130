//! The certificate, and how it is changed while connections live.
//!
//! A [`TlsAcceptor`] is one loaded certificate and key; a [`TlsSlot`] holds the one that new connections get. **A
//! connection keeps the acceptor it began with**, so rotation touches no live connection, and a file that cannot be
//! loaded changes nothing.

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

/// Largest certificate or key file that is read, in bytes; real chains are a few KiB.
const FILE_MAX: u64 = 1 << 20;

/// Protocol names of RFC 7443. A client that offers none is served; one that offers only others is refused, as RFC 7301
/// says.
const ALPN: [&[u8]; 2] = [b"stun.turn", b"stun.nat-discovery"];

/// Why a certificate could not be loaded. Never says anything of the key's contents.
#[derive(Debug)]
pub enum TlsLoadError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is larger than any certificate or key.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not PEM, or is cut short.
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// The certificate file has no `BEGIN CERTIFICATE` section.
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key file has no private key section.
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key are not a pair.
    Mismatch {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The certificate cannot be used.
    Certificate {
        /// The certificate file.
        path: PathBuf,
        /// What the TLS library said.
        error: rustls::Error,
    },
    /// The key cannot be used, or the TLS library cannot be set up with the pair.
    Key {
        /// The key file.
        path: PathBuf,
        /// What the TLS library said.
        error: rustls::Error,
    },
}

impl fmt::Display for TlsLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "{}: cannot be read: {error}", path.display()),
            Self::TooLarge { path } => write!(f, "{}: larger than {FILE_MAX} bytes", path.display()),
            Self::Pem { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::NoCertificate { path } => write!(f, "{}: no BEGIN CERTIFICATE section", path.display()),
            Self::NoKey { path } => write!(f, "{}: no BEGIN ... PRIVATE KEY section", path.display()),
            Self::Mismatch { cert, key } => {
                write!(f, "{}: the key is not that of the certificate in {}", key.display(), cert.display())
            }
            Self::Certificate { path, error } | Self::Key { path, error } => {
                write!(f, "{}: cannot be used: {error}", path.display())
            }
        }
    }
}

impl Error for TlsLoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::Certificate { error, .. } | Self::Key { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// One certificate chain and its key, ready for handshakes with TLS 1.2 and 1.3.
#[derive(Debug, Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// Loads a PEM certificate chain (the server's own first) and its PEM private key (PKCS#8, PKCS#1 or SEC1).
    ///
    /// # Errors
    /// [`TlsLoadError`], which names the file and what is wrong with it.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsLoadError> {
        let chain = CertificateDer::pem_slice_iter(&read(cert)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| pem_error(cert, &error))?;
        if chain.is_empty() {
            return Err(TlsLoadError::NoCertificate { path: cert.to_owned() });
        }
        let private_key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsLoadError::NoKey { path: key.to_owned() },
            error => pem_error(key, &error),
        })?;
        let unusable = |error| match error {
            rustls::Error::InconsistentKeys(_) => TlsLoadError::Mismatch { cert: cert.to_owned(), key: key.to_owned() },
            rustls::Error::InvalidCertificate(_) => TlsLoadError::Certificate { path: cert.to_owned(), error },
            error => TlsLoadError::Key { path: key.to_owned(), error },
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .map_err(unusable)?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        // Resumption lives in tickets that the client keeps: no table of ours to fill. The ticket key is this
        // acceptor's own, so nobody resumes past a rotation.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsLoadError> {
    let failed = |error| TlsLoadError::Read { path: path.to_owned(), error };
    // The size is asked first, so that a device or a mistaken path cannot fill the memory.
    if fs::metadata(path).map_err(failed)?.len() > FILE_MAX {
        return Err(TlsLoadError::TooLarge { path: path.to_owned() });
    }
    fs::read(path).map_err(failed)
}

/// The library's own text may quote a line of the file, which may be of a key: only the kind of the error is passed on.
fn pem_error(path: &Path, error: &pem::Error) -> TlsLoadError {
    let problem = match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a PEM section's BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a PEM section is not base64",
        pem::Error::SectionTooLarge => "a PEM section is too large",
        _ => "not a PEM file",
    };
    TlsLoadError::Pem { path: path.to_owned(), problem }
}

/// The acceptor that new connections get; shared by all workers.
#[derive(Debug)]
pub struct TlsSlot {
    // Read once for each TLS connection, whose handshake costs a thousand times more than the lock.
    current: Mutex<Arc<TlsAcceptor>>,
}

impl TlsSlot {
    /// A slot that holds `acceptor`.
    pub fn new(acceptor: TlsAcceptor) -> Self {
        Self { current: Mutex::new(Arc::new(acceptor)) }
    }

    /// Gives `acceptor` to connections from now on.
    pub fn replace(&self, acceptor: TlsAcceptor) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(acceptor);
    }

    /// The acceptor for a new connection.
    pub fn current(&self) -> Arc<TlsAcceptor> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
