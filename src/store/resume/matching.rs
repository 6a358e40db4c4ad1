//! Matches the steps of a plan to those of an earlier run, and decides which to reuse.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::previous_run::{PreviousRun, PreviousStep};
use crate::engine::{
    ConditionOutcome, ProvenPlan, ProvenStep, ResolvedArguments, Reused, RunValue, StepOutcome,
    evaluate_conditions,
};
use crate::model::{ExecutionLogRecord, InputFiles, NotReused, NotReusedReason, StepOrder};
use crate::skill::changed_file;

/// The current context, to compare an earlier run with.
#[derive(Clone, Copy)]
pub(crate) struct ResumeContext<'g> {
    /// The digests of the skills' files, by their ids.
    pub digests: &'g BTreeMap<String, String>,
    /// Those of single files, by skill and path.
    pub files: &'g BTreeMap<String, BTreeMap<String, String>>,
    /// Where skills work.
    pub workspace: &'g str,
    /// True if the shared files of the earlier run still exist.
    pub has_files: bool,
    /// The files that the step's manifest reads, as they are now.
    pub input_files: &'g dyn Fn(&ProvenStep) -> InputFiles,
}

/// What a resumed run reuses.
#[derive(Debug, Default)]
pub(crate) struct Resumption {
    /// By the steps' indices.
    pub reused: Vec<Result<Reused, NotReused>>,
    /// Steps that would run again although they may have had their effect and are not idempotent.
    pub unsafe_steps: Vec<UnsafeStep>,
    /// The permissions whose files are too many to compare, or written by the skill itself, with
    /// the steps.
    pub not_compared: BTreeMap<String, Vec<String>>,
    /// The steps whose items may be reused one by one: the plan's, and the earlier run's.
    pub items: Vec<(usize, usize)>,
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
    let steps = plan.finally_from();
    let matcher = StepMatcher {
        previous,
        plan,
        context,
        matched: match_steps(previous.without_finally(), &plan.steps[..steps]),
        not_compared: RefCell::default(),
        items: RefCell::default(),
    };
    let mut affects = vec![false; steps];
    let mut first_that_affects = None;
    let mut decided: Vec<Option<Result<Reused, NotReused>>> = vec![None; steps];
    // In a sequence, the first step that runs again: each later stage comes after it.
    let mut first = None;
    for stage in plan.flow.in_order() {
        for index in stage.clone() {
            let waits = &plan.flow.steps[index];
            let mut targets = waits.targets();
            let earlier = first.or_else(|| targets.find(|&step| runs_again(plan, &decided, step)));
            let mut targets = plan.flow.steps[index].targets();
            let affected_by = first_that_affects.or_else(|| targets.find(|&step| affects[step]));
            let record_of = |index: usize| match decided[index] {
                Some(Ok(_)) => matcher.record_of(index),
                _ => None,
            };
            // A value that is not there yet is not null.
            let is_open = |step: &usize| runs_again(plan, &decided, *step);
            let is_open = waits.optional_from.iter().any(is_open);
            let is_unmet = matcher.is_unmet(index, &decided);
            let decision = if is_unmet {
                Err(NotReusedReason::ConditionUnmet.into())
            } else if plan.steps[index].for_each.is_some() {
                matcher.decide_items(index, affected_by, record_of)
            } else {
                matcher.decide(index, earlier, is_open, record_of)
            };
            let has_effect = plan.steps[index]
                .calls()
                .any(|call| call.skill.native().is_some());
            affects[index] = decision.is_err()
                && !is_unmet
                && !plan.selection.leaves_out(index)
                && (has_effect || affected_by.is_some());
            decided[index] = Some(decision);
        }
        if plan.flow.order == StepOrder::Sequence {
            first = first.or_else(|| stage.clone().find(|&step| runs_again(plan, &decided, step)));
            first_that_affects =
                first_that_affects.or_else(|| stage.into_iter().find(|&step| affects[step]));
        }
    }
    let unsafe_steps = matcher.unsafe_steps(&decided);
    let finally = plan.steps[steps..].iter();
    let finally = finally.map(|_| Err(NotReusedReason::Finally.into()));
    Resumption {
        unsafe_steps,
        not_compared: matcher.not_compared.take(),
        items: matcher.reusable_items(),
        reused: decided.into_iter().flatten().chain(finally).collect(),
    }
}

fn runs_again(
    plan: &ProvenPlan,
    decided: &[Option<Result<Reused, NotReused>>],
    step: usize,
) -> bool {
    matches!(decided[step], Some(Err(_)))
        && !plan.selection.leaves_out(step)
        && !is_skipped(decided, step)
}

/// True if a condition skips the step. It then runs neither again nor for the first time.
fn is_skipped(decided: &[Option<Result<Reused, NotReused>>], step: usize) -> bool {
    let reason = match &decided[step] {
        Some(Err(not_reused)) => Some(not_reused.reason),
        _ => None,
    };
    reason == Some(NotReusedReason::ConditionUnmet)
}

/// Finds the earlier step of each step of the plan: the one with the same name (the second of that
/// name for the second) and skill; else one of the same skill that has no such step any more; else
/// the one with the same name, if no other step is its successor.
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
    let mut gone: HashMap<&str, VecDeque<&PreviousStep>> = HashMap::new();
    let mut same_names = Vec::new();
    for before in before {
        let count = counts.entry(&before.label).or_default();
        let place = places.get(&(before.label.as_str(), *count)).copied();
        *count += 1;
        match place {
            Some(index) if skills_of(&steps[index]).any(|skill| skill == before.skill_id) => {
                matched[index] = Some(before);
                continue;
            }
            Some(index) => same_names.push((index, before)),
            None => {}
        }
        if before.may_have_had_effect() {
            gone.entry(&before.skill_id).or_default().push_back(before);
        }
    }
    let mut moved = HashSet::new();
    for (step, matched) in steps.iter().zip(&mut matched) {
        if matched.is_none() {
            let mut skills = skills_of(step);
            *matched = skills.find_map(|skill| gone.get_mut(skill)?.pop_front());
            moved.extend(matched.map(|before| before.index));
        }
    }
    for (index, before) in same_names {
        if matched[index].is_none() && !moved.contains(&before.index) {
            matched[index] = Some(before);
        }
    }
    matched
}

/// The skill of the step and that of its fallback, of which its record can be.
fn skills_of(step: &ProvenStep) -> impl Iterator<Item = &str> {
    let calls = std::iter::once(step).chain(step.fallback.as_deref());
    calls.map(|call| &*call.skill_id)
}

pub(super) struct StepMatcher<'m> {
    pub(super) previous: &'m PreviousRun,
    pub(super) plan: &'m ProvenPlan,
    context: &'m ResumeContext<'m>,
    /// The earlier step of each step, by index.
    pub(super) matched: Vec<Option<&'m PreviousStep>>,
    /// See [`Resumption::not_compared`].
    not_compared: RefCell<BTreeMap<String, Vec<String>>>,
    /// The steps whose items may be reused, with the places of all of them in the earlier run if
    /// each is.
    pub(super) items: RefCell<BTreeMap<usize, Option<ReusedList>>>,
}

/// The items of a step, all of which are reused.
#[derive(Debug, Clone)]
pub(super) struct ReusedList {
    /// Each item, and its place in the earlier run.
    pub(super) items: Vec<(String, usize)>,
}

impl StepMatcher<'_> {
    /// The steps that would have their effect a second time.
    fn unsafe_steps(&self, decided: &[Option<Result<Reused, NotReused>>]) -> Vec<UnsafeStep> {
        let is_unsafe = |index: &usize| {
            runs_again(self.plan, decided, *index)
                && self.may_have_effect_twice(*index)
                && !self.plan.steps[*index].is_safe_to_repeat()
        };
        let unsafe_steps = (0..decided.len()).filter(is_unsafe).map(|index| {
            let label = self.plan.steps[index].label.clone();
            let before = self.matched[index].map(|before| before.label.clone());
            UnsafeStep {
                before: before.filter(|before| *before != label),
                label,
            }
        });
        unsafe_steps.collect()
    }

    /// The step's earlier success, if it can be reused. `earlier` is a step before it that runs
    /// again; `is_open`: an optional reference is to such a step.
    fn decide(
        &self,
        index: usize,
        earlier: Option<usize>,
        is_open: bool,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> Result<Reused, NotReused> {
        let record = self.success(index)?;
        if self.plan.selection.rerun.contains(&index) {
            return Err(NotReusedReason::Requested.into());
        }
        if let Some(undoing) = self.undone_by(index) {
            return Err(NotReusedReason::Undone.because(&undoing.label));
        }
        self.compare(index, record)?;
        let by_earlier = earlier.map(|earlier| {
            let label = &self.plan.steps[earlier].label;
            NotReusedReason::EarlierStepRunsAgain.because(label)
        });
        let step = &self.plan.steps[index];
        let run = RunValue::of_id(self.previous.first_run());
        let call = ResolvedArguments::resolve(step, &run, record_of);
        let Some(call) = call.ok().filter(|_| !is_open) else {
            // An argument is the output of that step.
            return Err(by_earlier.unwrap_or(NotReusedReason::ArgumentsChanged.into()));
        };
        if call.shown != record.arguments {
            return Err(NotReusedReason::ArgumentsChanged.into());
        }
        if call.arguments != call.shown {
            return Err(NotReusedReason::ArgumentsHidden.into());
        }
        by_earlier.map_or_else(|| Ok(self.reuse(record)), Err)
    }

    /// The `finally` step of the earlier run that has taken back what the step at `index` did, or
    /// a part of it.
    pub(super) fn undone_by(&self, index: usize) -> Option<&PreviousStep> {
        let finally = self.plan.finally_from()..self.plan.steps.len();
        let undoing = finally.filter(|step| self.plan.flow.steps[*step].undoes.contains(&index));
        let mut undoing = undoing.map(|step| &self.plan.steps[step].label);
        undoing.find_map(|label| self.previous.started_finally(label))
    }

    /// True if a condition is certain to skip the step: its own, evaluated again, or that of a step
    /// whose output it takes.
    fn is_unmet(&self, index: usize, decided: &[Option<Result<Reused, NotReused>>]) -> bool {
        let outcome_of = |step: usize| match &decided[step] {
            Some(Ok(_)) => {
                let record = self.matched[step]?.record.clone();
                record.map(StepOutcome::new)
            }
            _ => is_skipped(decided, step).then(StepOutcome::skipped),
        };
        let run = RunValue::of_id(self.previous.first_run());
        let step = &self.plan.steps[index];
        let outcome = evaluate_conditions(step, self.plan, Some(&run), outcome_of);
        let is_unmet = matches!(outcome, Ok(ConditionOutcome::Unmet(_)));
        let inputs_from = &self.plan.flow.steps[index].inputs_from;
        is_unmet || inputs_from.iter().any(|step| is_skipped(decided, *step))
    }

    fn reuse(&self, record: &ExecutionLogRecord) -> Reused {
        let run_id = &self.previous.run_id;
        Reused {
            // The run that produced it, however often it was reused since.
            run_id: record.reused_from.as_ref().unwrap_or(run_id).clone(),
            output: record.output.clone(),
            input_files: record.input_files.clone(),
        }
    }

    pub(super) fn success(&self, index: usize) -> Result<&ExecutionLogRecord, NotReused> {
        let before = self.matched[index];
        if let Some(record) = before.and_then(PreviousStep::success) {
            return Ok(record);
        }
        let ending = before.map(PreviousStep::ending);
        if self.may_have_had_effect(index) && !self.plan.steps[index].is_safe_to_repeat() {
            let ending = ending.unwrap_or("may have been started");
            return Err(NotReusedReason::NotIdempotent.because(ending));
        }
        let has_all = self.previous.steps.len() >= self.previous.header.steps;
        Err(match ending {
            Some(ending) => NotReusedReason::NotFinished.because(ending),
            None if has_all => NotReusedReason::NewStep.into(),
            None => NotReusedReason::NotFinished.because("no record"),
        })
    }

    pub(super) fn may_have_had_effect(&self, index: usize) -> bool {
        let is_undone = self
            .undone_by(index)
            .is_some_and(|by| by.success().is_some());
        match self.matched[index] {
            _ if is_undone => false,
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

    /// Compares the step, without its arguments, with the one of `record`.
    pub(super) fn compare(
        &self,
        index: usize,
        record: &ExecutionLogRecord,
    ) -> Result<(), NotReused> {
        let step = &self.plan.steps[index];
        if record.step_id != step.label || record.step_name != step.name {
            return Err(NotReusedReason::Renamed.because(&record.step_id));
        }
        if self.plan.flow.order == StepOrder::Sequence && record.step_index != index {
            let place = format!("it was step {}", record.step_index);
            return Err(NotReusedReason::OrderChanged.because(place));
        }
        self.compare_skills(step, record)?;
        if step.reads_workspace() {
            return Err(NotReusedReason::ReadsWorkspace.into());
        }
        let workspace = &self.previous.header.provenance.workspace;
        if step.program.is_some() && workspace != self.context.workspace {
            return Err(NotReusedReason::WorkspaceChanged.because(workspace));
        }
        if step.wants_run_dir && !self.context.has_files {
            return Err(NotReusedReason::RunDirGone.into());
        }
        self.compare_input_files(step, record)
    }

    fn compare_input_files(
        &self,
        step: &ProvenStep,
        record: &ExecutionLogRecord,
    ) -> Result<(), NotReused> {
        if record.input_files.is_empty() {
            return Ok(());
        }
        let now = (self.context.input_files)(step);
        for (permission, before) in &record.input_files {
            let now = now.get(permission).and_then(Option::as_ref);
            match before.as_ref().zip(now) {
                Some((before, now)) if before != now => {
                    return Err(NotReusedReason::InputFileChanged.because(permission));
                }
                Some(_) => {}
                None => {
                    let mut not_compared = self.not_compared.borrow_mut();
                    not_compared
                        .entry(permission.clone())
                        .or_default()
                        .push(step.label.clone());
                }
            }
        }
        Ok(())
    }

    /// The changed file of a skill, if it is known; else the skill.
    fn changed(&self, skill_id: &str) -> String {
        let before = self.previous.header.provenance.skill_files.get(skill_id);
        let files = before.zip(self.context.files.get(skill_id));
        match files.and_then(|(before, now)| changed_file(before, now)) {
            Some(file) => format!("{skill_id}/{file}"),
            None => skill_id.to_owned(),
        }
    }

    /// Compares the skills of the step and of its fallback; `record` must be of one of them.
    fn compare_skills(
        &self,
        step: &ProvenStep,
        record: &ExecutionLogRecord,
    ) -> Result<(), NotReused> {
        let calls = || std::iter::once(step).chain(step.fallback.as_deref());
        if calls().all(|call| call.skill_id != record.skill_id) {
            let was = format!("it was {}", record.skill_id);
            return Err(NotReusedReason::SkillChanged.because(was));
        }
        for call in calls() {
            let digest = self.context.digests.get(&*call.skill_id);
            if digest.is_none() || digest != self.previous.digest(&call.skill_id) {
                return Err(NotReusedReason::SkillChanged.because(self.changed(&call.skill_id)));
            }
        }
        Ok(())
    }
}
