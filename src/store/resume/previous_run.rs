//! An earlier run and its steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::items::{ItemOutputs, PreviousStepItems};
use crate::engine::{ApprovalAnswer, PlanStart};
use crate::model::{ErrorCode, ExecutionLogRecord, StepStatus};

/// The run to resume.
#[derive(Debug)]
pub(crate) struct PreviousRun {
    /// Its id.
    pub run_id: String,
    /// The plan's inputs; empty if a file does not say.
    pub inputs: Map<String, Value>,
    /// The answers to its requests for approval and to those of the runs that it resumes, by digest.
    pub answers: BTreeMap<String, ApprovalAnswer>,
    pub(super) header: PlanStart,
    pub(super) steps: Vec<PreviousStep>,
    /// True for a file without an end: it does not say which steps had begun.
    pub(super) is_unended_file: bool,
    /// Where the outputs of its items are.
    pub(super) outputs: ItemOutputs,
}

impl PreviousRun {
    /// The first run of the chain of resumed runs up to this one.
    pub(crate) fn first_run(&self) -> &str {
        let first = &self.header.provenance.first_run;
        first.as_deref().unwrap_or(&self.run_id)
    }

    /// Its steps that are no `finally` steps.
    pub(super) fn without_finally(&self) -> &[PreviousStep] {
        let PlanStart {
            steps,
            finally_steps,
            ..
        } = self.header;
        let finally_from = steps.saturating_sub(finally_steps);
        let end = self.steps.partition_point(|step| step.index < finally_from);
        &self.steps[..end]
    }

    /// Its `finally` step of this name, if one was started.
    pub(super) fn started_finally(&self, label: &str) -> Option<&PreviousStep> {
        let first = self.without_finally().len();
        let has_started = |step: &&PreviousStep| {
            let record = step.record.as_ref();
            record.is_none_or(|record| record.attempts > 0)
        };
        let mut finally = self.steps[first..].iter();
        finally.find(|step| step.label == label && has_started(step))
    }

    /// The digest of a skill's files as they were.
    pub(super) fn digest(&self, skill_id: &str) -> Option<&String> {
        let skills: &BTreeMap<String, String> = &self.header.provenance.skills;
        skills.get(skill_id)
    }
}

/// A step of the earlier run.
#[derive(Debug, Clone)]
pub(super) struct PreviousStep {
    /// Its place in the plan that ran.
    pub(super) index: usize,
    pub(super) label: String,
    pub(super) skill_id: String,
    /// `None` if it had begun when obs died.
    pub(super) record: Option<Arc<ExecutionLogRecord>>,
    /// With `for_each`.
    pub(super) items: Option<Box<PreviousStepItems>>,
}

impl PreviousStep {
    pub(super) fn recorded(record: Arc<ExecutionLogRecord>) -> Self {
        Self {
            index: record.step_index,
            label: record.step_id.clone(),
            skill_id: record.skill_id.to_string(),
            record: Some(record),
            items: None,
        }
    }

    /// A step that has begun and has no record.
    pub(super) fn begun(index: usize, label: String, skill_id: String) -> Self {
        Self {
            index,
            label,
            skill_id,
            record: None,
            items: None,
        }
    }

    pub(super) fn success(&self) -> Option<&Arc<ExecutionLogRecord>> {
        let record = self.record.as_ref();
        record.filter(|record| record.status == StepStatus::Success)
    }

    /// True unless the step certainly had no effect, or its skill ended by itself and said that it
    /// failed. A skill that obs, a limit or a signal ended may have had its effect before that.
    pub(super) fn may_have_had_effect(&self) -> bool {
        if let Some(items) = &self.items {
            return items.has_doubtful || !items.successes.is_empty();
        }
        let Some(record) = &self.record else {
            return true;
        };
        let has_started = record.attempts > 0;
        match (record.status, record.error_code) {
            (StepStatus::Success, _) => true,
            (StepStatus::Timeout | StepStatus::Canceled, _) => has_started,
            // Without an exit code it was ended by a signal, or lost.
            (StepStatus::Failed, Some(ErrorCode::SkillFailed)) => {
                has_started && record.exit_code.is_none()
            }
            (StepStatus::Failed, code) => {
                has_started
                    && matches!(
                        code,
                        Some(ErrorCode::InvalidOutput | ErrorCode::ResourceExhausted)
                    )
            }
            (StepStatus::Rejected | StepStatus::Skipped, _) => false,
        }
    }

    /// How it ended, in one word.
    pub(super) fn ending(&self) -> &'static str {
        let record = self.record.as_deref();
        record.map_or("killed with obs", |record| record.status.as_str())
    }
}
