//! What tests of encrypted connections need: the authorities of `scripts/servers`, and a server that cannot encrypt.

use base::SecretRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The authority that vouches for the servers of the tests at 127.0.0.1, and for no other name.
pub(crate) fn authority() -> SecretRef {
    certificate("ca.pem")
}

/// An authority that vouches for nobody.
pub(crate) fn stranger() -> SecretRef {
    certificate("stranger.pem")
}

fn certificate(name: &str) -> SecretRef {
    let folder = std::env::var("DATAUX_TEST_TLS")
        .expect("DATAUX_TEST_TLS is not set; `make test` makes the certificates that this test needs");
    SecretRef::Store(std::fs::read_to_string(std::path::Path::new(&folder).join(name)).expect("a certificate"))
}

/// Greets whoever comes, and answers the first thing said; it never encrypts.
pub(crate) struct PlainServer {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Drop for PlainServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PlainServer {
    pub async fn start(greeting: Vec<u8>, answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut said = [0; 1024];
                // The client may hang up at any moment, which is what it is here for.
                let _ = client.write_all(&greeting).await;
                let _ = client.read(&mut said).await;
                let _ = client.write_all(&answer).await;
            }
        });
        Self { port, task }
    }
}
