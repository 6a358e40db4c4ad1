//! `--format jsonl`: each record as one line, at once.

use super::json_document::record_line;
use super::terminal::{Stream, Streams};
use crate::model::ExecutionLogRecord;

/// Writes `record` as one line of stdout.
pub(super) fn write(streams: &dyn Streams, record: &ExecutionLogRecord) {
    match record_line(record) {
        Ok(line) => streams.write(Stream::Stdout, line.as_bytes()),
        Err(error) => streams.write(
            Stream::Stderr,
            format!(
                "error: the record of step {} is no JSON: {error}\n",
                record.step_index
            )
            .as_bytes(),
        ),
    }
}
