//! Signalling a whole tree of processes, and nothing else.
//!
//! Invariant: `kill(-1, …)` is called only right after [`SignalDomain::is_isolated`] has proven
//! that this process can't reach the ones outside. Inside a Landlock domain that scopes signals,
//! everybody that can be reached is the tree, and the kernel walks its own process list under one
//! lock: no fork outruns it. If the proof fails, the tree is walked instead (`walk`). The idea is
//! the `kill(-1)` of bazel's linux-sandbox, with a domain where that has a pid namespace.

use std::os::fd::OwnedFd;

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, getppid, test_kill_process};

use super::sandbox::{Layer, Layers};
use super::{proc_walk, sys};

/// Processes outside the domain that a supervisor knows for certain.
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
    /// There is no domain, as on a kernel without signal scopes.
    #[cfg(test)]
    None,
    /// Signals to the outside. For `--sandbox off`: a domain that handles any access to files also
    /// denies mounts.
    Signals,
    /// The same, and it can hold domains that grant `Refer`.
    ///
    /// A layer that does not handle `Refer` denies it to every layer inside that restricts files:
    /// renames and links between two directories would fail with EXDEV in every confined skill. So
    /// this layer grants it on `/`; the layers inside still decide.
    SignalsAndRefer,
}

/// What this process knows about the reach of its signals.
#[derive(Debug)]
pub(super) struct SignalDomain {
    outside: OutsideProcesses,
    /// This process entered a domain that scopes signals.
    entered: bool,
    /// Rules for each skill: its own domain inside this one, so that it can't signal its
    /// supervisor.
    skill_rules: Option<OwnedFd>,
}

impl SignalDomain {
    /// Enters a domain of its own, if the kernel has such domains.
    pub(super) fn enter(outside: OutsideProcesses, wanted: SignalDomainRules) -> Self {
        let entered = ruleset(wanted).is_some_and(|rules| rules.restrict_self().is_ok());
        let skill_rules = if entered {
            ruleset(wanted).and_then(Option::<OwnedFd>::from)
        } else {
            None
        };
        Self {
            outside,
            entered,
            skill_rules,
        }
    }

    /// A process that has entered no domain and says it has: what the guard is for.
    #[cfg(test)]
    pub(super) fn fake_for_test(outside: OutsideProcesses) -> Self {
        Self {
            outside,
            entered: true,
            skill_rules: None,
        }
    }

    /// The rules that a skill is to put on itself.
    pub(super) fn skill_rules(&self) -> Option<&OwnedFd> {
        self.skill_rules.as_ref()
    }

    /// The layers that every skill of this supervisor is inside of.
    pub(super) fn layers(&self) -> Layers {
        let mut layers = Layers::from_list(&[Layer::NoNewPrivileges, Layer::Subreaper]);
        if self.is_isolated() {
            layers.insert(Layer::TreeKill);
        }
        layers
    }

    /// Proves that a signal to everybody stays inside the tree: a process that is certainly
    /// outside, and has this one's user, can't be signalled.
    ///
    /// The witness is the parent, if that is the zygote or obs. Unlike obs's remembered pid it
    /// can't have been given to somebody else: the kernel changes the parent in the same step in
    /// which it frees the pid. Without one of the two there is no proof.
    pub(super) fn is_isolated(&self) -> bool {
        if !self.entered {
            return false;
        }
        let Some(parent) = getppid() else {
            return false;
        };
        (parent == self.outside.zygote || parent == self.outside.obs)
            && test_kill_process(parent) == Err(Errno::PERM)
    }

    /// Sends `signal` to every process below this one. One call reaches everything where the guard
    /// holds; where not, processes may slip through and the caller calls again.
    pub(super) fn signal_tree(&self, signal: Signal) {
        if self.is_isolated() {
            sys::signal_everybody(signal);
            return;
        }
        proc_walk::signal_descendants(getpid(), &|_| false, signal);
    }
}

/// The rules of a domain that scopes signals. None if the kernel has no such scope (before ABI 6).
fn ruleset(wanted: SignalDomainRules) -> Option<RulesetCreated> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .scope(Scope::Signal)
        .ok()?;
    let rules = match wanted {
        #[cfg(test)]
        SignalDomainRules::None => return None,
        SignalDomainRules::Signals => rules.create().ok()?,
        SignalDomainRules::SignalsAndRefer => {
            let refer = PathBeneath::new(PathFd::new("/").ok()?, AccessFs::Refer);
            let rules = rules.handle_access(AccessFs::Refer).ok()?;
            rules.create().ok()?.add_rule(refer).ok()?
        }
    };
    // A signal to everybody is refused by everybody outside: no news for the audit log (ABI 7).
    rules
        .set_compatibility(CompatLevel::BestEffort)
        .log_same_exec(false)
        .ok()
}
