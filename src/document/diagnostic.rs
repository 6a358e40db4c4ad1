//! One thing that is wrong with a file that a user or a model wrote.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

/// A problem in a plan or a manifest: what, where, and the way out.
///
/// Modelled on what rustc's diagnostics carry, with a machine-applicable `fix` (RFC 6902) only if
/// it is certain.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Stable name for scripts, such as `unknown_key`.
    pub code: &'static str,
    /// Whether it stops the plan.
    pub severity: Severity,
    /// What is wrong, in one lowercase sentence without a final period. Values that the file wrote
    /// are in backticks and not escaped yet.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it is.
    pub location: Location,
    /// The part of the text at that place that it is about, as it is written.
    pub part: Option<String>,
    /// The step it belongs to, from 0.
    pub step_index: Option<usize>,
    /// What would have been right, in machine form.
    pub expected: Option<Value>,
    /// What stands there.
    pub got: Option<Value>,
    /// A JSON Patch that fixes it, only if that is certain.
    pub fix: Option<Value>,
}

impl Diagnostic {
    /// An error at `place`.
    pub fn error(code: &'static str, place: Location, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            location: place,
            part: None,
            step_index: None,
            expected: None,
            got: None,
            fix: None,
        }
    }

    /// A warning at `place`.
    pub fn warning(code: &'static str, place: Location, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, place, message)
        }
    }

    /// Adds a help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which part of the text at its place it is about.
    #[must_use]
    pub fn part(mut self, written: &str) -> Self {
        self.part = Some(written.to_owned());
        self
    }

    /// Adds what would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<Value>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds what stands there.
    #[must_use]
    pub fn got(mut self, got: impl Into<Value>) -> Self {
        self.got = Some(got.into());
        self
    }

    /// Adds the certain fix, a JSON Patch document.
    #[must_use]
    pub fn fix(mut self, patch: Value) -> Self {
        self.fix = Some(patch);
        self
    }
}

impl Diagnostic {
    /// True if it stops the plan.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Problems as they are found, bounded: a hostile file can't make obs hold a million of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    suppressed: usize,
    suppressed_errors: usize,
    /// Keys that were read as others: the pointer of the entry as it was read below a mapping as it
    /// is written, and the pointer's last token as it is written.
    read_as: HashMap<String, String>,
}

impl Diagnostics {
    /// How many problems are kept; the rest is counted.
    pub const MAX_KEPT: usize = 200;

    /// Adds a problem.
    pub fn push(&mut self, problem: Diagnostic) {
        if self.list.len() < Self::MAX_KEPT {
            self.list.push(problem);
        } else {
            self.suppressed += 1;
            self.suppressed_errors += usize::from(problem.severity == Severity::Error);
        }
    }

    /// Adds an error that is costly to describe; it is only counted where it would not be kept.
    pub fn push_error_with(&mut self, describe: impl FnOnce() -> Diagnostic) {
        if self.list.len() < Self::MAX_KEPT {
            self.list.push(describe());
        } else {
            self.suppressed += 1;
            self.suppressed_errors += 1;
        }
    }

    /// Remembers that the entry `written` of the mapping at `pointer` was read as the entry `known`.
    pub(super) fn read_as(&mut self, pointer: &str, known: &str, written: &str) {
        let read = [pointer, "/", known].concat();
        self.read_as.insert(read, written.to_owned());
    }

    /// The pointer to a node as the document has it, for one with keys as they were read.
    pub(crate) fn as_written<'p>(&self, pointer: &'p str) -> Cow<'p, str> {
        if self.read_as.is_empty() {
            return Cow::Borrowed(pointer);
        }
        let mut written = String::with_capacity(pointer.len());
        for token in pointer.split('/').skip(1) {
            let parent = written.len();
            written.push('/');
            written.push_str(token);
            if let Some(key) = self.read_as.get(&written) {
                written.truncate(parent + 1);
                written.push_str(key);
            }
        }
        Cow::Owned(written)
    }

    /// Makes all locations and fixes those of the document as it is written.
    pub(super) fn locate_as_written(&mut self) {
        if self.read_as.is_empty() {
            return;
        }
        let mut list = std::mem::take(&mut self.list);
        for problem in &mut list {
            if let Location::Node(pointer, _) = &mut problem.location {
                *pointer = self.as_written(pointer).into_owned();
            }
            // The fix of an unknown key makes the entry that it was read as.
            let fixes = problem
                .fix
                .as_mut()
                .filter(|_| problem.code != "unknown_key");
            for operation in fixes.and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::String(path)) = operation.get_mut("path") {
                    *path = self.as_written(path).into_owned();
                }
            }
        }
        self.list = list;
    }

    /// Adds those of another file or check.
    pub fn append(&mut self, other: Self) {
        self.read_as.extend(other.read_as);
        self.suppressed += other.suppressed;
        self.suppressed_errors += other.suppressed_errors;
        for problem in other.list {
            self.push(problem);
        }
    }

    /// How many were found beyond those kept.
    pub fn suppressed(&self) -> usize {
        self.suppressed
    }

    /// True if one of them, kept or not, stops the plan.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of a severity were found, kept or not.
    pub fn count(&self, severity: Severity) -> usize {
        let kept = self.list.iter().filter(|p| p.severity == severity).count();
        kept + match severity {
            Severity::Error => self.suppressed_errors,
            Severity::Warning => self.suppressed - self.suppressed_errors,
        }
    }

    /// The kept ones, to be sorted or completed.
    pub fn diagnostics_mut(&mut self) -> &mut Vec<Diagnostic> {
        &mut self.list
    }
}

impl std::ops::Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.list
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(problem: Diagnostic) -> Self {
        Self {
            list: vec![problem],
            ..Self::default()
        }
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Reported, but the plan may run unless `--strict`.
    Warning,
    /// Nothing runs.
    Error,
}

impl Severity {
    /// The severity in one lowercase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where a problem is: by pointer for what was read, by bytes for what could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A node of the document, by RFC 6901 pointer; `""` is the whole document.
    Node(String, NodePart),
    /// A byte range of the file's text after the BOM.
    Bytes(Range<usize>),
    /// The file as a whole: it could not be read, or is empty.
    File,
}

impl Location {
    /// The value at `pointer`.
    pub fn value(pointer: impl Into<String>) -> Self {
        Self::Node(pointer.into(), NodePart::Value)
    }

    /// The key at `pointer`.
    pub fn key(pointer: impl Into<String>) -> Self {
        Self::Node(pointer.into(), NodePart::Key)
    }
}

/// Which part of a mapping entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePart {
    /// The key.
    Key,
    /// The value.
    Value,
}
