//! How connections to databases are encrypted, and how a server proves who it is.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use base::document::Wrong;
use base::{Error, Result, SecretRef};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::codes::CONNECTION_INVALID;
use crate::spec::Context;

/// Bytes of certificates of authorities; those of all public ones are a fifth of it.
const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;

/// Whether a connection is encrypted, and whether the server must prove who it is. The names are those of PostgreSQL's `sslmode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Nothing is encrypted.
    #[default]
    Disable,
    /// Encrypted, or refused if the server cannot. Any certificate is taken: who only listens learns nothing, but who can
    /// pose as the server is not found out.
    Require,
    /// Encrypted, and the server's certificate must be signed by an authority of `tls_ca` and name the host.
    VerifyFull,
}

impl Tls {
    /// Whether `tls_ca` is given just when it is used.
    pub(crate) fn check(self, authorities: Option<&SecretRef>) -> Result<(), Wrong> {
        let wrong = |reason| Err(Wrong::new("tls_ca", reason));
        match (self, authorities) {
            (Self::VerifyFull, None) => wrong(
                "`verify-full` needs the certificates of the authorities to be believed; those of the public ones are a file too, \
                 such as `file:/etc/ssl/certs/ca-certificates.crt`",
            ),
            (Self::Disable | Self::Require, Some(_)) => wrong("only `tls: verify-full` looks at it"),
            _ => Ok(()),
        }
    }
}

/// [`Tls`] with the certificates read.
#[derive(Debug, Clone)]
pub(crate) enum Encryption {
    None,
    /// Any certificate will do.
    Unproven,
    /// Certificates of authorities, at least one.
    Proven(Vec<CertificateDer<'static>>),
}

impl Encryption {
    /// Reads the certificates that `tls_ca` of the connection names.
    pub async fn read(connection: &str, tls: Tls, authorities: Option<&SecretRef>, context: &Context) -> Result<Self> {
        let Some(reference) = authorities else {
            return Ok(if tls == Tls::Disable { Self::None } else { Self::Unproven });
        };
        let unread = |reason: String| {
            let reason = format!("tls_ca: {reference}: {reason}");
            Error::new(&CONNECTION_INVALID).with("connection", connection).with("reason", reason)
        };
        let text = match reference {
            // Certificates are no secrets, and the public authorities together are more than a secret may be.
            SecretRef::File(path) => file(&context.base_dir.join(path)).await.map_err(|error| unread(error.to_string()))?,
            reference => context.secrets.resolve(reference).await?.expose().to_owned(),
        };
        let mut certificates = Vec::new();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|error| unread(error.to_string()))?;
            roots.add(certificate.clone()).map_err(|error| unread(error.to_string()))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(unread("it holds no certificate in PEM form, `-----BEGIN CERTIFICATE-----`".to_owned()));
        }
        Ok(Self::Proven(certificates))
    }

    /// What rustls needs to know; `None` if nothing is to be encrypted.
    pub fn client(&self) -> Result<Option<ClientConfig>, rustls::Error> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        Ok(match self {
            Self::None => None,
            Self::Unproven => {
                let any = Arc::new(AnyCertificate(provider));
                Some(builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth())
            }
            Self::Proven(certificates) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates.iter().cloned());
                Some(builder.with_root_certificates(roots).with_no_client_auth())
            }
        })
    }
}

async fn file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    tokio::fs::File::open(path).await?.take(AUTHORITIES_BYTES_MAX + 1).read_to_string(&mut text).await?;
    if text.len() as u64 > AUTHORITIES_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {AUTHORITIES_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// The cryptography of this process. Some drivers take no other than the process's own, so whoever comes first sets it.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, which is as good.
        let _ = ring::default_provider().install_default();
    }
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

/// What the cryptography found wrong, if that is what is behind an error.
pub(crate) fn refusal<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error names the cause of what it wraps, not what it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// Takes every certificate, and still makes sure that the server holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _revocation: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::context;

    #[test]
    fn authorities_are_named_just_when_they_are_asked() {
        let authorities = SecretRef::File("/ca.pem".to_owned());
        assert!(Tls::Disable.check(None).is_ok() && Tls::Require.check(None).is_ok());
        assert!(Tls::VerifyFull.check(Some(&authorities)).is_ok());
        for (tls, authorities) in
            [(Tls::VerifyFull, None), (Tls::Require, Some(&authorities)), (Tls::Disable, Some(&authorities))]
        {
            assert_eq!(tls.check(authorities).expect_err("refused").field, "tls_ca");
        }
        assert_eq!(serde_json::to_value(Tls::VerifyFull).expect("a word"), "verify-full");
    }

    #[tokio::test]
    async fn what_is_no_certificate_is_refused_before_any_server_is_asked() {
        let context = context(Path::new("/"));
        let texts = ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"];
        let kept = texts.map(|text| SecretRef::Store(text.to_owned()));
        let files = ["/no/such/file", "/dev/zero", "/dev/null"].map(|path| SecretRef::File(path.to_owned()));
        for reference in kept.iter().chain(&files) {
            let error = Encryption::read("c", Tls::VerifyFull, Some(reference), &context).await.expect_err("no certificate");
            assert!(error.is(&CONNECTION_INVALID) && error.to_string().contains("tls_ca"), "{error}");
        }
        assert!(matches!(Encryption::read("c", Tls::Require, None, &context).await, Ok(Encryption::Unproven)));
        assert!(Encryption::None.client().expect("a configuration").is_none());
        assert!(Encryption::Unproven.client().expect("a configuration").is_some());
    }
}
