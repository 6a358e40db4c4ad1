//! The way out of this module, as a trait: whoever starts a report brings the streams.

use std::fmt;

/// One of the two streams that obs writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Data.
    Stdout,
    /// Talk.
    Stderr,
}

/// What is at the other end of a stream.
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
    /// True where colours are welcome.
    pub color: bool,
    /// True where a person or a CI runner reads along, so that a raw value must be escaped.
    pub watched: bool,
    /// How many columns fit. Zero means that nobody knows.
    pub columns: usize,
    /// How many lines fit. Zero means that nobody knows.
    pub rows: usize,
}

impl TerminalInfo {
    /// The columns to fill; 80 where nobody knows.
    pub fn usable_columns(&self) -> usize {
        if self.columns == 0 { 80 } else { self.columns }
    }
}

/// The two streams. Writing never fails for the one who writes: a reader that went away is no
/// error, anything else is for the owner of the streams to remember.
pub trait OutputStreams: fmt::Debug + Send + Sync {
    /// Writes all of `bytes` and flushes.
    fn write(&self, stream: OutputStream, bytes: &[u8]);

    /// What is at the other end now. A terminal may change its size at any time.
    fn terminal_info(&self, stream: OutputStream) -> TerminalInfo;
}
