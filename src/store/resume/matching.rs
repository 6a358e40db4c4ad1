//! Matches the steps of a plan to those of an earlier run, and decides which to reuse.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::previous_run::{PreviousRun, PreviousStep};
use crate::engine::{ProvenPlan, ProvenStep, ResolvedArguments, Reused};
use crate::model::{ExecutionLogRecord, StepOrder, StepStatus};

/// The current context, to compare an earlier run with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResumeContext<'g> {
    /// The digests of the skills' files, by their ids.
    pub digests: &'g BTreeMap<String, String>,
    /// Where skills work.
    pub workspace: &'g str,
    /// True if the shared files of the earlier run still exist.
    pub has_files: bool,
}

/// What a resumed run reuses.
#[derive(Debug, Default)]
pub(crate) struct Resumption {
    /// By the steps' indices.
    pub reused: Vec<Option<Reused>>,
    /// Steps that would run again although they may have had their effect and are not idempotent.
    pub unsafe_steps: Vec<UnsafeStep>,
}

/// A step that must not run a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsafeStep {
    /// Its name now.
    pub label: String,
    /// Its name in the earlier run, if it differs.
    pub before: Option<String>,
}

/// Decides which results of `previous` the steps of `plan` reuse.
pub(super) fn decide_reuse(
    previous: &PreviousRun,
    plan: &ProvenPlan,
    context: &ResumeContext<'_>,
) -> Resumption {
    let matcher = StepMatcher {
        previous,
        plan,
        context,
        matched: match_steps(&previous.steps, &plan.steps),
    };
    let steps = plan.steps.len();
    let mut reused: Vec<Option<Reused>> = vec![None; steps];
    let mut anew = vec![false; steps];
    for stage in plan.flow.in_order() {
        let is_past_difference = plan.flow.order == StepOrder::Sequence && anew.contains(&true);
        for index in stage {
            let record_of = |index: usize| {
                let before = matcher.matched[index].filter(|_| reused[index].is_some());
                before.and_then(|before| before.record.clone())
            };
            anew[index] = is_past_difference
                || plan.flow.steps[index].targets().any(|target| anew[target])
                || matcher.differs(index, record_of);
            reused[index] = matcher.result(index).filter(|_| !anew[index]);
        }
    }
    let is_unsafe = |index: &usize| {
        reused[*index].is_none()
            && matcher.may_have_had_effect(*index)
            && !plan.steps[*index].is_safe_to_repeat()
    };
    let unsafe_steps = (0..steps).filter(is_unsafe).map(|index| {
        let label = plan.steps[index].label.clone();
        let before = matcher.matched[index].map(|before| before.label.clone());
        UnsafeStep {
            before: before.filter(|before| *before != label),
            label,
        }
    });
    Resumption {
        unsafe_steps: unsafe_steps.collect(),
        reused,
    }
}

/// Finds the earlier step of each step of the plan: the one with the same name (the second of that
/// name for the second); else one of the same skill whose name is gone from the plan.
fn match_steps<'b>(
    before: &'b [PreviousStep],
    steps: &[ProvenStep],
) -> Vec<Option<&'b PreviousStep>> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut places: HashMap<(&str, usize), usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        let count = counts.entry(&step.label).or_default();
        places.insert((&step.label, *count), index);
        *count += 1;
    }
    counts.clear();
    let mut matched = vec![None; steps.len()];
    let mut gone: HashMap<&str, Vec<&PreviousStep>> = HashMap::new();
    for before in before {
        let count = counts.entry(&before.label).or_default();
        match places.get(&(before.label.as_str(), *count)) {
            Some(&index) => matched[index] = Some(before),
            None if before.may_have_had_effect() => {
                gone.entry(&before.skill_id).or_default().push(before);
            }
            None => {}
        }
        *count += 1;
    }
    for (index, step) in steps.iter().enumerate() {
        if matched[index].is_some() {
            continue;
        }
        // The record may be the fallback's.
        for call in std::iter::once(step).chain(step.fallback.as_deref()) {
            if let Some(renamed) = gone.get_mut(&*call.skill_id)
                && !renamed.is_empty()
            {
                matched[index] = Some(renamed.remove(0));
                break;
            }
        }
    }
    matched
}

struct StepMatcher<'m> {
    previous: &'m PreviousRun,
    plan: &'m ProvenPlan,
    context: &'m ResumeContext<'m>,
    /// The earlier step of each step, by index.
    matched: Vec<Option<&'m PreviousStep>>,
}

impl StepMatcher<'_> {
    /// The step's success, if it had one.
    fn result(&self, index: usize) -> Option<Reused> {
        let record = self.matched[index]?.success()?;
        Some(Reused {
            // The run that produced it, however often it was reused since.
            run_id: record
                .reused_from
                .clone()
                .unwrap_or_else(|| self.previous.run_id.clone()),
            output: record.output.clone(),
        })
    }

    fn may_have_had_effect(&self, index: usize) -> bool {
        match self.matched[index] {
            Some(before) => before.may_have_had_effect(),
            None => self.previous.is_unended_file && self.can_have_begun(index),
        }
    }

    /// True if a step without a record may have begun, according to the plan's order. If steps were
    /// moved, this is unknown.
    fn can_have_begun(&self, index: usize) -> bool {
        let is_done = |stage: &std::ops::Range<usize>| {
            stage.clone().all(|index| self.matched[index].is_some())
        };
        let mut steps = self.matched.iter().enumerate();
        // In a sequence only the first incomplete stage can have begun.
        let first = self.plan.flow.stages.iter().find(|stage| !is_done(stage));
        first.is_none_or(|stage| stage.contains(&index))
            || steps.any(|(index, before)| before.is_some_and(|before| before.index != index))
    }

    /// True if the step differs from the one that ran, or has moved. A step that did not run can't
    /// differ, but in a graph its current dependents do.
    fn differs(
        &self,
        index: usize,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> bool {
        let step = &self.plan.steps[index];
        let is_graph = self.plan.flow.order == StepOrder::Graph;
        let Some(before) = self.matched[index] else {
            return is_graph;
        };
        let Some(record) = &before.record else {
            return false;
        };
        if record.status == StepStatus::Skipped {
            return false;
        }
        let provenance = &self.previous.header.provenance;
        let is_there = is_graph || before.index == index;
        let has_workspace =
            step.program.is_none() || provenance.workspace == self.context.workspace;
        let has_files = !step.wants_run_dir || self.context.has_files;
        // A value that is masked in the record can't be compared, so it counts as different.
        let has_same_arguments = ResolvedArguments::resolve(step, record_of)
            .is_ok_and(|call| call.arguments == call.shown && call.shown == record.arguments);
        let is_same = record.step_name == step.name
            && record.step_id == step.label
            && is_there
            && has_workspace
            && has_files
            && self.has_same_skills(step, record)
            && has_same_arguments;
        !is_same
    }

    /// True if the step and its fallback are unchanged, and the record is of one of them.
    fn has_same_skills(&self, step: &ProvenStep, record: &ExecutionLogRecord) -> bool {
        let calls = || std::iter::once(step).chain(step.fallback.as_deref());
        let is_same = |call: &ProvenStep| {
            let digest = self.context.digests.get(&*call.skill_id);
            digest.is_some() && digest == self.previous.digest(&call.skill_id)
        };
        calls().any(|call| call.skill_id == record.skill_id) && calls().all(is_same)
    }
}
