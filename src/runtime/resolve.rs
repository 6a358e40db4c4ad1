//! From references to values, right before a step starts.
//!
//! Invariant: what a step gave is put in as it is: it keeps its type where it is the whole argument,
//! its digits where it is a number, and is never looked at for references again. An output is walked
//! as text; only the part that is wanted is built up.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::model::{ErrorCode, ExecutionLogRecord};
use crate::plan::decode::kind_of;
use crate::plan::{Document, Piece, Reference, Template, written};
use crate::skill::Skill;

/// The most bytes that references may bring into the arguments of one step: 64 MiB.
const MAX_BYTES: usize = 64 << 20;

/// How many violations an error tells.
const MAX_TOLD: usize = 3;

/// How many fields a message names.
const MAX_FIELDS: usize = 20;

/// Why there are no arguments.
#[derive(Debug)]
pub struct Unresolved {
    /// The kind of failure.
    pub(super) code: ErrorCode,
    /// In words.
    pub(super) message: String,
}

impl Unresolved {
    fn missing(message: String) -> Self {
        Self {
            // The output of another step is not what the plan promises.
            code: ErrorCode::InvalidOutput,
            message,
        }
    }
}

/// Puts what the steps gave into `template`. `record_of` gives the record of a step that is over.
pub(super) fn resolve(
    template: &Template,
    record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
) -> Result<Map<String, Value>, Unresolved> {
    let mut resolver = Resolver {
        record_of,
        bytes: 0,
    };
    match resolver.value(template)? {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// Holds resolved arguments against what `skill` takes.
pub(super) fn check(skill: &Skill, arguments: &Map<String, Value>) -> Result<(), Unresolved> {
    let problems = skill.check_arguments(arguments, "");
    if problems.is_empty() {
        return Ok(());
    }
    let told = problems.iter().take(MAX_TOLD).map(|problem| {
        let pointer = Document::pointer_of(&problem.place);
        match pointer {
            "" => problem.message.clone(),
            pointer => format!("{} (at {pointer})", problem.message),
        }
    });
    let told: Vec<String> = told.collect();
    let more = match problems.len().saturating_sub(MAX_TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Unresolved {
        code: ErrorCode::InvalidArguments,
        message: format!("with what the steps gave, {}{more}", told.join("; ")),
    })
}

struct Resolver<R> {
    record_of: R,
    bytes: usize,
}

impl<R: Fn(usize) -> Option<Arc<ExecutionLogRecord>>> Resolver<R> {
    fn value(&mut self, template: &Template) -> Result<Value, Unresolved> {
        Ok(match template {
            Template::Fixed(value) => value.clone(),
            Template::Whole(reference) => self.part(reference, |text| read(reference, text))?,
            Template::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Reference(reference) => self.part(reference, |part| {
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
                let entry =
                    |(key, template): &(String, Template)| Ok((key.clone(), self.value(template)?));
                Value::Object(map.iter().map(entry).collect::<Result<_, Unresolved>>()?)
            }
        })
    }

    /// Takes the part of a step's output that is referred to, as JSON text.
    fn part<T>(
        &mut self,
        reference: &Reference,
        take: impl FnOnce(&str) -> Result<T, Unresolved>,
    ) -> Result<T, Unresolved> {
        // The inputs were put in before the run.
        let record = reference.origin.step().and_then(&self.record_of);
        let record = record.ok_or_else(|| {
            Unresolved::missing(format!("`{}`: its step gave nothing", reference.written))
        })?;
        let mut part = record.output.as_deref().map_or("null", RawValue::get);
        for (depth, token) in reference.path.iter().enumerate() {
            part = child(part, token).map_err(|found| no_field(reference, depth, &found))?;
        }
        self.bytes = self.bytes.saturating_add(part.len());
        if self.bytes > MAX_BYTES {
            return Err(Unresolved {
                code: ErrorCode::ResourceExhausted,
                message: format!(
                    "the references bring more than {MAX_BYTES} bytes into the arguments"
                ),
            });
        }
        take(part)
    }
}

fn read<'t, T: serde::Deserialize<'t>>(
    reference: &Reference,
    text: &'t str,
) -> Result<T, Unresolved> {
    // It was JSON when it was taken; this is for what a deeper nesting than usual may do.
    serde_json::from_str(text)
        .map_err(|error| Unresolved::missing(format!("`{}`: {error}", reference.written)))
}

/// The entry of a mapping or a list; else what is there instead.
fn child<'t>(text: &'t str, token: &str) -> Result<&'t str, String> {
    match text.as_bytes().first() {
        Some(b'{') => {
            let map: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
            map.get(token)
                .map(|raw| raw.get())
                .ok_or_else(|| match map.len() {
                    0 => "it is an empty mapping".to_owned(),
                    count => {
                        let names = map.keys().take(MAX_FIELDS).map(|name| format!("`{name}`"));
                        let names = names.collect::<Vec<_>>().join(", ");
                        match count.saturating_sub(MAX_FIELDS) {
                            0 => format!("it has {names}"),
                            more => format!("it has {names} and {more} more"),
                        }
                    }
                })
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let at = token.parse::<usize>().ok();
            let item = at.and_then(|at| list.get(at));
            item.map(|raw| raw.get()).ok_or_else(|| match list.len() {
                0 => "it is an empty list".to_owned(),
                count => format!("it is a list of {count}, from 0 to {}", count - 1),
            })
        }
        _ => {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            Err(format!("it is {}", kind_of(&value)))
        }
    }
}

fn no_field(reference: &Reference, depth: usize, found: &str) -> Unresolved {
    let holder = written(&reference.name, &reference.path[..depth]);
    let missing = &reference.path[depth];
    let whole = &reference.written;
    Unresolved::missing(if holder == *whole {
        format!("`{whole}` is not there: {found}")
    } else {
        format!("`{whole}`: `{holder}` has no `{missing}`; {found}")
    })
}
