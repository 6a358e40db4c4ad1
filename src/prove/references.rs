//! Checks of arguments with references, as far as schemas allow before the run.
//!
//! Invariant: what is refused here would fail with any output: a field that the producer's schemas
//! rule out, a kind of value that the consumer's schema does not take, an argument that is wrong
//! beside its references.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::document::{Diagnostic, Diagnostics, Location, in_backticks, nearest};
use crate::model::ExecutionStep;
use crate::plan::{LoadedPlan, Reference, ReferenceSource, Template, WRAPPERS, format_reference};
use crate::skill::schema_types::{Impossible, SchemaPart, TypeSet, part_of, unnamed_field};
use crate::skill::{Linked, OutputFormat, Registry, Skill, UnknownPaths};

/// How many fields a message names.
const MAX_FIELDS: usize = 12;

/// The arguments of one step.
pub(super) struct ArgumentReferences {
    /// As the plan has them, with what reads like a reference but is none made plain.
    pub(super) known: Arc<Map<String, Value>>,
    /// With their references, where they hold some.
    pub(super) template: Option<Template>,
    /// With a placeholder for each reference.
    stand_ins: Arc<Map<String, Value>>,
    unknown: UnknownPaths,
}

impl ArgumentReferences {
    pub(super) fn new(step: &ExecutionStep, template: Option<Template>, skill: &Skill) -> Self {
        let template = match template {
            Some(Template::Fixed(Value::Object(known))) => return Self::known(Arc::new(known)),
            Some(template) => template,
            None => return Self::known(Arc::clone(&step.arguments)),
        };
        let mut pointers = Vec::new();
        template.references("", &mut |_, pointer, _| {
            if pointers.last().is_none_or(|last| last != pointer) {
                pointers.push(pointer.to_owned());
            }
        });
        let stand_ins = template.with_placeholders(&mut |_, _| Value::from("x"));
        let stand_ins = spread_for(skill, &template, as_map(stand_ins), |_| {
            Value::Array(Vec::new())
        });
        Self {
            known: Arc::clone(&step.arguments),
            template: Some(template),
            stand_ins: Arc::new(stand_ins),
            unknown: UnknownPaths::new(pointers),
        }
    }

    fn known(known: Arc<Map<String, Value>>) -> Self {
        Self {
            stand_ins: Arc::clone(&known),
            known,
            template: None,
            unknown: UnknownPaths::default(),
        }
    }

    /// Their problems apart from references.
    pub(super) fn check(&self, skill: &Skill, pointer: &str, problems: &mut Diagnostics) {
        let base = format!("{pointer}/arguments");
        let mut found = skill.check_arguments_partial(&self.unknown, &self.stand_ins, &base);
        for problem in found.diagnostics_mut() {
            let help = || format!("`obs skills show {}` shows its arguments", skill.id);
            problem.help.get_or_insert_with(help);
        }
        problems.append(found);
    }

    /// As they are shown in the command, where a reference stands for what is not known yet.
    pub(super) fn in_command(&self, skill: &Skill) -> Arc<Map<String, Value>> {
        let Some(template) = &self.template else {
            return Arc::clone(&self.known);
        };
        let shown = template.with_placeholders(&mut |reference, _| Value::from(reference.shown()));
        let shown = spread_for(skill, template, as_map(shown), |shown| json!([shown]));
        Arc::new(shown)
    }
}

/// Makes a list of each argument that is one reference and that the command spreads.
fn spread_for(
    skill: &Skill,
    template: &Template,
    mut arguments: Map<String, Value>,
    list: impl Fn(Value) -> Value,
) -> Map<String, Value> {
    let (Some(native), Template::Map(entries)) = (skill.native(), template) else {
        return arguments;
    };
    let uses = native.execution.command.arguments();
    for argument in uses.filter(|argument| argument.is_spread) {
        let is_whole = |(key, template): &(String, Template)| {
            key == argument.name && matches!(template, Template::Whole(_))
        };
        if entries.iter().any(is_whole)
            && let Some(value) = arguments.get_mut(argument.name)
            && !value.is_array()
        {
            *value = list(value.take());
        }
    }
    arguments
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The schemas of the steps' outputs.
pub(super) struct OutputSchemas {
    /// By the steps' indices, all that an output meets, once for each skill that may give it;
    /// `None` if nobody asks.
    steps: Vec<Option<Vec<Vec<Arc<Linked>>>>>,
    /// The schemas of the inputs whose values are not known.
    inputs: HashMap<String, Vec<Vec<Arc<Linked>>>>,
    /// The schema of the run, computed for the first reference to it.
    run: OnceCell<Vec<Vec<Arc<Linked>>>>,
}

impl OutputSchemas {
    /// For the steps of a plan, if any of them is referred to.
    pub(super) fn new(
        loaded: &LoadedPlan,
        registry: &Registry,
        values: Option<&Map<String, Value>>,
    ) -> Self {
        let mut steps: Vec<Option<Vec<Vec<Arc<Linked>>>>> = vec![None; loaded.plan.steps.len()];
        for taken in loaded.flow.steps.iter().flat_map(|flow| &flow.inputs_from) {
            steps[*taken].get_or_insert_with(|| {
                let step = &loaded.plan.steps[*taken];
                let fallback = step
                    .retry
                    .as_ref()
                    .and_then(|retry| retry.fallback.as_ref());
                let ids = std::iter::once(step.skill_id());
                let ids = ids.chain(fallback.map(|skill| skill.id.as_str()));
                ids.map(|id| {
                    // A missing skill is reported when its own step is proven.
                    let skill = registry.find(id).ok().flatten();
                    let of_skill = skill.as_deref().map(schemas_of).unwrap_or_default();
                    of_skill
                        .into_iter()
                        .chain(step.output_schema.as_ref().and_then(linked))
                        .collect()
                })
                .collect()
            });
        }
        let is_known = |name: &String, schema: &Value| {
            schema.get("default").is_some()
                || values.is_some_and(|values| values.contains_key(name))
        };
        let inputs = loaded.plan.inputs.iter();
        let inputs = inputs.filter(|(name, schema)| !is_known(name, schema));
        let inputs = inputs.map(|(name, schema)| {
            let known = linked(schema).into_iter().collect();
            (name.clone(), vec![known])
        });
        let inputs = inputs.collect();
        Self {
            steps,
            inputs,
            run: OnceCell::new(),
        }
    }

    /// What is known of the value that `reference` leads into, and the path into that value.
    fn source<'s>(&'s self, reference: &'s Reference) -> (&'s [Vec<Arc<Linked>>], &'s [String]) {
        match (reference.origin, reference.path.split_first()) {
            (ReferenceSource::Step(step), _) => {
                let schemas = self.steps[step].as_deref().unwrap_or_default();
                (schemas, &reference.path)
            }
            (ReferenceSource::Inputs, Some((name, path))) => {
                let schemas = self.inputs.get(name).map(Vec::as_slice);
                (schemas.unwrap_or_default(), path)
            }
            (ReferenceSource::Inputs, None) => (&[], &[]),
            (ReferenceSource::Run, _) => (self.run.get_or_init(run_schemas), &reference.path),
        }
    }

    /// Checks the references of one step's arguments against the schemas of their sources and of
    /// the skill.
    pub(super) fn check(
        &self,
        arguments: &ArgumentReferences,
        skill: &Skill,
        pointer: &str,
        problems: &mut Diagnostics,
    ) {
        let Some(template) = &arguments.template else {
            return;
        };
        let base = format!("{pointer}/arguments");
        let as_written = Value::Object((*arguments.known).clone());
        template.references("", &mut |reference, below, is_whole| {
            let (schemas, path) = self.source(reference);
            let site = OutputReference {
                reference,
                path,
                pointer: format!("{base}{below}"),
                arguments: &as_written,
                below,
            };
            match part(schemas, path) {
                SchemaPart::Excluded(exclusion) => {
                    problems.push_error_with(|| site.no_such_field(&exclusion, schemas));
                    return;
                }
                SchemaPart::Possible(kinds) => {
                    let kinds = match (is_whole, reference.is_optional) {
                        (true, true) => kinds | TypeSet::NULL,
                        (true, false) => kinds,
                        (false, _) => TypeSet::TEXT,
                    };
                    site.check_kind(kinds, skill, problems);
                }
            }
            if let [schemas] = schemas
                && let Some(problem) = schemas.iter().find_map(|schema| site.warn_field(schema))
            {
                problems.push(problem);
            }
        });
    }
}

/// What is known of the part at `path` of a value that meets all schemas of one of the lists.
fn part(schemas: &[Vec<Arc<Linked>>], path: &[String]) -> SchemaPart {
    let anything = SchemaPart::Possible(TypeSet::ALL);
    let of_one = |schemas: &Vec<Arc<Linked>>| {
        let parts = schemas.iter().map(|schema| part_of(schema, path));
        parts
            .reduce(SchemaPart::intersect)
            .unwrap_or(SchemaPart::Possible(TypeSet::ALL))
    };
    schemas
        .iter()
        .map(of_one)
        .reduce(SchemaPart::union)
        .unwrap_or(anything)
}

/// The schemas that the output of `skill` meets, all of them.
fn schemas_of(skill: &Skill) -> Vec<Arc<Linked>> {
    let by_format = skill
        .native()
        .and_then(|native| match native.execution.output {
            OutputFormat::Json => None,
            OutputFormat::Text => Some(json!({"type": "string"})),
            OutputFormat::Lines => Some(json!({"type": "array", "items": {"type": "string"}})),
        });
    let by_format = by_format.as_ref().and_then(linked);
    // Problems of a schema are reported with its skill.
    let own = skill.output().and_then(Result::ok);
    let own = own.map(|schema| Arc::clone(schema.linked()));
    by_format.into_iter().chain(own).collect()
}

/// The schema of what `{{run}}` stands for.
fn run_schemas() -> Vec<Vec<Arc<Linked>>> {
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let failed = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "step": text, "status": text, "error_code": text_or_null, "error": text_or_null,
        },
    });
    let run = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "id": text,
            "status": text,
            "exit_code": {"type": "integer"},
            "failed": {"type": "array", "items": failed},
        },
    });
    vec![linked(&run).into_iter().collect()]
}

/// A schema of the plan itself. Its problems are reported elsewhere.
fn linked(schema: &Value) -> Option<Arc<Linked>> {
    Linked::new(schema).ok().map(Arc::new)
}

struct OutputReference<'s> {
    reference: &'s Reference,
    /// The path into the value that has schemas.
    path: &'s [String],
    pointer: String,
    /// The arguments as the plan has them.
    arguments: &'s Value,
    /// The pointer into them.
    below: &'s str,
}

impl OutputReference<'_> {
    fn no_such_field(&self, exclusion: &Impossible, schemas: &[Vec<Arc<Linked>>]) -> Diagnostic {
        let Impossible {
            depth,
            kinds,
            fields,
        } = exclusion;
        let (as_written, path) = (&self.reference.written, self.path);
        let missing = path.get(*depth).map_or("", String::as_str);
        let holder = self.likely(&path[..*depth]);
        let message = if fields.is_empty() {
            format!(
                "`{as_written}` asks for `{missing}` of what is {}",
                kinds.words()
            )
        } else {
            format!("`{as_written}` asks for `{missing}`, which does not exist")
        };
        let problem = Diagnostic::error("unknown_field", Location::value(&self.pointer), message)
            .part(as_written)
            .got(missing);
        let is_possible = |path: &[String]| matches!(part(schemas, path), SchemaPart::Possible(_));
        let unwrapped = WRAPPERS.contains(&missing).then(|| {
            let mut path = path.to_vec();
            path.remove(*depth);
            path
        });
        let renamed = nearest(missing, fields.iter().map(String::as_str)).map(|near| {
            let mut path = path.to_vec();
            near.clone_into(&mut path[*depth]);
            path
        });
        let joined = (2..=path.len() - depth).rev().find_map(|count| {
            let (field, rest) = path[*depth..].split_at(count);
            let field = field.join(".");
            let is_known = fields.contains(&field);
            is_known.then(|| [&path[..*depth], &[field], rest].concat())
        });
        let mut likely = joined.into_iter().chain(unwrapped).chain(renamed);
        match likely.find(|path| is_possible(path)) {
            Some(path) => {
                let likely = self.likely(&path);
                problem
                    .help(format!("did you mean `{likely}`?"))
                    .expected(likely.as_str())
                    .fix(self.replace(&likely))
            }
            None if fields.is_empty() => problem.help(format!("write `{holder}`")),
            None => {
                let fields: Vec<&str> =
                    fields.iter().take(MAX_FIELDS).map(String::as_str).collect();
                problem.help(format!("known fields are {}", in_backticks(&fields)))
            }
        }
    }

    /// A field that the schema leaves open but that is most likely misspelled.
    fn warn_field(&self, schema: &Linked) -> Option<Diagnostic> {
        let path = self.path;
        let (depth, fields) = unnamed_field(schema, path)?;
        let near = nearest(&path[depth], fields)?;
        let mut likely = path.to_vec();
        near.clone_into(&mut likely[depth]);
        let message = format!(
            "`{}` asks for `{}`, which is not in the schema",
            self.reference.written, path[depth]
        );
        let likely = self.likely(&likely);
        Some(
            Diagnostic::warning("doubtful_field", Location::value(&self.pointer), message)
                .part(&self.reference.written)
                .help(format!("did you mean `{likely}`?"))
                .expected(likely),
        )
    }

    /// Checks that the skill accepts the value's type here.
    fn check_kind(&self, kinds: TypeSet, skill: &Skill, problems: &mut Diagnostics) {
        let Some(Ok(schema)) = skill.input() else {
            return;
        };
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        let path: Vec<String> = self.below.split('/').skip(1).map(unescape).collect();
        if let SchemaPart::Possible(accepted) = part_of(schema.linked(), &path)
            && kinds.exclude(accepted)
        {
            let argument = path.last().map_or("", String::as_str);
            let message = format!(
                "`{argument}` must be {}, but `{}` is {}",
                accepted.words(),
                self.reference.written,
                kinds.words()
            );
            problems.push(
                Diagnostic::error("reference_type", Location::value(&self.pointer), message)
                    .part(&self.reference.written)
                    .help(format!(
                        "`obs skills show {}` shows its arguments",
                        skill.id
                    ))
                    .expected(accepted.words())
                    .got(kinds.words()),
            );
        }
    }

    /// The reference with another path into the value.
    fn likely(&self, path: &[String]) -> String {
        let before = self.reference.path.len() - self.path.len();
        let before = &self.reference.path[..before];
        format_reference(&self.reference.name, &[before, path].concat())
    }

    fn replace(&self, to: &str) -> Value {
        let text = self
            .arguments
            .pointer(self.below)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = text.replace(&self.reference.written, to);
        json!([{"op": "replace", "path": self.pointer, "value": text}])
    }
}
