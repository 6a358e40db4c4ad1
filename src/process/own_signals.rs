//! What obs itself does with signals that would end it where an error is better.

#![expect(unsafe_code, reason = "there is no safe way to set a disposition")]

/// Makes a write past the file size limit (`ulimit -f`) an error instead of the end of obs. Skills
/// get the default back: the zygote resets all dispositions, and was forked before.
pub fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a valid disposition of SIGXFSZ, and no handler of anybody is replaced.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
