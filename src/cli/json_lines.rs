//! `--format json` and `jsonl`: values that are JSON texts already, as one array or a line each.
//!
//! Invariant: nothing is buffered, and a value is printed byte for byte.

use super::args::DataFormat;
use super::printer::Printer;

/// JSON values on their way to stdout.
#[derive(Debug)]
pub(super) struct JsonPrinter<'p> {
    printer: &'p Printer,
    is_array: bool,
    is_empty: bool,
}

impl<'p> JsonPrinter<'p> {
    /// Nothing yet; `None` for a table.
    pub(super) fn new(format: DataFormat, printer: &'p Printer) -> Option<Self> {
        let is_array = match format {
            DataFormat::Table => return None,
            DataFormat::Json => true,
            DataFormat::Jsonl => false,
        };
        Some(Self {
            printer,
            is_array,
            is_empty: true,
        })
    }

    /// Prints one value, which is on one line.
    pub(super) fn print(&mut self, value: &str) {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        match (self.is_array, is_first) {
            (false, _) => self.printer.print(format!("{value}\n")),
            (true, true) => self.printer.print(format!("[\n{value}")),
            (true, false) => self.printer.print(format!(",\n{value}")),
        }
    }

    /// Ends an array.
    pub(super) fn end(self) {
        if self.is_array {
            self.printer
                .print(if self.is_empty { "[]\n" } else { "\n]\n" });
        }
    }
}
