//! What people and scripts see of a run: events in, text out.
//!
//! Invariant: the only input are [`RunEvent`](crate::event::RunEvent)s, the only output is an
//! [`OutputStreams`]. Data goes to stdout, messages to stderr. Text that obs did not write passes
//! [`Escaped`](crate::model::Escaped), [`EscapedLines`](crate::model::EscapedLines) or
//! [`json_line`](crate::model::json_line) on its way; the one exception is a string that `--print`
//! hands to a file or a pipe.

mod age;
mod bars;
mod failure;
mod item_failures;
mod items;
mod json_document;
mod jsonl;
mod lines;
mod live_output;
mod print_ref;
mod progress;
mod record_table;
mod reporter;
mod run_table;
mod run_view;
mod running;
mod screen_text;
mod summary;
mod table;
mod terminal;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;

use clap::ValueEnum;

use crate::event::Streaming;

pub(crate) use age::age;
pub(crate) use json_document::{JsonDocument, write_json_document, write_value};
pub(crate) use print_ref::{PrintRef, PrintTarget};
pub use record_table::RecordTable;
pub(crate) use reporter::{Reporter, ReporterHandle};
pub(crate) use run_table::{RunLine, RunTable};
pub(crate) use run_view::{RunView, step_view};
pub(crate) use summary::short_id;
pub use terminal::TerminalInfo;
pub(crate) use terminal::{OutputStream, OutputStreams};
pub(crate) use text::{Style, paint};

/// What a run writes to stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table of the steps, at the end.
    #[default]
    Table,
    /// One document, at the end.
    Json,
    /// Each record as one line, as its step finishes.
    Jsonl,
    /// Nothing.
    None,
}

/// How a run shows its progress on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// Bars on a terminal, lines elsewhere, nothing when quiet.
    #[default]
    Auto,
    /// A redrawn line for each running step. Lines if stderr is not a terminal that supports it.
    Bars,
    /// A line for each finished step, and a progress line every minute.
    Lines,
    /// Nothing.
    None,
}

/// How a run is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportOptions {
    /// What goes to stdout.
    pub format: Format,
    /// Makes stdout this one value, whatever `format` says.
    pub print: Option<PrintRef>,
    /// What goes to stderr while steps run.
    pub progress: Progress,
    /// Shows what skills write as they write it.
    pub streaming: Streaming,
    /// Failure reports do not repeat the standard error that was shown as it was written.
    pub shows_stderr_once: bool,
    /// Nothing on success but requested data; no table. Failures are always shown.
    pub quiet: bool,
    /// More columns in the table.
    pub verbose: bool,
    /// Warnings about the plan, for the document.
    pub problems: Vec<serde_json::Value>,
}
