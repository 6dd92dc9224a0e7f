//! A listener: takes so many connections and no more, and hangs up on those that never say what they want.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Most connections of one listener, where the system allows so many open files; what is beyond waits in the system's queue.
const CONNECTIONS_MAX: usize = 4096;

/// Of the files that the system allows, those left to tables, databases and the log: one half.
const FILES_SHARE: usize = 2;

/// Open files assumed where the system does not say.
const FILES_ASSUMED: usize = 1024;

/// Longest time until the first request of a connection has been read up to its body.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// Longest time a connection that was used may be idle, or its next request may take to come; above the 60 s after which common
/// balancers close theirs, so that they do not send into a connection that is being closed.
const NEXT_REQUEST_WITHIN: Duration = Duration::from_secs(75);

/// The pause when the system refuses a connection, because too many files are open.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// Where a server is in its life, which only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    /// It takes requests.
    Serving,
    /// It takes them still, and asks for the next one to go elsewhere: each answer closes its connection.
    Leaving,
    /// It takes no more, and lets what runs end.
    Stopping,
}

/// Serves until `life` says that it stops; then lets what runs end.
pub(crate) fn open(listener: TcpListener, router: Router, life: watch::Receiver<Life>) -> JoinHandle<()> {
    tokio::spawn(serve(listener, router, life))
}

async fn serve(listener: TcpListener, router: Router, mut life: watch::Receiver<Life>) {
    let room = Arc::new(Semaphore::new(connections_max()));
    let connections = TaskTracker::new();
    let mut stop = life.clone();
    let take = async {
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let work = connection(stream, peer, router.clone(), life.clone());
                    connections.spawn(async move {
                        work.await;
                        drop(place);
                    });
                }
                // One connection's own failure is no reason to wait; a lack of files is.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "connections cannot be taken");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = take => {}
        // A sender that is gone has nothing more to say than "stop".
        _ = stop.wait_for(|life| *life == Life::Stopping) => {}
    }
    drop(listener);
    // What the wait answers is a lock, which must not be held on to.
    drop(life.wait_for(|life| *life == Life::Stopping).await);
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, mut life: watch::Receiver<Life>) {
    // Answers are written whole; waiting for more to send would only delay them. A socket that refuses this is slower, not wrong.
    let _at_once = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (asked, life) = (Arc::clone(&asked), life.clone());
        move |request: hyper::Request<Incoming>| {
            asked.store(true, Ordering::Release);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let (router, life) = (router.clone(), life.clone());
            async move {
                let mut response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
                if *life.borrow() != Life::Serving {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(NEXT_REQUEST_WITHIN);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut first = pin!(tokio::time::sleep(FIRST_REQUEST_WITHIN));
    let (mut looked, mut stopping) = (false, false);
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
                return;
            }
            () = first.as_mut(), if !looked => {
                looked = true;
                if !asked.load(Ordering::Acquire) {
                    tracing::debug!(%peer, "a connection did not ask for anything in time");
                    return;
                }
            }
            _ = life.wait_for(|life| *life == Life::Stopping), if !stopping => {
                stopping = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

fn connections_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    (files_max(&limits) / FILES_SHARE).clamp(1, CONNECTIONS_MAX)
}

/// The open files that the kernel's table of this process's limits allows.
fn files_max(limits: &str) -> usize {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    match soft {
        Some("unlimited") => usize::MAX,
        Some(number) => number.parse().unwrap_or(FILES_ASSUMED),
        None => FILES_ASSUMED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_files_for_others() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             31000                31000                processes \n\
                     Max open files            1024                 524288               files     \n";
        assert_eq!(files_max(table), 1024);
        assert_eq!(files_max("Max open files            unlimited            unlimited            files"), usize::MAX);
        assert_eq!(files_max(""), FILES_ASSUMED);
        assert!((1..=CONNECTIONS_MAX).contains(&connections_max()));
    }
}
