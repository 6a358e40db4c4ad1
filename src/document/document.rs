//! A parsed file: value, text and places, the same for JSON and YAML.

use std::ops::Range;
use std::sync::OnceLock;

use serde_json::Value;

use super::decode::escape_token;
use super::lines::{line_at, line_number};
use super::source::{Language, Source};
use super::spans::Spans;
use super::{Diagnostic, Diagnostics, Location, NodePart, json, yaml};

/// A file's data with the place of every node.
#[derive(Debug)]
pub struct Document {
    /// The file's text and name.
    pub source: Source,
    /// Its data; null for an empty file or one that is no document.
    pub value: Value,
    spans: Spans,
    /// Data and spans, parsed again after they were released.
    again: Option<Box<OnceLock<(Value, Spans)>>>,
    hidden: HiddenValues,
}

/// The values of a document that no message may show.
#[derive(Debug, Default)]
struct HiddenValues {
    /// RFC 6901 pointers, sorted.
    pointers: Vec<String>,
    /// Their byte ranges in the text, computed on demand.
    spans: OnceLock<Vec<Range<usize>>>,
}

impl Document {
    /// Parses `source`. Problems come beside the document, which holds null where the text could
    /// not be read as data at all.
    pub fn parse(source: Source) -> (Self, Diagnostics) {
        if source.text.trim().is_empty() {
            let problem = empty_file("the file is empty");
            return (Self::from_text(source), problem.into());
        }
        let (parsed, problems) = parse(&source);
        match parsed {
            Some((value, spans)) => (
                Self {
                    source,
                    value,
                    spans,
                    again: None,
                    hidden: HiddenValues::default(),
                },
                problems,
            ),
            None if problems.is_empty() => {
                let problem = empty_file("the file holds no data");
                (Self::from_text(source), problem.into())
            }
            None => (Self::from_text(source), problems),
        }
    }

    /// A text that is no data: only its places count.
    pub fn from_text(source: Source) -> Self {
        Self {
            source,
            value: Value::Null,
            spans: Spans::default(),
            again: None,
            hidden: HiddenValues::default(),
        }
    }

    /// Releases data and spans once they are no longer needed: together they are several times as
    /// large as the text. They are parsed again if a message needs a location.
    pub(crate) fn release(&mut self) {
        self.value = Value::Null;
        self.spans = Spans::default();
        self.again = Some(Box::default());
    }

    fn reparsed(&self) -> (&Value, &Spans) {
        let Some(again) = &self.again else {
            return (&self.value, &self.spans);
        };
        // A text that parsed once parses again.
        let (value, spans) = again.get_or_init(|| parse(&self.source).0.unwrap_or_default());
        (value, spans)
    }

    /// The bytes of the text that `place` names.
    pub fn bytes_of(&self, place: &Location) -> Range<usize> {
        let bytes = match place {
            Location::Node(pointer, part) => {
                let (value, spans) = self.reparsed();
                spans.find(value, pointer, *part)
            }
            Location::Bytes(bytes) => bytes.clone(),
            Location::File => 0..0,
        };
        self.of_whole_characters(&bytes)
    }

    /// The bytes of the text that a problem is about. A part that is all of a quoted text has the
    /// place of that.
    pub fn bytes_of_problem(&self, problem: &Diagnostic) -> Range<usize> {
        let whole = self.bytes_of(&problem.location);
        let part = problem.part.as_deref().filter(|part| !part.is_empty());
        let found = part.and_then(|part| {
            let at = whole.start + self.source.text[whole.clone()].find(part)?;
            Some(at..at + part.len())
        });
        match found {
            Some(part) if part.len() + 2 < whole.len() && !self.is_hidden(&problem.location) => {
                part
            }
            _ => whole,
        }
    }

    fn of_whole_characters(&self, bytes: &Range<usize>) -> Range<usize> {
        let text = &self.source.text;
        let start = text.floor_char_boundary(bytes.start.min(text.len()));
        let end = text.ceil_char_boundary(bytes.end.clamp(start, text.len()));
        start..end
    }

    /// Hides values from all messages about the document, by their pointers.
    pub fn hide(&mut self, pointers: impl IntoIterator<Item = String>) {
        let HiddenValues {
            pointers: known, ..
        } = &mut self.hidden;
        known.extend(pointers);
        known.sort_unstable();
        known.dedup();
        self.hidden.spans = OnceLock::new();
    }

    /// The bytes of the hidden values, in order.
    pub(crate) fn hidden_spans(&self) -> &[Range<usize>] {
        self.hidden.spans.get_or_init(|| {
            let mut spans = Vec::new();
            if self.hidden.pointers.is_empty() {
                return spans;
            }
            let (value, tree) = self.reparsed();
            for pointer in &self.hidden.pointers {
                tree.add_all_of(value, pointer, &mut spans);
            }
            for span in &mut spans {
                *span = self.of_whole_characters(span);
            }
            spans.sort_unstable_by_key(|span| (span.start, span.end));
            spans
        })
    }

    /// True for a place in a hidden value.
    pub(crate) fn is_hidden(&self, place: &Location) -> bool {
        let hidden = &self.hidden.pointers;
        match place {
            Location::Node(pointer, part) => {
                let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
                // The key of a hidden value is none.
                let own = (*part == NodePart::Value).then_some(pointer.as_str());
                let find = |prefix: &str| {
                    let found = hidden.binary_search_by(|place| place.as_str().cmp(prefix));
                    found.is_ok()
                };
                above.chain(own).any(find)
            }
            Location::Bytes(bytes) => {
                let holds =
                    |span: &Range<usize>| span.start <= bytes.start && bytes.end <= span.end;
                self.hidden_spans().iter().any(holds)
            }
            Location::File => false,
        }
    }

    /// True for the key of a hidden value, wherever it stands.
    pub(crate) fn is_hidden_key(&self, key: &str) -> bool {
        let key = key.trim_matches(['"', '\'']);
        let mut pointers = self.hidden.pointers.iter();
        pointers.any(|pointer| pointer.rsplit('/').next() == Some(&*escape_token(key)))
    }

    /// The line that a byte offset is in, without its end.
    pub(super) fn line_at(&self, offset: usize) -> Range<usize> {
        line_at(&self.source.text, offset)
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let text = &self.source.text;
        let line = line_at(text, offset);
        let before = &text[line.start..offset.min(line.end)];
        (line_number(text, offset), 1 + before.chars().count())
    }

    /// The pointer to the node that `place` is in; `""` if there is none.
    pub fn pointer_of(place: &Location) -> &str {
        match place {
            Location::Node(pointer, _) => pointer,
            Location::Bytes(_) | Location::File => "",
        }
    }

    /// Removes problems that follow from another one at the same bytes, and sorts the rest by
    /// location. Their pointers are then those of the document, also below misnamed keys.
    pub fn sort_and_dedup(&self, problems: &mut Diagnostics) {
        problems.locate_as_written();
        let refused: Vec<Range<usize>> = problems
            .iter()
            .filter_map(|problem| match &problem.location {
                Location::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .collect();
        let kept = problems.diagnostics_mut();
        kept.retain(|problem| match &problem.location {
            Location::Node(_, NodePart::Value) => {
                !refused.contains(&self.bytes_of(&problem.location))
            }
            _ => true,
        });
        kept.sort_by_cached_key(|problem| self.bytes_of_problem(problem).start);
    }
}

fn parse(source: &Source) -> (Option<(Value, Spans)>, Diagnostics) {
    match source.language {
        Language::Json => json::parse(&source.text),
        Language::Yaml => yaml::parse(&source.text),
    }
}

fn empty_file(message: &str) -> Diagnostic {
    Diagnostic::error("empty_file", Location::File, message)
        .help("write `key: value` entries, or give another file")
}
