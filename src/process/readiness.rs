//! Files registered with tokio, for waiting until they are ready.
#![expect(
    unsafe_code,
    reason = "tokio leaves it to the caller that a descriptor stays what it is"
)]

use std::fs::File;
use std::io;

use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A file that is registered with tokio.
#[derive(Debug)]
pub(crate) struct WatchedFile(AsyncFd<File>);

impl WatchedFile {
    /// Registers `file`, which must be non-blocking. Must be called inside a tokio runtime.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        // SAFETY: a `File` keeps its descriptor open, and the same one, for as long as it lives.
        // This type hands it out by shared reference only, so nobody can replace it.
        let watched = unsafe { AsyncFd::register(file) };
        Ok(Self(watched?))
    }

    pub(crate) fn file(&self) -> &File {
        self.0.get_ref()
    }

    pub(crate) async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, File>> {
        self.0.readable().await
    }

    pub(crate) async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, File>> {
        self.0.writable().await
    }
}
