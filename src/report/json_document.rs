//! `--format json`: one document, even if nothing could run.
//!
//! Invariant: one document, whatever happened.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::screen_text::screen_text;
use super::terminal::{OutputStream, OutputStreams};
use crate::model::{EscapedLines, ExecutionLogRecord, json_line, json_pretty};

/// The whole outcome of a run as one document.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JsonDocument<'a> {
    /// obs's own id of the run; null if none was started.
    pub run_id: Option<&'a str>,
    /// How it ended, in one word.
    pub status: &'a str,
    /// What obs exits with.
    pub exit_code: u8,
    /// What was wrong with the plan.
    pub problems: &'a [Value],
    /// The records, in the order in which their steps ended.
    pub records: &'a [Arc<ExecutionLogRecord>],
    /// True if the run can be resumed.
    pub resumable: bool,
    /// The hash of the last record, to verify the run by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<&'a str>,
}

/// Writes `document` to stdout.
pub(crate) fn write_json_document(streams: &dyn OutputStreams, document: &JsonDocument<'_>) {
    match json_pretty(document).map(|text| text + "\n") {
        Ok(text) => streams.write(OutputStream::Stdout, text.as_bytes()),
        Err(error) => streams.write(
            OutputStream::Stderr,
            format!("error: the outcome can't be written as JSON: {error}\n").as_bytes(),
        ),
    }
}

/// `value` on one line, with the line feed.
pub(super) fn record_line<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    Ok(json_line(value)? + "\n")
}

/// Writes one value to stdout: a string as it is, anything else as JSON.
pub(crate) fn write_value(streams: &dyn OutputStreams, value: &Value) {
    let mut text = match value {
        Value::String(text) if streams.terminal_info(OutputStream::Stdout).watched => {
            EscapedLines(&screen_text(text)).to_string()
        }
        Value::String(text) => text.clone(),
        other => record_line(other).unwrap_or_default(),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    streams.write(OutputStream::Stdout, text.as_bytes());
}
