//! Errors that say nothing about a layer of the sandbox.

/// True for an error that says nothing about the layer: a resource was missing.
pub(super) fn is_shortage(errno: i32) -> bool {
    matches!(
        errno,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN | libc::ENOBUFS
    )
}
