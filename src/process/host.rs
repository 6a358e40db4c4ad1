//! What obs asks of the system for its own process.

#![expect(unsafe_code, reason = "a disposition is set by the C library only")]

/// Makes a write past the file size limit (`ulimit -f`) an error instead of the end of obs. Skills
/// get the default back: the zygote resets all dispositions, and was forked before.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a valid disposition of SIGXFSZ, and no handler of anybody is replaced.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
