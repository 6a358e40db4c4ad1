//! Settings of obs's own process.

#![expect(unsafe_code, reason = "a disposition is set by the C library only")]

/// Leaves SIGINT and SIGQUIT to the pager that runs on the same terminal.
pub(crate) fn ignore_interrupts() {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: SIG_IGN is a valid disposition of both, and no handler of anybody is replaced.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Turns a write past the file size limit (`ulimit -f`) into an error instead of the end of obs.
/// Skills keep the default action: the zygote resets all dispositions, and was forked before.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a valid disposition of SIGXFSZ, and no handler of anybody is replaced.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
