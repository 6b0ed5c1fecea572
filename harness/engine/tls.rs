//! TLS for one trial: a certificate of its own, and where the server that has it listens.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use super::{Address, EngineError};
use crate::matrix::Directive;

/// The address that the certificate is for, and the only one that the server listens on.
pub const HOST: &str = "127.0.0.1";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// How a server is reached with TLS.
#[derive(Debug, Clone)]
pub struct Secure {
    /// Port on [`HOST`].
    pub port: u16,
    /// Its certificate, signed by nobody else.
    certificate: Vec<u8>,
}

impl Secure {
    /// Makes a key and a certificate, and leaves both in a folder.
    pub fn prepare(folder: &Path, port: u16) -> Result<Self, EngineError> {
        let signed = rcgen::generate_simple_self_signed([HOST.to_owned()])
            .map_err(|error| EngineError::failed("make a certificate", error))?;
        for (name, text) in [(CERTIFICATE, signed.cert.pem()), (KEY, signed.signing_key.serialize_pem())] {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .map_err(|error| EngineError::failed(format!("write {}", path.display()), error))?;
        }
        Ok(Self { port, certificate: signed.cert.der().to_vec() })
    }

    /// Where clients connect.
    pub fn address(&self) -> Address {
        Address::Tls { host: HOST.into(), port: self.port, certificate: self.certificate.clone() }
    }

    /// redis.conf lines, for a server that knows the certificate's folder by this name.
    pub fn lines(&self, folder: &str) -> Vec<Directive> {
        let line = |name: &str, value: String| Directive { name: name.into(), value };
        vec![
            line("tls-port", self.port.to_string()),
            line("tls-cert-file", format!("{folder}/{CERTIFICATE}")),
            line("tls-key-file", format!("{folder}/{KEY}")),
            line("tls-ca-cert-file", format!("{folder}/{CERTIFICATE}")),
            line("tls-auth-clients", "no".into()),
        ]
    }
}

/// A client that trusts this certificate and no other.
pub fn connector(certificate: &[u8]) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.to_vec()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
