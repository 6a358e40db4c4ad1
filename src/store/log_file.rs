//! `--log FILE`: every event of a run as one JSON line.
//!
//! Invariant: one thread owns the file, so that the runtime never waits for a disk; a line is
//! acknowledged after the write and never before.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use serde::Serialize;
use tokio::sync::oneshot;

use super::append::LineFile;
use crate::model::{ExecutionLogRecord, json_line};
use crate::runtime::{ExecutionLogger, LogError, PlanEnd, PlanStart};

/// A JSON Lines file that records are appended to. Its thread is never waited for: every line that
/// counts was acknowledged, and one that hangs must not keep obs alive.
#[derive(Debug)]
pub struct LogFile {
    name: String,
    sender: mpsc::Sender<Write>,
}

struct Write {
    line: String,
    done: oneshot::Sender<io::Result<()>>,
}

impl LogFile {
    /// Opens or creates the file at `path`.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let name = path.display().to_string();
        let error = |error: io::Error| LogError {
            name: name.clone(),
            reason: error.to_string(),
        };
        let mut file = LineFile::open(path).map_err(error)?;
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
        // The entry's keys keep their order behind the event's name.
        let line = format!(
            "{{\"event\":\"{event}\",{}",
            entry.strip_prefix('{').unwrap_or("}")
        );
        let (done, acknowledged) = oneshot::channel();
        if self.sender.send(Write { line, done }).is_err() {
            return Err(error("its writer has ended".to_owned()));
        }
        match acknowledged.await {
            Ok(outcome) => outcome.map_err(|e| error(e.to_string())),
            Err(_) => Err(error("its writer has ended".to_owned())),
        }
    }
}

impl ExecutionLogger for LogFile {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn log_plan_start(&self, start: PlanStart) -> Result<(), LogError> {
        self.write("plan_start", &start).await
    }

    async fn log_step(&self, record: Arc<ExecutionLogRecord>) -> Result<(), LogError> {
        self.write("step", &*record).await
    }

    async fn log_plan_end(&self, end: PlanEnd) -> Result<(), LogError> {
        self.write("plan_end", &end).await
    }
}
