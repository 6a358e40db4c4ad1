//! The plan: a list of steps that call skills.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Condition, ForEach, RiskLevel};

/// A sequence of steps to achieve a goal.
///
/// OpenBotStack's `ExecutionPlan`. `crate::plan::load` makes one from a file, with the place of
/// every problem; a value of this type has passed no check yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExecutionPlan {
    /// The assistant that wrote the plan; may be empty.
    pub assistant_id: String,
    /// The steps, in plan order. The `finally` steps come last.
    pub steps: Vec<ExecutionStep>,
    /// How many of the steps are `finally` steps.
    pub finally_count: usize,
    /// Why the planner chose these steps.
    pub reasoning: Option<String>,
    /// The plan's own id.
    pub id: Option<String>,
    /// The id of the plan that this one came from.
    pub parent_id: Option<String>,
    /// Bound on the whole run.
    pub timeout: Option<Duration>,
    /// How steps follow each other.
    pub order: StepOrder,
    /// The plan's parameters: JSON Schemas by name. One without a `default` must be given.
    pub inputs: Map<String, Value>,
}

impl ExecutionPlan {
    /// The index of the first `finally` step: how many other steps there are.
    pub fn finally_from(&self) -> usize {
        self.steps.len().saturating_sub(self.finally_count)
    }

    /// The JSON pointer to the step at `index`, in the plan's text.
    pub fn pointer(&self, index: usize) -> String {
        match index.checked_sub(self.finally_from()) {
            Some(at) if self.finally_count > 0 => format!("/finally/{at}"),
            _ => format!("/steps/{index}"),
        }
    }

    /// The step at `index` in words, by its place in its list: "step 3".
    pub fn place_in_words(&self, index: usize) -> String {
        match index.checked_sub(self.finally_from()) {
            Some(at) if self.finally_count > 0 => format!("`finally` step {at}"),
            _ => format!("step {index}"),
        }
    }
}

/// How the steps of a plan follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOrder {
    /// One after the other, in plan order; those of a parallel group together.
    #[default]
    Sequence,
    /// Each as soon as the steps that it needs are over.
    Graph,
}

/// A single action in a plan.
///
/// OpenBotStack's `ExecutionStep`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExecutionStep {
    /// The step's name; the skill's id unless `skill` is given.
    pub name: String,
    /// Whether a skill or a tool is called; by default what the called skill is.
    pub step_type: Option<StepType>,
    /// The arguments; absent or null in the file gives an empty object.
    pub arguments: Arc<Map<String, Value>>,
    /// `{{…}}` in the arguments is plain text: `references: false`.
    pub has_plain_arguments: bool,
    /// The list whose items the step is called with, once for each.
    pub for_each: Option<Box<ForEach>>,
    /// A unique name for the step.
    pub step_id: Option<String>,
    /// The skill, where `name` is only a label.
    pub skill: Option<SkillRef>,
    /// Bound on the step, all attempts and waits.
    pub timeout: Option<Duration>,
    /// What is done when the skill fails.
    pub retry: Option<Box<Retry>>,
    /// The plan goes on when this step fails.
    pub continue_on_error: bool,
    /// JSON Schema that the output must satisfy.
    pub output_schema: Option<Value>,
    /// How much harm the step can do, where that is more than its skill says of itself.
    pub risk_level: Option<RiskLevel>,
    /// The message of the question that a person answers before the step starts; `None` if only the
    /// risk decides whether one is asked.
    pub approval: Option<String>,
    /// What a person would expect to see.
    pub expected_output: Option<String>,
    /// Names and `step_id`s of steps that must be over before this one; only in a graph.
    pub depends_on: Vec<String>,
    /// Conditions that must all hold, else the step is skipped.
    pub when: Vec<Condition>,
    /// Consecutive steps of one group run together; only in a sequence.
    pub parallel_group: Option<String>,
    /// Names and `step_id`s of the steps whose effect this one takes back; only in `finally`.
    pub undoes: Vec<String>,
    /// Runs by itself, whatever its group: OpenBotStack's `parallelizable: false`.
    pub runs_alone: bool,
}

impl ExecutionStep {
    /// The group that the step runs with, unless it runs alone.
    pub fn group(&self) -> Option<&str> {
        self.parallel_group.as_deref().filter(|_| !self.runs_alone)
    }

    /// The id of the skill that the step calls.
    pub fn skill_id(&self) -> &str {
        self.skill.as_ref().map_or(&self.name, |skill| &skill.id)
    }

    /// The name under which records and messages speak of the step.
    pub fn id_or_name(&self) -> &str {
        self.step_id.as_deref().unwrap_or(&self.name)
    }
}

/// What is done when a step's skill fails: it is tried again, then another skill is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often the skill is tried again.
    pub max_retries: u32,
    /// The least time before another attempt.
    pub initial_backoff: Duration,
    /// The most time before another attempt.
    pub max_backoff: Duration,
    /// The skill that is called with the same arguments when the last attempt has failed.
    pub fallback: Option<SkillRef>,
}

/// A skill's id with the version that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillRef {
    /// The skill's id.
    pub id: String,
    /// The version after `@`, to be matched exactly.
    pub version: Option<String>,
}

/// The kind of thing that a step calls.
///
/// OpenBotStack's `StepType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepType {
    /// A skill: something that can be chosen for its description.
    #[default]
    Skill,
    /// A tool: a plain function.
    Tool,
}

impl StepType {
    /// The type as plan and manifest spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Tool => "tool",
        }
    }
}

impl fmt::Display for StepType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
