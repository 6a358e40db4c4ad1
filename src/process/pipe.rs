//! obs's end of a pipe that it reads from.
//!
//! Invariant: it is non-blocking. Most skills have ended before anybody looks for what they write,
//! and then it is read without having been watched: a descriptor that joins and leaves what tokio
//! watches costs four calls of the kernel and wakes obs twice.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;

/// The end of a pipe.
#[derive(Debug)]
pub(super) enum Pipe {
    /// Nobody hears when there is something to read.
    Unwatched(OwnedFd),
    /// tokio does.
    Watched(Receiver),
}

impl Pipe {
    /// A pipe, with the end that the skill writes to, which blocks.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setfl(&reader, OFlags::NONBLOCK)?;
        Ok((Self::Unwatched(reader), writer))
    }

    /// Has tokio watch it from now on.
    pub(super) fn watched(self) -> io::Result<Self> {
        match self {
            Self::Unwatched(fd) => Receiver::from_owned_fd_unchecked(fd).map(Self::Watched),
            Self::Watched(_) => Ok(self),
        }
    }

    /// Returns when it can be read; never if it is not watched. An error is found again, and dealt
    /// with, by the read that follows.
    pub(super) async fn readable(&self) {
        match self {
            Self::Watched(pipe) => drop(pipe.readable().await),
            Self::Unwatched(_) => pending().await,
        }
    }

    /// Reads once into the space that `chunk` has; 0 at the end.
    pub(super) fn read(&self, chunk: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Watched(pipe) => pipe.try_read_buf(chunk),
            Self::Unwatched(fd) => read_now(fd, chunk),
        }
    }

    /// The descriptor. Through tokio one reads only what it has heard of.
    pub(super) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::Watched(pipe) => pipe.into_nonblocking_fd(),
            Self::Unwatched(fd) => Ok(fd),
        }
    }
}

/// Reads once into the space that `chunk` has; 0 at the end.
pub(super) fn read_now(fd: &OwnedFd, chunk: &mut Vec<u8>) -> io::Result<usize> {
    let read = rustix::io::retry_on_intr(|| {
        rustix::io::read(fd, rustix::buffer::spare_capacity(&mut *chunk))
    });
    read.map_err(Into::into)
}
