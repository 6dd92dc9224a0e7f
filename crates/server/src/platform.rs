//! The rooms put together over one home: what the server, the commands on a home and the tests open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::{Error, Result, Secret, Secrets};
use catalog::Catalog;
use engine::{Engine, EngineParts, EngineSettings};
use flow::Flow;
use gateway::Services;
use guard::{Guard, MasterKey};
use lake::Lake;
use meta::{Cache, DatabaseUrl, Meta};
use storage::{Store, StoreOptions};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::codes::{SERVER_LEAVING, SERVER_NOT_READY};
use crate::counting::Counting;
use crate::home::Home;
use crate::kinds::KINDS;
use crate::roles::Role;
use crate::settings::Settings;
use crate::survey::Survey;

/// Share of the machine's memory that queries may reserve when nothing else is said: one half.
const MEMORY_SHARE: u64 = 2;
/// Memory assumed on a machine that does not say, in bytes.
const MEMORY_ASSUMED: u64 = 2 << 30;
/// Longest wait for one part when the platform is asked whether it can serve.
const READY_WAIT: Duration = Duration::from_secs(2);
/// How long an answer to that question is repeated.
const READY_FOR: Duration = Duration::from_secs(1);

/// Longest wait at the end for answers whose reader has left or is about to.
const ANSWERS_WAIT: Duration = Duration::from_secs(5);

/// A platform. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Rooms>);

struct Rooms {
    settings: Settings,
    home: Home,
    meta: Meta,
    cache: Cache,
    guard: Guard,
    catalog: Catalog,
    store: Store,
    engine: Engine,
    flow: Flow,
    services: Services,
    /// Answers on their way; each closes its account in the audit when it ends.
    answers: TaskTracker,
    began: Instant,
    /// When it was last seen whether it can serve, and what was wrong. Anybody may ask, so the question is not passed on each time.
    readiness: Mutex<Option<(Instant, Option<String>)>>,
    /// It was told to end.
    leaving: AtomicBool,
    counting: Counting,
    survey: Survey,
}

impl Platform {
    /// Opens the home of `settings`, and makes it if there is none. Takes no lock: commands work beside a running server.
    ///
    /// Errors: a home that cannot be used, a database that does not answer, a lake's store that refuses.
    pub async fn open(settings: Settings) -> Result<Self> {
        let home = Home::open(&settings.home)?;
        let url = match &settings.database {
            Some(url) => url.clone(),
            None => DatabaseUrl::parse(&format!("sqlite:{}", home.database().display()), None, None)?,
        };
        for warning in url.warnings() {
            tracing::warn!(warning, "DATABASE_URL");
        }
        let meta = Meta::open(&url).await?;
        let cache = match &settings.redis {
            Some(redis) => Cache::in_redis(redis, &meta.platform_id().await?).await?,
            None => Cache::in_memory(),
        };
        let key = match (&settings.master_key, &settings.master_key_file) {
            (Some(text), _) => MasterKey::from_env_text(text.expose())?,
            (None, Some(file)) => MasterKey::from_file_or_create(file)?,
            (None, None) => MasterKey::from_file_or_create(&home.master_key())?,
        };
        let guard = Guard::open(meta.clone(), key)?;
        let secrets: Arc<dyn Secrets> = Arc::new(guard.clone());
        let store = open_store(&settings, &home, &guard.own_secrets()).await?;
        let catalog = Catalog::new(meta.clone(), guard.clone(), KINDS);
        let lake = Lake::new(store.clone())?;
        let connections = connect::Context { secrets, base_dir: home.root().to_owned() };
        let engine = Engine::new(EngineParts {
            guard: guard.clone(),
            catalog: catalog.clone(),
            lake,
            connections,
            settings: engine_settings(&settings, &home),
        })?;
        let flow = Flow::new(engine.clone(), catalog.clone(), guard.clone(), meta.clone());
        let services = Services::new(guard.clone(), catalog.clone(), engine.clone(), cache.clone());
        let (answers, began, readiness) = (TaskTracker::new(), Instant::now(), Mutex::default());
        Ok(Self(Arc::new(Rooms {
            counting: Counting::new(settings.metrics_names),
            settings,
            home,
            meta,
            cache,
            guard,
            catalog,
            store,
            engine,
            flow,
            services,
            answers,
            began,
            readiness,
            leaving: AtomicBool::new(false),
            survey: Survey::default(),
        })))
    }

    /// The first administrator, if there is none yet; answers the password if one was made up. Left to who has the role
    /// control, so that the password is told where people look.
    pub async fn ensure_admin(&self) -> Result<Option<Secret>> {
        if !self.0.settings.roles.has(Role::Control) {
            return Ok(None);
        }
        self.guard().ensure_admin(self.0.settings.admin_password.clone()).await
    }

    /// Says from now on that it is not ready, so that nobody sends it more; it answers on.
    pub(crate) fn leave(&self) {
        self.0.leaving.store(true, Ordering::Release);
    }

    /// Whether it can serve: it was not told to end, the metadata answers and the lake's store takes a file. Looked at once a
    /// second at most.
    pub async fn ready(&self) -> Result<()> {
        if self.0.leaving.load(Ordering::Acquire) {
            return Err(Error::new(&SERVER_LEAVING));
        }
        let mut readiness = self.0.readiness.lock().await;
        let wrong = match readiness.take().filter(|(at, _)| at.elapsed() < READY_FOR) {
            Some((at, wrong)) => {
                *readiness = Some((at, wrong.clone()));
                wrong
            }
            None => {
                let wrong = self.look().await;
                *readiness = Some((Instant::now(), wrong.clone()));
                wrong
            }
        };
        wrong.map_or(Ok(()), |reason| Err(Error::new(&SERVER_NOT_READY).with("reason", reason)))
    }

    /// What keeps it from serving.
    async fn look(&self) -> Option<String> {
        match tokio::time::timeout(READY_WAIT, self.0.meta.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(format!("metadata: {error}")),
            Err(_late) => return Some("metadata: no answer".to_owned()),
        }
        match tokio::time::timeout(READY_WAIT, self.0.store.probe()).await {
            Ok(Ok(probe)) if probe.fits_lake() => None,
            Ok(Ok(probe)) => Some(format!("lake: {}", probe.failures.join("; "))),
            Ok(Err(error)) => Some(format!("lake: {error}")),
            Err(_late) => Some("lake: no answer".to_owned()),
        }
    }

    /// Writes down what is still to be written. The platform answers on; call it when nothing more will be asked.
    pub async fn close(&self) {
        self.0.answers.close();
        if tokio::time::timeout(ANSWERS_WAIT, self.0.answers.wait()).await.is_err() {
            tracing::warn!("answers are still on their way; what they cost may be missing from the audit");
        }
        self.engine().tables_of_the_lake().settle().await;
        if let Err(error) = self.guard().audit().flush().await {
            tracing::error!(%error, "the last events could not be audited");
        }
    }

    /// Where the tasks run that answers are sent by.
    pub(crate) fn answers(&self) -> &TaskTracker {
        &self.0.answers
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The folder.
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// The platform's own state.
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// What servers of this platform share for a while.
    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// Who may what.
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// What exists.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// SQL.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Pipelines and runs.
    pub fn flow(&self) -> &Flow {
        &self.0.flow
    }

    /// Data services.
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// What is counted for /metrics.
    pub(crate) fn counting(&self) -> &Counting {
        &self.0.counting
    }

    /// What is looked at for /metrics.
    pub(crate) fn survey(&self) -> &Survey {
        &self.0.survey
    }

    /// Time since it was opened.
    pub fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }
}

async fn open_store(settings: &Settings, home: &Home, secrets: &dyn Secrets) -> Result<Store> {
    let options = match &settings.lake_store {
        Some(text) => base::document::parse::<StoreOptions>(text, "DATAUX_LAKE_STORE")?,
        None => StoreOptions::default(),
    };
    let location = settings.lake.clone().unwrap_or_else(|| home.lake().display().to_string());
    storage::open_or_create(&location, &options, secrets).await
}

fn engine_settings(settings: &Settings, home: &Home) -> EngineSettings {
    let memory = settings.memory_bytes.unwrap_or_else(|| machine_memory() / MEMORY_SHARE);
    let threads = settings.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    EngineSettings::for_machine(usize::try_from(memory).unwrap_or(usize::MAX), threads, home.spill())
}

/// The memory this process may use, in bytes: the container's limit if there is one, else the machine's.
pub(crate) fn machine_memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| read(path).trim().parse::<u64>().ok());
    let info = read("/proc/meminfo");
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(MEMORY_ASSUMED, |kib| kib << 10);
    limit.map_or(total, |limit| limit.min(total))
}
