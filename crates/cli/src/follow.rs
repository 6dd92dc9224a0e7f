//! Waiting for a run: progress while it goes on, ^C that cancels it, and the summary at its end.

use std::time::Duration;

use base::units;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::{Align, Listing};
use crate::progress::Progress;
use crate::runs::{RunView, state_text};
use crate::session::Session;

/// Pause between two looks at a run.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// Failed looks in a row before giving up on a server that went away.
const FAILED_LOOKS_MAX: u32 = 50;

/// Waits until the run is over. The first ^C asks the platform to cancel it and goes on waiting; the second leaves at once.
pub async fn follow(session: &Session, client: &Client, id: &str) -> Outcome<(RunView, Value)> {
    if let Some(home) = client.home() {
        home.start_worker();
    }
    let mut progress = Progress::new(session.globals.progress, session.language, session.paint_error);
    let mut interrupts = Interrupts::listen();
    let (mut interrupted, mut failed, mut pause) = (false, 0, Duration::ZERO);
    loop {
        let look = async {
            tokio::time::sleep(pause).await;
            client.get(&["api", "v1", "runs", id]).value().await
        };
        let looked = tokio::select! {
            looked = Box::pin(look) => looked,
            () = interrupts.next() => {
                if interrupted {
                    return Err(Failure::Said(exit::INTERRUPTED));
                }
                interrupted = true;
                progress.say(session.say("cancelling the run; ^C again leaves without waiting", "正在取消运行；再按 ^C 立即离开"));
                // A run that has just ended cannot be cancelled; the next look shows how it ended.
                if let Err(failure) = client.post(&["api", "v1", "runs", id, "cancel"]).value().await
                    && let Some(problem) = failure.problem(session.language)
                {
                    progress.say(&problem.message);
                }
                continue;
            }
        };
        match looked {
            Ok(value) => {
                failed = 0;
                let run = RunView::read(&value)?;
                progress.show(&run);
                if run.is_over() {
                    return Ok((run, value));
                }
            }
            // The server may be restarting; the run survives that.
            Err(failure)
                if failure.problem(session.language).is_some_and(|problem| problem.retry) && failed < FAILED_LOOKS_MAX =>
            {
                failed += 1;
            }
            Err(failure) => return Err(failure),
        }
        pause = LOOK_PAUSE;
    }
}

/// Every ^C since the beginning, also those that came while nobody waited for one.
struct Interrupts {
    came: watch::Receiver<u64>,
    taken: u64,
    listener: JoinHandle<()>,
}

impl Interrupts {
    fn listen() -> Self {
        let (tell, came) = watch::channel(0);
        let listener = tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                tell.send_modify(|count| *count += 1);
            }
        });
        Self { came, taken: 0, listener }
    }

    /// The next one.
    async fn next(&mut self) {
        let taken = self.taken;
        if self.came.wait_for(|count| *count > taken).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.taken += 1;
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Waits, writes the summary, and fails if the run did.
pub async fn follow_to_end(session: &mut Session, client: &Client, id: &str, output: Output) -> Outcome {
    let (run, value) = follow(session, client, id).await?;
    match output {
        Output::Json => session.out.json(&value)?,
        Output::Yaml => session.out.text(&crate::listing::yaml(&value)?)?,
        Output::Name => session.out.line(&format!("run/{}", run.id))?,
        _ => summary(session, &run)?,
    }
    end(session, &run)
}

/// The run's steps and totals, as a table.
pub fn summary(session: &mut Session, run: &RunView) -> Outcome {
    let mut listing = Listing::new(&[
        (session.say("STEP", "步骤"), Align::Left),
        (session.say("STATE", "状态"), Align::Left),
        (session.say("ROWS", "行数"), Align::Right),
        (session.say("QUARANTINED", "隔离"), Align::Right),
        (session.say("BYTES", "字节"), Align::Right),
        (session.say("TIME", "用时"), Align::Right),
    ]);
    for step in &run.steps {
        listing.row(vec![
            step.step.clone(),
            state_text(&step.state, session.language),
            units::count(step.rows),
            units::count(step.rejected),
            if step.bytes > 0 { units::bytes(step.bytes) } else { String::new() },
            if step.started_at.is_some() { units::duration(step.elapsed()) } else { String::new() },
        ]);
    }
    let table = listing.render(session.paint, None);
    session.out.text(&table)?;
    let line = match session.language {
        base::Language::En => format!(
            "{}: {}; {} rows written, {} in quarantine, {}; run {}",
            run.pipeline,
            state_text(&run.state, session.language),
            units::count(run.rows()),
            units::count(run.rejected()),
            units::duration(run.elapsed()),
            run.id
        ),
        base::Language::Zh => format!(
            "{}：{}；写入 {} 行，隔离 {} 行，用时 {}；运行 {}",
            run.pipeline,
            state_text(&run.state, session.language),
            units::count(run.rows()),
            units::count(run.rejected()),
            units::duration(run.elapsed()),
            run.id
        ),
    };
    session.out.line(&line)
}

/// The exit of a run that is over, after saying what went wrong.
pub fn end(session: &mut Session, run: &RunView) -> Outcome {
    session.out.flush()?;
    if run.succeeded() {
        return Ok(());
    }
    if run.cancelled() {
        return Err(Failure::Said(exit::INTERRUPTED));
    }
    match run.problem() {
        Some((step, mut problem)) => {
            if let Some(step) = step {
                problem.message = format!("{step}: {}", problem.message);
            }
            session.note(&format!("dataux logs {}    dataux resume {}", run.id, run.id));
            Err(problem.into())
        }
        None => Err(Failure::Said(exit::FAILED)),
    }
}
