//! What a running skill writes, as events of the run.

use super::event_line::{EventLine, read_event_line};
use crate::engine::{StepControl, mask_string};
use crate::event::{EventSender, RunEvent, SkillStream, Streaming};
use crate::process::{ProcessEvent, ProcessExit, Redactor, Secrets};
use crate::skill::OutputFormat;

/// Forwards the events of a running skill.
pub(super) struct EventForwarder {
    index: usize,
    events: EventSender,
    streaming: Streaming,
    /// Masks standard output, if it is forwarded.
    stdout: Option<Redactor>,
    secrets: Secrets,
    pub(super) tokens_used: u64,
    dropped_event_lines: u64,
}

impl EventForwarder {
    pub(super) fn new(
        control: &StepControl,
        streaming: Streaming,
        output: OutputFormat,
        secrets: Secrets,
    ) -> Self {
        let is_shown = streaming == Streaming::Text && output != OutputFormat::Json;
        Self {
            stdout: is_shown.then(|| Redactor::new(secrets.clone())),
            secrets,
            index: control.index,
            events: control.events.clone(),
            streaming,
            tokens_used: 0,
            dropped_event_lines: 0,
        }
    }

    pub(super) fn handle(&mut self, event: &ProcessEvent<'_>) {
        match event {
            ProcessEvent::Stdout(bytes) => {
                if let Some(redactor) = &mut self.stdout {
                    let seen = redactor.feed(bytes).into_owned();
                    self.emit(SkillStream::Stdout, seen);
                }
            }
            ProcessEvent::Stderr(bytes) if self.streaming != Streaming::Off => {
                self.emit(SkillStream::Stderr, bytes.to_vec());
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

    fn emit(&self, stream: SkillStream, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let index = self.index;
            self.events.emit(RunEvent::StepOutput {
                index,
                stream,
                bytes,
            });
        }
    }

    /// Forwards what was held back. Returns the exit with the count of lines that were not JSON.
    pub(super) fn finish(&mut self, exit: ProcessExit) -> ProcessExit {
        if let Some(mut redactor) = self.stdout.take() {
            self.emit(
                SkillStream::Stdout,
                redactor.flush(exit.output_limit_exceeded),
            );
        }
        let dropped_event_lines = exit.dropped_event_lines + self.dropped_event_lines;
        ProcessExit {
            dropped_event_lines,
            ..exit
        }
    }
}
