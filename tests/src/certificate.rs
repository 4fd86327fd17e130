//! Self-signed certificates for localhost, made by `openssl`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{process, program, scratch::Scratch};

const CONFIG: &str = "\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
";

/// A certificate and its key in two files, which [`Certificate::replace`] writes anew.
#[derive(Debug)]
pub struct Certificate {
    scratch: Scratch,
}

impl Certificate {
    /// Makes a certificate for localhost, 127.0.0.1 and `::1`.
    ///
    /// # Panics
    /// When `openssl` is not installed or fails.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "making files is not a default value")]
    pub fn new() -> Self {
        let certificate = Self { scratch: Scratch::new() };
        certificate.replace();
        certificate
    }

    /// Replaces both files by a new key and its certificate, as a renewal does.
    ///
    /// # Panics
    /// As [`Certificate::new`].
    #[track_caller]
    pub fn replace(&self) {
        let config = self.scratch.write("openssl.cnf", CONFIG);
        let (key, certificate) = (self.scratch.path().join("new-key.pem"), self.scratch.path().join("new-cert.pem"));
        let mut command = Command::new(program::installed("openssl"));
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-days", "30", "-config"]).arg(config);
        command.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        process::run(&mut command, Duration::from_secs(20));
        fs::rename(key, self.key()).expect("the scratch folder can be written");
        fs::rename(certificate, self.chain()).expect("the scratch folder can be written");
    }

    /// The certificate's file.
    pub fn chain(&self) -> PathBuf {
        self.scratch.path().join("cert.pem")
    }

    /// The key's file.
    pub fn key(&self) -> PathBuf {
        self.scratch.path().join("key.pem")
    }

    /// The certificate's bytes.
    ///
    /// # Panics
    /// When its file is not a certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.chain()).expect("the file holds a certificate")
    }

    /// A client that trusts this certificate, as it is now, and nothing else.
    ///
    /// # Panics
    /// When the certificate is not one that rustls takes.
    pub fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("the certificate can be trusted");
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }

    /// The base64 of the SHA-256 of the public key, by which Chromium can be told to accept this certificate only.
    ///
    /// # Panics
    /// When `openssl` fails.
    #[track_caller]
    pub fn public_key_sha256(&self) -> String {
        let text = public_key_pem(&self.chain());
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).expect("PEM is base64");
        STANDARD.encode(digest::digest(&digest::SHA256, &der))
    }
}

#[track_caller]
fn public_key_pem(certificate: &Path) -> String {
    let mut command = Command::new(program::installed("openssl"));
    command.args(["x509", "-pubkey", "-noout", "-in"]).arg(certificate);
    process::run(&mut command, Duration::from_secs(20))
}
