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
use crate::engine::ProvenForEach;
use crate::model::{ExecutionStep, Gather};
use crate::plan::{
    ItemTemplate, LoadedPlan, Reference, ReferenceSource, Template, WRAPPERS, format_reference,
};
use crate::skill::schema_types::{
    Impossible, SchemaPart, TypeSet, part_of, plain_part, unnamed_field,
};
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
    /// By the steps' indices; `None` if nobody asks.
    steps: Vec<Option<StepOutput>>,
    /// The schemas of the inputs whose values are not known.
    inputs: HashMap<String, Vec<Vec<Arc<Linked>>>>,
    /// Of `{{item_index}}`.
    index: Vec<Vec<Arc<Linked>>>,
    /// The schema of the run, computed for the first reference to it.
    run: OnceCell<Vec<Vec<Arc<Linked>>>>,
    /// The schemas of all inputs, for conditions: these are not checked with the value.
    all_inputs: HashMap<String, Vec<Vec<Arc<Linked>>>>,
}

/// What is known of a step's output.
#[derive(Clone)]
struct StepOutput {
    /// All that the output of a call meets, once for each skill that may give it.
    call: Vec<Vec<Arc<Linked>>>,
    /// All that the gathered outputs of the items meet.
    gathered: Option<(Gather, Vec<Vec<Arc<Linked>>>)>,
}

impl StepOutput {
    fn new(step: &ExecutionStep, registry: &Registry) -> Self {
        let fallback = step.retry.as_ref();
        let fallback = fallback.and_then(|retry| retry.fallback.as_ref());
        let ids = std::iter::once(step.skill_id());
        let ids = ids.chain(fallback.map(|skill| skill.id.as_str()));
        let call = ids.map(|id| {
            // A missing skill is reported when its own step is proven.
            let skill = registry.find(id).ok().flatten();
            let of_skill = skill.as_deref().map(schemas_of).unwrap_or_default();
            of_skill
                .into_iter()
                .chain(step.output_schema.as_ref().and_then(linked))
                .collect()
        });
        let mut call: Vec<Vec<Arc<Linked>>> = call.collect();
        let gathered = step.for_each.as_ref().map(|for_each| {
            if for_each.max_failed > 0 {
                // An item that failed.
                call.push(linked(&json!({"type": "null"})).into_iter().collect());
            }
            let list = linked(&gathered_schema(for_each.gather));
            (for_each.gather, vec![list.into_iter().collect()])
        });
        Self { call, gathered }
    }

    /// What is known of the value that a part of `path` leads to, and how long that part is.
    fn at(&self, path: &[String]) -> (&[Vec<Arc<Linked>>], usize) {
        let is_index = |token: &str| token.bytes().all(|byte| byte.is_ascii_digit());
        match (&self.gathered, path) {
            (None, _) => (&self.call, 0),
            (Some((Gather::Outputs, _)), [index, ..]) if is_index(index) => (&self.call, 1),
            (Some((Gather::Results, _)), [index, field, ..])
                if is_index(index) && field == "output" =>
            {
                (&self.call, 2)
            }
            (Some((_, list)), _) => (list, 0),
        }
    }
}

/// The schema of what a step with `for_each` gives, apart from the outputs of its items.
fn gathered_schema(gather: Gather) -> Value {
    match gather {
        Gather::Outputs => json!({"type": "array"}),
        Gather::Results => json!({"type": "array", "items": {
            "type": "object",
            "properties": {
                "item": {}, "index": {"type": "integer"}, "status": {"type": "string"},
                "output": {}, "error": {"type": ["string", "null"]},
            },
            "additionalProperties": false,
        }}),
    }
}

impl OutputSchemas {
    /// For the steps of a plan, if any of them is referred to.
    pub(super) fn new(
        loaded: &LoadedPlan,
        registry: &Registry,
        values: Option<&Map<String, Value>>,
    ) -> Self {
        let mut steps: Vec<Option<StepOutput>> = vec![None; loaded.plan.steps.len()];
        for taken in &loaded.flow.value_sources() {
            let step = &loaded.plan.steps[*taken];
            steps[*taken].get_or_insert_with(|| StepOutput::new(step, registry));
        }
        let is_known = |name: &String, schema: &Value| {
            schema.get("default").is_some()
                || values.is_some_and(|values| values.contains_key(name))
        };
        let all_inputs: HashMap<_, _> = loaded
            .plan
            .inputs
            .iter()
            .map(|(name, schema)| {
                let known: Vec<Arc<Linked>> = linked(schema).into_iter().collect();
                (name.clone(), vec![known])
            })
            .collect();
        let unknown = loaded.plan.inputs.iter();
        let unknown = unknown.filter(|(name, schema)| !is_known(name, schema));
        let inputs = unknown
            .filter_map(|(name, _)| Some((name.clone(), all_inputs.get(name)?.clone())))
            .collect();
        Self {
            steps,
            inputs,
            all_inputs,
            index: vec![linked(&json!({"type": "integer"})).into_iter().collect()],
            run: OnceCell::new(),
        }
    }

    /// What is known of the value that a part of `path` into `origin` leads to, and how long that
    /// part is.
    fn source(&self, origin: ReferenceSource, path: &[String]) -> (&[Vec<Arc<Linked>>], usize) {
        match (origin, path.first()) {
            (ReferenceSource::Step(step), _) => match &self.steps[step] {
                Some(output) => output.at(path),
                None => (&[], 0),
            },
            (ReferenceSource::Inputs, Some(name)) => {
                let schemas = self.inputs.get(name).map(Vec::as_slice);
                (schemas.unwrap_or_default(), 1)
            }
            (ReferenceSource::ItemIndex, _) => (&self.index, 0),
            (ReferenceSource::Run, _) => (self.run.get_or_init(run_schemas), 0),
            (ReferenceSource::Inputs | ReferenceSource::Item, _) => (&[], 0),
        }
    }

    /// The site of a reference, with what is known of its value.
    fn site<'s>(
        &'s self,
        reference: &'s Reference,
        list: Option<&Reference>,
    ) -> OutputReference<'s> {
        let list = list.filter(|_| reference.origin == ReferenceSource::Item);
        let (origin, mut path) = match list {
            // The first item is as good as any.
            Some(list) => (list.origin, [&*list.path, &["0".to_owned()]].concat()),
            None => (reference.origin, Vec::new()),
        };
        let lead = path.len();
        path.extend_from_slice(&reference.path);
        let (schemas, skip) = self.source(origin, &path);
        OutputReference {
            reference,
            schemas,
            full_path: path,
            skip,
            lead,
            pointer: String::new(),
            text: "",
        }
    }

    /// What is known of the value that a condition is about; `None` if it can't be there, which is
    /// then a problem. The condition stands at `pointer`.
    pub(super) fn condition_part<'s>(
        &'s self,
        reference: &'s Reference,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Option<KnownPart<'s>> {
        let mut site = OutputReference {
            pointer: format!("{pointer}/value"),
            text: &reference.written,
            ..self.site(reference, None)
        };
        let is_input = reference.origin == ReferenceSource::Inputs;
        if let (true, Some(name)) = (is_input, reference.path.first()) {
            let schemas = self.all_inputs.get(name).map(Vec::as_slice);
            (site.schemas, site.skip) = (schemas.unwrap_or_default(), 1);
        }
        let kinds = site.kinds(problems)?;
        if let Some(problem) = site.warn_field() {
            problems.push(problem);
        }
        let only = match site.schemas {
            [schemas] => schemas.as_slice(),
            _ => &[],
        };
        let plain = only
            .iter()
            .filter_map(|schema| plain_part(schema, site.path()));
        let plain: Vec<_> = plain.collect();
        let has_part = plain.iter().any(|(_, is_required)| *is_required);
        Some(KnownPart {
            kinds: if reference.is_optional {
                kinds | TypeSet::NULL
            } else {
                kinds
            },
            is_required: match reference.origin {
                _ if reference.is_optional => true,
                ReferenceSource::Inputs => site.path().is_empty() || has_part,
                _ => site.skip == 0 && has_part,
            },
            schemas: plain.into_iter().map(|(schema, _)| schema).collect(),
        })
    }

    /// Checks the references of one step's arguments against the schemas of their sources and of
    /// the skill.
    pub(super) fn check(
        &self,
        arguments: &ArgumentReferences,
        for_each: Option<&ProvenForEach>,
        skill: &Skill,
        pointer: &str,
        problems: &mut Diagnostics,
    ) {
        let Some(template) = &arguments.template else {
            return;
        };
        let base = format!("{pointer}/arguments");
        let as_written = Value::Object((*arguments.known).clone());
        let list = for_each.and_then(|for_each| for_each.items.whole_list());
        template.references("", &mut |reference, below, is_whole| {
            let text = as_written.pointer(below).and_then(Value::as_str);
            let site = OutputReference {
                pointer: format!("{base}{below}"),
                text: text.unwrap_or_default(),
                ..self.site(reference, list)
            };
            let Some(kinds) = site.kinds(problems) else {
                return;
            };
            let kinds = match (is_whole, reference.is_optional) {
                (true, true) => kinds | TypeSet::NULL,
                (true, false) => kinds,
                (false, _) => TypeSet::TEXT,
            };
            site.check_kind(kinds, skill, below, problems);
            if let Some(problem) = site.warn_field() {
                problems.push(problem);
            }
        });
    }

    /// Checks that the references of `for_each` lead to lists.
    pub(super) fn check_items(
        &self,
        items: &ItemTemplate,
        step: &ExecutionStep,
        pointer: &str,
        problems: &mut Diagnostics,
    ) {
        for list in &items.lists {
            let Template::Whole(reference) = &list.template else {
                continue;
            };
            let source = step.for_each.as_ref().map(|for_each| &for_each.source);
            let text = source.and_then(|source| source.text(&list.name));
            let site = OutputReference {
                pointer: format!("{pointer}{}", list.below),
                text: text.unwrap_or_default(),
                ..self.site(reference, None)
            };
            let Some(kinds) = site.kinds(problems) else {
                continue;
            };
            if kinds.exclude(TypeSet::LIST) {
                let (written, kinds) = (&reference.written, kinds.words());
                let message = format!("`for_each` must be a list, but `{written}` is {kinds}");
                problems.push(
                    Diagnostic::error("reference_type", Location::value(&site.pointer), message)
                        .help("refer to a field that has a list")
                        .expected(TypeSet::LIST.words())
                        .got(kinds),
                );
            }
            if let Some(problem) = site.warn_field() {
                problems.push(problem);
            }
        }
    }
}

/// What is known of the value of a reference.
pub(super) struct KnownPart<'s> {
    pub(super) kinds: TypeSet,
    /// The value is there if its source succeeds.
    pub(super) is_required: bool,
    /// Schemas that the value meets.
    pub(super) schemas: Vec<&'s Map<String, Value>>,
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
    /// What is known of the value that the first `skip` tokens of the path lead to.
    schemas: &'s [Vec<Arc<Linked>>],
    /// The path into the source; for an item, the source is that of its list.
    full_path: Vec<String>,
    skip: usize,
    /// How many tokens lead to the item.
    lead: usize,
    pointer: String,
    /// The text that holds the reference.
    text: &'s str,
}

impl OutputReference<'_> {
    /// The path into the value that has schemas.
    fn path(&self) -> &[String] {
        &self.full_path[self.skip..]
    }

    /// The kinds that the value may be of; `None` after a problem.
    fn kinds(&self, problems: &mut Diagnostics) -> Option<TypeSet> {
        match part(self.schemas, self.path()) {
            SchemaPart::Possible(kinds) => Some(kinds),
            // The list of the item is wrong, which is said about `for_each`.
            SchemaPart::Excluded(exclusion) if self.skip + exclusion.depth < self.lead => None,
            SchemaPart::Excluded(exclusion) => {
                problems.push_error_with(|| self.no_such_field(&exclusion));
                None
            }
        }
    }

    fn no_such_field(&self, exclusion: &Impossible) -> Diagnostic {
        let schemas = self.schemas;
        let Impossible {
            depth,
            kinds,
            fields,
        } = exclusion;
        let (as_written, path) = (&self.reference.written, self.path());
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
    fn warn_field(&self) -> Option<Diagnostic> {
        let [schemas] = self.schemas else {
            return None;
        };
        let path = self.path();
        let unnamed = schemas
            .iter()
            .find_map(|schema| unnamed_field(schema, path));
        let (depth, fields) = unnamed?;
        if self.skip + depth < self.lead {
            return None;
        }
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
    fn check_kind(&self, kinds: TypeSet, skill: &Skill, below: &str, problems: &mut Diagnostics) {
        let Some(Ok(schema)) = skill.input() else {
            return;
        };
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        let path: Vec<String> = below.split('/').skip(1).map(unescape).collect();
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
        let path = [&self.full_path[..self.skip], path].concat();
        let path = path.get(self.lead..).unwrap_or_default();
        format_reference(&self.reference.name, path)
    }

    fn replace(&self, to: &str) -> Value {
        let text = self.text.replace(&self.reference.written, to);
        json!([{"op": "replace", "path": self.pointer, "value": text}])
    }
}
