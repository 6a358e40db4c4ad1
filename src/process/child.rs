//! Starts a skill's leader.
//!
//! Invariant: between clone and exec, the child shares the memory of the supervisor, which is
//! suspended, so it only makes system calls: no allocation, no lock, no panic. Everything it needs
//! is prepared before; errors are returned through the shared memory. It has the supervisor's
//! signal state, which is known: default actions, and all signals blocked until the last calls
//! before exec. The `posix_spawn` of musl and glibc works in the same way.

#![expect(
    unsafe_code,
    reason = "clone with shared memory, and the raw calls of the child between clone and exec"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

use rustix::process::{Pid, getpid};

use super::sandbox::ChildSandbox;
use super::spec::StartStage;

/// The child needs little of this, but the dynamic loader may resolve a symbol on it.
const STACK_BYTES: usize = 64 * 1024;

/// What the child executes, and with what.
pub(super) struct ExecSpec<'a> {
    /// Absolute path.
    pub(super) program: &'a CStr,
    /// The working directory, opened.
    pub(super) cwd: RawFd,
    pub(super) argv: Vec<&'a CStr>,
    pub(super) env: Vec<&'a CStr>,
    /// Descriptors 0 to 3, all of them above 9.
    pub(super) stdio: [RawFd; 4],
    pub(super) child_sandbox: &'a ChildSandbox<'a>,
}

/// The stage and the error of a failed start.
pub(super) struct StartFailure {
    pub(super) stage: StartStage,
    pub(super) errno: i32,
}

impl StartFailure {
    pub(super) fn new(stage: StartStage, error: &io::Error) -> Self {
        Self {
            stage,
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        }
    }
}

pub(super) struct ChildSpawner {
    /// The child's stack; 16-byte elements because that is the alignment of a stack.
    stack: Vec<u128>,
    oom_score: OomScore,
}

/// Makes the kernel kill a skill before obs when memory runs out. A child inherits its parent's
/// score, so the parent raises its own while it starts a child: setting it in the child through
/// `/proc` would take longer than the rest of the start. A failure does not prevent the start.
struct OomScore {
    file: Option<File>,
    own: String,
    of_skills: String,
}

impl OomScore {
    fn new() -> Self {
        let path = "/proc/self/oom_score_adj";
        let own = std::fs::read_to_string(path).unwrap_or_default();
        let own = own.trim().parse::<i32>().unwrap_or(0);
        Self {
            file: File::options().write(true).open(path).ok(),
            own: own.to_string(),
            of_skills: own.saturating_add(500).min(1000).to_string(),
        }
    }

    fn raise(&self) {
        self.write(&self.of_skills);
    }

    fn lower(&self) {
        self.write(&self.own);
    }

    fn write(&self, score: &str) {
        if let Some(mut file) = self.file.as_ref() {
            file.write_all(score.as_bytes()).ok();
        }
    }
}

/// The memory that the child reads, and writes its error to.
struct Shared<'a> {
    program: *const c_char,
    cwd: RawFd,
    argv: *const *const c_char,
    env: *const *const c_char,
    stdio: [RawFd; 4],
    child_sandbox: &'a ChildSandbox<'a>,
    parent: libc::pid_t,
    failed_stage: AtomicU8,
    failed_errno: AtomicI32,
}

impl ChildSpawner {
    pub(super) fn new() -> Self {
        Self {
            stack: vec![0; STACK_BYTES / size_of::<u128>()],
            oom_score: OomScore::new(),
        }
    }

    /// Starts a child. Returns after the exec, or when the start has failed.
    pub(super) fn spawn(&mut self, spec: &ExecSpec<'_>) -> Result<Pid, StartFailure> {
        let argv = pointers(&spec.argv);
        let env = pointers(&spec.env);
        let shared = Shared {
            program: spec.program.as_ptr(),
            cwd: spec.cwd,
            argv: argv.as_ptr(),
            env: env.as_ptr(),
            stdio: spec.stdio,
            child_sandbox: spec.child_sandbox,
            parent: getpid().as_raw_pid(),
            failed_stage: AtomicU8::new(0),
            failed_errno: AtomicI32::new(0),
        };
        let stack_top = self.stack.as_mut_ptr_range().end;
        self.oom_score.raise();
        // SAFETY: the stack is aligned, large enough and lives on; `shared` and all that it points
        // to outlive the child's use of them, because CLONE_VFORK holds this thread until the child
        // has executed its program or is gone.
        let pid = unsafe {
            libc::clone(
                child_main,
                stack_top.cast(),
                libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
                (&raw const shared).cast_mut().cast(),
            )
        };
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        self.oom_score.lower();
        let Some(pid) = Pid::from_raw(pid.max(0)) else {
            let stage = StartStage::Clone;
            return Err(StartFailure { stage, errno });
        };
        match StartStage::from_wire(shared.failed_stage.load(Ordering::Relaxed)) {
            None => Ok(pid),
            Some(stage) => {
                rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).ok();
                Err(StartFailure {
                    stage,
                    errno: shared.failed_errno.load(Ordering::Relaxed),
                })
            }
        }
    }
}

/// A NULL-terminated table of pointers for `execve`.
fn pointers(texts: &[&CStr]) -> Vec<*const c_char> {
    texts
        .iter()
        .map(|text| text.as_ptr())
        .chain([ptr::null()])
        .collect()
}

/// The child, up to exec.
extern "C" fn child_main(shared: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a `Shared` that lives until this child is done with it. Only shared
    // references to it exist; the two fields that are written are atomics.
    let shared = unsafe { &*shared.cast::<Shared<'_>>() };
    let stage = prepare_and_exec(shared);
    // SAFETY: errno of this thread; the supervisor's thread, whose it is too, waits.
    let errno = unsafe { *libc::__errno_location() };
    shared.failed_errno.store(errno, Ordering::Relaxed);
    shared
        .failed_stage
        .store(stage.to_wire(), Ordering::Relaxed);
    // SAFETY: ends this process without running anything of the supervisor's.
    unsafe { libc::_exit(127) }
}

/// Returns only on failure, with the stage that failed; errno says why.
fn prepare_and_exec(shared: &Shared<'_>) -> StartStage {
    // SAFETY: system calls that take no pointer.
    unsafe {
        if libc::setsid() < 0 {
            return StartStage::Session;
        }
        // A backstop only: it covers the leader, the supervisor covers everything.
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0 {
            return StartStage::Session;
        }
        // The supervisor may have died before that call took effect.
        if libc::getppid() != shared.parent {
            *libc::__errno_location() = libc::ESRCH;
            return StartStage::Session;
        }
    }
    // SAFETY: no pointers; the descriptors are above 9, so none is overwritten before its turn.
    unsafe {
        for (target, source) in (0..).zip(shared.stdio) {
            if libc::dup2(source, target) < 0 {
                return StartStage::Descriptors;
            }
        }
    }
    // SAFETY: no pointers; the descriptor is above 9, so it was not overwritten.
    if unsafe { libc::fchdir(shared.cwd) } < 0 {
        return StartStage::WorkingDirectory;
    }
    if !shared.child_sandbox.apply() {
        return StartStage::Confinement;
    }
    // SAFETY: no pointers. Last of all descriptors, because the rules and the working directory
    // were some.
    if unsafe { libc::close_range(4, libc::c_uint::MAX, 0) } < 0 {
        return StartStage::Descriptors;
    }
    // SAFETY: the set is initialized by sigemptyset.
    unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) < 0 {
            return StartStage::Session;
        }
    }
    // SAFETY: all pointers were made by `spawn` from NUL-terminated texts and NULL-terminated
    // tables that are alive.
    unsafe {
        libc::execve(shared.program, shared.argv, shared.env);
    }
    StartStage::Exec
}
