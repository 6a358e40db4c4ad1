//! The events of a run: one type between the engine and the report.
//!
//! Invariant: the engine emits, the report consumes, and nothing flows back except the
//! acknowledgement of [`RunEvent::PauseTerminal`]. Step events arrive in the order in which they
//! happened. The channel never blocks the engine: the number of step events is bounded by the
//! number of steps, and live output is dropped and counted when the reader is [`LIVE_EVENTS_CAP`]
//! events behind. The idea is cargo-nextest's reporter events.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::model::{ExecutionLogRecord, RunStatus};

/// How many events of live output may wait for the reporter before more are dropped.
pub(crate) const LIVE_EVENTS_CAP: u64 = 1024;

/// Something that happened in a run.
#[derive(Debug)]
pub enum RunEvent {
    /// The plan is proven and its first step is about to start.
    RunStarted(RunStarted),
    /// A step's skill is about to start.
    StepStarted {
        /// The step's index in the plan.
        index: usize,
        /// What the step may take.
        timeout: Duration,
        /// It is a tool of obs itself: there is no process to wait for.
        is_builtin: bool,
    },
    /// A skill reported progress through its events descriptor.
    StepProgress {
        /// The step's index in the plan.
        index: usize,
        /// From 0 to 1.
        fraction: Option<f64>,
        /// The skill's own words.
        message: Option<String>,
    },
    /// A step waits until a limit of its skill allows a call.
    StepWaiting {
        /// The step's index in the plan.
        index: usize,
        /// The limit; `None` if the wait is over.
        limit: Option<String>,
    },
    /// A step's skill failed and is retried, or its fallback is called.
    StepRepeated {
        /// The step's index in the plan.
        index: usize,
        /// What went wrong, and which fallback comes next.
        message: String,
        /// The retry that comes next; `None` for the fallback.
        retry: Option<Retry>,
    },
    /// A skill wrote output. See [`Streaming`].
    StepOutput {
        /// The step's index in the plan.
        index: usize,
        /// Where to.
        stream: SkillStream,
        /// A piece of its output; not cut at line ends.
        bytes: Vec<u8>,
    },
    /// A step is being terminated: its process tree got SIGTERM, SIGKILL follows after the grace
    /// period.
    StepEnding {
        /// The step's index in the plan.
        index: usize,
        /// Why.
        reason: TerminationCause,
    },
    /// A step ended or was skipped. Its record is already committed.
    StepFinished {
        /// The record.
        record: Arc<ExecutionLogRecord>,
        /// What the failure report needs beyond the record.
        detail: StepDetail,
    },
    /// The steps are over and the `finally` steps are about to start, which the first signal does
    /// not end.
    FinallyStarted,
    /// The items of a step with `for_each` are about to start.
    ItemsStarted {
        /// The step's index in the plan.
        index: usize,
        /// How many items there are.
        count: usize,
    },
    /// One of the events above, of an item and not of the whole step.
    OfItem {
        /// The item's place in the list.
        item: usize,
        /// What happened.
        event: Box<RunEvent>,
    },
    /// A signal arrived.
    SignalReceived {
        /// Its number.
        signal: i32,
        /// True for the second one: what runs is killed at once.
        forced: bool,
    },
    /// The terminal is needed: for a prompt, or because obs is about to be stopped. Answer once it
    /// is clear.
    PauseTerminal(oneshot::Sender<()>),
    /// The terminal is free again, after a prompt or a stop.
    Resumed {
        /// How long obs was stopped.
        stopped_for: Duration,
    },
    /// The run ended and is recorded.
    RunFinished(RunSummary),
}

/// Which output of skills is sent as [`RunEvent::StepOutput`] while they run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// None.
    #[default]
    Off,
    /// Standard error.
    Stderr,
    /// Standard error, and standard output that is text.
    Text,
}

/// A stream of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkillStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The header of a run.
#[derive(Debug, Clone)]
pub struct RunStarted {
    /// obs's own id of the run.
    pub run_id: String,
    /// The steps' `step_id`s, or names where they have none, in plan order.
    pub labels: Vec<String>,
    /// What the whole run may take.
    pub timeout: Duration,
}

/// What the failure report shows beyond the record.
#[derive(Debug, Clone, Default)]
pub struct StepDetail {
    /// The resolved argument vector; empty if no process was to be started.
    pub command: Vec<String>,
    /// What the skill was confined to, in lines for people.
    pub confinement: Arc<[String]>,
    /// Where the skill ran.
    pub working_directory: Option<PathBuf>,
    /// Which lines of `confinement` show what the skill probably lacked, by their names.
    pub lacks: Vec<&'static str>,
    /// The output of a step with `for_each`, which its record leaves out.
    pub gathered: Option<Arc<RawValue>>,
}

/// A retry that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Its number, from 1.
    pub number: u32,
    /// How many retries the step has.
    pub max: u32,
    /// The time until it.
    pub wait: Duration,
}

/// Why a step is being terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminationCause {
    /// Its timeout.
    StepTimeout,
    /// The run's timeout.
    PlanTimeout,
    /// A signal.
    Canceled,
}

/// The summary of a run.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// obs's own id of the run.
    pub run_id: String,
    /// How it ended, in one word: `success`, `failed`, `timeout`, `canceled`, `rejected`.
    pub status: RunStatus,
    /// What obs will exit with.
    pub exit_code: u8,
    /// The step that decided the exit code.
    pub decided_by: Option<usize>,
    /// What decided it, if no step did: a signal, the run's timeout, a log that can't be written.
    pub reason: Option<String>,
    /// Wall time of the run.
    pub elapsed: Duration,
    /// The hash of the last record, against which the run can be verified; empty if there is no
    /// chain.
    pub head: String,
    /// True if the run can be resumed.
    pub resumable: bool,
    /// True if the state or a log holds the run, so that its id and its head name something.
    pub is_kept: bool,
}

/// Makes the channel of one run.
pub fn channel() -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicU64::new(0));
    let dropped = Arc::new(AtomicU64::new(0));
    (
        EventSender {
            sender,
            item: None,
            waiting: Arc::clone(&waiting),
            dropped: Arc::clone(&dropped),
        },
        EventReceiver {
            receiver,
            waiting,
            dropped,
        },
    )
}

/// The engine's end of the channel.
#[derive(Debug, Clone)]
pub struct EventSender {
    sender: mpsc::Sender<RunEvent>,
    /// The item that the events are of.
    item: Option<usize>,
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl EventSender {
    /// The sender for what happens in one item of a step.
    #[must_use]
    pub fn of_item(&self, item: usize) -> Self {
        Self {
            item: Some(item),
            ..self.clone()
        }
    }

    /// Sends an event. Never blocks; a reporter that is gone is not an error.
    pub fn emit(&self, event: RunEvent) {
        let event = match self.item {
            Some(item) => RunEvent::OfItem {
                item,
                event: Box::new(event),
            },
            None => event,
        };
        if is_live(&event) {
            if self.waiting.load(Ordering::Relaxed) >= LIVE_EVENTS_CAP {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // A closed channel means that the reporter ended; the run continues without it.
        self.sender.send(event).ok();
    }
}

/// The report's end of the channel.
#[derive(Debug)]
pub struct EventReceiver {
    receiver: mpsc::Receiver<RunEvent>,
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl EventReceiver {
    /// Waits at most `timeout` for the next event.
    ///
    /// # Errors
    /// `Timeout` when none came, `Disconnected` when none will come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<RunEvent, RecvTimeoutError> {
        let event = self.receiver.recv_timeout(timeout)?;
        if is_live(&event) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(event)
    }

    /// How many events of live output were dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

fn is_live(event: &RunEvent) -> bool {
    match event {
        RunEvent::StepOutput { .. } | RunEvent::StepProgress { .. } => true,
        RunEvent::OfItem { event, .. } => is_live(event),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_output_is_dropped_and_counted_when_nobody_reads() {
        let (sender, receiver) = channel();
        for _ in 0..LIVE_EVENTS_CAP + 7 {
            sender.emit(RunEvent::StepOutput {
                index: 0,
                stream: SkillStream::Stderr,
                bytes: vec![b'x'],
            });
        }
        sender.emit(RunEvent::StepStarted {
            index: 1,
            timeout: Duration::from_secs(1),
            is_builtin: false,
        });
        assert_eq!(receiver.take_dropped(), 7);
        let mut seen = 0;
        while let Ok(event) = receiver.recv_timeout(Duration::ZERO) {
            seen += 1;
            if let RunEvent::StepStarted { index, .. } = event {
                assert_eq!(index, 1);
            }
        }
        assert_eq!(seen, LIVE_EVENTS_CAP + 1);
    }
}
