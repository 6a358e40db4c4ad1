//! What obs asks of the system for its own process.

#![expect(
    unsafe_code,
    reason = "only the C library knows which memory is free, and sets a disposition"
)]

/// Gives memory that was freed back to the system. What proves a long plan leaves tens of MiB
/// behind in small pieces, which the run would carry along.
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes a write past the file size limit (`ulimit -f`) an error instead of the end of obs. Skills
/// get the default back: the zygote resets all dispositions, and was forked before.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a valid disposition of SIGXFSZ, and no handler of anybody is replaced.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
