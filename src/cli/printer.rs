//! The one gate to stdout and stderr: nothing else in obs writes to them.
//!
//! Invariant: writing never fails for the one who writes and never panics. A reader of stdout that
//! has gone away is no error and what follows is dropped; any other failure of stdout is kept, for
//! obs to exit with 74. stderr that can't be written is given up quietly: there is nowhere left to
//! say it.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::termios::{isatty, tcgetwinsize};

use crate::model::Escaped;
use crate::report::{Look, Stream, Streams, Tone, paint};

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;
/// Lines of a terminal that does not tell.
const ROWS: usize = 24;

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
pub struct Printer(Arc<Gates>);

#[derive(Debug)]
struct Gates {
    color: ColorChoice,
    verbosity: Verbosity,
    environment: Environment,
    stdout: Mutex<Gate>,
    stderr: Mutex<Gate>,
}

impl Printer {
    /// The gate to this process's own streams, with what its environment says about colours.
    pub fn new(color: ColorChoice, verbosity: Verbosity) -> Self {
        let environment = Environment::read(|name| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        });
        Self::over(
            Box::new(io::stdout()),
            Box::new(io::stderr()),
            color,
            verbosity,
            environment,
        )
    }

    fn over(
        stdout: Box<dyn Sink>,
        stderr: Box<dyn Sink>,
        color: ColorChoice,
        verbosity: Verbosity,
        environment: Environment,
    ) -> Self {
        Self(Arc::new(Gates {
            color,
            verbosity,
            environment,
            stdout: Mutex::new(Gate::new(stdout)),
            stderr: Mutex::new(Gate::new(stderr)),
        }))
    }

    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        self.0.verbosity
    }

    /// The streams, for a report.
    pub fn streams(&self) -> Arc<dyn Streams> {
        Arc::new(self.clone())
    }

    /// Writes data, as it is.
    pub fn data(&self, bytes: impl AsRef<[u8]>) {
        self.write(Stream::Stdout, bytes.as_ref());
    }

    /// Writes a line of data.
    pub fn data_line(&self, line: impl fmt::Display) {
        self.write(Stream::Stdout, format!("{line}\n").as_bytes());
    }

    /// Says a line that is always said: an error, an answer to a signal.
    pub fn say(&self, line: impl fmt::Display) {
        self.write(Stream::Stderr, format!("{line}\n").as_bytes());
    }

    /// Says a line, unless quiet.
    pub fn note(&self, line: impl fmt::Display) {
        if self.0.verbosity >= Verbosity::Normal {
            self.say(line);
        }
    }

    /// Says what went wrong and the way out, both escaped here.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        self.labelled("error", Tone::Bad, message);
        if let Some(hint) = hint {
            self.labelled(" hint", Tone::Dim, hint);
        }
    }

    /// Says something that a person should know, unless quiet.
    pub fn warning(&self, message: &str) {
        if self.0.verbosity >= Verbosity::Normal {
            self.labelled("warning", Tone::Warn, message);
        }
    }

    fn labelled(&self, label: &str, tone: Tone, message: &str) {
        let color = self.look(Stream::Stderr).color;
        self.say(format_args!(
            "{}: {}",
            paint(color, tone, label),
            Escaped(message)
        ));
    }

    /// True where data may be coloured.
    pub fn stdout_has_color(&self) -> bool {
        self.look(Stream::Stdout).color
    }

    /// True where talk may be coloured.
    pub fn stderr_has_color(&self) -> bool {
        self.look(Stream::Stderr).color
    }

    /// stdout for code that wants a [`Write`]. It never fails; see [`stdout_error`](Self::stdout_error).
    pub fn data_writer(&self) -> DataWriter {
        DataWriter(self.clone())
    }

    /// True once the reader of stdout has gone away. What follows is dropped, and that is no error.
    pub fn is_closed(&self) -> bool {
        self.gate(Stream::Stdout).state == State::Closed
    }

    /// Why stdout could not be written, if it could not: a full disk, say. Nothing was written after
    /// that.
    pub fn stdout_error(&self) -> Option<io::Error> {
        match self.gate(Stream::Stdout).state {
            State::Broken(errno) => Some(errno.into()),
            State::Open | State::Closed => None,
        }
    }

    fn gate(&self, stream: Stream) -> MutexGuard<'_, Gate> {
        let gate = match stream {
            Stream::Stdout => &self.0.stdout,
            Stream::Stderr => &self.0.stderr,
        };
        gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams for Printer {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        self.gate(stream).write(bytes);
    }

    fn look(&self, stream: Stream) -> Look {
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
        Look {
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
        self.0.data(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a gate leads to.
trait Sink: Write + AsFd + Send {}

impl Sink for io::Stdout {}
impl Sink for io::Stderr {}
impl Sink for File {}

/// One stream, and what became of it.
struct Gate {
    sink: Box<dyn Sink>,
    was_terminal: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody reads any more.
    Closed,
    /// Writing failed.
    Broken(Errno),
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Gate {
    fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            was_terminal: isatty(sink.as_fd()),
            sink,
            state: State::Open,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.state != State::Open {
            return;
        }
        if let Err(error) = self.write_all(bytes) {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            // A terminal that was hung up answers EIO, and no longer that it is one: its reader is gone
            // as a pipe's can be.
            let hung_up = errno == Errno::IO && self.was_terminal;
            self.state = if errno == Errno::PIPE || hung_up {
                State::Closed
            } else {
                State::Broken(errno)
            };
        }
    }

    /// As [`Write::write_all`] and a flush, but waits where the stream is not blocking: another
    /// process may have made the terminal that both share so.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        loop {
            let step = if rest.is_empty() {
                self.sink.flush().map(|()| None)
            } else {
                self.sink.write(rest).map(Some)
            };
            match step {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(written_bytes)) => rest = rest.get(written_bytes..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the stream takes more. A signal may end the wait early: the next write asks again.
    fn wait(&self) {
        let mut fds = [PollFd::from_borrowed_fd(self.sink.as_fd(), PollFlags::OUT)];
        poll(&mut fds, None).ok();
    }
}

fn is_regular_file(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

#[cfg(test)]
mod tests;
