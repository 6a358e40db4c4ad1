//! `openat2` for a supervisor, whose filter denies it to skills.
//!
//! Invariant: a skill's `openat2` fails with ENOSYS. The call can create a set-user-ID file, and its mode
//! is behind a pointer, which a filter can't read. The supervisor has the same filter and needs the call,
//! because nothing else resolves a path beneath a directory in one step. It therefore passes a random
//! number in the two argument registers that the kernel ignores, and the filter compares them. A skill
//! can't learn the number: exec clears registers and memory, and reading a filter or the memory of a
//! process outside of the domain is denied.

#![expect(
    unsafe_code,
    reason = "rustix passes no more arguments than the kernel reads"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use uuid::Uuid;

/// `struct open_how`.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// The values of the fifth and the sixth argument that this process's filter lets pass.
pub(super) fn key() -> [u64; 2] {
    static KEY: OnceLock<[u64; 2]> = OnceLock::new();
    *KEY.get_or_init(|| {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        [high, low]
    })
}

/// Opens an existing file, as [`rustix::fs::openat2`] does.
pub(super) fn openat2(
    directory: impl AsFd,
    path: impl Arg,
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    path.into_with_c_str(|path| openat2_c(directory, path, flags, resolve))
}

fn openat2_c(
    directory: impl AsFd,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let how = OpenHow {
        flags: u64::from(flags.bits()),
        mode: 0,
        resolve: resolve.bits(),
    };
    let [fifth, sixth] = key();
    // SAFETY: the path is NUL-terminated, the kernel reads it and `how`, and both are alive. The last
    // two arguments are not read.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            directory.as_fd().as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<OpenHow>(),
            fifth,
            sixth,
        )
    };
    match libc::c_int::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor for the caller.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
