//! What was denied, as a program says.

/// One thing that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    /// Access to a path.
    Path(String, DeniedAccess),
    /// Starting a program, by its name or path.
    Program(String),
    /// Loading what a program consists of, from this directory.
    Runtime(String),
    /// A file that is not there, at this path.
    Missing(String),
    /// A connection, or a socket for it.
    Connection(Address),
    /// The address of a host.
    Name(Address),
    /// Waiting for connections.
    Listening,
    /// A Unix socket, with its path if that is known.
    UnixSocket(Option<String>),
    /// A pseudo-terminal.
    Terminal,
    /// Shared memory or a semaphore.
    SharedMemory,
    /// Git does not know who commits, or distrusts the owner of the repository.
    Identity,
    /// Something that no permission grants.
    Never(&'static str),
    /// Something that the message does not name.
    Unknown,
}

/// What was to be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeniedAccess {
    /// The message does not say.
    Any,
    Write,
    /// A directory was to be made, which may be there.
    Directory,
    /// A directory was to be made.
    MakeDirectory,
    /// A name in its directory was to be added, removed or replaced.
    Replace,
}

/// Where a connection was to go, as far as a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
}
