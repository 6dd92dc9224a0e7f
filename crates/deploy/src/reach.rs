//! Whether something listens at an address, and how long that takes to find out, seen from this host.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpStream, lookup_host};

use crate::topology::Address;

/// Longest wait for a name, and for one connection.
const WAIT: Duration = Duration::from_secs(5);

/// Why an address was not reached.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreached {
    /// Its name is not known.
    Name(String),
    /// Nobody answered, or somebody refused.
    Connection(String),
}

/// How long connections took, sorted.
#[derive(Debug)]
pub struct Reached {
    /// Where it is.
    pub address: SocketAddr,
    /// The times.
    pub times: Vec<Duration>,
}

impl Reached {
    /// The time that this share of connections did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.times.len() * percent).div_ceil(100).clamp(1, self.times.len());
        self.times[at - 1]
    }
}

/// Connects some times, one after the other, and lets go at once. The first failure ends it.
pub async fn connect(address: &Address, times: usize) -> Result<Reached, Unreached> {
    let found = match tokio::time::timeout(WAIT, lookup_host((address.host.as_str(), address.port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(Unreached::Name(error.to_string())),
        Err(_) => return Err(Unreached::Name(format!("no answer within {} s", WAIT.as_secs()))),
    };
    let Some(first) = found.first().copied() else { return Err(Unreached::Name("it has no address".to_owned())) };
    let mut reached = Reached { address: first, times: Vec::with_capacity(times) };
    for round in 0..times.max(1) {
        let began = Instant::now();
        // Of several addresses the one that answered first is kept.
        let candidates = if round == 0 { found.as_slice() } else { std::slice::from_ref(&reached.address) };
        let stream = match tokio::time::timeout(WAIT, TcpStream::connect(candidates)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Unreached::Connection(error.to_string())),
            Err(_) => return Err(Unreached::Connection(format!("no answer within {} s", WAIT.as_secs()))),
        };
        reached.times.push(began.elapsed());
        if let Ok(peer) = stream.peer_addr() {
            reached.address = peer;
        }
    }
    reached.times.sort_unstable();
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_is_reached_and_who_does_not_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = Address { host: "127.0.0.1".to_owned(), port: listener.local_addr().expect("bound").port() };
        let reached = connect(&address, 10).await.expect("reached");
        assert_eq!(reached.times.len(), 10);
        assert!(reached.percentile(50) <= reached.percentile(99));
        assert_eq!(reached.percentile(99), reached.times[9]);
        drop(listener);
        assert!(matches!(connect(&address, 1).await, Err(Unreached::Connection(_))));
        let nowhere = Address { host: "nowhere.invalid".to_owned(), port: 1 };
        assert!(matches!(connect(&nowhere, 1).await, Err(Unreached::Name(_))));
    }
}
