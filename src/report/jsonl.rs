//! `--format jsonl`: each record as one line, at once.

use super::json_document::record_line;
use super::terminal::{OutputStream, OutputStreams};
use crate::model::ExecutionLogRecord;

/// Writes `record` as one line of stdout.
pub(super) fn write(streams: &dyn OutputStreams, record: &ExecutionLogRecord) {
    match record_line(record) {
        Ok(line) => streams.write(OutputStream::Stdout, line.as_bytes()),
        Err(error) => streams.write(
            OutputStream::Stderr,
            format!(
                "error: the record of step {} can't be written as JSON: {error}\n",
                record.step_index
            )
            .as_bytes(),
        ),
    }
}
