//! Proving a plan step by step.
//!
//! Invariant: all problems are found in one pass.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::conditions::{StepConditions, certain_steps};
use super::context::{DEFAULT_GRACE, ProveContext};
use super::default_timeout::warn_default_timeout;
use super::description;
use super::inputs::{self, Inputs};
use super::references::{ArgumentReferences, OutputSchemas};
use super::skill_call::SkillCall;
use super::skill_info::{SkillInfo, SkillInfoCache};
use super::state_files::ProtectedFiles;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::{
    Concurrency, ProvenPlan, ProvenStep, Retries, Selection, TimeLimit, TimeLimitSource,
    mask_shared,
};
use crate::executor::shown_command;
use crate::model::ExecutionStep;
use crate::plan::{LoadedPlan, Template};
use crate::process::Secrets;
use crate::skill::{Exposure, LoadProblem, Program, Registry, Schema, Skill, SuspectPath};

/// The answer.
#[derive(Debug)]
pub struct ProveOutcome {
    /// The plan, if it has no errors.
    pub plan: Option<ProvenPlan>,
    /// The skills that it calls, each once.
    pub skills: Vec<Arc<Skill>>,
    /// Skills that can't be loaded, with what is wrong with their manifests.
    pub not_loaded: Vec<Arc<LoadProblem>>,
}

/// Proves `loaded` and adds problems to it.
pub fn prove(loaded: &mut LoadedPlan, context: &ProveContext) -> ProveOutcome {
    let mut prover = Prover {
        context,
        outputs: OutputSchemas::new(loaded, &context.registry, context.inputs.as_ref()),
        skills: Vec::new(),
        skill_info: SkillInfoCache::default(),
        own_files: None,
        not_loaded: Vec::new(),
        unread_arguments: std::mem::take(&mut loaded.unread_arguments),
        misread_steps: misread_steps(&loaded.problems),
        masked_pointers: Vec::new(),
        masking_steps: Vec::new(),
    };
    let mut problems = Diagnostics::default();
    let inputs = Inputs::check_inputs(&loaded.plan, context.inputs.as_ref(), &mut problems);
    let mut steps = Vec::new();
    if !loaded.problems.has_errors() {
        steps.reserve_exact(loaded.plan.steps.len());
    }
    let certain = certain_steps(&loaded.plan, &loaded.flow);
    for index in 0..loaded.plan.steps.len() {
        steps.extend(prover.prove_step(loaded, index, &certain, &inputs, &mut problems));
    }
    let timeout = run_limit(loaded.plan.timeout, context.time_flags.run);
    if !(loaded.problems.has_errors() || problems.has_errors()) {
        warn_default_timeout(&loaded.plan, timeout, &mut problems);
    }
    let exposure = prover.exposure(&mut problems);
    make_exclusive(&mut steps, &exposure);
    prover.keep_secrets(&mut steps);
    loaded.problems.append(problems);
    prover.mask_in(loaded);
    loaded.document.sort_and_dedup(&mut loaded.problems);
    let is_proven = !loaded.problems.has_errors();
    let plan = is_proven.then(|| ProvenPlan {
        assistant_id: loaded.plan.assistant_id.clone(),
        id: loaded.plan.id.clone(),
        parent_id: loaded.plan.parent_id.clone(),
        timeout,
        finally_timeout: TimeLimit::DEFAULT_FINALLY
            .with_flag(context.time_flags.finally, "--finally-timeout"),
        steps,
        flow: std::mem::take(&mut loaded.flow),
        inputs: inputs.into_values(),
        exposure,
        selection: Selection::default(),
    });
    ProveOutcome {
        plan,
        skills: prover
            .skills
            .into_iter()
            .map(|called| called.skill)
            .collect(),
        not_loaded: prover.not_loaded,
    }
}

/// The steps with errors of their own.
fn misread_steps(problems: &Diagnostics) -> HashSet<usize> {
    let errors = problems.iter().filter(|problem| problem.is_error());
    errors.filter_map(|problem| problem.step_index).collect()
}

/// Makes steps exclusive whose skills may write other skills' files.
fn make_exclusive(steps: &mut [ProvenStep], exposure: &Exposure) {
    for step in steps {
        let fallback = step.fallback.as_deref();
        let ids = std::iter::once(&step.skill_id).chain(fallback.map(|step| &step.skill_id));
        if { ids }.any(|id| exposure.is_exclusive(id)) {
            step.concurrency = Concurrency::Exclusive;
        }
    }
}

fn run_limit(plan: Option<Duration>, flag: Option<Duration>) -> TimeLimit {
    plan.map_or(TimeLimit::DEFAULT_RUN, |duration| TimeLimit {
        duration,
        source: TimeLimitSource::Plan,
    })
    .with_flag(flag, "--timeout")
}

/// A skill, and where the plan first calls it.
pub(super) struct CalledSkill {
    pub(super) skill: Arc<Skill>,
    pub(super) step: usize,
    pub(super) place: Location,
}

pub(super) struct Prover<'q> {
    pub(super) context: &'q ProveContext,
    pub(super) outputs: OutputSchemas,
    pub(super) skills: Vec<CalledSkill>,
    pub(super) skill_info: SkillInfoCache,
    /// Computed for the first native skill.
    pub(super) own_files: Option<ProtectedFiles>,
    pub(super) not_loaded: Vec<Arc<LoadProblem>>,
    /// The steps, by index, whose arguments can't be read.
    pub(super) unread_arguments: HashSet<usize>,
    /// The steps, by index, in which something could not be read.
    pub(super) misread_steps: HashSet<usize>,
    /// The values of the plan that no message may show, by their pointers.
    pub(super) masked_pointers: Vec<String>,
    /// The steps whose skills hide something, by their pointers.
    pub(super) masking_steps: Vec<String>,
}

impl Prover<'_> {
    /// Hides values from all messages about `loaded`.
    fn mask_in(&mut self, loaded: &mut LoadedPlan) {
        let hidden = std::mem::take(&mut self.masked_pointers).into_iter();
        let misplaced = self.misplaced(&loaded.problems);
        let defaults: Vec<String> = inputs::hidden_defaults(&loaded.plan).collect();
        loaded.hide(hidden.chain(misplaced).chain(defaults));
    }

    /// Proves the step at `index` and adds its problems. Returns the step if it has no error.
    fn prove_step(
        &mut self,
        loaded: &mut LoadedPlan,
        index: usize,
        certain: &[bool],
        inputs: &Inputs,
        problems: &mut Diagnostics,
    ) -> Option<ProvenStep> {
        let before = problems.len();
        let step = &loaded.plan.steps[index];
        let template = loaded.flow.steps.get_mut(index);
        let template = template
            .and_then(|flow| flow.arguments.take())
            .map(|template| *template);
        let pointer = loaded.plan.pointer(index);
        let items = loaded.flow.steps.get_mut(index);
        let items = items.and_then(|flow| flow.items.take()).map(|items| {
            let order = loaded.plan.order;
            self.for_each(step, *items, order, inputs, &pointer, problems)
        });
        let for_each = items.flatten();
        let call = SkillCall {
            for_each: for_each.as_ref(),
            ..SkillCall::new(step, index, pointer)
        };
        let when = loaded.flow.steps.get_mut(index);
        let when = when.map(|flow| std::mem::take(&mut flow.when));
        let when = StepConditions::new(&loaded.plan, index, &call.pointer, certain, inputs).prove(
            &self.outputs,
            when.unwrap_or_default(),
            problems,
        );
        let mut sound = self.step(&call, template, inputs, problems);
        if let Some(step) = &mut sound {
            step.when = when;
            step.for_each = for_each.map(Box::new);
        }
        for problem in problems.diagnostics_mut().iter_mut().skip(before) {
            problem.step_index = Some(index);
        }
        sound
    }

    /// The step with its fallback and its limits.
    fn step(
        &mut self,
        call: &SkillCall<'_>,
        template: Option<Template>,
        inputs: &Inputs,
        problems: &mut Diagnostics,
    ) -> Option<ProvenStep> {
        let step = call.step;
        if step.name.is_empty() {
            self.hide_all(&call.pointer);
            return None; // Said by the plan's own checks.
        }
        let mut of_fallback = Diagnostics::default();
        let fallback = self.fallback(call, template.clone(), inputs, &mut of_fallback);
        let proven = self.call(call, template, inputs, problems);
        // Problems of the step itself were reported for both calls.
        of_fallback
            .diagnostics_mut()
            .retain(|problem| !problems.contains(problem));
        problems.append(of_fallback);
        let mut proven = proven?;
        if let Some(retry) = &step.retry {
            self.warn_retry(&proven, &call.pointer, problems);
            proven.retry = Retries {
                max: retry.max_retries,
                initial_backoff: retry.initial_backoff,
                max_backoff: retry.max_backoff,
            };
        }
        proven.wants_run_dir |= fallback.as_ref().is_some_and(|call| call.wants_run_dir);
        proven.fallback = fallback.map(Box::new);
        proven.timeout = self.step_limit(&proven, step);
        Some(proven)
    }

    /// One call of a skill.
    pub(super) fn call(
        &mut self,
        call: &SkillCall<'_>,
        template: Option<Template>,
        inputs: &Inputs,
        problems: &mut Diagnostics,
    ) -> Option<ProvenStep> {
        let SkillCall { step, pointer, .. } = call;
        let Some(skill) = self.skill(call, problems) else {
            self.hide_all(pointer);
            return None;
        };
        self.check_type(&skill, call, problems);
        call.check_version(&skill, problems);
        let risk_level = call.risk_level(&skill, problems);
        let attempt_timeout = self.attempt_limit(&skill, step);
        let template = template.map(|template| inputs.fill(template, &skill, pointer, problems));
        self.hide(&skill, call);
        let arguments = ArgumentReferences::new(step, template, &skill);
        if !self.unread_arguments.contains(&call.index) {
            arguments.check(&skill, pointer, problems);
        }
        self.check_references(call, &arguments, &skill, problems);
        let output_schema = compile_output_schema(step, pointer, problems);
        self.check_environment(&skill, &call.names_at, problems);
        let command = shown_command(
            &skill,
            &arguments.in_command(&skill),
            &self.context.workspace,
            self.context.run_dir.as_deref(),
        );
        let known = arguments.known;
        let shown_arguments = mask_shared(&skill, &known);
        let info = self.skill_info.get(&skill, self.context);
        let program = check_program(&skill, &info, &call.names_at, problems);
        Some(ProvenStep {
            name: step.name.clone(),
            label: step.id_or_name().to_owned(),
            step_type: step.step_type.unwrap_or(skill.manifest.kind),
            skill_id: Arc::clone(&info.id),
            skill_version: skill.manifest.version.clone(),
            risk_level,
            approval: step.approval.clone(),
            arguments: known,
            shown_arguments,
            secrets: Secrets::default(),
            template: arguments.template,
            for_each: None,
            timeout: attempt_timeout,
            attempt_timeout,
            grace: self.grace(&skill),
            is_idempotent: skill.manifest.is_idempotent,
            retry: Retries::default(),
            fallback: None,
            when: Vec::new(),
            continue_on_error: step.continue_on_error,
            output_schema,
            concurrency: Concurrency::Shared,
            program,
            command,
            wants_run_dir: info.wants_run_dir,
            permissions: Arc::clone(&info.permissions),
            confinement: Arc::clone(&info.confinement),
            creates: Arc::clone(&info.creates),
            skill,
        })
    }

    /// Checks what the arguments refer to.
    fn check_references(
        &self,
        call: &SkillCall<'_>,
        arguments: &ArgumentReferences,
        skill: &Skill,
        problems: &mut Diagnostics,
    ) {
        if let Some(template) = &arguments.template {
            call.check_known_items(template, skill, problems);
        }
        self.outputs
            .check(arguments, call.for_each, skill, &call.pointer, problems);
    }

    /// Finds and caches the skill, with the problems of its manifest.
    fn skill(&mut self, call: &SkillCall<'_>, problems: &mut Diagnostics) -> Option<Arc<Skill>> {
        let id = call.step.skill_id();
        let place = call.names_at.clone();
        match self.context.registry.find(id) {
            Ok(Some(skill)) => {
                self.remember(&skill, call, problems);
                Some(skill)
            }
            Ok(None) => {
                problems.push(unknown_skill(id, &place, &self.context.registry));
                None
            }
            Err(error) => {
                self.cannot_load(error, place, problems);
                None
            }
        }
    }

    fn remember(&mut self, skill: &Arc<Skill>, call: &SkillCall<'_>, problems: &mut Diagnostics) {
        if !self.skill_info.is_new(skill) {
            return;
        }
        let place = &call.names_at;
        self.skills.push(CalledSkill {
            skill: Arc::clone(skill),
            step: call.index,
            place: place.clone(),
        });
        if skill.check_schemas().has_errors() {
            let message = format!("a schema of `{}` is broken", skill.id);
            problems.push(
                Diagnostic::error("manifest", place.clone(), message)
                    .help(format!("`obs skills check {}` shows where", skill.id)),
            );
        }
        description::warn_placeholder(skill, place, problems);
        self.check_paths(skill, place, problems);
        self.check_workdir(skill, place, problems);
        self.check_shadowed(skill, place, problems);
        self.check_own_files(skill, place, problems);
        self.check_workspace(skill, place, problems);
    }

    /// Warns of unexpected paths in the skill's permissions.
    fn check_paths(&self, skill: &Skill, place: &Location, problems: &mut Diagnostics) {
        let Some(native) = skill.native() else { return };
        let sandbox = &self.context.sandbox;
        let suspects = sandbox.suspect_paths(skill, native, &self.context.workspace);
        for (permission, suspect) in suspects {
            let asks = format!("`{}` asks for `{permission}`", skill.id);
            let warn = |code, message, help: &str| {
                Diagnostic::warning(code, place.clone(), message).help(help)
            };
            problems.push(match suspect {
                // It grants nothing: the skill won't find the path.
                SuspectPath::Missing => warn(
                    "missing_path",
                    format!("{asks}, which does not exist"),
                    "create it before the run, or remove the permission from the manifest",
                ),
                SuspectPath::Outside(real) => warn(
                    "outside_workspace",
                    format!(
                        "{asks}, which leads out of the workspace to `{}`",
                        real.display()
                    ),
                    "remove the link, or write the full path into the manifest",
                ),
                SuspectPath::NotOneFile => warn(
                    "missing_path",
                    format!("{asks}, whose links do not resolve to one file"),
                    "obs grants nothing for it; write the resolved path",
                ),
                SuspectPath::NotADirectory => warn(
                    "not_a_directory",
                    format!("{asks}, which is not a directory"),
                    "write the path without the `/` at its end, or remove the file",
                ),
            });
        }
    }

    fn cannot_load(
        &mut self,
        error: Arc<LoadProblem>,
        place: Location,
        problems: &mut Diagnostics,
    ) {
        let problem = Diagnostic::error(error.code(), place, error.to_string());
        problems.push(match error.help() {
            Some(help) => problem.help(help),
            None => problem,
        });
        if !self
            .not_loaded
            .iter()
            .any(|known| known.to_string() == error.to_string())
        {
            self.not_loaded.push(error);
        }
    }

    /// Bound on one attempt.
    fn attempt_limit(&self, skill: &Skill, step: &ExecutionStep) -> TimeLimit {
        let of = |duration: Option<Duration>, source| {
            duration.map(|duration| TimeLimit { duration, source })
        };
        of(skill.manifest.timeout, TimeLimitSource::Manifest)
            .or_else(|| of(step.timeout, TimeLimitSource::Step))
            .unwrap_or(TimeLimit::DEFAULT_STEP)
            .with_flag(self.context.time_flags.step, "--step-timeout")
    }

    /// Bound on all attempts of `proven`, with its fallback. If only the skill sets a timeout, each
    /// attempt may take that long.
    fn step_limit(&self, proven: &ProvenStep, step: &ExecutionStep) -> TimeLimit {
        let limit = match (step.timeout, proven.skill.manifest.timeout) {
            (Some(duration), _) => TimeLimit {
                duration,
                source: TimeLimitSource::Step,
            },
            (None, None) => TimeLimit::DEFAULT_STEP,
            (None, Some(attempt)) => {
                let Retries {
                    max, max_backoff, ..
                } = proven.retry;
                let before_a_retry = attempt
                    .saturating_add(proven.grace)
                    .saturating_add(max_backoff);
                let of_retries = before_a_retry.saturating_mul(max).saturating_add(attempt);
                let of_fallback = proven.fallback.as_deref().map(|fallback| {
                    let limit = fallback.attempt_timeout.duration;
                    limit.saturating_add(proven.grace)
                });
                TimeLimit {
                    duration: of_retries.saturating_add(of_fallback.unwrap_or_default()),
                    source: TimeLimitSource::Manifest,
                }
            }
        };
        limit.with_flag(self.context.time_flags.step, "--step-timeout")
    }

    fn grace(&self, skill: &Skill) -> Duration {
        skill
            .manifest
            .grace
            .or(self.context.time_flags.grace)
            .unwrap_or(DEFAULT_GRACE)
    }
}

/// Checks that the program exists and that the skill's own confinement does not hide it; another
/// one is never used instead.
fn check_program(
    skill: &Skill,
    info: &SkillInfo,
    place: &Location,
    problems: &mut Diagnostics,
) -> Option<Arc<Program>> {
    if let Some(hidden) = &info.hidden_file {
        let verb = hidden.needs.verb();
        let message = format!("`{}` may not {verb} `{}`", skill.id, hidden.file.display());
        problems.push(
            Diagnostic::error("hidden_program", place.clone(), message).help(format!(
                "add `{}` to the `permissions` of its manifest",
                hidden.permission
            )),
        );
    }
    match info.program.as_ref()? {
        Ok(program) => Some(Arc::clone(program)),
        Err(error) => {
            let message = format!("`{}` can't run: {}", skill.id, error.message);
            let problem = Diagnostic::error("program", place.clone(), message);
            problems.push(problem.help(error.help.clone()));
            None
        }
    }
}

fn unknown_skill(id: &str, place: &Location, registry: &Registry) -> Diagnostic {
    let problem = Diagnostic::error(
        "unknown_skill",
        place.clone(),
        format!("unknown skill `{id}`"),
    )
    .got(id);
    match (registry.nearest_id(id), place) {
        (Some(near), Location::Node(pointer, _)) => {
            let patch = json!([{"op": "replace", "path": pointer, "value": near}]);
            problem
                .help(format!("did you mean `{near}`?"))
                .expected(near)
                .fix(patch)
        }
        _ => problem.help("`obs skills list` lists the skills; `--skills DIR` adds more"),
    }
}

fn compile_output_schema(
    step: &ExecutionStep,
    pointer: &str,
    problems: &mut Diagnostics,
) -> Option<Schema> {
    let value = step.output_schema.as_ref()?;
    let pointer = format!("{pointer}/output_schema");
    for format in Schema::unknown_formats(value) {
        problems.push(format.problem(&pointer));
    }
    match Schema::compile(value) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let place = Location::value(format!("{pointer}{}", error.pointer));
            problems.push(
                Diagnostic::error("schema", place, error.to_string())
                    .help("it must be a JSON Schema of draft 2020-12"),
            );
            None
        }
    }
}
