//! The items of a step with `for_each`, as a run reports them.
//!
//! Invariant: what is kept and printed about items is bounded, however many there are: the step has
//! one row with a count, and the first few failures of items are reported. `--format jsonl` has
//! each record.

use std::sync::Arc;
use std::time::Instant;

use super::failure::is_failure;
use super::reporter::ReporterState;
use super::text::counted;
use crate::event::{RunEvent, StepDetail, TerminationCause};
use crate::model::{Escaped, ExecutionLogRecord};

impl ReporterState {
    /// Takes an event of an item.
    pub(super) fn item_event(&mut self, item: usize, event: RunEvent, now: Instant) {
        match event {
            RunEvent::StepOutput {
                index,
                stream,
                bytes,
            } => self.step_output((index, Some(item)), stream, &bytes, now),
            RunEvent::StepProgress { index, message, .. } => {
                self.screen.advance(index, None, message.as_deref());
            }
            RunEvent::StepRepeated {
                index,
                message,
                retry,
            } => {
                self.end_live((index, Some(item)));
                let label = self.label((index, Some(item)));
                self.screen.print_repeat(&label, &message, retry);
            }
            // That of one item says nothing about the others.
            RunEvent::StepEnding {
                index,
                reason: reason @ (TerminationCause::PlanTimeout | TerminationCause::Canceled),
            } => self.screen.end(index, reason, now),
            _ => {}
        }
    }

    /// Takes the record of an item.
    pub(super) fn item_finished(
        &mut self,
        record: &Arc<ExecutionLogRecord>,
        detail: &StepDetail,
        now: Instant,
    ) {
        let index = record.step_index;
        self.end_live((index, record.item_index));
        let is_reported = is_failure(record) && self.item_failures.count(index);
        if is_reported {
            self.report(record, detail);
        }
        self.warn_of_leak(record);
        self.add_data(record, detail);
        self.screen.finish_item(record, is_reported, now);
    }

    /// Says how many failures of items are not reported, after those that are.
    pub(super) fn more_failures(&self, index: usize, label: &str) -> Option<String> {
        let more = match self.item_failures.unreported(index) {
            0 => return None,
            more => counted(more, "more item"),
        };
        let label = Escaped(label);
        Some(format!(
            "… {more} of {label} failed: `obs logs --step {label} --status failed` lists them\n"
        ))
    }
}
