//! Requests inside this process: the server's own router over a home, as its administrator, beside a running server or without.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::Error;
use futures::{StreamExt, TryStreamExt};
use guard::Pass;
use server::{Flags, Platform, Settings};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::{Reply, Request, broken};
use crate::failure::{Failure, Outcome};

/// Longest wait for runs to end or to be handed back when a command is done: a little longer than the worker takes for both.
const WORKER_WAIT: Duration = Duration::from_secs(28);

/// Longest wait for what is still to be written down.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// Log filter of what is no error here: the Delta kernel calls a table that does not exist yet one.
pub const NOISE: &str = "buoyant_kernel=off,delta_kernel=off";

/// An open home.
pub struct Home {
    platform: Platform,
    router: Router,
    pass: Pass,
    /// Started by the first command that needs runs to be executed.
    worker: Mutex<Option<Worker>>,
}

struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Home {
    /// Opens a home that exists; commands other than `init`, `serve` and `demo` do not make one by accident.
    pub async fn open(path: &Path) -> Outcome<Self> {
        let filled = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if !filled {
            return Err(Error::new(&crate::codes::HOME_MISSING).with("home", path.display()).into());
        }
        let settings = settings(Some(path.to_owned()), None)?;
        // What the rooms log is for a server's operator; a command answers for itself.
        let quiet = format!("error,{NOISE}");
        let filter = if std::env::var_os("DATAUX_LOG").is_some() { &settings.log } else { &quiet };
        server::logs::start(filter, settings.log_format)?;
        Self::over(Platform::open(settings).await?).await
    }

    /// The router of a platform that is open already.
    pub async fn over(platform: Platform) -> Outcome<Self> {
        let pass = platform.guard().local_admin().await?;
        let router = server::router(platform.clone());
        Ok(Self { platform, router, pass, worker: Mutex::new(None) })
    }

    /// Executes queued runs in this process until the home is closed.
    pub fn start_worker(&self) {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_some() {
            return;
        }
        let (stop, stopped) = watch::channel(false);
        let flow = self.platform.flow().clone();
        let task = tokio::spawn(async move { flow.work(stopped).await });
        *worker = Some(Worker { stop, task });
    }

    /// Ends the worker and lets the audit write what it holds.
    pub async fn close(self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            let _ = worker.stop.send(true);
            let _ = tokio::time::timeout(WORKER_WAIT, worker.task).await;
        }
        let _ = tokio::time::timeout(CLOSE_WAIT, self.platform.close()).await;
    }

    /// One request through the router.
    pub async fn send(&self, request: Request) -> Outcome<Reply> {
        let place = &request.url[url::Position::BeforePath..];
        let mut builder = axum::http::Request::builder().method(request.method).uri(place).extension(self.pass.clone());
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let body = match request.body {
            Some((kind, bytes)) => {
                builder = builder.header("content-type", kind);
                Body::from(bytes)
            }
            None => Body::empty(),
        };
        let request = builder
            .body(body)
            .map_err(|error| Failure::Own(Error::new(&crate::codes::ANSWER_UNREADABLE).with("request", place).because(error)))?;
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let pieces = response.into_body().into_data_stream().map_err(own);
        Ok(Reply { status, pieces: pieces.boxed() })
    }
}

/// Settings of a home: flags before the environment. A command does everything itself, also in the container of a process that
/// has only one role.
pub fn settings(home: Option<PathBuf>, listen: Option<String>) -> Outcome<Settings> {
    settings_with(Flags { home, listen, role: Some("all".to_owned()) })
}

/// The same with the roles that the flags or the environment name.
pub fn settings_with(flags: Flags) -> Outcome<Settings> {
    Ok(Settings::read(&flags, |name| std::env::var(name).ok())?)
}

/// The platform's own error, if that is what ended the body.
fn own(error: axum::Error) -> Failure {
    match error.into_inner().downcast::<Error>() {
        Ok(error) => Failure::Own(*error),
        Err(other) => broken(std::io::Error::other(other)),
    }
}
