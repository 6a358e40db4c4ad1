//! The terminal that obs was started on.
//!
//! Invariant: its modes stay as they are. Every wait can be given up by dropping its future; then
//! what was typed since the question is discarded, and the cursor is at the beginning of a line.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp, tcgetwinsize};
use std::os::unix::fs::OpenOptionsExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::process::WatchedFile;

/// What a terminal that does not tell is taken for.
const COLUMNS: usize = 80;

/// The longest answer. A longer one is none that obs knows.
const MAX_ANSWER_BYTES: usize = 4096;

/// True if there is a terminal, and obs may read from it.
pub(super) fn is_there() -> bool {
    open().is_ok()
}

fn open() -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open("/dev/tty")?;
    if is_in_foreground(&terminal) {
        Ok(terminal)
    } else {
        Err(io::Error::other("obs is in the background"))
    }
}

/// A job in the background that reads is stopped.
fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}

/// An open question to the person at the terminal.
#[derive(Debug)]
pub(super) struct Prompt {
    file: WatchedFile,
    /// obs goes on after it was stopped.
    continued: Signal,
    is_at_line_start: bool,
}

/// What fits on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: usize,
    /// None if the terminal does not tell.
    pub(super) rows: Option<usize>,
}

impl Prompt {
    /// Opens it. To be called inside a tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            file: WatchedFile::new(open()?)?,
            continued: signal(SignalKind::from_raw(libc::SIGCONT))?,
            is_at_line_start: true,
        })
    }

    pub(super) fn size(&self) -> Size {
        let size = tcgetwinsize(self.file.file()).ok();
        let told = |count: u16| Some(usize::from(count)).filter(|count| *count > 0);
        Size {
            columns: size.and_then(|size| told(size.ws_col)).unwrap_or(COLUMNS),
            rows: size.and_then(|size| told(size.ws_row)),
        }
    }

    /// Writes all of `text`.
    pub(super) async fn write(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let mut guard = self.file.writable().await?;
            match guard.try_io(|file| Ok(rustix::io::write(file.get_ref(), rest)?)) {
                Ok(Ok(written)) => {
                    self.is_at_line_start = rest
                        .get(..written)
                        .is_some_and(|text| text.ends_with(b"\n"));
                    rest = rest.get(written..).unwrap_or_default();
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
        Ok(())
    }

    /// Asks, and gives what is typed from then on up to Enter; none at the end of input.
    pub(super) async fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        self.pose(question).await?;
        let mut line = Vec::new();
        loop {
            let ready = tokio::select! {
                _ = self.continued.recv() => None,
                ready = self.file.readable() => Some(ready?),
            };
            let Some(mut ready) = ready else {
                line.clear();
                if is_in_foreground(self.file.file()) {
                    self.pose(question).await?;
                }
                continue;
            };
            if !is_in_foreground(self.file.file()) {
                ready.clear_ready();
                continue;
            }
            let mut buffer = [0; 256];
            match ready.try_io(|file| Ok(rustix::io::read(file.get_ref(), &mut buffer)?)) {
                Ok(Ok(0)) => return Ok(None),
                Ok(Ok(count)) => line.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
            if line.len() > MAX_ANSWER_BYTES
                || line.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
            {
                self.is_at_line_start = true;
                return Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()));
            }
        }
    }

    /// What was typed before the question is no answer to it.
    async fn pose(&mut self, question: &str) -> io::Result<()> {
        tcflush(self.file.file(), QueueSelector::IFlush)?;
        self.write(question).await
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let terminal = self.file.file();
        if self.is_at_line_start || !is_in_foreground(terminal) {
            return;
        }
        // A question that is given up: nothing that was typed may get to whoever reads next.
        tcflush(terminal, QueueSelector::IFlush).ok();
        rustix::io::write(terminal, b"\n").ok();
    }
}
