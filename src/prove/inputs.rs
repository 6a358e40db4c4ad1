//! The plan's inputs: the given values, else the defaults, validated by their schemas.
//!
//! Invariant: before a run, every input has a value that meets its schema, or there is a problem. A
//! hidden value is passed only to a skill that hides it too.

use serde_json::{Map, Value};

use crate::document::{Diagnostic, Diagnostics, Location, escape_token, in_backticks, nearest};
use crate::engine::shown_arguments;
use crate::model::ExecutionPlan;
use crate::plan::{ItemTemplate, KnownValues, Reference, ReferenceSource, Template};
use crate::skill::{Schema, Skill};

/// How many inputs a message names.
const MAX_INPUTS: usize = 12;

/// The values of the inputs, as far as they are known.
pub(super) struct Inputs {
    values: Value,
    /// The names of hidden inputs.
    hidden: Vec<String>,
}

fn is_hidden(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

/// The places of the values that the plan itself gives for hidden inputs.
pub(super) fn hidden_defaults(plan: &ExecutionPlan) -> impl Iterator<Item = String> {
    let hidden = plan.inputs.iter();
    let hidden = hidden.filter(|(_, schema)| is_hidden(schema) && schema.get("default").is_some());
    hidden.map(|(name, _)| format!("/inputs/{}/default", escape_token(name)))
}

/// True if `schema` hides some part. Schemas are as deep as plans may be.
fn hides_inside(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map
            .values()
            .any(|part| is_hidden(part) || hides_inside(part)),
        Value::Array(list) => list
            .iter()
            .any(|part| is_hidden(part) || hides_inside(part)),
        _ => false,
    }
}

impl Inputs {
    /// The inputs of `plan` with the values `provided`; `None` if no values were asked for.
    pub(super) fn check_inputs(
        plan: &ExecutionPlan,
        provided: Option<&Map<String, Value>>,
        problems: &mut Diagnostics,
    ) -> Self {
        let mut values = Map::new();
        for (name, schema) in &plan.inputs {
            let pointer = format!("/inputs/{}", escape_token(name));
            let compiled = match Schema::compile(schema) {
                Ok(compiled) => compiled,
                Err(error) => {
                    let place = Location::value(format!("{pointer}{}", error.pointer));
                    problems.push(
                        Diagnostic::error("schema", place, error.to_string())
                            .help("it must be a JSON Schema of draft 2020-12"),
                    );
                    continue;
                }
            };
            for format in Schema::unknown_formats(schema) {
                problems.push(format.problem(&pointer));
            }
            if !is_hidden(schema) && hides_inside(schema) {
                let message = format!("a part of the input `{name}` is `writeOnly`");
                problems.push(
                    Diagnostic::error("hidden_input", Location::value(&pointer), message).help(
                        "obs can't track parts of an input: make the whole input `writeOnly`",
                    ),
                );
            }
            let default = schema.get("default");
            if let Some(default) = default {
                let base = format!("{pointer}/default");
                let violations = compiled.violations(default, "the `default`");
                for violation in violations {
                    let mut problem = violation.problem("input", &base);
                    let help = "write a default that matches the input's schema";
                    problem.help.get_or_insert_with(|| help.to_owned());
                    problems.push(problem);
                }
            }
            match provided.and_then(|provided| provided.get(name)) {
                Some(value) => {
                    check(name, value, &compiled, &pointer, problems);
                    values.insert(name.clone(), value.clone());
                }
                None => match default {
                    Some(default) => drop(values.insert(name.clone(), default.clone())),
                    None if provided.is_some() => problems.push(not_given(name, &pointer)),
                    None => {}
                },
            }
        }
        for name in provided.into_iter().flat_map(Map::keys) {
            if !plan.inputs.contains_key(name) {
                problems.push_error_with(|| unknown(name, plan));
            }
        }
        let hidden = plan.inputs.iter().filter(|(_, schema)| is_hidden(schema));
        Self {
            hidden: hidden.map(|(name, _)| name.clone()).collect(),
            values: Value::Object(values),
        }
    }

    /// Inserts the values into the arguments of a step that calls `skill`.
    pub(super) fn fill(
        &self,
        template: Template,
        skill: &Skill,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Template {
        let base = format!("{pointer}/arguments");
        self.check_hidden(&template, skill, &base, problems);
        template.fill(self.known(), &base, &mut |reference, pointer| {
            problems.push(not_in_input(reference, pointer));
        })
    }

    /// Inserts the values into the lists of a step with `for_each`.
    pub(super) fn fill_items(
        &self,
        mut items: ItemTemplate,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> ItemTemplate {
        items.references(pointer, &mut |reference, pointer, _| {
            if self.is_hidden(reference) {
                let message = format!("`{}` is hidden, but items are shown", reference.written);
                problems.push(
                    Diagnostic::error("hidden_input", Location::value(pointer), message)
                        .help("pass the whole list to a skill that marks it as `writeOnly: true`"),
                );
            }
        });
        for list in &mut items.lists {
            let template = std::mem::replace(&mut list.template, Template::Fixed(Value::Null));
            let pointer = format!("{pointer}{}", list.below);
            list.template = template.fill(self.known(), &pointer, &mut |reference, pointer| {
                problems.push(not_in_input(reference, pointer));
            });
        }
        items
    }

    fn known(&self) -> KnownValues<'_> {
        KnownValues {
            inputs: Some(&self.values),
            item: None,
        }
    }

    pub(super) fn is_hidden(&self, reference: &Reference) -> bool {
        match (reference.origin, reference.path.first()) {
            (ReferenceSource::Inputs, Some(name)) => self.hidden.contains(name),
            (ReferenceSource::Inputs, None) => !self.hidden.is_empty(),
            _ => false,
        }
    }

    fn check_hidden(
        &self,
        template: &Template,
        skill: &Skill,
        base: &str,
        problems: &mut Diagnostics,
    ) {
        if self.hidden.is_empty() {
            return;
        }
        let arguments = template.with_placeholders(&mut |_, _| Value::from("x"));
        let shown = arguments
            .as_object()
            .map(|map| shown_arguments(skill, map).into_owned());
        let shown = Value::Object(shown.unwrap_or_default());
        template.references("", &mut |reference, below, _| {
            // A masked value differs from the original; one below a masked one is gone.
            if self.is_hidden(reference) && shown.pointer(below) == arguments.pointer(below) {
                let message = format!(
                    "`{}` is hidden, but `{}` would show it in records",
                    reference.written, skill.id
                );
                let help = "mark the argument as `writeOnly: true` in the skill's `input_schema`";
                let place = Location::value(format!("{base}{below}"));
                problems.push(Diagnostic::error("hidden_input", place, message).help(help));
            }
        });
    }

    /// Inserts the value of an input for `template`, one reference.
    pub(super) fn fill_value(
        &self,
        template: Template,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Template {
        template.fill(self.known(), pointer, &mut |reference, pointer| {
            problems.push(not_in_input(reference, pointer));
        })
    }

    /// The values, for use after the proof.
    pub(super) fn into_values(self) -> Map<String, Value> {
        match self.values {
            Value::Object(values) => values,
            _ => Map::new(),
        }
    }
}

fn not_in_input(reference: &Reference, pointer: &str) -> Diagnostic {
    let message = format!("`{}` is not in the value of the input", reference.written);
    Diagnostic::error("unknown_field", Location::value(pointer), message)
        .help("give a value that has it, or write another reference")
}

fn check(name: &str, value: &Value, schema: &Schema, pointer: &str, problems: &mut Diagnostics) {
    let what = format!("the input `{name}`");
    for violation in schema.violations(value, &what) {
        let message = match violation.pointer.as_str() {
            "" => violation.message,
            below => format!("{what}: {} (at {below})", violation.message),
        };
        let problem = Diagnostic::error("input", Location::key(pointer), message);
        problems.push(match violation.help {
            Some(help) => problem.help(help),
            None => problem.help("give another value with `--set` or `--inputs`"),
        });
    }
}

fn not_given(name: &str, pointer: &str) -> Diagnostic {
    let message = format!("missing input `{name}`");
    Diagnostic::error("missing_input", Location::key(pointer), message).help(format!(
        "set it with `--set {name}=…` or `--inputs`, or add a `default` to the plan"
    ))
}

fn unknown(name: &str, plan: &ExecutionPlan) -> Diagnostic {
    let message = format!("unknown input `{name}`");
    let problem = Diagnostic::error("unknown_input", Location::key("/inputs"), message).got(name);
    let known: Vec<&str> = plan.inputs.keys().map(String::as_str).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => problem
            .help(format!("did you mean `{near}`?"))
            .expected(near),
        None if known.is_empty() => problem.help("the plan has no `inputs`"),
        None => {
            let some = in_backticks(&known[..known.len().min(MAX_INPUTS)]);
            problem.help(format!("the inputs are {some}"))
        }
    }
}
