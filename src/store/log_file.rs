//! `--log FILE`: every event of a run as one JSON line.
//!
//! Invariant: one thread owns the file, so the engine never blocks on the disk; a line is
//! acknowledged only after its write.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use serde::Serialize;
use tokio::sync::oneshot;

use super::jsonl_file::JsonlFile;
use crate::engine::{ExecutionLogger, LogError, LoggedRunStart, PlanEnd, PlanStart, StepStart};
use crate::model::{ExecutionLogRecord, json_line};

/// What a line of the file begins with; the event's name and the entry follow.
pub(super) const EVENT: &str = "{\"event\":\"";
/// The event of a run's header.
pub(super) const PLAN_START: &str = "plan_start";
/// The event of a record.
pub(super) const STEP: &str = "step";
/// The event of a run's end.
pub(super) const PLAN_END: &str = "plan_end";

/// A JSON Lines file that records are appended to. Its thread is never joined: every line that
/// counts was acknowledged, and a hanging write must not keep obs alive.
#[derive(Debug)]
pub(crate) struct LogFile {
    name: String,
    sender: mpsc::Sender<Write>,
}

struct Write {
    line: String,
    done: oneshot::Sender<io::Result<()>>,
}

impl LogFile {
    /// Opens or creates the file at `path`, whose lock is in the directory `locks`.
    pub(crate) fn open(path: &Path, locks: Option<&Path>) -> Result<Self, LogError> {
        let name = format!("the log `{}`", path.display());
        let error = |error: io::Error| LogError {
            name: name.clone(),
            reason: error.to_string(),
        };
        let mut file = JsonlFile::open(path, locks).map_err(error)?;
        let (sender, receiver) = mpsc::channel::<Write>();
        std::thread::Builder::new()
            .name("obs-log".to_owned())
            .spawn(move || {
                for write in receiver {
                    // The run may have stopped waiting; the line is written all the same.
                    write.done.send(file.append(&write.line)).ok();
                }
            })
            .map_err(error)?;
        Ok(Self { name, sender })
    }

    async fn write(&self, event: &str, entry: &impl Serialize) -> Result<(), LogError> {
        let error = |reason: String| LogError {
            name: self.name.clone(),
            reason,
        };
        let entry = json_line(entry).map_err(|e| error(e.to_string()))?;
        // The entry's bytes stay unchanged, because its hash covers them.
        let line = format!(
            "{EVENT}{event}\",{}",
            entry.strip_prefix('{').unwrap_or("}")
        );
        let (done, acknowledged) = oneshot::channel();
        if self.sender.send(Write { line, done }).is_err() {
            return Err(error("its writer has stopped".to_owned()));
        }
        match acknowledged.await {
            Ok(outcome) => outcome.map_err(|e| error(e.to_string())),
            Err(_) => Err(error("its writer has stopped".to_owned())),
        }
    }
}

impl LogFile {
    /// Appends a header that already has its hash.
    pub(super) async fn keep_start(&self, start: &PlanStart) -> Result<(), LogError> {
        self.write(PLAN_START, start).await
    }

    /// Appends a record that already has its place in the chain.
    pub(super) async fn keep(&self, record: &ExecutionLogRecord) -> Result<(), LogError> {
        self.write(STEP, record).await
    }
}

impl ExecutionLogger for LogFile {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn log_plan_start(
        &self,
        start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        self.keep_start(&start).await?;
        let reused: Vec<_> = reused.into_iter().map(Arc::new).collect();
        for record in &reused {
            self.keep(record).await?;
        }
        Ok(LoggedRunStart { start, reused })
    }

    /// The file has no step starts: only the state prevents a step from running twice.
    async fn log_step_start(&self, _: StepStart) -> Result<(), LogError> {
        Ok(())
    }

    async fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        self.keep(&record).await?;
        Ok(Arc::new(record))
    }

    async fn log_plan_end(&self, end: PlanEnd) -> Result<PlanEnd, LogError> {
        self.write(PLAN_END, &end).await?;
        Ok(end)
    }
}
