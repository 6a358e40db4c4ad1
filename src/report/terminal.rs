//! The output streams as a trait: the caller of a report provides them.

use std::fmt;

/// One of the two streams that obs writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Data.
    Stdout,
    /// Messages.
    Stderr,
}

/// The terminal, file or pipe behind a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one stream"
)]
pub struct TerminalInfo {
    /// True for a terminal.
    pub terminal: bool,
    /// True for a terminal whose cursor can be moved.
    pub cursor: bool,
    /// True if colours are on.
    pub color: bool,
    /// True if a person or a CI runner reads along, so that a raw value must be escaped.
    pub watched: bool,
    /// How many columns fit. Zero if unknown.
    pub columns: usize,
    /// How many lines fit. Zero if unknown.
    pub rows: usize,
}

impl TerminalInfo {
    /// The columns to fill; 80 if unknown.
    pub fn usable_columns(&self) -> usize {
        if self.columns == 0 { 80 } else { self.columns }
    }
}

/// The two streams. Writing never fails for the caller: a reader that is gone is not an error, and
/// the streams' owner remembers any other error.
pub trait OutputStreams: fmt::Debug + Send + Sync {
    /// Writes all of `bytes` and flushes.
    fn write(&self, stream: OutputStream, bytes: &[u8]);

    /// The current terminal. Its size may change at any time.
    fn terminal_info(&self, stream: OutputStream) -> TerminalInfo;
}
