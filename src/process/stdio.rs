//! The pipes between obs and one skill.
//!
//! Invariant: obs never blocks on a pipe: its ends are non-blocking, the skill's ends block. obs
//! serves whichever pipe is ready, so there is no deadlock if a skill fills one pipe while obs
//! fills another. Bytes never go through the supervisor.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Sender;

use super::capture::{CapStatus, CappedBuffer, EventLines, HeadTailBuffer};
use super::pipe::{Pipe, read_now};
use super::redact::{Redactor, Secrets};
use super::spec::ProcessEvent;

/// The capacity of a pipe by default. The first read is smaller, because most skills write less.
const CHUNK: usize = 64 * 1024;
const FIRST_CHUNK: usize = 4096;

/// The most that is read from a stream after the tree has ended. What the pipes hold is finite,
/// unless the tree has passed one to a process outside, which can write more.
const MAX_DRAIN: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SkillPipe {
    Stdin,
    Stdout,
    Stderr,
    Events,
}

/// obs's ends of the pipes, and what was read from them.
#[derive(Debug)]
pub(super) struct SkillPipes {
    stdin: Option<StdinWriter>,
    stdout: Option<Pipe>,
    stderr: Option<Pipe>,
    events: Option<Pipe>,
    /// Standard output after it has exceeded its cap: it is no longer read, but stays open, so that
    /// SIGKILL ends the tree and not a broken pipe.
    capped_stdout: Option<Pipe>,
    pub(super) output: CappedBuffer,
    pub(super) errors: HeadTailBuffer,
    pub(super) lines: EventLines,
    redactor: Redactor,
    chunk: Vec<u8>,
}

/// Writes the rest of standard input.
#[derive(Debug)]
struct StdinWriter {
    pipe: Sender,
    bytes: Vec<u8>,
    written: usize,
}

impl SkillPipes {
    /// Creates the pipes. Returns the skill's ends too: standard input if there is one, output,
    /// error, events.
    pub(super) fn open(
        stdin: Option<Vec<u8>>,
        cap: u64,
        secrets: &Secrets,
    ) -> io::Result<(Self, Vec<OwnedFd>)> {
        let mut theirs = Vec::with_capacity(4);
        let stdin = match stdin {
            None => None,
            Some(bytes) => {
                let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
                theirs.push(reader);
                StdinWriter::begin(writer, bytes)?
            }
        };
        let mut output = || -> io::Result<Option<Pipe>> {
            let (pipe, writer) = Pipe::open()?;
            theirs.push(writer);
            Ok(Some(pipe))
        };
        let (stdout, stderr, events) = (output()?, output()?, output()?);
        let mut streams = Self {
            stdin,
            stdout,
            stderr,
            events,
            capped_stdout: None,
            output: CappedBuffer::new(cap),
            errors: HeadTailBuffer::default(),
            lines: EventLines::default(),
            redactor: Redactor::new(secrets.clone()),
            chunk: Vec::with_capacity(FIRST_CHUNK),
        };
        if streams.stdin.is_some() {
            // A skill with so much input does not end before obs reads its output.
            streams.watch()?;
        }
        Ok((streams, theirs))
    }

    /// Registers the skill's outputs with tokio. Before this, only [`drain`](Self::drain) reads
    /// them.
    pub(super) fn watch(&mut self) -> io::Result<()> {
        for pipe in [&mut self.stdout, &mut self.stderr, &mut self.events] {
            *pipe = pipe.take().map(Pipe::watched).transpose()?;
        }
        Ok(())
    }

    /// Waits until one of the pipes is ready. Dropping the future loses nothing.
    pub(super) async fn ready(&self) -> SkillPipe {
        tokio::select! {
            () = writable(self.stdin.as_ref()) => SkillPipe::Stdin,
            () = readable(self.stdout.as_ref()) => SkillPipe::Stdout,
            () = readable(self.stderr.as_ref()) => SkillPipe::Stderr,
            () = readable(self.events.as_ref()) => SkillPipe::Events,
        }
    }

    /// Reads or writes one pipe once.
    pub(super) fn pump(
        &mut self,
        stream: SkillPipe,
        on_event: &mut impl FnMut(ProcessEvent<'_>),
    ) -> CapStatus {
        let pipe = match stream {
            SkillPipe::Stdin => {
                if self.stdin.as_mut().is_some_and(StdinWriter::write_some) {
                    self.stdin = None;
                }
                return CapStatus::Whole;
            }
            SkillPipe::Stdout => &mut self.stdout,
            SkillPipe::Stderr => &mut self.stderr,
            SkillPipe::Events => &mut self.events,
        };
        let Some(open) = pipe else {
            return CapStatus::Whole;
        };
        let mut chunk = std::mem::take(&mut self.chunk);
        make_room(&mut chunk);
        let status = match open.read(&mut chunk) {
            Err(error) if is_transient(&error) => CapStatus::Whole,
            Ok(0) | Err(_) => {
                *pipe = None;
                CapStatus::Whole
            }
            Ok(_) => self.keep(stream, &chunk, on_event),
        };
        self.chunk = chunk;
        status
    }

    /// Keeps what was read from a stream. Standard error is shown as it arrives, so its secrets are
    /// masked here. Output and events are parsed as JSON first, and the secrets in the parsed
    /// values are masked later.
    fn keep(
        &mut self,
        stream: SkillPipe,
        bytes: &[u8],
        on_event: &mut impl FnMut(ProcessEvent<'_>),
    ) -> CapStatus {
        match stream {
            SkillPipe::Stdin => CapStatus::Whole,
            SkillPipe::Stdout => {
                let (kept, status) = self.output.push(bytes);
                if !kept.is_empty() {
                    on_event(ProcessEvent::Stdout(kept));
                }
                if status == CapStatus::OverCap {
                    self.capped_stdout = self.stdout.take();
                }
                status
            }
            SkillPipe::Stderr => {
                let seen = self.redactor.feed(bytes);
                self.errors.push(&seen);
                on_event(ProcessEvent::Stderr(&seen));
                CapStatus::Whole
            }
            SkillPipe::Events => {
                self.lines
                    .push(bytes, |line| on_event(ProcessEvent::EventLine(line)));
                CapStatus::Whole
            }
        }
    }

    /// After the tree has ended: reads what is left in the pipes, without waiting for their end,
    /// which a process outside the tree may delay.
    pub(super) fn drain(&mut self, on_event: &mut impl FnMut(ProcessEvent<'_>)) -> CapStatus {
        self.stdin = None;
        let mut status = CapStatus::Whole;
        let mut chunk = std::mem::take(&mut self.chunk);
        let pipes = [
            (SkillPipe::Stdout, self.stdout.take()),
            (SkillPipe::Stderr, self.stderr.take()),
            (SkillPipe::Events, self.events.take()),
        ];
        for (stream, pipe) in pipes {
            let Some(pipe) = pipe.and_then(|pipe| pipe.into_fd().ok()) else {
                continue;
            };
            let mut drained = 0;
            while drained < MAX_DRAIN {
                make_room(&mut chunk);
                let length = read_now(&pipe, &mut chunk).unwrap_or(0);
                if length == 0 {
                    break;
                }
                drained += length;
                if self.keep(stream, &chunk, on_event) == CapStatus::OverCap {
                    status = CapStatus::OverCap;
                    break;
                }
            }
        }
        self.chunk = chunk;
        let held = self.redactor.flush(false);
        if !held.is_empty() {
            self.errors.push(&held);
            on_event(ProcessEvent::Stderr(&held));
        }
        status
    }
}

impl StdinWriter {
    /// Writes what fits into the pipe before the skill starts; most input fits completely.
    fn begin(pipe: OwnedFd, bytes: Vec<u8>) -> io::Result<Option<Self>> {
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        let mut written = 0;
        while written < bytes.len() {
            match rustix::io::retry_on_intr(|| rustix::io::write(&pipe, &bytes[written..])) {
                Ok(length) => written += length,
                Err(rustix::io::Errno::AGAIN) => {
                    let pipe = Sender::from_owned_fd_unchecked(pipe)?;
                    return Ok(Some(Self {
                        pipe,
                        bytes,
                        written,
                    }));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(None)
    }

    /// Writes once. True when everything is written or the reader is gone: a skill need not read
    /// its input.
    fn write_some(&mut self) -> bool {
        match self.pipe.try_write(&self.bytes[self.written..]) {
            Ok(length) => {
                self.written += length;
                self.written == self.bytes.len()
            }
            Err(error) => !is_transient(&error),
        }
    }
}

/// Empties `chunk`, and makes it larger if it was filled.
fn make_room(chunk: &mut Vec<u8>) {
    if chunk.len() == chunk.capacity() {
        chunk.reserve(CHUNK);
    }
    chunk.clear();
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

async fn readable(pipe: Option<&Pipe>) {
    match pipe {
        Some(pipe) => pipe.readable().await,
        None => pending().await,
    }
}

/// Errors are ignored, because the next write returns them.
async fn writable(writer: Option<&StdinWriter>) {
    match writer {
        Some(writer) => drop(writer.pipe.writable().await),
        None => pending().await,
    }
}
