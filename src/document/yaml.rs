//! YAML text to value and places, by the core schema of YAML 1.2.
//!
//! Invariant: what comes out is plain JSON data. Tags, merge keys, directives that change meaning,
//! keys that are not text and a second document are refused with a place; aliases are expanded
//! within [`ALIAS_BUDGET`], nesting within [`MAX_DEPTH`], values within [`MAX_VALUES`], so a
//! hostile file costs no more memory than a benign one. The events come from granit-parser, the
//! parser below serde-saphyr, because a typed reader rounds long numbers and stops at the first
//! problem.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, options};
use serde_json::{Map, Value};

use super::json::{MAX_DEPTH, MAX_VALUES, duplicate_key, reserved_key, too_deep, too_many_values};
use super::json_only::StandIns;
use super::number::{PlainScalar, resolve_plain};
use super::spans::{Spans, narrow, widen};
use super::{Diagnostic, Diagnostics, Location, yaml_syntax};
use crate::model::is_reserved_key;

/// What all anchors and aliases of a document may add to it, in units of about a byte of memory.
const ALIAS_BUDGET: usize = 4 << 20;

/// The cost of a node besides its text.
const NODE_COST: usize = 64;

/// Reads `text`. Problems that leave the document readable come beside it.
pub(crate) fn parse(text: &str) -> (Option<(Value, Spans)>, Diagnostics) {
    let options = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let stand_ins = StandIns::new(text);
    let mut builder = Builder::new(text, &stand_ins);
    for next in Parser::new_from_str_with_options(&stand_ins.text, options) {
        let outcome = match next {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => Err(Box::new(syntax_problem(&stand_ins, text, &error))),
        };
        if let Err(problem) = outcome {
            builder.problems.push(*problem);
            return (None, builder.problems);
        }
    }
    if let Some(at) = stand_ins.first_outside(&builder.quoted) {
        builder.problems.push(control_outside_of_quotes(text, at));
        return (None, builder.problems);
    }
    (
        builder.root.map(|node| (node.value, node.spans)),
        builder.problems,
    )
}

fn syntax_problem(stand_ins: &StandIns<'_>, text: &str, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset();
    let at = at.map_or(text.len(), |at| stand_ins.original_offset(at));
    yaml_syntax::describe(
        text,
        text.floor_char_boundary(at.min(text.len())),
        error.kind(),
    )
}

#[derive(Clone)]
struct YamlNode {
    value: Value,
    spans: Spans,
    cost: usize,
}

/// A collection that is still open.
struct Frame {
    anchor: usize,
    start: usize,
    cost: usize,
    children: Vec<Spans>,
    items: Items,
}

enum Items {
    List(Vec<Value>),
    Mapping {
        map: Map<String, Value>,
        keys: HashMap<String, Range<usize>>,
        key: Option<MappingKey>,
    },
}

struct MappingKey {
    name: String,
    bytes: Range<usize>,
    /// False for a key whose entry is refused: its value is read and dropped.
    kept: bool,
}

type Step = Result<(), Box<Diagnostic>>;

struct Builder<'t> {
    text: &'t str,
    stand_ins: &'t StandIns<'t>,
    /// The places of the quoted scalars, in order.
    quoted: Vec<Range<usize>>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, YamlNode>,
    spent: usize,
    values: usize,
    documents: usize,
    root: Option<YamlNode>,
    problems: Diagnostics,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, stand_ins: &'t StandIns<'t>) -> Self {
        Self {
            text,
            stand_ins,
            quoted: Vec::new(),
            frames: Vec::new(),
            anchors: HashMap::new(),
            spent: 0,
            values: 0,
            documents: 0,
            root: None,
            problems: Diagnostics::default(),
        }
    }

    fn event(&mut self, event: Event<'t>, span: &Span) -> Step {
        let bytes = self.original(span.byte_range());
        self.refuse_tag(&event, span);
        match event {
            Event::DocumentStart(..) => self.document_start(bytes),
            Event::Scalar(text, style, anchor, _) => {
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
                    self.quoted.push(bytes.clone());
                }
                let text = self.stand_ins.original_text(text);
                self.scalar(text, style, anchor, bytes)
            }
            Event::Alias(id) => self.alias(id, bytes),
            Event::SequenceStart(_, anchor, _) => self.open(anchor, bytes, Items::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let (map, keys) = (Map::new(), HashMap::new());
                self.open(
                    anchor,
                    bytes,
                    Items::Mapping {
                        map,
                        keys,
                        key: None,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(bytes.end),
            _ => Ok(()),
        }
    }

    fn original(&self, bytes: Option<Range<usize>>) -> Range<usize> {
        let bytes = bytes.unwrap_or(0..0);
        self.stand_ins.original_offset(bytes.start)..self.stand_ins.original_offset(bytes.end)
    }

    fn document_start(&mut self, bytes: Range<usize>) -> Step {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        let problem = Diagnostic::error(
            "two_documents",
            Location::Bytes(bytes),
            "a second document starts here",
        )
        .help("a file holds one document; remove the `---` or put the rest into its own file");
        Err(Box::new(problem))
    }

    fn refuse_tag(&mut self, event: &Event<'t>, span: &Span) {
        let Some(tag) = event.tag() else { return };
        let place = span.tag_span().and_then(|tag| tag.byte_range());
        self.problems.push(
            Diagnostic::error(
                "tag",
                Location::Bytes(self.original(place.or_else(|| span.byte_range()))),
                format!("the tag `{}` is not allowed", tag.original()),
            )
            .help("remove it; quote a value to make it text"),
        );
    }

    fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        anchor: usize,
        bytes: Range<usize>,
    ) -> Step {
        if self.awaits_key() {
            return self.key(text, style, anchor, bytes);
        }
        let cost = NODE_COST + text.len();
        let value = match style {
            ScalarStyle::Plain => self.plain(text, &bytes),
            _ => Value::String(text.into_owned()),
        };
        self.finish(
            YamlNode {
                value,
                spans: Spans::leaf(bytes),
                cost,
            },
            anchor,
        )
    }

    fn plain(&mut self, text: Cow<'t, str>, bytes: &Range<usize>) -> Value {
        match resolve_plain(&text) {
            PlainScalar::Null => Value::Null,
            PlainScalar::Bool(value) => Value::Bool(value),
            PlainScalar::Number(number) => Value::Number(number),
            PlainScalar::Text => Value::String(text.into_owned()),
            PlainScalar::Refused(refusal) => {
                self.problems.push(
                    Diagnostic::error(
                        "number",
                        Location::Bytes(bytes.clone()),
                        refusal.message(&text),
                    )
                    .help(refusal.help(&text)),
                );
                Value::String(text.into_owned())
            }
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(
            self.frames.last(),
            Some(Frame {
                items: Items::Mapping { key: None, .. },
                ..
            })
        )
    }

    fn key(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        anchor: usize,
        bytes: Range<usize>,
    ) -> Step {
        if anchor != 0 {
            return Err(key_is_no_text(bytes));
        }
        if style == ScalarStyle::Plain && (text.starts_with("// ") || text.starts_with("/*")) {
            return Err(Box::new(yaml_syntax::foreign_comment(bytes)));
        }
        if style == ScalarStyle::Plain
            && let Some(problem) = plain_key_problem(&text, &bytes)
        {
            self.problems.push(problem);
        }
        let name = text.into_owned();
        let is_merge = style == ScalarStyle::Plain && name == "<<";
        let Some(Frame {
            items: Items::Mapping { keys, key, .. },
            ..
        }) = self.frames.last_mut()
        else {
            return Ok(());
        };
        let first = keys.get(&name).cloned();
        if is_merge {
            self.problems.push(
                Diagnostic::error(
                    "merge_key",
                    Location::Bytes(bytes.clone()),
                    "merge keys (`<<`) are not allowed",
                )
                .help("write the entries out"),
            );
        } else if is_reserved_key(&name) {
            self.problems.push(reserved_key(&name, bytes.clone()));
        } else if let Some(first) = &first {
            let (text, second) = (self.text, bytes.clone());
            self.problems
                .push_error_with(|| duplicate_key(text, &name, second, first));
        } else {
            keys.insert(name.clone(), bytes.clone());
        }
        *key = Some(MappingKey {
            name,
            bytes,
            kept: !is_merge && first.is_none(),
        });
        Ok(())
    }

    fn open(&mut self, anchor: usize, bytes: Range<usize>, items: Items) -> Step {
        if self.awaits_key() {
            if self.text[..bytes.start].ends_with('{') && self.text[bytes.start..].starts_with('{')
            {
                return Err(reference_is_not_quoted(bytes.start));
            }
            return Err(key_is_no_text(bytes));
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(Location::Bytes(bytes))));
        }
        let frame = Frame {
            anchor,
            start: bytes.start,
            cost: NODE_COST,
            children: Vec::new(),
            items,
        };
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Step {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        // The end of a block collection is where the next token stands; what lies between is space.
        let written = self
            .text
            .get(frame.start..end)
            .map_or(0, |text| text.trim_end().len());
        let spans = Spans {
            value: narrow(&(frame.start..frame.start + written)),
            key: None,
            children: frame.children.into(),
        };
        let value = match frame.items {
            Items::List(list) => Value::Array(list),
            Items::Mapping { map, .. } => Value::Object(map),
        };
        self.finish(
            YamlNode {
                value,
                spans,
                cost: frame.cost,
            },
            frame.anchor,
        )
    }

    fn alias(&mut self, id: usize, bytes: Range<usize>) -> Step {
        if self.awaits_key() {
            return Err(key_is_no_text(bytes));
        }
        let Some(node) = self.anchors.get(&id).cloned() else {
            let problem = Diagnostic::error(
                "alias",
                Location::Bytes(bytes),
                "an alias is inside its own anchor",
            )
            .help("write the value out");
            return Err(Box::new(problem));
        };
        self.spend(node.cost, bytes)?;
        self.finish(node, 0)
    }

    fn spend(&mut self, cost: usize, bytes: Range<usize>) -> Step {
        self.spent = self.spent.saturating_add(cost);
        if self.spent <= ALIAS_BUDGET {
            return Ok(());
        }
        let problem = Diagnostic::error(
            "alias",
            Location::Bytes(bytes),
            "anchors and aliases expand to too much",
        )
        .help("write the values out");
        Err(Box::new(problem))
    }

    /// Hands a finished node to the collection it stands in.
    fn finish(&mut self, mut node: YamlNode, anchor: usize) -> Step {
        self.values += 1;
        if self.values > MAX_VALUES {
            let place = Location::Bytes(widen(&node.spans.value));
            return Err(Box::new(too_many_values(place)));
        }
        if anchor != 0 {
            self.spend(node.cost, widen(&node.spans.value))?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.items {
            Items::List(list) => list.push(node.value),
            Items::Mapping { map, key, .. } => {
                let Some(key) = key.take() else { return Ok(()) };
                if !key.kept {
                    return Ok(());
                }
                frame.cost += key.name.len();
                node.spans.key = Some(narrow(&key.bytes));
                map.insert(key.name, node.value);
            }
        }
        frame.cost = frame.cost.saturating_add(node.cost);
        frame.children.push(node.spans);
        Ok(())
    }
}

/// `text: {{fetch.body}}` is a mapping in a mapping to YAML.
fn reference_is_not_quoted(second_brace: usize) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(
            "key",
            Location::Bytes(second_brace - 1..second_brace + 1),
            "`{{` without quotes starts a mapping",
        )
        .help("put a reference in quotes: `\"{{name.field}}\"`"),
    )
}

/// The problem of an unquoted key that is no text.
fn plain_key_problem(text: &str, bytes: &Range<usize>) -> Option<Diagnostic> {
    let kind = match resolve_plain(text) {
        PlainScalar::Text => return None,
        PlainScalar::Null => "null",
        PlainScalar::Bool(_) => "a boolean",
        PlainScalar::Number(_) | PlainScalar::Refused(_) => "a number",
    };
    let place = Location::Bytes(bytes.clone());
    if bytes.is_empty() {
        let problem = Diagnostic::error("key", place, "an entry has no key");
        return Some(problem.help("write a key before the `:`"));
    }
    let problem = Diagnostic::error(
        "key",
        place,
        format!("the key `{text}` is {kind}, not text"),
    );
    Some(problem.help(format!("quote it: \"{text}\"")))
}

fn control_outside_of_quotes(text: &str, at: usize) -> Diagnostic {
    let c = text[at..].chars().next().unwrap_or_default();
    let message = format!(
        "invalid YAML: the control character U+{:04X} is outside of quotes",
        u32::from(c)
    );
    Diagnostic::error("syntax", Location::Bytes(at..at + c.len_utf8()), message)
        .help("remove it, or put the text into quotes")
}

fn key_is_no_text(bytes: Range<usize>) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(
            "key",
            Location::Bytes(bytes),
            "a key must be plain or quoted text",
        )
        .help("JSON has no other keys; write a list of entries instead"),
    )
}

#[cfg(test)]
mod tests;
