//! A proven plan: checked as far as possible before it runs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::proven_condition::ProvenCondition;
use super::{Selection, TimeLimit};
use crate::model::{Gather, RiskLevel, StepType};
use crate::plan::{DependencyGraph, ItemList, ItemTemplate, Template};
use crate::process::Secrets;
use crate::skill::{Exposure, Program, Schema, Skill};

/// A plan that may run.
#[derive(Debug)]
pub struct ProvenPlan {
    /// The assistant that wrote it.
    pub assistant_id: String,
    /// The plan's own id.
    pub id: Option<String>,
    /// The id of the plan that it came from.
    pub parent_id: Option<String>,
    /// Bound on the whole run.
    pub timeout: TimeLimit,
    /// Bound on all `finally` steps together.
    pub finally_timeout: TimeLimit,
    /// The steps, in plan order. The `finally` steps come last.
    pub steps: Vec<ProvenStep>,
    /// Which step waits for which.
    pub flow: DependencyGraph,
    /// What the plan's inputs are in this run.
    pub inputs: Map<String, Value>,
    /// Which of its skills may write the files of which.
    pub exposure: Exposure,
    /// What flags leave out, or run again.
    pub selection: Selection,
}

impl ProvenPlan {
    /// The index of the first `finally` step; the number of steps if there is none.
    pub fn finally_from(&self) -> usize {
        self.flow.finally_from
    }
}

impl ProvenStep {
    /// True if both the skill and its fallback are idempotent.
    pub fn is_safe_to_repeat(&self) -> bool {
        self.is_idempotent && self.fallback.as_deref().is_none_or(Self::is_safe_to_repeat)
    }

    /// The items of the step, if all their arguments are known before the run and differ.
    pub(super) fn known_items(&self) -> Option<&ItemList> {
        let list = self.for_each.as_ref()?.known.as_deref()?;
        let template = self.template.as_ref()?;
        let mut is_known = true;
        template.references("", &mut |reference, _, _| {
            is_known &= reference.origin.is_item();
        });
        is_known.then_some(list)
    }

    /// True if a built-in tool of the step or its fallback reads files of the workspace.
    pub(crate) fn reads_workspace(&self) -> bool {
        let fallback = self.fallback.as_deref();
        self.skill.reads_workspace() || fallback.is_some_and(Self::reads_workspace)
    }
}

/// The most items of a step, unless `--max-items` says otherwise.
pub(crate) const DEFAULT_MAX_ITEMS: usize = 10_000;

/// The most items of a step that `--max-items` may allow.
pub(crate) const MOST_ITEMS: usize = 1_000_000;

/// The list of a step, and how its items run.
#[derive(Debug)]
pub struct ProvenForEach {
    /// The list, with its references.
    pub(crate) items: ItemTemplate,
    /// The list, if it is known before the run.
    pub(crate) known: Option<Arc<ItemList>>,
    /// How many items may run at the same time.
    pub max_parallel: usize,
    /// How many items may fail without the step failing.
    pub max_failed: u64,
    /// What the step's output is.
    pub gather: Gather,
    /// The most items that it may have.
    pub max_items: usize,
}

/// Whether other steps may run at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Other steps may run at the same time.
    #[default]
    Shared,
    /// No other step may run: the step's skill or its fallback may write files of skills.
    Exclusive,
}

/// How often a skill is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// How often, after the first attempt.
    pub max: u32,
    /// The least time before another attempt.
    pub initial_backoff: Duration,
    /// The most time before another attempt.
    pub max_backoff: Duration,
}

/// A step whose skill, program and arguments were checked.
#[derive(Debug)]
pub struct ProvenStep {
    /// The step's name in the plan.
    pub name: String,
    /// The step's `step_id`, else its name.
    pub label: String,
    /// Skill or tool.
    pub step_type: StepType,
    /// The skill that it calls.
    pub skill_id: Arc<str>,
    /// The skill's version.
    pub skill_version: Option<String>,
    /// The skill itself: what its arguments and its output must be.
    pub skill: Arc<Skill>,
    /// How much harm it can do: what its skill says of itself, or more where the step says so.
    pub risk_level: RiskLevel,
    /// What the plan tells the person who is asked before the step starts.
    pub approval: Option<String>,
    /// The arguments, where they are known; as the plan has them where they hold references.
    pub arguments: Arc<Map<String, Value>>,
    /// The arguments as records and screens may show them: `writeOnly` values and secrets as
    /// `"***"`.
    pub shown_arguments: Arc<Map<String, Value>>,
    /// The secrets of the run, which no shown argument holds.
    pub(crate) secrets: Secrets,
    /// The arguments with their references, where they hold some.
    pub template: Option<Template>,
    /// The list whose items it is called with; `None` if it is called once.
    pub for_each: Option<Box<ProvenForEach>>,
    /// Bound on the step: on all its attempts and waits.
    pub timeout: TimeLimit,
    /// Bound on one attempt.
    pub attempt_timeout: TimeLimit,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The skill is safe to run again.
    pub is_idempotent: bool,
    /// How often it is tried again, and after what time.
    pub retry: Retries,
    /// The fallback, called with the same arguments after the last attempt failed.
    pub fallback: Option<Box<ProvenStep>>,
    /// The conditions that must all hold, else it is skipped.
    pub(crate) when: Vec<ProvenCondition>,
    /// The plan goes on when the step fails.
    pub continue_on_error: bool,
    /// What the plan itself demands of the output.
    pub output_schema: Option<Schema>,
    /// Whether other steps may run meanwhile.
    pub concurrency: Concurrency,
    /// The program that will be started; `None` for a built-in.
    pub program: Option<Arc<Program>>,
    /// The argument vector, for `--dry-run`; empty for a built-in.
    pub command: Vec<String>,
    /// The manifest asks for the directory of files between steps.
    pub wants_run_dir: bool,
    /// The manifest's permissions.
    pub permissions: Arc<[String]>,
    /// What the step is confined to, in lines for people.
    pub confinement: Arc<[String]>,
    /// What of the paths that it may write does not exist yet: directories, which end in `/`, and
    /// files.
    pub creates: Arc<[String]>,
}
