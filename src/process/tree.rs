//! Signals a whole tree of processes, and nothing else.
//!
//! Invariant: `kill(-1, …)` is called only right after [`SignalDomain::is_isolated`] has proven
//! that this process can't signal processes outside the tree. Inside a Landlock domain that scopes
//! signals, only the tree can be signalled, and the kernel walks its own process list under one
//! lock, so no fork escapes. If the proof fails, the tree is walked instead (`proc_walk`). The
//! design follows the `kill(-1)` of bazel's linux-sandbox, with a domain in place of its pid
//! namespace.

use std::io;
use std::os::fd::OwnedFd;

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, getppid, test_kill_process};

use super::sandbox::{Layer, Layers, io_error};
use super::{proc_walk, sys};

/// Processes that are certainly outside the domain of a supervisor.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutsideProcesses {
    /// The supervisor's parent.
    pub(super) zygote: Pid,
    /// The zygote's parent, and the supervisor's when the zygote is dead (obs is a subreaper).
    pub(super) obs: Pid,
}

/// What the domain of a supervisor restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalDomainRules {
    /// No domain, as on a kernel without signal scopes.
    #[cfg(test)]
    None,
    /// Signals to the outside. For `--sandbox off`: a domain that handles any access to files also
    /// denies mounts.
    Signals,
    /// The same, and nested domains can grant `Refer`.
    ///
    /// A layer that does not handle `Refer` denies it to every layer inside that restricts files:
    /// renames and links between two directories would fail with EXDEV in every confined skill. So
    /// this layer grants it on `/`; the layers inside still decide.
    SignalsAndRefer,
}

/// Which processes this process can signal.
#[derive(Debug)]
pub(super) struct SignalDomain {
    outside: OutsideProcesses,
    /// This process entered a domain that scopes signals, or the errno of the failure.
    entered: Result<(), i32>,
    /// Rules for each skill: its own domain inside this one, so that it can't signal its
    /// supervisor.
    skill_rules: Option<OwnedFd>,
}

impl SignalDomain {
    /// Enters a new domain, if the kernel supports it.
    pub(super) fn enter(outside: OutsideProcesses, wanted: SignalDomainRules) -> Self {
        let restrict = |rules: RulesetCreated| rules.restrict_self().map_err(io_error);
        let entered = ruleset(wanted).and_then(restrict).map(drop);
        let skill_rules = match entered {
            Ok(()) => ruleset(wanted).ok().and_then(Option::<OwnedFd>::from),
            Err(_) => None,
        };
        let entered = entered.map_err(|error| error.raw_os_error().unwrap_or(libc::ENOSYS));
        Self {
            outside,
            entered,
            skill_rules,
        }
    }

    /// A process that claims to have entered a domain and has not: `is_isolated` must find out.
    #[cfg(test)]
    pub(super) fn fake_for_test(outside: OutsideProcesses) -> Self {
        Self {
            outside,
            entered: Ok(()),
            skill_rules: None,
        }
    }

    /// The rules that a skill without rules of its own applies to itself.
    pub(super) fn skill_rules(&self) -> Option<&OwnedFd> {
        self.skill_rules.as_ref()
    }

    /// The layers that this supervisor enforces for every skill.
    pub(super) fn layers(&self) -> Layers {
        let mut layers = Layers::from_list(&[Layer::NoNewPrivileges, Layer::Subreaper]);
        if self.is_isolated() {
            layers.insert(Layer::TreeKill);
        }
        layers
    }

    /// Proves that `kill(-1, …)` stays inside the tree: a process of the same user that is
    /// certainly outside can't be signalled.
    ///
    /// The tested process is the parent, if that is the zygote or obs. Its pid can't have been
    /// reused, unlike a stored pid of obs: the kernel changes the parent in the same step in which
    /// it frees the pid. If the parent is neither of the two, there is no proof.
    pub(super) fn is_isolated(&self) -> bool {
        if self.entered.is_err() {
            return false;
        }
        let Some(parent) = getppid() else {
            return false;
        };
        (parent == self.outside.zygote || parent == self.outside.obs)
            && test_kill_process(parent) == Err(Errno::PERM)
    }

    /// Whether `is_isolated` holds, or why this process is in no domain.
    pub(super) fn proof(&self) -> io::Result<bool> {
        let entered = self.entered.map_err(io::Error::from_raw_os_error);
        entered.map(|()| self.is_isolated())
    }

    /// Sends `signal` to every process below this one. If `is_isolated` holds, one call reaches all
    /// of them; otherwise it may miss some, and the caller has to call again.
    pub(super) fn signal_tree(&self, signal: Signal) {
        if self.is_isolated() {
            sys::signal_everybody(signal);
            return;
        }
        proc_walk::signal_descendants(getpid(), &|_| false, signal);
    }
}

/// The rules of a domain that scopes signals.
///
/// # Errors
/// Without an errno, if the kernel has no such scope (before ABI 6).
fn ruleset(wanted: SignalDomainRules) -> io::Result<RulesetCreated> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::Signal)
        .map_err(io_error)?;
    let rules = match wanted {
        #[cfg(test)]
        SignalDomainRules::None => return Err(io::ErrorKind::Unsupported.into()),
        SignalDomainRules::Signals => rules.create().map_err(io_error)?,
        SignalDomainRules::SignalsAndRefer => {
            let root = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            let refer = PathBeneath::new(root, AccessFs::Refer);
            let rules = rules.handle_access(AccessFs::Refer).map_err(io_error)?;
            let rules = rules.create().map_err(io_error)?;
            rules.add_rule(refer).map_err(io_error)?
        }
    };
    // `kill(-1, …)` is refused for every process outside, which must not fill the audit log (ABI
    // 7).
    rules
        .set_compatibility(CompatLevel::BestEffort)
        .log_same_exec(false)
        .map_err(io_error)
}
