//! Whether the conditions of a step are met.
//!
//! Invariant: a value that is not there meets no condition, also under `negate`. What a skipped
//! step's record says of a value is bounded, and hidden values and secrets are masked in it.

use std::sync::Arc;

use serde_json::Value;

use super::mask::mask_value;
use super::proven_condition::{ProvenCondition, ProvenTest, TestSubject};
use super::resolve::{self, ResolveError};
use super::skip_reason::SkipReason;
use super::{ProvenPlan, ProvenStep, RunValue};
use crate::model::{
    ErrorCode, ExecutionLogRecord, SkipKind, SkippedBecause, StepStatus, json_line,
};
use crate::plan::{ReferenceSource, Template};
use crate::process::{MASK, Secrets};

/// The most characters that a record and a message show of a value.
const MAX_SHOWN: usize = 200;

/// How a step ended, for the conditions of others.
#[derive(Debug, Clone)]
pub(crate) struct StepOutcome {
    /// How it ended.
    pub status: StepStatus,
    /// Its record, if it has one.
    pub record: Option<Arc<ExecutionLogRecord>>,
}

impl StepOutcome {
    /// The outcome of a step with this record.
    pub(crate) fn new(record: Arc<ExecutionLogRecord>) -> Self {
        Self {
            status: record.status,
            record: Some(record),
        }
    }

    /// That of a step that is skipped.
    pub(crate) fn skipped() -> Self {
        Self {
            status: StepStatus::Skipped,
            record: None,
        }
    }
}

/// Whether conditions are met.
#[derive(Debug)]
pub(crate) enum ConditionOutcome {
    Met,
    /// One of them is not met.
    Unmet(SkipReason),
    /// They depend on steps that are not over.
    Unknown,
}

enum TestOutcome {
    Met,
    /// What was found, and the same in words.
    Unmet(Option<Value>, String),
    Unknown,
}

impl ProvenStep {
    /// Why the inputs of the plan alone decide that the step is skipped, if they do.
    pub(crate) fn unmet_by_inputs(&self, plan: &ProvenPlan) -> Option<SkipReason> {
        match evaluate_conditions(self, plan, None, |_| None) {
            Ok(ConditionOutcome::Unmet(reason)) => Some(reason),
            _ => None,
        }
    }
}

/// Evaluates the conditions of `step`, all of which must hold. `outcome_of` gives the outcome of a
/// step that is over, and `run` what is known of the run.
///
/// # Errors
/// If a value is too large.
pub(crate) fn evaluate_conditions(
    step: &ProvenStep,
    plan: &ProvenPlan,
    run: Option<&RunValue>,
    outcome_of: impl Fn(usize) -> Option<StepOutcome>,
) -> Result<ConditionOutcome, ResolveError> {
    let mut is_known = true;
    for condition in &step.when {
        match condition.evaluate(plan, &step.secrets, run, &outcome_of)? {
            ConditionOutcome::Met => {}
            ConditionOutcome::Unknown => is_known = false,
            unmet @ ConditionOutcome::Unmet(_) => return Ok(unmet),
        }
    }
    Ok(if is_known {
        ConditionOutcome::Met
    } else {
        ConditionOutcome::Unknown
    })
}

impl ProvenCondition {
    fn evaluate(
        &self,
        plan: &ProvenPlan,
        secrets: &Secrets,
        run: Option<&RunValue>,
        outcome_of: &impl Fn(usize) -> Option<StepOutcome>,
    ) -> Result<ConditionOutcome, ResolveError> {
        let mut unmet = Vec::new();
        for test in &self.tests {
            match test.evaluate(secrets, run, outcome_of)? {
                TestOutcome::Met => return Ok(ConditionOutcome::Met),
                TestOutcome::Unmet(got, text) => unmet.push((got, text)),
                TestOutcome::Unknown => {}
            }
        }
        if unmet.len() < self.tests.len() {
            return Ok(ConditionOutcome::Unknown);
        }
        Ok(ConditionOutcome::Unmet(self.reason(unmet, plan)))
    }

    /// Why the step is skipped. `unmet` is what each test found.
    fn reason(&self, mut unmet: Vec<(Option<Value>, String)>, plan: &ProvenPlan) -> SkipReason {
        let label = |step: usize| plan.steps[step].label.clone();
        let (step, got, text) = match (self.tests.as_slice(), unmet.pop()) {
            ([only], Some((got, text))) => (only.step().map(label), got, text),
            (_, last) => {
                unmet.extend(last);
                let texts: Vec<&str> = unmet.iter().map(|(_, text)| text.as_str()).collect();
                let text = format!("none of `any` holds: {}", texts.join("; "));
                let got = unmet.into_iter().map(|(got, _)| got.unwrap_or_default());
                (None, Some(got.collect()), text)
            }
        };
        SkipReason {
            text,
            because: SkippedBecause {
                kind: SkipKind::Condition,
                step,
                condition: Some(self.written.clone()),
                got,
            },
        }
    }
}

impl ProvenTest {
    fn step(&self) -> Option<usize> {
        match self.subject {
            TestSubject::Value { step, .. } => step,
            TestSubject::Step { step, .. } => Some(step),
        }
    }

    fn evaluate(
        &self,
        secrets: &Secrets,
        run: Option<&RunValue>,
        outcome_of: &impl Fn(usize) -> Option<StepOutcome>,
    ) -> Result<TestOutcome, ResolveError> {
        let (wanted, name) = (&self.wanted, &self.name);
        match &self.subject {
            TestSubject::Step { step, status } => {
                let Some(outcome) = outcome_of(*step) else {
                    return Ok(TestOutcome::Unknown);
                };
                if status.contains(&outcome.status) != self.is_negated {
                    return Ok(TestOutcome::Met);
                }
                let status = outcome.status.as_str();
                let text = format!("`{name}` ended as {status}, wanted {wanted}");
                Ok(TestOutcome::Unmet(Some(status.into()), text))
            }
            TestSubject::Value {
                value,
                schema,
                is_hidden,
                ..
            } => {
                let value = match find(value, run, outcome_of)? {
                    FoundValue::Unknown => return Ok(TestOutcome::Unknown),
                    FoundValue::Missing => {
                        let text = format!("`{name}` has no value");
                        return Ok(TestOutcome::Unmet(None, text));
                    }
                    FoundValue::Value(value) => value,
                };
                if schema.accepts(&value) != self.is_negated {
                    return Ok(TestOutcome::Met);
                }
                let got = if *is_hidden {
                    Value::from(MASK)
                } else {
                    shown(value, secrets)
                };
                let words = json_line(&got).unwrap_or_default();
                let text = format!("`{name}` is {words}, wanted {wanted}");
                Ok(TestOutcome::Unmet(Some(got), text))
            }
        }
    }
}

enum FoundValue {
    Value(Value),
    Missing,
    Unknown,
}

fn find(
    template: &Template,
    run: Option<&RunValue>,
    outcome_of: &impl Fn(usize) -> Option<StepOutcome>,
) -> Result<FoundValue, ResolveError> {
    let reference = match template {
        Template::Fixed(value) => return Ok(FoundValue::Value(value.clone())),
        Template::Whole(reference) => reference,
        _ => return Ok(FoundValue::Missing),
    };
    let of_no_run = RunValue::of_id("");
    let (run, record) = match (reference.origin, run) {
        (ReferenceSource::Step(step), run) => match outcome_of(step) {
            Some(outcome) => {
                let is_success = outcome.status == StepStatus::Success;
                (
                    run.unwrap_or(&of_no_run),
                    outcome.record.filter(|_| is_success),
                )
            }
            None => return Ok(FoundValue::Unknown),
        },
        (ReferenceSource::Run, Some(run)) => (run, None),
        _ => return Ok(FoundValue::Unknown),
    };
    match resolve::resolve_value(template, run, |_| record.clone()) {
        Ok(value) => Ok(FoundValue::Value(value)),
        Err(error) if error.code == ErrorCode::InvalidOutput => Ok(FoundValue::Missing),
        Err(error) => Err(error),
    }
}

/// `value` without secrets, as a text if it is long.
fn shown(mut value: Value, secrets: &Secrets) -> Value {
    mask_value(secrets, &mut value);
    let text = match &value {
        Value::String(text) => text.clone(),
        other => json_line(other).unwrap_or_default(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => Value::from(format!("{}…", &text[..end])),
        None => value,
    }
}
