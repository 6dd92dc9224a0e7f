//! The server's life: lock, listen, work, and an end that loses no request and no run.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use base::{Error, Result, Secret, units};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::codes::LISTEN_FAILED;
use crate::door::{self, Life};
use crate::home::Home;
use crate::platform::Platform;
use crate::roles::Role;
use crate::settings::Settings;
use crate::{router, survey, upkeep};

/// Longest wait for running requests and runs at the end.
pub const DRAIN_WAIT: Duration = Duration::from_secs(30);

/// What is known when the server can serve.
#[derive(Debug)]
pub struct Ready {
    /// Where it listens; the port that was found if 0 was asked for.
    pub address: SocketAddr,
    /// The administrator's password, if the administrator was made now and nobody gave one. To be shown once.
    pub admin_password: Option<Secret>,
}

/// Serves the home of `settings` until `shutdown`. Then it says that it is not ready and takes no more runs; serves on for the
/// drain delay of its settings; takes no new requests, lets running ones end (for at most [`DRAIN_WAIT`]), lets the worker end
/// or hand back its runs, and writes the audit down.
///
/// Errors: another server on this home, an address that cannot be listened on, and what [`Platform::open`] says.
pub async fn serve(
    settings: Settings,
    ready: impl FnOnce(Ready),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let _lock = Home::open(&settings.home)?.lock()?;
    let platform = Platform::open(settings).await?;
    let admin_password = platform.ensure_admin().await?;
    serve_platform(platform, admin_password, ready, shutdown).await
}

/// The same for a platform that is open already, whose home's lock the caller holds.
pub async fn serve_platform(
    platform: Platform,
    admin_password: Option<Secret>,
    ready: impl FnOnce(Ready),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let settings = platform.settings();
    let listener = listen(settings.listen).await?;
    let address = listener.local_addr().map_err(|error| cannot_listen(settings.listen, error))?;
    let also = match settings.listen_also {
        Some(also) => listen(also)
            .await
            .inspect_err(|error| tracing::warn!(%error, "PORT is not served by this process; the first address is"))
            .ok(),
        None => None,
    };
    let router = router(platform.clone());
    let (stop, stopped) = watch::channel(false);
    let (go_on, life) = watch::channel(Life::Serving);
    let background = Background::start(&platform, &stopped);
    let mut doors = vec![door::open(listener, router.clone(), life.clone())];
    doors.extend(also.map(|listener| door::open(listener, router, life.clone())));
    ready(Ready { address, admin_password });
    shutdown.await;
    // Nobody listening to one of these words means that everything has stopped already.
    let _ = stop.send(true);
    platform.leave();
    let delay = platform.settings().drain_delay;
    if !delay.is_zero() {
        tracing::info!(delay = units::duration(delay), "shutting down: not ready any more; new requests are still answered");
        let _ = go_on.send(Life::Leaving);
        tokio::time::sleep(delay).await;
    }
    tracing::info!("shutting down: no new requests; waiting for those that run");
    let _ = go_on.send(Life::Stopping);
    let drained = tokio::time::timeout(DRAIN_WAIT, async {
        for door in doors {
            let _ended = door.await;
        }
        background.end().await;
    });
    if drained.await.is_err() {
        tracing::warn!(
            waited = units::duration(DRAIN_WAIT),
            "some requests or runs had not ended; runs are taken over at the next start"
        );
    }
    platform.close().await;
    Ok(())
}

/// The worker, the scheduler and the upkeep, as far as the process has their roles.
struct Background(Vec<JoinHandle<()>>);

impl Background {
    fn start(platform: &Platform, stopped: &watch::Receiver<bool>) -> Self {
        let roles = platform.settings().roles;
        let mut tasks = vec![upkeep::numbers(platform, stopped)];
        if roles.has(Role::Worker) {
            let (flow, stopped) = (platform.flow().clone(), stopped.clone());
            tasks.push(tokio::spawn(async move { flow.work(stopped).await }));
        }
        if roles.has(Role::Control) {
            let (flow, until) = (platform.flow().clone(), stopped.clone());
            tasks.push(tokio::spawn(async move { flow.schedule(until).await }));
            tasks.push(upkeep::forgetting(platform, stopped));
            tasks.push(survey::start(platform, stopped));
        }
        if !roles.is_all() {
            tracing::info!(%roles, "this process does a part of the platform's work");
        }
        Self(tasks)
    }

    async fn end(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(%error, "a background task ended badly");
            }
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))
}

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Error {
    Error::new(&LISTEN_FAILED).with("address", address).because(error)
}

/// Ends when the process is asked to end: SIGTERM from an orchestrator, SIGINT from a terminal. It listens from this call on,
/// so that a request to end that comes as soon as the server is ready is not the end without a drain.
pub fn signalled() -> impl Future<Output = ()> + Send + 'static {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

/// A signal that cannot be listened for never comes.
async fn received(signal: std::io::Result<Signal>) {
    match signal {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
