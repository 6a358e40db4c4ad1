//! What policies say of the steps of a plan and of the items of a step.
//!
//! Invariant: a call and its fallback are decided about together, and so are the items of a step
//! that are known before the run: the most severe decision counts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::arguments::ResolvedArguments;
use super::policy_gate::{Decision, PolicyGate, PolicyRequest};
use super::{ProvenPlan, ProvenStep, RunValue};
use crate::plan::Template;

/// Decides about every step of `plan` before anything runs.
pub fn evaluate_plan(gate: &dyn PolicyGate, plan: &ProvenPlan) -> Vec<Decision> {
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(index, step)| {
            if let Some(decision) = evaluate_items(gate, plan, index, step) {
                return decision;
            }
            let question = |step: &ProvenStep| {
                let (arguments, unknown) = known_of(step);
                gate.decide(&PolicyRequest {
                    step,
                    index,
                    steps: plan.steps.len(),
                    arguments: &arguments,
                    unknown,
                })
            };
            most_restrictive(step, question)
        })
        .collect()
}

/// The most severe decision about the items of a step, if they are known before the run.
fn evaluate_items(
    gate: &dyn PolicyGate,
    plan: &ProvenPlan,
    index: usize,
    step: &ProvenStep,
) -> Option<Decision> {
    let list = step.known_items()?;
    // No argument refers to the run.
    let run = RunValue::of_id("");
    let mut worst: Option<Decision> = None;
    for item in 0..list.len() {
        let decision = match ResolvedArguments::of_item(step, list, item, &run, |_| None) {
            Ok(call) => evaluate_step(gate, plan, index, &call.arguments),
            Err(error) => Decision::request_error(error.message),
        };
        if worst
            .as_ref()
            .is_none_or(|worst| decision.effect > worst.effect)
        {
            worst = Some(decision);
        }
    }
    worst
}

/// Decides about one step whose arguments are resolved.
pub(super) fn evaluate_step(
    gate: &dyn PolicyGate,
    plan: &ProvenPlan,
    index: usize,
    arguments: &Map<String, Value>,
) -> Decision {
    most_restrictive(&plan.steps[index], |step| {
        gate.decide(&PolicyRequest {
            step,
            index,
            steps: plan.steps.len(),
            arguments,
            unknown: BTreeSet::new(),
        })
    })
}

/// The more severe decision of a step's and its fallback's.
fn most_restrictive(step: &ProvenStep, decide: impl Fn(&ProvenStep) -> Decision) -> Decision {
    let own = decide(step);
    let Some(fallback) = step.fallback.as_deref() else {
        return own;
    };
    let mut other = decide(fallback);
    if other.effect <= own.effect {
        return own;
    }
    other.fallback = Some(fallback.skill_id.clone());
    other
}

/// The arguments that are known, and the names of those that hold references.
fn known_of(step: &ProvenStep) -> (Cow<'_, Map<String, Value>>, BTreeSet<String>) {
    let Some(Template::Map(entries)) = &step.template else {
        return (Cow::Borrowed(&step.arguments), BTreeSet::new());
    };
    let (mut known, mut unknown) = (Map::new(), BTreeSet::new());
    for (name, template) in entries {
        match template {
            Template::Fixed(value) => {
                known.insert(name.clone(), value.clone());
            }
            _ => {
                unknown.insert(name.clone());
            }
        }
    }
    (Cow::Owned(known), unknown)
}
