//! Drops capabilities, which give root its rights.
//!
//! Invariant: afterwards the process has no capability in any set, and no exec gives it one: the
//! bounding set is empty if the process may empty it, user id 0 has no special rights
//! (`SECBIT_NOROOT`, locked), and `no_new_privs`, which the supervisor has set, covers the case
//! that the kernel refused both. The supervisor sets once what children inherit and what takes no
//! rights from itself (the bounding set, the secure bits), which saves each child forty system
//! calls. The rest runs between clone and exec: one system call, no allocation, no panic.

#![expect(unsafe_code, reason = "capset and prctl, between clone and exec")]

use libc::{c_int, c_long, c_ulong};

/// More than any kernel has; the loop ends at the first capability that does not exist.
const MAX_CAPABILITY: c_ulong = 63;

/// `_LINUX_CAPABILITY_VERSION_3`: two words for each set.
const VERSION: u32 = 0x2008_0522;

/// `NOROOT`, `NO_SETUID_FIXUP`, `KEEP_CAPS` off, `NO_CAP_AMBIENT_RAISE`, all of them locked.
const SECUREBITS: c_ulong = 0b1110_1111;

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

/// `struct __user_cap_data_struct`, of which there are two.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Makes sure that no exec gives a child of this process a capability.
pub(super) fn limit_children() {
    // All three are best effort: a process that may not do this gains no capability by exec either.
    // SAFETY: no pointers.
    unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        );
        for capability in 0..=MAX_CAPABILITY {
            if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                break;
            }
        }
        libc::prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0);
    }
}

/// Drops all capabilities. False, with errno set, if the process still has them.
pub(super) fn drop_all() -> bool {
    let header = Header {
        version: VERSION,
        pid: 0,
    };
    let none = [Sets::default(); 2];
    // SAFETY: the kernel reads a header and two sets, which live until it returns.
    let result: c_long =
        unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    result == 0
}
