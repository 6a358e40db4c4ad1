//! What a running skill writes, as events of the run.

use super::event_line::{EventLine, read_event_line};
use crate::engine::{StepControl, mask_string};
use crate::event::{EventSender, RunEvent};
use crate::process::{ProcessEvent, ProcessExit, Secrets};

/// Forwards the events of a running skill.
pub(super) struct EventForwarder {
    index: usize,
    events: EventSender,
    stream: bool,
    secrets: Secrets,
    pub(super) tokens_used: u64,
    dropped_event_lines: u64,
}

impl EventForwarder {
    pub(super) fn new(control: &StepControl, stream: bool, secrets: Secrets) -> Self {
        Self {
            secrets,
            index: control.index,
            events: control.events.clone(),
            stream,
            tokens_used: 0,
            dropped_event_lines: 0,
        }
    }

    pub(super) fn handle(&mut self, event: &ProcessEvent<'_>) {
        match event {
            ProcessEvent::Stderr(bytes) if self.stream => {
                let bytes = bytes.to_vec();
                self.events.emit(RunEvent::StepOutput {
                    index: self.index,
                    bytes,
                });
            }
            ProcessEvent::EventLine(line) => match read_event_line(line) {
                Some(EventLine {
                    progress,
                    mut message,
                    tokens_used,
                }) => {
                    if let Some(message) = &mut message {
                        mask_string(&self.secrets, message);
                    }
                    // A number can't be masked, so one that is a secret does not count.
                    if !mask_string(&self.secrets, &mut tokens_used.to_string()) {
                        self.tokens_used = self.tokens_used.saturating_add(tokens_used);
                    }
                    if progress.is_some() || message.is_some() {
                        let (index, fraction) = (self.index, progress);
                        self.events.emit(RunEvent::StepProgress {
                            index,
                            fraction,
                            message,
                        });
                    }
                }
                None => self.dropped_event_lines += 1,
            },
            _ => {}
        }
    }

    /// The exit with the count of lines that were not JSON.
    pub(super) fn counted(&self, exit: ProcessExit) -> ProcessExit {
        let dropped_event_lines = exit.dropped_event_lines + self.dropped_event_lines;
        ProcessExit {
            dropped_event_lines,
            ..exit
        }
    }
}
