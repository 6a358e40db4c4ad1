//! System calls without a safe wrapper in rustix.
//!
//! Invariant: each function here is safe to call, or its name says that it belongs to a forked,
//! single-threaded process. This file makes no decisions.

#![expect(
    unsafe_code,
    reason = "fork, wait4, signalfd, sigaction, close_range, kill(-1) and sched_setattr have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, Signal};

/// The only descriptor that a forked helper keeps. Everything below it is `/dev/null`, so
/// descriptors that arrive later are above it and can be moved to 0..=3 without overwriting one
/// another.
pub(super) const KEPT_FD: RawFd = 10;

/// The exit code of a forked helper that failed without an errno.
const EXIT_FAULT: i32 = 70;

/// The process that returns from [`fork`].
pub(super) enum Forked {
    /// The new process.
    Child,
    /// The old process, with the pid of the new one.
    Parent(Pid),
}

/// Forks. The calling process must be single-threaded, or the child may use only what glibc keeps
/// usable after a fork (its own locks and no others).
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: fork has no memory-safety precondition; see above for what the child may use.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Pid::from_raw(pid).map_or(Forked::Child, Forked::Parent)),
    }
}

/// Runs the main function of a forked process. Neither a return nor a panic leaves it: the frames
/// below belong to the parent, whose destructors and exit handlers must not run twice.
pub(super) fn run_forked_child(child_main: impl FnOnce() -> io::Result<()>) -> ! {
    let code = match catch_unwind(AssertUnwindSafe(child_main)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => error.raw_os_error().unwrap_or(EXIT_FAULT),
        Err(_) => EXIT_FAULT,
    };
    // SAFETY: _exit ends the process without running any of its code.
    unsafe { libc::_exit(code) }
}

/// Resets every signal to its default action. obs's handlers must not run in a helper, and skills
/// would inherit ignored signals. This bypasses glibc, which protects its two internal signals;
/// some launchers leave those ignored.
pub(super) fn reset_signal_actions() {
    // All zeroes are SIG_DFL, no flags, no mask, in every architecture's order of them.
    let default = [0_u64; 8];
    for signal in 1..=libc::SIGRTMAX() {
        let (none, mask_size) = (std::ptr::null_mut::<u64>(), size_of::<u64>());
        // SAFETY: the kernel reads at most the 32 bytes of its sigaction. SIGKILL and SIGSTOP are
        // refused, and could not have been changed before either.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                none,
                mask_size,
            );
        }
    }
}

/// Blocks all signals of this thread. Helpers always run with this mask: they receive events
/// through descriptors, and a SIGTERM to the process group must not end the process that ends
/// trees.
pub(super) fn block_all_signals() -> io::Result<()> {
    // SAFETY: the set is initialized by sigfillset before sigprocmask reads it.
    let result = unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut())
    };
    check(result).map(drop)
}

/// A descriptor that becomes readable when a child of this process has ended.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialized by sigemptyset before signalfd reads it.
    let fd = check(unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    })?;
    // SAFETY: signalfd just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// In a freshly forked helper: moves `kept` to [`KEPT_FD`], opens `/dev/null` for all below it, and
/// closes every other descriptor, including those of obs.
pub(super) fn keep_only(kept: OwnedFd) -> io::Result<OwnedFd> {
    let raw = kept.into_raw_fd();
    if raw != KEPT_FD {
        // SAFETY: whatever KEPT_FD was belongs to frames of the parent that this process never
        // returns to.
        check(unsafe { libc::dup3(raw, KEPT_FD, libc::O_CLOEXEC) })?;
    }
    close_range(0, KEPT_FD - 1)?;
    close_range(KEPT_FD + 1, RawFd::MAX)?;
    for expected in 0..KEPT_FD {
        // SAFETY: the path is a NUL-terminated literal. Descriptors below ten stay open over exec
        // only if a skill's own are put over them: the child closes the rest.
        let fd = check(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })?;
        if fd != expected {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
    }
    // SAFETY: KEPT_FD is open, and this is its only owner in this process.
    Ok(unsafe { OwnedFd::from_raw_fd(KEPT_FD) })
}

fn close_range(first: RawFd, last: RawFd) -> io::Result<()> {
    // The arguments are never negative.
    let (first, last) = (first.unsigned_abs(), last.unsigned_abs());
    // SAFETY: only called in a forked helper whose inherited owners are never dropped.
    check(unsafe { libc::close_range(first, last, 0) }).map(drop)
}

/// Sends `signal` to every process that this one may signal, except itself. Call this only after
/// `SignalDomain::is_isolated` has returned true.
pub(super) fn signal_everybody(signal: Signal) {
    // The result says nothing: a refusal with EPERM counts as success. SAFETY: kill has no
    // memory-safety precondition; `is_isolated` limits what it reaches.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// The result of [`wait_any`].
pub(super) enum Waited {
    /// A child ended.
    Ended {
        pid: Pid,
        /// The raw wait status.
        status: i32,
        /// What it and the children that it has waited for consumed.
        usage: Box<libc::rusage>,
    },
    /// There are children, but none has ended.
    Running,
    Childless,
}

/// Reaps one ended child of any kind, without blocking.
pub(super) fn wait_any() -> Waited {
    loop {
        let mut status = 0;
        // SAFETY: rusage is plain data, for which all zeroes are a value.
        let mut usage = Box::new(unsafe { std::mem::zeroed::<libc::rusage>() });
        // SAFETY: both pointers are to live, writable values of the right types.
        let pid = unsafe {
            libc::wait4(
                -1,
                &raw mut status,
                libc::WNOHANG | libc::__WALL,
                &raw mut *usage,
            )
        };
        match Pid::from_raw(pid.max(0)) {
            Some(pid) => return Waited::Ended { pid, status, usage },
            None if pid == 0 => return Waited::Running,
            None if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            None => return Waited::Childless,
        }
    }
}

/// Empties a signal descriptor.
pub(super) fn drain(signals: &OwnedFd) {
    // Standard signals are not queued, so there is at most one record.
    let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
    rustix::io::read(signals, &mut record).ok();
}

/// The Landlock ABI version of the kernel.
pub(super) fn landlock_abi() -> io::Result<i32> {
    const VERSION: u32 = 1;
    let attributes = std::ptr::null::<u8>();
    // SAFETY: with this flag the kernel reads no attributes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            attributes,
            0_usize,
            VERSION,
        )
    };
    check(i32::try_from(result).unwrap_or(0))
}

/// A resource limit of this process.
pub(super) fn rlimit(resource: libc::__rlimit_resource_t) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes to a live value of the right type.
    let result = unsafe { libc::getrlimit(resource, &raw mut limit) };
    (result == 0).then_some(limit)
}

/// The peak resident size of this process, in bytes.
pub(super) fn own_peak_memory() -> u64 {
    // SAFETY: rusage is plain data, for which all zeroes are a value, and the kernel writes to a
    // live one.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    super::tree_usage::peak_memory(&usage)
}

/// Requests short time slices, so that the scheduler runs this process soon after it wakes, even
/// under load. Forked processes are scheduled as usual. Needs Linux 6.12, where the scheduler
/// accepts a slice length; older kernels ignore it.
pub(super) fn request_short_slices() {
    /// The shortest slice that the kernel accepts, in nanoseconds.
    const SLICE: u64 = 100_000;
    // SAFETY: sched_getscheduler and getpriority take no pointers.
    let (policy, nice) = unsafe {
        (
            libc::sched_getscheduler(0),
            libc::getpriority(libc::PRIO_PROCESS, 0),
        )
    };
    // The user has chosen another policy, which the reset on fork would undo.
    if policy != libc::SCHED_OTHER || nice < 0 {
        return;
    }
    let wanted = libc::sched_attr {
        // The size in the first kernel with this call.
        size: 48,
        sched_policy: policy.cast_unsigned(),
        sched_flags: u64::from(libc::SCHED_FLAG_RESET_ON_FORK.unsigned_abs()),
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: SLICE,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads `size` bytes of a live value, and 0 is this process.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
}

/// The raw number of an owned descriptor, for tables that a child reads.
pub(super) fn raw(fd: &OwnedFd) -> RawFd {
    fd.as_raw_fd()
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
