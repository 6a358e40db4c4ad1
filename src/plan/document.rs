//! A parsed file: value, text and places, the same for JSON and YAML.

use std::ops::Range;
use std::sync::OnceLock;

use serde_json::Value;

use super::source::{Language, Source};
use super::spans::Spans;
use super::{json, yaml};
use crate::model::{Part, Place, Problem, Problems};

/// A file's data with the place of every node.
#[derive(Debug)]
pub struct Document {
    /// The file's text and name.
    pub source: Source,
    /// Its data; null for an empty file or one that is no document.
    pub value: Value,
    spans: Spans,
    /// Data and places as they were made once more, after they had been laid aside.
    again: Option<Box<OnceLock<(Value, Spans)>>>,
}

impl Document {
    /// Parses `source`. Problems come beside the document, which holds null where the text could not
    /// be read as data at all.
    pub fn parse(source: Source) -> (Self, Problems) {
        if source.text.trim().is_empty() {
            let problem = empty_file("the file is empty");
            return (Self::of_text(source), problem.into());
        }
        let (parsed, problems) = parse(&source);
        match parsed {
            Some((value, spans)) => (
                Self {
                    source,
                    value,
                    spans,
                    again: None,
                },
                problems,
            ),
            None if problems.is_empty() => {
                let problem = empty_file("the file holds no data");
                (Self::of_text(source), problem.into())
            }
            None => (Self::of_text(source), problems),
        }
    }

    /// A text that is no data: only its places count.
    pub fn of_text(source: Source) -> Self {
        Self {
            source,
            value: Value::Null,
            spans: Spans::default(),
            again: None,
        }
    }

    /// Lays data and places aside, once what they say is known elsewhere: together they are several times as
    /// large as the text. The places are made again where a message wants one.
    pub(super) fn lay_aside(&mut self) {
        self.value = Value::Null;
        self.spans = Spans::default();
        self.again = Some(Box::default());
    }

    /// Data and places.
    fn tree(&self) -> (&Value, &Spans) {
        let Some(again) = &self.again else {
            return (&self.value, &self.spans);
        };
        // What could be read once can be read twice.
        let (value, spans) = again.get_or_init(|| parse(&self.source).0.unwrap_or_default());
        (value, spans)
    }

    /// The bytes of the text that `place` names.
    pub fn bytes_of(&self, place: &Place) -> Range<usize> {
        let bytes = match place {
            Place::Node(pointer, part) => {
                let (value, spans) = self.tree();
                spans.find(value, pointer, *part)
            }
            Place::Bytes(bytes) => bytes.clone(),
            Place::File => 0..0,
        };
        let len = self.source.text.len();
        let start = self.source.text.floor_char_boundary(bytes.start.min(len));
        let end = self
            .source
            .text
            .ceil_char_boundary(bytes.end.clamp(start, len));
        start..end
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.source.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            1 + before.matches('\n').count(),
            1 + before[line_start..].chars().count(),
        )
    }

    /// The pointer to the node that `place` is in; `""` where there is none.
    pub fn pointer_of(place: &Place) -> &str {
        match place {
            Place::Node(pointer, _) => pointer,
            Place::Bytes(_) | Place::File => "",
        }
    }

    /// Takes out the problems that follow from another one at the same bytes, and sorts the rest by
    /// place.
    pub fn tidy(&self, problems: &mut Problems) {
        let refused: Vec<Range<usize>> = problems
            .iter()
            .filter_map(|problem| match &problem.place {
                Place::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .collect();
        let kept = problems.kept_mut();
        kept.retain(|problem| match &problem.place {
            Place::Node(_, Part::Value) => !refused.contains(&self.bytes_of(&problem.place)),
            _ => true,
        });
        kept.sort_by_cached_key(|problem| self.bytes_of(&problem.place).start);
    }
}

fn parse(source: &Source) -> (Option<(Value, Spans)>, Problems) {
    match source.language {
        Language::Json => json::parse(&source.text),
        Language::Yaml => yaml::parse(&source.text),
    }
}

fn empty_file(message: &str) -> Problem {
    Problem::error("empty_file", Place::File, message)
        .help("write `key: value` entries, or give another file")
}
