//! What a child puts on between clone and exec, and the workshop where that is made beforehand.
//!
//! Invariant: the [`SandboxBuilder`] allocates, opens and compiles; the [`ChildSandbox`] is a
//! handful of numbers and one pointer, and putting it on is system calls only. What could be put on
//! is told through a shared atomic. A layer that is required and refused ends the start.
//!
//! The filter is not part of the [`ChildSandbox`]: the supervisor installs it itself, once and for
//! ever, and all that it starts has it from birth. Installing it anew for each step cost a fifth of
//! a step: the kernel compiles it and tries each system call on it. A supervisor therefore serves
//! confinements of one filter, and refuses any other.

#![expect(
    unsafe_code,
    reason = "the raw calls of the child between clone and exec"
)]

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};

use super::ruleset_cache::{CachedRuleset, RulesetCache};
use super::{Layer, Layers, Network, capabilities, landlock, seccomp};
use crate::process::limits::{Limits, Rlimit};
use crate::process::symlinks::Opener;

/// Makes armors. Belongs to one supervisor.
pub(in crate::process) struct SandboxBuilder {
    abi: i32,
    book: RulesetCache,
    filter: Filter,
}

/// What the process of a workshop wears.
enum Filter {
    /// Nothing yet.
    None,
    /// The filter for these sockets.
    Worn(Network),
    /// Nothing, and the workshop is not to change that.
    NotOurs,
}

/// All that a [`ChildSandbox`] points to, for one start.
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

    /// One that leaves the filter to its caller.
    pub(in crate::process) fn without_filter() -> Self {
        Self::for_abi(landlock::abi(), Filter::NotOurs)
    }

    /// Like [`SandboxBuilder::without_filter`], on a kernel with at most version `abi` of Landlock.
    #[cfg(test)]
    pub(in crate::process) fn of_abi(abi: i32) -> Self {
        Self::for_abi(abi, Filter::NotOurs)
    }

    fn for_abi(abi: i32, filter: Filter) -> Self {
        let book = RulesetCache::new(abi);
        Self { abi, book, filter }
    }

    /// Prepares a start with what `seal` has made of a confinement. Without one only limits are put
    /// on.
    ///
    /// # Errors
    /// `ENOSYS` where a required layer does not exist; `EBUSY` where this process wears the filter
    /// of another confinement; `ELOOP` if a granted path became a symlink.
    pub(in crate::process) fn prepare(
        &mut self,
        sealed: Option<&[u8]>,
        limits: &Limits,
        opener: &mut Opener,
    ) -> io::Result<PreparedSandbox<'_>> {
        let rlimits = limits.rlimits(sealed.is_some());
        let Some(sealed) = sealed else {
            if let Filter::Worn(_) = self.filter {
                return Err(io::Error::from_raw_os_error(libc::EBUSY));
            }
            return Ok(PreparedSandbox {
                rules: None,
                // The supervisor's own rules for skills take their place.
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
        let page = self.book.open(sealed, opener)?;
        let filter_layers = self.filter.install(page, denies_truncate)?;
        let required = if page.best_effort {
            Layers::default()
        } else {
            page.required
        };
        let possible = rule_layers.union(filter_layers).union(baseline());
        if !required.without(possible).is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(PreparedSandbox {
            rules: page.rules.as_ref(),
            rule_layers,
            filter_layers,
            required,
            wanted: page.wanted,
            confined: true,
            rlimits,
        })
    }
}

impl Filter {
    /// Puts the filter on that the page wants, with what else all children are to be born with, and
    /// gives the layers that it is. If it is refused, none; whether that will do is the caller's to
    /// say.
    fn install(&mut self, page: &CachedRuleset, denies_truncate: bool) -> io::Result<Layers> {
        let wanted = page.network.without_ports();
        match self {
            Self::Worn(worn) if *worn != wanted => {
                return Err(io::Error::from_raw_os_error(libc::EBUSY));
            }
            Self::Worn(_) | Self::NotOurs => {}
            Self::None => {
                capabilities::give_up_for_children();
                if seccomp::install(&wanted, denies_truncate).is_err() {
                    return Ok(Layers::default());
                }
                *self = Self::Worn(wanted);
            }
        }
        let mut layers = Layers::from_list(&[Layer::Seccomp]);
        if denies_truncate {
            layers.insert(Layer::Truncate);
        }
        Ok(layers)
    }
}

/// What does not depend on Landlock and seccomp: the supervisor has it, or the start fails.
fn baseline() -> Layers {
    Layers::from_list(&[Layer::NoNewPrivileges, Layer::Capabilities])
}

impl PreparedSandbox<'_> {
    /// The [`ChildSandbox`], with `fallback` for rules where the confinement has none.
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

/// What a child puts on.
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
    /// What was put on, apart from what the supervisor gives to all.
    pub(in crate::process) fn applied(&self) -> Layers {
        Layers::from_bits(self.applied.load(Ordering::Relaxed))
    }

    /// In the child: puts it on. False, with errno, if the start must fail.
    pub(in crate::process) fn apply(&self) -> bool {
        for limit in self.rlimits {
            // Refused where the caller's own hard limit is lower, which is as good.
            // SAFETY: the kernel reads the limit, which is alive.
            unsafe { libc::setrlimit(limit.resource, &raw const limit.value) };
        }
        if self.confined {
            // Files that anybody may write are never what was meant.
            // SAFETY: no pointers.
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
