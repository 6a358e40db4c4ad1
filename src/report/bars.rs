//! The part of the terminal that is redrawn while steps run.
//!
//! Invariant: between two calls the cursor is on the first cell of the drawing, and below it is
//! nothing else. On a resize, a terminal that rewraps its lines moves the cursor with its cell, and
//! one that cuts them leaves it in its row, so erasing from the cursor on removes the drawing at
//! any size. The same holds for `^C` and other echoes. A line of the drawing takes one row, also if
//! the terminal has become narrower since its size was read: automatic wrapping is off while a
//! frame is written. The cursor is never hidden, so nothing has to restore it, and the drawing is
//! erased when a [`Bars`] is dropped.

use std::sync::Arc;

use super::terminal::{OutputStream, OutputStreams};

/// Erases from the cursor's line to the end of the screen. tmux saves the screen in its history if
/// it is erased from its first cell on, so this begins with the second cell.
const ERASE: &str = "\r \u{1b}[J\r\u{1b}[K";
const WRAP_OFF: &str = "\u{1b}[?7l";
const WRAP_ON: &str = "\u{1b}[?7h";

/// Lines at the bottom of the terminal. A frame is one write.
#[derive(Debug)]
pub(super) struct Bars {
    streams: Arc<dyn OutputStreams>,
    lines: Vec<String>,
}

impl Bars {
    /// Nothing drawn yet.
    pub(super) fn new(streams: Arc<dyn OutputStreams>) -> Self {
        Self {
            streams,
            lines: Vec::new(),
        }
    }

    /// Replaces what is drawn. There are no more `lines` than the terminal has rows.
    pub(super) fn draw(&mut self, lines: Vec<String>) {
        self.lines = lines;
        self.print_above("");
    }

    /// Writes `text`, which ends with a line feed, above the drawing.
    pub(super) fn print_above(&self, text: &str) {
        self.write(&format!("{ERASE}{text}{}", self.frame()));
    }

    /// Runs `write` with the drawing erased.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.write(ERASE);
        write();
        self.write(&self.frame());
    }

    /// The drawing, and the way back to its first cell.
    fn frame(&self) -> String {
        let lines = self.lines.join("\r\n");
        let up = match self.lines.len() {
            0 | 1 => String::new(),
            count => format!("\u{1b}[{}A", count - 1),
        };
        format!("{WRAP_OFF}{lines}{WRAP_ON}\r{up}")
    }

    fn write(&self, text: &str) {
        self.streams.write(OutputStream::Stderr, text.as_bytes());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.write(ERASE);
    }
}
