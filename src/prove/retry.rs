//! Proves `retry` of a step: its fallback and its retries.

use super::inputs::Inputs;
use super::prover::Prover;
use super::skill_call::SkillCall;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::ProvenStep;
use crate::model::ExecutionStep;
use crate::plan::Template;

impl Prover<'_> {
    /// The call of the fallback, proven like the step's own with the same arguments.
    pub(super) fn fallback(
        &mut self,
        own: &SkillCall<'_>,
        template: Option<Template>,
        inputs: &Inputs,
        problems: &mut Diagnostics,
    ) -> Option<ProvenStep> {
        let SkillCall {
            step,
            index,
            pointer,
            ..
        } = own;
        let fallback = step.retry.as_ref()?.fallback.as_ref()?;
        let names_at = Location::value(format!("{pointer}/retry/fallback"));
        if fallback.id == step.skill_id() {
            let message = format!("the fallback `{}` is the step's own skill", fallback.id);
            problems.push(
                Diagnostic::error("retry", names_at, message)
                    .help("`max_retries` retries the same skill; name another one here"),
            );
            return None;
        }
        let with_fallback = ExecutionStep {
            skill: Some(fallback.clone()),
            step_type: self.type_of(own),
            ..(*step).clone()
        };
        let call = SkillCall {
            step: &with_fallback,
            index: *index,
            pointer: pointer.clone(),
            names_at,
            is_fallback: true,
            for_each: own.for_each,
        };
        self.call(&call, template, inputs, problems)
    }

    /// Warns if a step has retries that will not happen.
    pub(super) fn warn_retry(
        &self,
        proven: &ProvenStep,
        pointer: &str,
        problems: &mut Diagnostics,
    ) {
        if proven.is_idempotent || self.context.retry_unsafe {
            return;
        }
        let message = format!(
            "`{}` is not idempotent, so obs neither retries nor replaces it once it has started",
            proven.skill_id
        );
        problems.push(
            Diagnostic::warning(
                "not_idempotent",
                Location::value(format!("{pointer}/retry")),
                message,
            )
            .help("write `idempotent: true` in its manifest, or pass `--retry-unsafe`"),
        );
    }
}
