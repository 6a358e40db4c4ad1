//! The one gate to stdout and stderr: nothing else in obs writes to them.
//!
//! Invariant: writing never fails for the one who writes and never panics. A reader of stdout that
//! has gone away is no error and what follows is dropped; any other failure of stdout is kept, for
//! obs to exit with 74. stderr that can't be written is given up quietly: there is nowhere left to
//! say it. A reader that does not read is waited for until [`Printer::limit_waits`] says how long.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::termios::{isatty, tcgetwinsize};

use crate::model::{Escaped, wrap};
use crate::report::{OutputStream, OutputStreams, Style, TerminalInfo, paint};

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;
/// Lines of a terminal that does not tell.
const ROWS: usize = 24;
/// What precedes the further lines of a message that does not fit on one.
const HANGING: &str = "  ";

/// The most bytes of one write. A pipe that is ready takes a page without blocking, of which the
/// standard library's buffer may need a part.
const CHUNK_BYTES: usize = 2048;

/// How often a write that waits looks at the wait limit: 50 ms.
const WAIT_SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How much obs says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing on success.
    Quiet,
    /// What a person wants to know.
    #[default]
    Normal,
    /// More than that.
    Verbose,
}

/// What the environment says about terminals.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct Environment {
    no_color: bool,
    force_color: bool,
    dumb: bool,
    columns: Option<usize>,
    github_actions: bool,
}

impl Environment {
    fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| get(name).is_some_and(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR"),
            force_color: get("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0"),
            dumb: get("TERM").is_none_or(|term| term.is_empty() || term == "dumb"),
            columns: get("COLUMNS")
                .and_then(|v| v.trim().parse().ok())
                .filter(|&n| n > 0),
            github_actions: get("GITHUB_ACTIONS").as_deref() == Some("true"),
        }
    }
}

/// The gate. Cheap to clone; all clones are one gate.
#[derive(Debug, Clone)]
pub struct Printer(Arc<StreamWriters>);

#[derive(Debug)]
struct StreamWriters {
    color: ColorChoice,
    verbosity: Verbosity,
    environment: Environment,
    wait_limit: Arc<WaitLimit>,
    stdout: Mutex<StreamWriter>,
    stderr: Mutex<StreamWriter>,
}

impl Printer {
    /// The gate to this process's own streams, with what its environment says about colours.
    pub fn new(color: ColorChoice, verbosity: Verbosity) -> Self {
        let environment = Environment::read(|name| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        });
        Self::with_sinks(
            Box::new(io::stdout()),
            Box::new(io::stderr()),
            color,
            verbosity,
            environment,
        )
    }

    fn with_sinks(
        stdout: Box<dyn OutputSink>,
        stderr: Box<dyn OutputSink>,
        color: ColorChoice,
        verbosity: Verbosity,
        environment: Environment,
    ) -> Self {
        let wait_limit = Arc::new(WaitLimit::default());
        Self(Arc::new(StreamWriters {
            color,
            verbosity,
            environment,
            stdout: Mutex::new(StreamWriter::new(stdout, Arc::clone(&wait_limit))),
            stderr: Mutex::new(StreamWriter::new(stderr, Arc::clone(&wait_limit))),
            wait_limit,
        }))
    }

    /// From now on, a stream that takes nothing for `longest` counts as one that can't be written.
    /// This also ends a write that is waiting already.
    pub fn limit_waits(&self, longest: Duration) {
        *self.0.wait_limit.lock() = Some((Instant::now(), longest));
    }

    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        self.0.verbosity
    }

    /// The streams, for a report.
    pub fn streams(&self) -> Arc<dyn OutputStreams> {
        Arc::new(self.clone())
    }

    /// Writes data, as it is.
    pub fn print(&self, bytes: impl AsRef<[u8]>) {
        self.write(OutputStream::Stdout, bytes.as_ref());
    }

    /// Writes a line of data.
    pub fn print_line(&self, line: impl fmt::Display) {
        self.write(OutputStream::Stdout, format!("{line}\n").as_bytes());
    }

    /// Says a line that is always said: an error, an answer to a signal.
    pub fn eprint(&self, line: impl fmt::Display) {
        self.write(OutputStream::Stderr, format!("{line}\n").as_bytes());
    }

    /// True with `--quiet`.
    pub fn is_quiet(&self) -> bool {
        self.0.verbosity < Verbosity::Normal
    }

    /// Says a line or more, unless quiet, broken between words on a terminal.
    pub fn info(&self, text: impl fmt::Display) {
        if self.0.verbosity < Verbosity::Normal {
            return;
        }
        let look = self.stderr_look();
        let text = text.to_string();
        if !look.terminal {
            return self.eprint(text);
        }
        let columns = look.usable_columns();
        for line in text.lines() {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let hanging = " ".repeat(indent) + HANGING;
            let rows = wrap(line, columns, columns.saturating_sub(hanging.len()));
            self.eprint(rows.join(&format!("\n{hanging}")));
        }
    }

    /// Says what went wrong. As all that follows, it is escaped here.
    pub fn error(&self, message: &str) {
        self.labelled("error", Style::Bad, message);
    }

    /// Says what caused an error.
    pub fn cause(&self, cause: &str) {
        self.labelled("caused by", Style::Dim, cause);
    }

    /// Says what to do about an error.
    pub fn hint(&self, hint: &str) {
        self.labelled(" hint", Style::Dim, hint);
    }

    /// Says something that a person should know, unless quiet.
    pub fn warning(&self, message: &str) {
        if self.0.verbosity >= Verbosity::Normal {
            self.labelled("warning", Style::Warn, message);
        }
    }

    fn labelled(&self, label: &str, tone: Style, message: &str) {
        let look = self.stderr_look();
        let message = Escaped(message).to_string();
        let lines = if look.terminal {
            let columns = look.usable_columns();
            let taken = label.len() + ": ".len();
            let columns_left = |taken: usize| columns.saturating_sub(taken);
            wrap(&message, columns_left(taken), columns_left(HANGING.len()))
        } else {
            vec![&*message]
        };
        let label = paint(look.color, tone, label);
        self.eprint(format_args!(
            "{label}: {}",
            lines.join(&format!("\n{HANGING}"))
        ));
    }

    /// How data look.
    pub fn stdout_look(&self) -> TerminalInfo {
        self.terminal_info(OutputStream::Stdout)
    }

    /// How messages look.
    pub fn stderr_look(&self) -> TerminalInfo {
        self.terminal_info(OutputStream::Stderr)
    }

    /// stdout for code that wants a [`Write`]. It never fails; see
    /// [`stdout_error`](Self::stdout_error).
    pub fn data_writer(&self) -> DataWriter {
        DataWriter(self.clone())
    }

    /// From now on, stdout goes to a pager, which shows it on the terminal.
    pub fn page_to(&self, pager: File) {
        self.gate(OutputStream::Stdout).pager = Some(pager);
    }

    /// Ends that.
    pub fn end_paging(&self) {
        let mut gate = self.gate(OutputStream::Stdout);
        if gate.pager.take().is_some() && gate.state == WriterState::Closed {
            // The pager is gone, not the terminal.
            gate.state = WriterState::Open;
        }
    }

    /// True once the reader of stdout has gone away. What follows is dropped, and that is no error.
    pub fn is_closed(&self) -> bool {
        self.gate(OutputStream::Stdout).state == WriterState::Closed
    }

    /// Why stdout could not be written, if it could not: a full disk, say. Nothing was written
    /// after that.
    pub fn stdout_error(&self) -> Option<io::Error> {
        match self.gate(OutputStream::Stdout).state {
            WriterState::Broken(errno) => Some(errno.into()),
            WriterState::Open | WriterState::Closed => None,
        }
    }

    fn gate(&self, stream: OutputStream) -> MutexGuard<'_, StreamWriter> {
        let gate = match stream {
            OutputStream::Stdout => &self.0.stdout,
            OutputStream::Stderr => &self.0.stderr,
        };
        gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputStreams for Printer {
    fn write(&self, stream: OutputStream, bytes: &[u8]) {
        self.gate(stream).write(bytes);
    }

    fn terminal_info(&self, stream: OutputStream) -> TerminalInfo {
        let gate = self.gate(stream);
        let environment = &self.0.environment;
        let fd = gate.sink.as_fd();
        let terminal = isatty(fd);
        let size = if terminal {
            tcgetwinsize(fd).ok()
        } else {
            None
        };
        let told = |count: u16| Some(usize::from(count)).filter(|&count| count > 0);
        TerminalInfo {
            terminal,
            cursor: terminal && !environment.dumb,
            color: match self.0.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto if environment.no_color => false,
                ColorChoice::Auto => environment.force_color || (terminal && !environment.dumb),
            },
            watched: terminal || (environment.github_actions && !is_regular_file(fd)),
            columns: size
                .and_then(|size| told(size.ws_col))
                .or(environment.columns)
                .unwrap_or(COLUMNS),
            rows: size.and_then(|size| told(size.ws_row)).unwrap_or(ROWS),
        }
    }
}

/// stdout as a [`Write`].
#[derive(Debug, Clone)]
pub struct DataWriter(Printer);

impl Write for DataWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.print(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a gate leads to.
trait OutputSink: Write + AsFd + Send {}

impl OutputSink for io::Stdout {}
impl OutputSink for io::Stderr {}
impl OutputSink for File {}

/// How long a write may wait for its reader, and since when that is so; without end if `None`.
#[derive(Debug, Default)]
struct WaitLimit(Mutex<Option<(Instant, Duration)>>);

impl WaitLimit {
    fn lock(&self) -> MutexGuard<'_, Option<(Instant, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, waiting_since: Instant) -> bool {
        self.lock()
            .is_some_and(|(set, longest)| waiting_since.max(set).elapsed() >= longest)
    }
}

/// One stream, and what became of it.
struct StreamWriter {
    sink: Box<dyn OutputSink>,
    /// Takes what is for the sink, and shows it there.
    pager: Option<File>,
    wait_limit: Arc<WaitLimit>,
    was_terminal: bool,
    state: WriterState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriterState {
    Open,
    /// Nobody reads any more.
    Closed,
    /// Writing failed.
    Broken(Errno),
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl StreamWriter {
    fn new(sink: Box<dyn OutputSink>, wait_limit: Arc<WaitLimit>) -> Self {
        Self {
            wait_limit,
            was_terminal: isatty(sink.as_fd()),
            sink,
            pager: None,
            state: WriterState::Open,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.state != WriterState::Open {
            return;
        }
        if let Err(error) = self.write_all(bytes) {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            // A terminal that was hung up answers EIO, and no longer that it is one: its reader is
            // gone as a pipe's can be.
            let hung_up = errno == Errno::IO && self.was_terminal;
            self.state = if errno == Errno::PIPE || hung_up {
                WriterState::Closed
            } else {
                WriterState::Broken(errno)
            };
        }
    }

    /// As [`Write::write_all`] and a flush, but a write never blocks: it waits before, with the
    /// wait limit. Another process may also have made the terminal that both share non-blocking.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        loop {
            self.wait()?;
            let target: &mut dyn Write = match &mut self.pager {
                Some(pager) => pager,
                None => &mut self.sink,
            };
            let step = if rest.is_empty() {
                target.flush().map(|()| None)
            } else {
                let chunk = rest.get(..CHUNK_BYTES).unwrap_or(rest);
                target.write(chunk).map(Some)
            };
            match step {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(written_bytes)) => rest = rest.get(written_bytes..).unwrap_or_default(),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the stream takes more.
    fn wait(&self) -> io::Result<()> {
        let since = Instant::now();
        loop {
            let sink = self.sink.as_fd();
            let target = self.pager.as_ref().map_or(sink, AsFd::as_fd);
            let mut fds = [PollFd::from_borrowed_fd(target, PollFlags::OUT)];
            match poll(&mut fds, Some(&WAIT_SLICE)) {
                Ok(0) if self.wait_limit.is_over(since) => return Err(Errno::TIMEDOUT.into()),
                Ok(0) | Err(Errno::INTR) => {}
                // The write reports what is wrong with the stream.
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }
}

fn is_regular_file(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

#[cfg(test)]
mod tests;
