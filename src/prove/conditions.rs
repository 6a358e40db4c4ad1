//! Proves the conditions of a step, as far as schemas allow before the run.
//!
//! Invariant: a keyword for a type that the value can't have is an error. A condition that is
//! never or always met by the schemas is a warning: the plan runs, but not as it seems to.

use serde_json::{Map, Value, json};

use super::inputs::Inputs;
use super::known_values::{Truth, truth_of};
use super::references::{KnownPart, OutputSchemas};
use crate::document::{Diagnostic, Diagnostics, Location, in_backticks};
use crate::engine::{ProvenCondition, ProvenTest, TestSubject};
use crate::model::{Condition, ConditionSubject, ConditionTest, ExecutionPlan, StepStatus};
use crate::plan::{BoundTest, DependencyGraph, Reference, ReferenceSource, Template};
use crate::skill::Schema;
use crate::skill::schema_types::TypeSet;

/// The keywords that are for values of one type.
const TYPED: [(&str, &[&str]); 3] = [
    ("number", &["minimum", "maximum"]),
    ("string", &["pattern", "minLength", "maxLength"]),
    ("array", &["minItems", "maxItems"]),
];

/// The most characters of what is wanted that a message shows.
const MAX_WANTED: usize = 200;

/// The conditions of one step, and what is known of the plan.
pub(super) struct StepConditions<'p> {
    plan: &'p ExecutionPlan,
    /// The step's index.
    index: usize,
    /// Where the step stands.
    pointer: &'p str,
    /// The steps, by index, that certainly succeed if the run goes on.
    certain: &'p [bool],
    inputs: &'p Inputs,
}

/// The steps, by index, that certainly succeed if the run goes on.
pub(super) fn certain_steps(plan: &ExecutionPlan, flow: &DependencyGraph) -> Vec<bool> {
    let mut certain = vec![false; plan.steps.len()];
    for index in flow.in_order().into_iter().flatten() {
        let (step, waits) = (&plan.steps[index], &flow.steps[index]);
        certain[index] = step.when.is_empty()
            && !step.continue_on_error
            && waits.targets().all(|target| certain[target]);
    }
    certain
}

impl<'p> StepConditions<'p> {
    /// Those of the step at `index`.
    pub(super) fn new(
        plan: &'p ExecutionPlan,
        index: usize,
        pointer: &'p str,
        certain: &'p [bool],
        inputs: &'p Inputs,
    ) -> Self {
        Self {
            plan,
            index,
            pointer,
            certain,
            inputs,
        }
    }

    /// The proven conditions, without those that have problems.
    pub(super) fn prove(
        &self,
        outputs: &OutputSchemas,
        bound: Vec<Vec<BoundTest>>,
        problems: &mut Diagnostics,
    ) -> Vec<ProvenCondition> {
        let conditions: &[Condition] = &self.plan.steps[self.index].when;
        let mut all = Vec::new();
        for (at, (condition, bound)) in conditions.iter().zip(bound).enumerate() {
            let mut tests = Vec::new();
            for (index, (test, bound)) in condition.tests.iter().zip(bound).enumerate() {
                let pointer = format!("{}/when/{at}{}", self.pointer, condition.pointer(index));
                let site = TestSite { test, pointer };
                tests.extend(match bound {
                    BoundTest::Value(template) => self.value(outputs, &site, &template, problems),
                    BoundTest::Step(step) => self.step(&site, step, problems),
                    BoundTest::Unbound => None,
                });
            }
            all.push(ProvenCondition {
                written: condition.written.clone(),
                tests,
            });
        }
        all
    }

    /// `finally` steps run whatever came of the others.
    fn is_finally(&self) -> bool {
        self.index >= self.plan.finally_from()
    }

    fn step(
        &self,
        site: &TestSite<'_>,
        step: usize,
        problems: &mut Diagnostics,
    ) -> Option<ProvenTest> {
        let ConditionSubject::Step { status, .. } = &site.test.subject else {
            return None;
        };
        let target = &self.plan.steps[step];
        let is_finally = self.is_finally();
        let ends_run = |status: &&StepStatus| match status {
            _ if is_finally => false,
            StepStatus::Failed | StepStatus::Timeout => !target.continue_on_error,
            StepStatus::Canceled | StepStatus::Rejected => true,
            StepStatus::Success | StepStatus::Skipped => false,
        };
        let ending: Vec<&str> = status
            .iter()
            .filter(ends_run)
            .map(|status| status.as_str())
            .collect();
        if !ending.is_empty() {
            let label = target.id_or_name();
            let statuses = in_backticks(&ending);
            let message = format!("the run ends if `{label}` ends as {statuses}");
            let place = Location::value(format!("{}/status", site.pointer));
            let can_continue = status
                .iter()
                .any(|status| matches!(status, StepStatus::Failed | StepStatus::Timeout));
            let help = if can_continue {
                format!(
                    "write `continue_on_error: true` in `{label}`; without it, this condition only \
                     matters with `--keep-going`"
                )
            } else {
                "leave the status out".to_owned()
            };
            problems.push(Diagnostic::warning("run_ends", place, message).help(help));
        }
        let words: Vec<&str> = status.iter().map(|status| status.as_str()).collect();
        Some(ProvenTest {
            subject: TestSubject::Step {
                step,
                status: status.clone(),
            },
            name: target.id_or_name().to_owned(),
            is_negated: site.test.is_negated,
            wanted: site.wanted(&words.join(" or ")),
        })
    }

    fn value(
        &self,
        outputs: &OutputSchemas,
        site: &TestSite<'_>,
        template: &Template,
        problems: &mut Diagnostics,
    ) -> Option<ProvenTest> {
        let ConditionSubject::Value {
            reference: written,
            schema,
            is_schema,
        } = &site.test.subject
        else {
            return None;
        };
        let Template::Whole(reference) = template else {
            return None;
        };
        let known = outputs.condition_part(reference, &site.pointer, problems)?;
        if schema.is_null() {
            return None; // Said when it was read.
        }
        let compiled = site.compile(schema, *is_schema, problems)?;
        if !is_schema && !site.check_types(schema, reference, &known, problems) {
            return None;
        }
        self.warn_constant(site, &compiled, schema, reference, &known, problems);
        let is_hidden = self.inputs.is_hidden(reference);
        let step = reference.origin.step();
        let value = template.clone();
        let value = self
            .inputs
            .fill_value(value, &format!("{}/value", site.pointer), problems);
        Some(ProvenTest {
            subject: TestSubject::Value {
                value,
                schema: compiled,
                step,
                is_hidden,
            },
            name: written.trim().to_owned(),
            is_negated: site.test.is_negated,
            wanted: site.wanted(&words_of(schema, *is_schema)),
        })
    }

    /// Warns of a condition that is never or always met by the schemas.
    fn warn_constant(
        &self,
        site: &TestSite<'_>,
        compiled: &Schema,
        keywords: &Value,
        reference: &Reference,
        known: &KnownPart<'_>,
        problems: &mut Diagnostics,
    ) {
        let is_there = match reference.origin {
            ReferenceSource::Step(step) => {
                !self.is_finally() && self.certain[step] && known.is_required
            }
            _ => known.is_required,
        };
        let truth = truth_of(compiled, keywords, known, reference.is_optional);
        let is_met = match (truth, site.test.is_negated) {
            (Truth::Always, false) | (Truth::Never, true) if is_there => true,
            (Truth::Never, false) | (Truth::Always, true) => false,
            _ => return,
        };
        let written = &reference.written;
        let (often, help) = if is_met {
            (
                "always",
                "leave the condition out, or compare with another value",
            )
        } else {
            (
                "never",
                "the step never runs: compare with another value, or leave the step out",
            )
        };
        let message = format!("by its schema, `{written}` {often} meets this condition");
        let place = Location::value(&site.pointer);
        problems.push(Diagnostic::warning("constant_condition", place, message).help(help));
    }
}

/// One test and where it stands.
struct TestSite<'p> {
    test: &'p ConditionTest,
    pointer: String,
}

impl TestSite<'_> {
    fn wanted(&self, words: &str) -> String {
        let not = if self.test.is_negated { "not " } else { "" };
        let words = match words.char_indices().nth(MAX_WANTED) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words.to_owned(),
        };
        format!("{not}{words}")
    }

    /// The schema of the test. Keywords for one type reject values of other types.
    fn compile(
        &self,
        schema: &Value,
        is_schema: bool,
        problems: &mut Diagnostics,
    ) -> Option<Schema> {
        let base = if is_schema {
            format!("{}/schema", self.pointer)
        } else {
            self.pointer.clone()
        };
        for format in Schema::unknown_formats(schema) {
            problems.push(format.problem(&base));
        }
        let strict = if is_schema {
            schema.clone()
        } else {
            with_types(schema)
        };
        match Schema::compile(&strict) {
            Ok(schema) => Some(schema),
            Err(error) => {
                let place = Location::value(format!("{base}{}", error.pointer));
                let problem = Diagnostic::error("schema", place, error.to_string());
                let help = "write it as JSON Schema, draft 2020-12, has it";
                problems.push(problem.help(error.help.unwrap_or_else(|| help.to_owned())));
                None
            }
        }
    }

    /// Refuses keywords for a type that the value can't have. True if there are none.
    fn check_types(
        &self,
        keywords: &Value,
        reference: &Reference,
        known: &KnownPart<'_>,
        problems: &mut Diagnostics,
    ) -> bool {
        let mut is_right = true;
        for (name, keys) in TYPED {
            let wanted = TypeSet::from_name(name);
            for key in keys.iter().filter(|key| keywords.get(key).is_some()) {
                if !known.kinds.exclude(wanted) {
                    continue;
                }
                is_right = false;
                let (wanted, found) = (wanted.words(), known.kinds.words());
                let written = &reference.written;
                let message = format!("`{key}` is for {wanted}, but `{written}` is {found}");
                let place = Location::value(format!("{}/{key}", self.pointer));
                problems.push(
                    Diagnostic::error("condition_type", place, message)
                        .help("write a keyword for that type: `const` and `enum` are for all")
                        .expected(found)
                        .got(wanted),
                );
            }
        }
        is_right
    }
}

/// `keywords`, which then reject values of other types.
fn with_types(keywords: &Value) -> Value {
    let types = TYPED
        .iter()
        .filter(|(_, keys)| keys.iter().any(|key| keywords.get(key).is_some()));
    let types: Vec<Value> = types.map(|(name, _)| json!({"type": name})).collect();
    let mut strict = keywords.as_object().cloned().unwrap_or_default();
    if !types.is_empty() {
        strict.insert("allOf".to_owned(), Value::Array(types));
    }
    Value::Object(strict)
}

/// Keywords in words: `minimum 1 and maximum 3`.
fn words_of(schema: &Value, is_schema: bool) -> String {
    if is_schema {
        return "a value of the schema".to_owned();
    }
    let no_keywords = Map::new();
    let keywords = schema.as_object().unwrap_or(&no_keywords);
    let word = |(key, value): (&String, &Value)| match crate::model::json_line(value) {
        Ok(text) => format!("{key} {text}"),
        Err(_) => key.clone(),
    };
    keywords.iter().map(word).collect::<Vec<_>>().join(" and ")
}
