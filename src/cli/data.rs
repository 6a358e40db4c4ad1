//! What a verb prints as data, in one of the forms of [`DataFormat`].

use serde::Serialize;

use super::args::DataFormat;
use super::printer::Printer;
use crate::model::{json_line, json_pretty};

/// Prints `document` as JSON, its `rows` as JSON lines, or the table.
pub(super) fn print<'r, D: Serialize, R: Serialize + 'r>(
    document: &D,
    rows: impl IntoIterator<Item = &'r R>,
    table: impl FnOnce() -> String,
    format: DataFormat,
    printer: &Printer,
) {
    // Values made of text and numbers always have a JSON form.
    match format {
        DataFormat::Table => printer.print(table()),
        DataFormat::Json => printer.print_line(json_pretty(document).unwrap_or_default()),
        DataFormat::Jsonl => {
            for row in rows {
                printer.print_line(json_line(row).unwrap_or_default());
            }
        }
    }
}
