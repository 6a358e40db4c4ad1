//! References: `{{fetch.body}}` in an argument is a part of an earlier step's output.
//!
//! Invariant: a text is parsed once, before the run. Outputs are inserted as they are and never
//! parsed for references. `{{{{` stands for `{{`, and `${{`, which other programs use, for itself.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::format_path;

/// What `{{TODO}}` holds: it stands for a value that a person fills in.
pub(crate) const PLACEHOLDER: &str = "TODO";

/// An argument with references to outputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A value without any.
    Fixed(Value),
    /// One reference and nothing else: the value keeps its type.
    Whole(Reference),
    /// References in a text.
    Text(Vec<Segment>),
    /// A list that holds some.
    List(Vec<Template>),
    /// A mapping that holds some.
    Map(Vec<(String, Template)>),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// Text as it is.
    Text(String),
    /// A reference, converted to text.
    Reference(Reference),
}

/// A reference to an output or an input, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Its source.
    pub origin: ReferenceSource,
    /// The source's name in the plan.
    pub name: String,
    /// Fields and indices into the value.
    pub path: Vec<String>,
    /// It is null if there is no such part: `{{step.field?}}`.
    pub is_optional: bool,
    /// The reference as the plan has it, with its braces.
    pub written: String,
}

/// The source of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReferenceSource {
    /// A step, by its index.
    Step(usize),
    /// The plan's inputs, as one mapping.
    Inputs,
    /// The run itself.
    Run,
    /// The item of a step with `for_each`.
    Item,
    /// Its place in the list, from 0.
    ItemIndex,
}

/// Values that are known before a step starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownValues<'v> {
    /// The plan's inputs, those that are known.
    pub inputs: Option<&'v Value>,
    /// An item and its place in the list.
    pub item: Option<(&'v Value, &'v Value)>,
}

/// The words that begin references to something else than steps, so no step is called like that.
pub(crate) const RESERVED_WORDS: [&str; 4] = ["inputs", "item", "item_index", "run"];

impl ReferenceSource {
    /// True if it is an item, or its place in the list.
    pub fn is_item(self) -> bool {
        matches!(self, Self::Item | Self::ItemIndex)
    }

    /// The step, if it is one.
    pub fn step(self) -> Option<usize> {
        match self {
            Self::Step(step) => Some(step),
            Self::Inputs | Self::Run | Self::Item | Self::ItemIndex => None,
        }
    }
}

impl Template {
    /// True if it holds no reference.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Calls `see` with every reference, the pointer to the text that holds it below `pointer`, and
    /// whether it is all of that text.
    pub fn references<'t>(
        &'t self,
        pointer: &str,
        see: &mut impl FnMut(&'t Reference, &str, bool),
    ) {
        match self {
            Self::Fixed(_) => {}
            Self::Whole(reference) => see(reference, pointer, true),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Segment::Reference(reference) = piece {
                        see(reference, pointer, false);
                    }
                }
            }
            Self::List(list) => {
                for (index, template) in list.iter().enumerate() {
                    template.references(&format!("{pointer}/{index}"), see);
                }
            }
            Self::Map(map) => {
                for (key, template) in map {
                    let token = crate::document::escape_token(key);
                    template.references(&format!("{pointer}/{token}"), see);
                }
            }
        }
    }

    /// Inserts known values. Calls `missing` with each reference to a part that a known value does
    /// not have, and the pointer to its text.
    #[must_use]
    pub fn fill(
        self,
        known: KnownValues<'_>,
        pointer: &str,
        missing: &mut impl FnMut(&Reference, &str),
    ) -> Self {
        match self {
            Self::Whole(reference) => match reference.known_value(known, pointer, missing) {
                Some(value) => Self::Fixed(value.clone()),
                None => Self::Whole(reference),
            },
            Self::Text(pieces) => {
                let pieces = pieces.into_iter().map(|piece| match piece {
                    Segment::Reference(reference) => {
                        match reference.known_value(known, pointer, missing) {
                            Some(Value::String(text)) => Segment::Text(text.clone()),
                            Some(other) => Segment::Text(other.to_string()),
                            None => Segment::Reference(reference),
                        }
                    }
                    text @ Segment::Text(_) => text,
                });
                Self::text(pieces.collect())
            }
            Self::List(list) => {
                let fill = |(index, template): (usize, Self)| {
                    template.fill(known, &format!("{pointer}/{index}"), missing)
                };
                Self::list(list.into_iter().enumerate().map(fill).collect())
            }
            Self::Map(map) => {
                let fill = |(key, template): (String, Self)| {
                    let token = crate::document::escape_token(&key);
                    let filled = template.fill(known, &format!("{pointer}/{token}"), missing);
                    (key, filled)
                };
                Self::map(map.into_iter().map(fill).collect())
            }
            fixed @ Self::Fixed(_) => fixed,
        }
    }

    /// A text of these pieces, fixed where no reference is among them.
    pub(super) fn text(pieces: Vec<Segment>) -> Self {
        let text = |piece: &Segment| match piece {
            Segment::Text(text) => Some(text.clone()),
            Segment::Reference(_) => None,
        };
        let texts: Option<Vec<String>> = pieces.iter().map(text).collect();
        texts.map_or(Self::Text(pieces), |texts| {
            Self::Fixed(Value::String(texts.concat()))
        })
    }

    /// A list, fixed where all of it is.
    pub(super) fn list(list: Vec<Self>) -> Self {
        if !list.iter().all(Self::is_fixed) {
            return Self::List(list);
        }
        Self::Fixed(Value::Array(
            list.into_iter().filter_map(Self::fixed).collect(),
        ))
    }

    /// A mapping, fixed where all of it is.
    pub(super) fn map(map: Vec<(String, Self)>) -> Self {
        if !map.iter().all(|(_, template)| template.is_fixed()) {
            return Self::Map(map);
        }
        let fixed = map
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.fixed()?)));
        Self::Fixed(Value::Object(fixed.collect()))
    }

    fn fixed(self) -> Option<Value> {
        match self {
            Self::Fixed(value) => Some(value),
            _ => None,
        }
    }

    /// The value with `stand_in` for every reference: for checks that ask about the rest of it.
    pub fn with_placeholders(&self, stand_in: &mut impl FnMut(&Reference, bool) -> Value) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Whole(reference) => stand_in(reference, true),
            Self::Text(pieces) => {
                let pieces = pieces.iter().map(|piece| match piece {
                    Segment::Text(text) => text.clone(),
                    Segment::Reference(reference) => match stand_in(reference, false) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    },
                });
                Value::String(pieces.collect())
            }
            Self::List(list) => {
                let values = list
                    .iter()
                    .map(|template| template.with_placeholders(stand_in));
                Value::Array(values.collect())
            }
            Self::Map(map) => {
                let entry = |(key, template): &(String, Self)| {
                    (key.clone(), template.with_placeholders(stand_in))
                };
                Value::Object(map.iter().map(entry).collect())
            }
        }
    }
}

impl Reference {
    /// The referenced part of a known value.
    fn known_value<'v>(
        &self,
        known: KnownValues<'v>,
        pointer: &str,
        missing: &mut impl FnMut(&Self, &str),
    ) -> Option<&'v Value> {
        let (mut value, path) = match (self.origin, self.path.split_first()) {
            (ReferenceSource::Inputs, Some((name, path))) => (known.inputs?.get(name)?, path),
            (ReferenceSource::Item, _) => (known.item?.0, &*self.path),
            (ReferenceSource::ItemIndex, _) => (known.item?.1, &*self.path),
            (ReferenceSource::Inputs | ReferenceSource::Step(_) | ReferenceSource::Run, _) => {
                return None;
            }
        };
        for token in path {
            let next = match value {
                Value::Array(list) => token.parse().ok().and_then(|at: usize| list.get(at)),
                other => other.get(token),
            };
            let Some(next) = next else {
                let is_absent = value.is_null() || value.is_object() || is_item(value, token);
                if self.is_optional && is_absent {
                    return Some(&Value::Null);
                }
                missing(self, pointer);
                return None;
            };
            value = next;
        }
        Some(value)
    }

    /// The step and the path as one writes them.
    pub fn shown(&self) -> String {
        let mark = if self.is_optional { "?" } else { "" };
        format!("{{{{{}{mark}}}}}", format_path(&self.name, &self.path))
    }
}

/// True if `token` may be an index into `value`.
fn is_item(value: &Value, token: &str) -> bool {
    value.is_array() && token.parse::<usize>().is_ok()
}

/// A reference as one writes it.
pub(crate) fn format_reference(name: &str, path: &[String]) -> String {
    format!("{{{{{}}}}}", format_path(name, path))
}

/// A piece of a text before its names are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScannedPart<'t> {
    Text(Cow<'t, str>),
    /// With its braces, and what stands in them.
    Reference {
        written: &'t str,
        inner: &'t str,
    },
}

/// Why a text can't be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanError<'t> {
    /// There is no closing `}}` from here to the end.
    Unclosed(&'t str),
    /// The braces are empty.
    Empty(&'t str),
}

/// Parses `text`.
pub(super) fn scan(text: &str) -> Result<Vec<ScannedPart<'_>>, ScanError<'_>> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, braces) = rest.split_at(at);
        literal.push_str(before);
        let inside = &braces[2..];
        if let Some(after) = inside.strip_prefix("{{") {
            literal.push_str("{{");
            rest = after;
            continue;
        }
        if before.ends_with('$') {
            literal.push_str("{{");
            rest = inside;
            continue;
        }
        let end = inside.find("}}").ok_or(ScanError::Unclosed(braces))?;
        let (inner, written) = (inside[..end].trim(), &braces[..end + 4]);
        if inner.contains("{{") {
            return Err(ScanError::Unclosed(written));
        }
        if inner.is_empty() {
            return Err(ScanError::Empty(written));
        }
        if !literal.is_empty() {
            parts.push(ScannedPart::Text(Cow::Owned(std::mem::take(&mut literal))));
        }
        parts.push(ScannedPart::Reference { written, inner });
        rest = &inside[end + 2..];
    }
    if literal.is_empty() && !rest.is_empty() {
        parts.push(ScannedPart::Text(Cow::Borrowed(rest)));
    } else if !literal.is_empty() || parts.is_empty() {
        literal.push_str(rest);
        parts.push(ScannedPart::Text(Cow::Owned(literal)));
    }
    Ok(parts)
}

/// What a model probably meant that wrote `{{steps.fetch.output.body}}`, `{{fetch["body"]}}` or
/// `{{$.fetch.items[0]}}`.
pub(super) fn normalize(inner: &str) -> String {
    let mut plain = String::with_capacity(inner.len());
    let mut rest = inner.split('|').next().unwrap_or_default().trim();
    let prefixes = [
        "steps.", "step.", "outputs.", "results.", "tasks.", "nodes.",
    ];
    while let Some((before, bracketed)) = rest.split_once('[') {
        let Some((index, after)) = bracketed.split_once(']') else {
            break;
        };
        plain.push_str(before);
        let key = index.trim_matches(['"', '\'', ' ']);
        let is_name = prefixes.contains(&&*format!("{}.", plain.trim_start_matches(['$', '.'])));
        if is_name || plain.is_empty() {
            plain.push('.');
            plain.push_str(key);
        } else {
            plain = format_path(&plain, &[key]);
        }
        rest = after;
    }
    plain.push_str(rest);
    let plain = plain.trim_start_matches(['$', '.']);
    let stripped = prefixes
        .iter()
        .find_map(|prefix| plain.strip_prefix(prefix));
    stripped.unwrap_or(plain).to_owned()
}

/// Words that models put between a step and a field of its output.
pub(crate) const WRAPPERS: [&str; 5] = ["output", "outputs", "result", "results", "response"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn describe(text: &str) -> String {
        match scan(text) {
            Err(ScanError::Unclosed(from)) => format!("unclosed {from}"),
            Err(ScanError::Empty(from)) => format!("empty {from}"),
            Ok(parts) => {
                let tell = |part: &ScannedPart<'_>| match part {
                    ScannedPart::Text(text) => format!("'{text}'"),
                    ScannedPart::Reference { inner, .. } => format!("<{inner}>"),
                };
                parts.iter().map(tell).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn a_text_is_taken_apart() {
        for (text, want) in [
            ("", "''"),
            ("plain {x} } }}", "'plain {x} } }}'"),
            ("{{a.b}}", "<a.b>"),
            ("{{ a/b.c }}", "<a/b.c>"),
            ("x {{a}}{{b}} y", "'x ' <a> <b> ' y'"),
            ("{\"k\": {{a}}}", "'{\"k\": ' <a> '}'"),
            ("{{{{ x }}", "'{{ x }}'"),
            ("{{{{{{a}}", "'{{' <a>"),
            ("{{{{{{{{", "'{{{{'"),
            ("${{ secrets.X }} {{a}}", "'${{ secrets.X }} ' <a>"),
            ("$ {{a}}", "'$ ' <a>"),
            ("${{{{a}}", "'${{a}}'"),
            ("{{a", "unclosed {{a"),
            ("{{a}", "unclosed {{a}"),
            ("{{a {{b}}", "unclosed {{a {{b}}"),
            ("{{", "unclosed {{"),
            ("{{  }}", "empty {{  }}"),
            ("é{{é}}é", "'é' <é> 'é'"),
        ] {
            assert_eq!(describe(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn doubled_braces_keep_any_text(text in "[{}$a. \n]{0,20}") {
            let doubled = text.replace("{{", "{{{{");
            let scanned = scan(&doubled).map(|parts| {
                let text = |part: ScannedPart<'_>| match part {
                    ScannedPart::Text(text) => text.into_owned(),
                    ScannedPart::Reference { written, .. } => format!("<{written}>"),
                };
                parts.into_iter().map(text).collect::<String>()
            });
            prop_assert_eq!(scanned, Ok(text));
        }

        #[test]
        fn no_text_is_too_odd(text in "[{}$é.|\\[\\]\n]{0,20}|\\PC{0,20}") {
            if let Ok(parts) = scan(&text) {
                for part in parts {
                    if let ScannedPart::Reference { written, inner } = part {
                        prop_assert!(written.starts_with("{{") && written.ends_with("}}"));
                        normalize(inner);
                    }
                }
            }
        }
    }

    #[test]
    fn what_models_write_is_understood() {
        for (inner, want) in [
            ("steps.fetch.output.body", "fetch.output.body"),
            ("steps['core/fetch'].items[0]", "core/fetch.items.0"),
            ("$.fetch[\"body\"].x", "fetch.body.x"),
            ("fetch.body | upper", "fetch.body"),
            ("fetch[0", "fetch[0"),
            ("$.fetch['report.html'].size", "fetch[\"report.html\"].size"),
            (
                "steps['mcp.his.query']['a.b'][0]",
                "mcp.his.query[\"a.b\"].0",
            ),
            ("['a.b'].c", "a.b.c"),
        ] {
            assert_eq!(normalize(inner), want, "{inner}");
        }
    }
}
