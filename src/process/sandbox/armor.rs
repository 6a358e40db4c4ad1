//! What a child puts on between clone and exec, and the workshop where that is made beforehand.
//!
//! Invariant: the workshop allocates, opens and compiles; the armor is a handful of numbers and one
//! pointer, and putting it on is system calls only. What could be put on is told through a shared
//! atomic. A layer that is required and refused ends the start.

#![expect(
    unsafe_code,
    reason = "the raw calls of the child between clone and exec"
)]

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};

use seccompiler::sock_filter;

use super::super::limits::{Limits, Rlimit};
use super::capabilities;
use super::{Confinement, Layer, Layers, Network, Strictness, landlock, seccomp};

/// Makes armors. Belongs to one supervisor.
pub(in crate::process) struct Workshop {
    abi: i32,
    /// The last filter that was made: steps of a run often want the same.
    filter: Option<(Network, Vec<sock_filter>)>,
}

/// All that an armor points to, for one start.
pub(in crate::process) struct Suit<'a> {
    rules: Option<OwnedFd>,
    rule_layers: Layers,
    filter: &'a [sock_filter],
    filter_layers: Layers,
    required: Layers,
    wanted: Layers,
    confined: bool,
    rlimits: Vec<Rlimit>,
}

impl Workshop {
    pub(in crate::process) fn new() -> Self {
        Self::for_abi(landlock::abi())
    }

    /// Like [`Workshop::new`], on a kernel with at most version `abi` of Landlock.
    pub(in crate::process) fn for_abi(abi: i32) -> Self {
        Self { abi, filter: None }
    }

    /// Prepares a start. Without a confinement only limits are put on.
    ///
    /// # Errors
    /// `ENOSYS` where a required layer does not exist.
    pub(in crate::process) fn prepare(
        &mut self,
        confinement: Option<&Confinement>,
        limits: &Limits,
    ) -> io::Result<Suit<'_>> {
        let rlimits = limits.rlimits(confinement.is_some());
        let Some(confinement) = confinement else {
            return Ok(Suit {
                rules: None,
                // The supervisor's own rules for skills take their place.
                rule_layers: Layers::of(&[Layer::Signals]),
                filter: &[],
                filter_layers: Layers::default(),
                required: Layers::default(),
                wanted: Layers::default(),
                confined: false,
                rlimits,
            });
        };
        let rule_layers = landlock::layers(self.abi);
        let rules = match self.abi {
            0 => None,
            abi => Some(landlock::rules(confinement, abi)?),
        };
        let denies_truncate = !rule_layers.contains(Layer::Truncate);
        let mut filter_layers = Layers::of(&[Layer::Seccomp]);
        if denies_truncate {
            filter_layers.insert(Layer::Truncate);
        }
        let required = match confinement.strictness {
            Strictness::Require => confinement.required(),
            Strictness::BestEffort => Layers::default(),
        };
        let possible = rule_layers.and(filter_layers).and(given());
        if !required.without(possible).is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(Suit {
            rules,
            rule_layers,
            filter: self.filter(&confinement.network, denies_truncate)?,
            filter_layers,
            required,
            wanted: confinement.wanted(),
            confined: true,
            rlimits,
        })
    }

    fn filter(&mut self, network: &Network, denies_truncate: bool) -> io::Result<&[sock_filter]> {
        let fresh = match self.filter.take() {
            // Whether it denies truncate is the same in all that one supervisor makes.
            Some((known, filter)) if known == *network => (known, filter),
            _ => {
                let filter =
                    seccomp::program(network, denies_truncate).map_err(io::Error::other)?;
                (network.clone(), filter)
            }
        };
        Ok(&self.filter.insert(fresh).1)
    }
}

/// What does not depend on Landlock and seccomp: the supervisor has it, or the start fails.
fn given() -> Layers {
    Layers::of(&[Layer::NoNewPrivileges, Layer::Capabilities])
}

impl Suit<'_> {
    /// The armor, with `fallback` for rules where the confinement has none.
    pub(in crate::process) fn armor<'a>(&'a self, fallback: Option<&'a OwnedFd>) -> Armor<'a> {
        let rules = self.rules.as_ref().or(fallback);
        Armor {
            rules: rules.map_or(-1, AsRawFd::as_raw_fd),
            rule_layers: self.rule_layers.to_bits(),
            filter: libc::sock_fprog {
                // The layouts are the kernel's, both of them.
                len: u16::try_from(self.filter.len()).unwrap_or(0),
                filter: self.filter.as_ptr().cast_mut().cast(),
            },
            filter_layers: self.filter_layers.to_bits(),
            required: self.required.to_bits(),
            confined: self.confined,
            rlimits: &self.rlimits,
            applied: AtomicU16::new(0),
            lives: PhantomData,
        }
    }

    pub(in crate::process) fn wanted(&self) -> Layers {
        self.wanted
    }
}

/// What a child puts on.
pub(in crate::process) struct Armor<'a> {
    rules: RawFd,
    rule_layers: u16,
    filter: libc::sock_fprog,
    filter_layers: u16,
    required: u16,
    confined: bool,
    rlimits: &'a [Rlimit],
    applied: AtomicU16,
    lives: PhantomData<&'a [sock_filter]>,
}

impl Armor<'_> {
    /// What was put on, apart from what the supervisor gives to all.
    pub(in crate::process) fn applied(&self) -> Layers {
        Layers::from_bits(self.applied.load(Ordering::Relaxed))
    }

    /// In the child: everything but the filter. False, with errno, if the start must fail.
    pub(in crate::process) fn put_on(&self) -> bool {
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
            self.add(Layers::of(&[Layer::Capabilities]).to_bits());
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

    /// In the child, right before exec: the filter. False, with errno, if the start must fail.
    pub(in crate::process) fn put_on_filter(&self) -> bool {
        if self.filter.len == 0 {
            return true;
        }
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, 0);
        // SAFETY: the program that the kernel reads was made by the workshop and is alive.
        let result =
            unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const self.filter) };
        if result == 0 {
            self.add(self.filter_layers);
            return true;
        }
        self.required & self.filter_layers == 0
    }

    fn add(&self, bits: u16) {
        self.applied.fetch_or(bits, Ordering::Relaxed);
    }
}
