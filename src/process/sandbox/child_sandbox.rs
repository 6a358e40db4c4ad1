//! The sandbox that a child applies between clone and exec, and the builder that prepares it.
//!
//! Invariant: the [`SandboxBuilder`] allocates, opens and compiles. The [`ChildSandbox`] is a few
//! numbers and one pointer, and applying it takes system calls only. The child reports the applied
//! layers through a shared atomic. The start fails if the kernel refuses a required layer.
//!
//! The filter is not part of the [`ChildSandbox`]: the supervisor installs it on itself once, and
//! every child inherits it. Installing it for each step took a fifth of a step's time, because the
//! kernel compiles the filter and runs it for each system call number. A supervisor therefore
//! accepts only confinements with the same filter.

#![expect(
    unsafe_code,
    reason = "the raw calls of the child between clone and exec"
)]

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};

use super::ruleset_cache::{CachedRuleset, RulesetCache};
use super::shortage::is_shortage;
use super::{Layer, Layers, Network, capabilities, landlock, seccomp};
use crate::process::limits::{Limits, Rlimit};
use crate::process::symlinks::Opener;

/// Makes prepared sandboxes. Each supervisor has one.
pub(in crate::process) struct SandboxBuilder {
    abi: i32,
    rulesets: RulesetCache,
    filter: Filter,
}

/// The seccomp filter that this process has installed.
enum Filter {
    /// None yet.
    None,
    /// The filter for these sockets.
    Installed(Network),
    /// The caller installs the filter, if any.
    Unmanaged,
}

/// Owns everything that the [`ChildSandbox`] of one start points to.
pub(in crate::process) struct PreparedSandbox<'a> {
    rules: Option<&'a OwnedFd>,
    rule_layers: Layers,
    filter_layers: Layers,
    required: Layers,
    wanted: Layers,
    confined: bool,
    rlimits: Vec<Rlimit>,
}

impl SandboxBuilder {
    pub(in crate::process) fn new() -> Self {
        Self::for_abi(landlock::abi(), Filter::None)
    }

    /// A builder that installs no filter.
    pub(in crate::process) fn without_filter() -> Self {
        Self::for_abi(landlock::abi(), Filter::Unmanaged)
    }

    /// Like [`SandboxBuilder::without_filter`], on a kernel with at most version `abi` of Landlock.
    #[cfg(test)]
    pub(in crate::process) fn with_abi(abi: i32) -> Self {
        Self::for_abi(abi, Filter::Unmanaged)
    }

    fn for_abi(abi: i32, filter: Filter) -> Self {
        let rulesets = RulesetCache::new(abi);
        Self {
            abi,
            rulesets,
            filter,
        }
    }

    /// Prepares a start with an encoded confinement. Without one, the child applies limits only.
    ///
    /// # Errors
    /// `ENOSYS` if a required layer does not exist; `EBUSY` if this process has the filter of
    /// another confinement; `ELOOP` if a granted path became a symlink.
    pub(in crate::process) fn prepare(
        &mut self,
        encoded: Option<&[u8]>,
        limits: &Limits,
        opener: &mut Opener,
    ) -> io::Result<PreparedSandbox<'_>> {
        let rlimits = limits.rlimits(encoded.is_some());
        let Some(encoded) = encoded else {
            if let Filter::Installed(_) = self.filter {
                return Err(io::Error::from_raw_os_error(libc::EBUSY));
            }
            return Ok(PreparedSandbox {
                rules: None,
                // `child_sandbox` uses the supervisor's rules for skills instead.
                rule_layers: Layers::from_list(&[Layer::Signals]),
                filter_layers: Layers::default(),
                required: Layers::default(),
                wanted: Layers::default(),
                confined: false,
                rlimits,
            });
        };
        let rule_layers = landlock::layers(self.abi);
        let denies_truncate = !rule_layers.contains(Layer::Truncate);
        let entry = self.rulesets.get(encoded, opener)?;
        let filter_layers = self.filter.install(entry, denies_truncate)?;
        let required = if entry.best_effort {
            Layers::default()
        } else {
            entry.required
        };
        let possible = rule_layers.union(filter_layers).union(baseline());
        if !required.without(possible).is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(PreparedSandbox {
            rules: entry.rules.as_ref(),
            rule_layers,
            filter_layers,
            required,
            wanted: entry.wanted,
            confined: true,
            rlimits,
        })
    }
}

impl Filter {
    /// Installs the filter that the entry needs, and whatever else all children inherit. Returns
    /// the layers that this enforces, which are none if the kernel refuses the filter; the caller
    /// decides whether that is enough.
    fn install(&mut self, entry: &CachedRuleset, denies_truncate: bool) -> io::Result<Layers> {
        let wanted = entry.network.without_ports();
        match self {
            Self::Installed(installed) if *installed != wanted => {
                return Err(io::Error::from_raw_os_error(libc::EBUSY));
            }
            Self::Installed(_) | Self::Unmanaged => {}
            Self::None => {
                capabilities::limit_children();
                match seccomp::install(&wanted, denies_truncate) {
                    Ok(()) => {}
                    // Nobody knows whether the kernel has filters.
                    Err(error) if error.raw_os_error().is_some_and(is_shortage) => {
                        return Err(error);
                    }
                    Err(_) => return Ok(Layers::default()),
                }
                *self = Self::Installed(wanted);
            }
        }
        let mut layers = Layers::from_list(&[Layer::Seccomp]);
        if denies_truncate {
            layers.insert(Layer::Truncate);
        }
        Ok(layers)
    }
}

/// The layers that need neither Landlock nor seccomp. The supervisor has them, or the start fails.
fn baseline() -> Layers {
    Layers::from_list(&[Layer::NoNewPrivileges, Layer::Capabilities])
}

impl PreparedSandbox<'_> {
    /// The [`ChildSandbox`]. It uses `fallback` if the confinement has no rules.
    pub(in crate::process) fn child_sandbox<'a>(
        &'a self,
        fallback: Option<&'a OwnedFd>,
    ) -> ChildSandbox<'a> {
        let rules = self.rules.or(fallback);
        ChildSandbox {
            rules: rules.map_or(-1, AsRawFd::as_raw_fd),
            rule_layers: self.rule_layers.to_bits(),
            required: self.required.to_bits(),
            confined: self.confined,
            rlimits: &self.rlimits,
            applied: AtomicU16::new(self.filter_layers.to_bits()),
            lives: PhantomData,
        }
    }

    pub(in crate::process) fn wanted(&self) -> Layers {
        self.wanted
    }
}

/// What a child applies to itself before exec.
pub(in crate::process) struct ChildSandbox<'a> {
    rules: RawFd,
    rule_layers: u16,
    required: u16,
    confined: bool,
    rlimits: &'a [Rlimit],
    applied: AtomicU16,
    lives: PhantomData<&'a OwnedFd>,
}

impl ChildSandbox<'_> {
    /// The layers that the child has applied, and the filter that it inherited.
    pub(in crate::process) fn applied(&self) -> Layers {
        Layers::from_bits(self.applied.load(Ordering::Relaxed))
    }

    /// In the child: applies the sandbox. False, with errno set, if the start must fail.
    pub(in crate::process) fn apply(&self) -> bool {
        for limit in self.rlimits {
            // Fails if this process's own hard limit is lower, which is as good. SAFETY: the kernel
            // reads the limit, which is alive.
            unsafe { libc::setrlimit(limit.resource, &raw const limit.value) };
        }
        if self.confined {
            // No skill should create files that everybody can write to. SAFETY: no pointers.
            unsafe {
                let mask = libc::umask(0o022);
                libc::umask(mask | 0o002);
            }
            if !capabilities::drop_all() {
                return false;
            }
            self.add(Layers::from_list(&[Layer::Capabilities]).to_bits());
        }
        if self.rules < 0 {
            return true;
        }
        // SAFETY: no pointers; the descriptor is a ruleset.
        if unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.rules, 0) } == 0 {
            self.add(self.rule_layers);
            return true;
        }
        self.confined && self.required & self.rule_layers == 0
    }

    fn add(&self, bits: u16) {
        self.applied.fetch_or(bits, Ordering::Relaxed);
    }
}
