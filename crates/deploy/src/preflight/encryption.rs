//! What stands at the encrypted end of a link: who vouches for it, until when, and whether large packets get through to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::finding::Finding;
use crate::topology::Address;

const CERTIFICATE: &str = "certificate";
const TRANSFER: &str = "transfer";

/// Longest wait for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Longest wait for an answer to a large transfer.
const TRANSFER_WAIT: Duration = Duration::from_secs(10);
/// What is sent: more than any path passes in one packet, and more than routers answer pings of.
const TRANSFER_BYTES: usize = 96 << 10;
/// A certificate that ends earlier than this is a warning.
const DAYS_LEFT_MIN: u64 = 30;

/// Looks at the certificate, and sends something large.
pub(super) async fn look(address: &Address, at: SocketAddr, authority: Option<&Path>) -> Vec<Finding> {
    let connection = match tokio::time::timeout(HANDSHAKE, TcpStream::connect(at)).await {
        Ok(Ok(connection)) => connection,
        // It was reached a moment ago, and the link's own finding says how.
        _ => return Vec::new(),
    };
    let (config, name) = match (config(authority), ServerName::try_from(address.host.clone())) {
        (Ok(config), Ok(name)) => (config, name),
        (Err(why), _) => {
            return vec![Finding::warning(
                CERTIFICATE,
                format!("the authorities could not be read: {why}"),
                format!("无法读取证书颁发机构：{why}"),
            )];
        }
        (_, Err(why)) => {
            return vec![Finding::warning(
                CERTIFICATE,
                format!("no certificate is of `{}`: {why}", address.host),
                format!("证书不可能属于 `{}`：{why}", address.host),
            )];
        }
    };
    let shaken = tokio::time::timeout(HANDSHAKE, Box::pin(TlsConnector::from(Arc::new(config)).connect(name, connection))).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return vec![refused(&error)],
        Err(_) => {
            return vec![
                Finding::failure(CERTIFICATE, "nobody speaks TLS there", "对端没有应答 TLS")
                    .fix("say `tls: false`, or turn TLS on there", "请设置 `tls: false`，或在对端启用 TLS"),
            ];
        }
    };
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
    let mut findings: Vec<Finding> = leaf.as_ref().map(ends).into_iter().collect();
    findings.push(transfer(stream, &address.host, TRANSFER_WAIT).await);
    findings
}

/// Sends something large where nothing is encrypted.
pub(super) async fn plain(address: &Address, at: SocketAddr) -> Option<Finding> {
    let connection = tokio::time::timeout(HANDSHAKE, TcpStream::connect(at)).await.ok()?.ok()?;
    Some(transfer(connection, &address.host, TRANSFER_WAIT).await)
}

fn config(authority: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = provider();
    let mut extra = Vec::new();
    if let Some(path) = authority {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| format!("{}: {error}", path.display()))? {
            extra.push(certificate.map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| error.to_string())?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// The cryptography of this process, or ours if it has chosen none.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

/// A handshake that was broken off: mostly a certificate that is not what it should be.
fn refused(error: &std::io::Error) -> Finding {
    let why = error.to_string();
    let why = why.trim_start_matches("invalid peer certificate: ");
    Finding::failure(CERTIFICATE, format!("not trusted: {why}"), format!("不受信任：{why}")).fix(
        "renew it, correct the address, or name its `authority` in the link",
        "请更新证书、更正地址，或在链路中填写 `authority`",
    )
}

/// Until when the certificate holds.
fn ends(leaf: &CertificateDer) -> Finding {
    let end = Certificate::from_der(leaf).ok().map(|certificate| certificate.tbs_certificate.validity.not_after.to_system_time());
    let left = end.and_then(|end| end.duration_since(SystemTime::now()).ok()).map(|left| left.as_secs() / 86_400);
    match left {
        None => Finding::warning(CERTIFICATE, "trusted, but its end could not be read", "受信任，但无法读取到期时间"),
        Some(days) if days < DAYS_LEFT_MIN => {
            Finding::warning(CERTIFICATE, format!("trusted, but ends in {days} days"), format!("受信任，但 {days} 天后到期"))
                .fix("renew it", "请更新证书")
        }
        Some(days) => Finding::good(CERTIFICATE, format!("trusted for {days} days"), format!("受信任，剩余 {days} 天")),
    }
}

/// Sends more than one packet holds, and waits for a word: where routers drop what is too large without saying so, there is none.
async fn transfer(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str, wait: Duration) -> Finding {
    let mut request =
        format!("POST /healthz HTTP/1.1\r\nHost: {host}\r\nContent-Length: {TRANSFER_BYTES}\r\nConnection: close\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + TRANSFER_BYTES, 0);
    let sent = async {
        // Who answers before all is sent hangs up, which is an answer as well.
        let _ = stream.write_all(&request).await;
        let _ = stream.flush().await;
        let mut word = [0; 1];
        stream.read(&mut word).await
    };
    let kibibytes = TRANSFER_BYTES >> 10;
    match tokio::time::timeout(wait, sent).await {
        Ok(Ok(1..)) => Finding::good(TRANSFER, format!("{kibibytes} KiB went through"), format!("{kibibytes} KiB 传输成功")),
        Ok(_) => Finding::warning(TRANSFER, format!("hung up on {kibibytes} KiB"), format!("对 {kibibytes} KiB 的传输挂断")).fix(
            "nobody speaks HTTP there, or asks for a client's certificate: try it from within the sites",
            "对端不是 HTTP，或要求客户端证书：请在站点内部尝试",
        ),
        Err(_) => Finding::failure(
            TRANSFER,
            format!("{kibibytes} KiB got stuck: packets that are too large vanish on the way"),
            format!("{kibibytes} KiB 传输卡住：过大的数据包在途中丢失"),
        )
        .fix("lower the MTU at both ends, or let the gateway clamp TCP's MSS", "请在两端降低 MTU，或在网关上限制 TCP MSS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[tokio::test]
    async fn a_transfer_goes_through_is_hung_up_on_or_gets_stuck() {
        let wait = Duration::from_millis(200);
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let answering = tokio::spawn(async move {
            let mut taken = vec![0; TRANSFER_BYTES];
            theirs.read_exact(&mut taken).await.expect("sent");
            theirs.write_all(b"HTTP/1.1 405\r\n\r\n").await.expect("answered");
            theirs
        });
        assert_eq!(transfer(ours, "h", Duration::from_secs(30)).await.level, Level::Good);
        answering.await.expect("ended");
        let (ours, theirs) = tokio::io::duplex(4096);
        drop(theirs);
        assert_eq!(transfer(ours, "h", wait).await.level, Level::Warning);
        let (ours, _theirs) = tokio::io::duplex(4096);
        assert_eq!(transfer(ours, "h", wait).await.level, Level::Failure);
    }
}
