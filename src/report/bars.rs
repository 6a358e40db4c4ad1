//! The part of the terminal that is redrawn while steps run.
//!
//! Invariant: the cursor is never hidden, so nothing has to restore it, and the drawn lines are
//! cleared when a [`Bars`] is dropped.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::terminal::{OutputStream, OutputStreams};

/// A narrower terminal is treated as this wide, indicatif's minimum.
const MIN_COLUMNS: usize = 4;

/// Lines at the bottom of the terminal, held in place by one indicatif bar of many lines: however
/// many steps run, a frame is one write.
#[derive(Debug)]
pub(super) struct Bars(ProgressBar);

impl Bars {
    /// Nothing drawn yet.
    pub(super) fn new(streams: Arc<dyn OutputStreams>) -> Self {
        let screen = TerminalLines {
            streams,
            frame: Mutex::default(),
        };
        let target = ProgressDrawTarget::term_like(Box::new(screen));
        let style = ProgressStyle::with_template("{msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    /// Replaces what is drawn. `lines` are not wider than the terminal.
    pub(super) fn draw(&self, lines: &[String]) {
        self.0.set_message(lines.join("\n"));
    }

    /// Runs `write` with the lines cleared.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// stderr for indicatif, with one write per frame.
#[derive(Debug)]
struct TerminalLines {
    streams: Arc<dyn OutputStreams>,
    frame: Mutex<String>,
}

impl TerminalLines {
    fn push(&self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.write_fmt(text).map_err(io::Error::other)
    }

    fn move_by(&self, count: usize, direction: char) -> io::Result<()> {
        match count {
            0 => Ok(()),
            _ => self.push(format_args!("\u{1b}[{count}{direction}")),
        }
    }
}

impl TermLike for TerminalLines {
    fn width(&self) -> u16 {
        let columns = self
            .streams
            .terminal_info(OutputStream::Stderr)
            .usable_columns();
        u16::try_from(columns.max(MIN_COLUMNS)).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        match self.streams.terminal_info(OutputStream::Stderr).rows {
            0 => 24,
            rows => u16::try_from(rows).unwrap_or(u16::MAX),
        }
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.push(format_args!("{s}\r\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.push(format_args!("{s}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut *self.frame.lock().unwrap_or_else(PoisonError::into_inner));
        if !frame.is_empty() {
            self.streams.write(OutputStream::Stderr, frame.as_bytes());
        }
        Ok(())
    }
}
