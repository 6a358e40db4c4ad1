//! obs's end of a pipe that it reads.
//!
//! Invariant: it is non-blocking. Most skills end before obs reads their output, and then the pipe
//! is read without being registered with tokio: registering and deregistering a descriptor costs
//! four system calls and wakes obs twice.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;

/// The reading end of a pipe.
#[derive(Debug)]
pub(super) enum Pipe {
    /// Not registered with tokio.
    Unwatched(OwnedFd),
    /// Registered with tokio.
    Watched(Receiver),
}

impl Pipe {
    /// Makes a pipe. Returns it and the skill's writing end, which blocks.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setfl(&reader, OFlags::NONBLOCK)?;
        Ok((Self::Unwatched(reader), writer))
    }

    /// Registers it with tokio.
    pub(super) fn watched(self) -> io::Result<Self> {
        match self {
            Self::Unwatched(fd) => Receiver::from_owned_fd_unchecked(fd).map(Self::Watched),
            Self::Watched(_) => Ok(self),
        }
    }

    /// Returns when it is readable; never if it is not registered. Errors are ignored, because the
    /// next read returns them.
    pub(super) async fn readable(&self) {
        match self {
            Self::Watched(pipe) => drop(pipe.readable().await),
            Self::Unwatched(_) => pending().await,
        }
    }

    /// Reads once into the spare capacity of `chunk`. Returns 0 at the end.
    pub(super) fn read(&self, chunk: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Watched(pipe) => pipe.try_read_buf(chunk),
            Self::Unwatched(fd) => read_now(fd, chunk),
        }
    }

    /// The descriptor. tokio's reads return data only after it has seen that the pipe is readable.
    pub(super) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::Watched(pipe) => pipe.into_nonblocking_fd(),
            Self::Unwatched(fd) => Ok(fd),
        }
    }
}

/// Reads once into the spare capacity of `chunk`. Returns 0 at the end.
pub(super) fn read_now(fd: &OwnedFd, chunk: &mut Vec<u8>) -> io::Result<usize> {
    let read = rustix::io::retry_on_intr(|| {
        rustix::io::read(fd, rustix::buffer::spare_capacity(&mut *chunk))
    });
    read.map_err(Into::into)
}
