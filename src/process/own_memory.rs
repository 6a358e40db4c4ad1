//! The memory that obs itself has no use for any more.

#![cfg_attr(
    target_env = "gnu",
    expect(unsafe_code, reason = "only the C library knows what is free")
)]

/// Gives memory that was freed back to the system. What proves a long plan leaves tens of MiB
/// behind in small pieces, which the run would carry along.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
