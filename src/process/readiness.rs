//! Files that are waited for with tokio.
#![expect(
    unsafe_code,
    reason = "tokio leaves it to the caller that a descriptor stays what it is"
)]

use std::fs::File;
use std::io;

use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A file that tokio watches.
#[derive(Debug)]
pub(crate) struct WatchedFile(AsyncFd<File>);

impl WatchedFile {
    /// Has tokio watch `file`, which must not block. To be called inside a tokio runtime.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        // SAFETY: a `File` keeps its descriptor open, and the same one, for as long as it lives.
        // This type gives it out by shared reference only, so that nobody puts another one in its
        // place.
        let watched = unsafe { AsyncFd::register(file) };
        Ok(Self(watched?))
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        self.0.get_ref()
    }

    /// Waits until there is something to read.
    pub(crate) async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, File>> {
        self.0.readable().await
    }

    /// Waits until something can be written.
    pub(crate) async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, File>> {
        self.0.writable().await
    }
}
