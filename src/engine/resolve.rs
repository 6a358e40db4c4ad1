//! From references to values, right before a step starts.
//!
//! Invariant: what a step gave is put in as it is: it keeps its type if it is the whole argument,
//! its digits if it is a number, and is never looked at for references again. An output is walked
//! as text; only the part that is wanted is built up. What is walked and what is brought in are
//! bounded, because nothing can end this while it works.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::RunValue;
use crate::document::{Document, kind_of};
use crate::model::{ErrorCode, ExecutionLogRecord, NoEntry, StepStatus, json_entry};
use crate::plan::{
    ItemList, ItemTemplate, Reference, ReferenceSource, Segment, Template, format_reference,
};
use crate::skill::Skill;

/// The most bytes that references may bring into the arguments of one step: 64 MiB.
const MAX_BYTES: usize = 64 << 20;

/// The most bytes that are walked for the arguments of one step: 256 MiB.
const MAX_WALKED_BYTES: usize = 256 << 20;

/// How many violations an error message shows.
const MAX_SHOWN_PROBLEMS: usize = 3;

/// Why there are no arguments.
#[derive(Debug)]
pub struct ResolveError {
    /// The kind of failure.
    pub(super) code: ErrorCode,
    /// Human-readable message.
    pub(super) message: String,
}

impl ResolveError {
    /// The error of one item.
    pub(super) fn in_item(self, item: usize) -> Self {
        Self {
            message: format!("item {item}: {}", self.message),
            ..self
        }
    }

    fn missing(message: String) -> Self {
        Self {
            // The output of another step is not what the plan promises.
            code: ErrorCode::InvalidOutput,
            message,
        }
    }

    fn too_much(what: &str) -> Self {
        Self {
            code: ErrorCode::ResourceExhausted,
            message: format!("the references {what}"),
        }
    }
}

/// An item and its place in the list, as JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemText<'i> {
    pub(super) item: &'i str,
    pub(super) index: &'i str,
}

/// What a call may refer to beside the outputs of steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallValues<'v> {
    pub(super) run: &'v RunValue,
    pub(super) item: Option<ItemText<'v>>,
}

/// Puts what the steps gave, and `values`, into `template`. `record_of` gives the record of a step
/// that is over.
pub(super) fn resolve(
    template: &Template,
    values: CallValues<'_>,
    record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
) -> Result<Map<String, Value>, ResolveError> {
    match Resolver::new(values, record_of).value(template)? {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// The items of a step, from what the steps gave.
pub(super) fn resolve_items(
    items: &ItemTemplate,
    run: &RunValue,
    record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
) -> Result<ItemList, ResolveError> {
    let mut resolver = Resolver::new(CallValues { run, item: None }, record_of);
    items.read(|list| match &list.template {
        Template::Whole(reference) => resolver.part(reference, |text| list_of(reference, text)),
        template => match resolver.value(template)? {
            // A value always has a JSON form.
            Value::Array(values) => Ok(values
                .iter()
                .map(|value| serde_json::value::to_raw_value(value).unwrap_or_default())
                .collect()),
            _ => Err(ResolveError::missing("`for_each` is no list".to_owned())),
        },
    })
}

/// The elements of a list in JSON text.
fn list_of(reference: &Reference, text: &str) -> Result<Vec<Box<RawValue>>, ResolveError> {
    if text.starts_with('[') {
        return read(reference, text);
    }
    let kind = read::<Value>(reference, text).map(|value| kind_of(&value))?;
    let message = format!(
        "`for_each` must be a list, but `{}` is {kind}",
        reference.written
    );
    Err(ResolveError::missing(message))
}

/// The value that `template`, one reference, stands for.
pub(super) fn resolve_value(
    template: &Template,
    run: &RunValue,
    record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
) -> Result<Value, ResolveError> {
    Resolver::new(CallValues { run, item: None }, record_of).value(template)
}

/// Validates resolved arguments against the input schema of `skill`.
pub(super) fn check(skill: &Skill, arguments: &Map<String, Value>) -> Result<(), ResolveError> {
    let problems = skill.check_arguments(arguments, "");
    if problems.is_empty() {
        return Ok(());
    }
    let messages = problems.iter().take(MAX_SHOWN_PROBLEMS).map(|problem| {
        let pointer = Document::pointer_of(&problem.location);
        match pointer {
            "" => problem.message.clone(),
            pointer => format!("{} (at {pointer})", problem.message),
        }
    });
    let messages: Vec<String> = messages.collect();
    let more = match problems.len().saturating_sub(MAX_SHOWN_PROBLEMS) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(ResolveError {
        code: ErrorCode::InvalidArguments,
        message: format!(
            "with the outputs of the steps, {}{more}",
            messages.join("; ")
        ),
    })
}

struct Resolver<'t, R> {
    values: CallValues<'t>,
    record_of: R,
    bytes: usize,
    walked_bytes: usize,
    /// The byte ranges of referenced parts in their sources.
    found: HashMap<(ReferenceSource, &'t [String]), Range<usize>>,
}

impl<'t, R: Fn(usize) -> Option<Arc<ExecutionLogRecord>>> Resolver<'t, R> {
    fn new(values: CallValues<'t>, record_of: R) -> Self {
        Self {
            values,
            record_of,
            bytes: 0,
            walked_bytes: 0,
            found: HashMap::new(),
        }
    }

    fn value(&mut self, template: &'t Template) -> Result<Value, ResolveError> {
        Ok(match template {
            Template::Fixed(value) => value.clone(),
            Template::Whole(reference) => self.part(reference, |text| read(reference, text))?,
            Template::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Segment::Text(piece) => text.push_str(piece),
                        Segment::Reference(reference) => self.part(reference, |part| {
                            if part.starts_with('"') {
                                text.push_str(&read::<String>(reference, part)?);
                            } else {
                                text.push_str(part);
                            }
                            Ok(())
                        })?,
                    }
                }
                Value::String(text)
            }
            Template::List(list) => {
                let values = list.iter().map(|template| self.value(template));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Template::Map(map) => {
                let mut values = Map::new();
                for (key, template) in map {
                    values.insert(key.clone(), self.value(template)?);
                }
                Value::Object(values)
            }
        })
    }

    /// Reads the referenced part of its source, as JSON text. An optional part of a step that did
    /// not succeed is null.
    fn part<T>(
        &mut self,
        reference: &'t Reference,
        take: impl FnOnce(&str) -> Result<T, ResolveError>,
    ) -> Result<T, ResolveError> {
        let CallValues { run, item } = self.values;
        let record;
        let value = match reference.origin {
            ReferenceSource::Run => Some(run.as_json()),
            ReferenceSource::Item => item.map(|item| item.item),
            ReferenceSource::ItemIndex => item.map(|item| item.index),
            // The inputs were put in before the run.
            ReferenceSource::Step(_) | ReferenceSource::Inputs => {
                let found = reference.origin.step().and_then(&self.record_of);
                record = found.filter(|record| record.status == StepStatus::Success);
                match record.as_deref() {
                    Some(record) => Some(record.output.as_deref().map_or("null", RawValue::get)),
                    None if reference.is_optional => return take("null"),
                    None => None,
                }
            }
        };
        let value = value.ok_or_else(|| {
            ResolveError::missing(format!("`{}`: its step has no output", reference.written))
        })?;
        let part = self.find(reference, value)?;
        self.bytes = self.bytes.saturating_add(part.len());
        if self.bytes > MAX_BYTES {
            let what = format!("add more than {MAX_BYTES} bytes to the arguments");
            return Err(ResolveError::too_much(&what));
        }
        take(part)
    }

    fn find<'o>(
        &mut self,
        reference: &'t Reference,
        output: &'o str,
    ) -> Result<&'o str, ResolveError> {
        let path = reference.path.as_slice();
        let key = (reference.origin, path);
        if let Some(range) = self.found.get(&key) {
            return Ok(&output[range.clone()]);
        }
        let mut part = output;
        for depth in 0..path.len() {
            self.walked_bytes = self.walked_bytes.saturating_add(part.len());
            if self.walked_bytes > MAX_WALKED_BYTES {
                return Err(ResolveError::too_much("search too much of the outputs"));
            }
            part = match json_entry(part, &path[depth..]) {
                Ok(part) => part,
                Err(missing) if reference.is_optional && missing.is_absent => return Ok("null"),
                Err(missing) => return Err(no_field(reference, depth, &missing)),
            };
        }
        let start = part.as_ptr().addr() - output.as_ptr().addr();
        self.found.insert(key, start..start + part.len());
        Ok(part)
    }
}

fn read<'t, T: serde::Deserialize<'t>>(
    reference: &Reference,
    text: &'t str,
) -> Result<T, ResolveError> {
    // It was JSON when it was taken; this is for what a deeper nesting than usual may do.
    serde_json::from_str(text)
        .map_err(|error| ResolveError::missing(format!("`{}`: {error}", reference.written)))
}

fn no_field(reference: &Reference, depth: usize, missing: &NoEntry) -> ResolveError {
    let (before, path) = reference.path.split_at(depth);
    let holder = format_reference(&reference.name, before);
    let (field, whole, found) = (&path[0], &reference.written, &missing.found);
    let likely = missing.likely(path).map_or_else(String::new, |path| {
        let likely = format_reference(&reference.name, &[before, &path].concat());
        format!("; did you mean `{likely}`?")
    });
    ResolveError::missing(format!(
        "`{whole}`: `{holder}` has no `{field}`: it is {found}{likely}"
    ))
}
