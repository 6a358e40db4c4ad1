//! A cache of Landlock rulesets.
//!
//! Invariant: a ruleset is used again only for the same confinement, and only if making it now
//! would give the same rules. Each path that a skill could have replaced is opened again, following
//! no symlink, and must lead to the same file. Only updates replace system paths
//! (`Grant::is_system`), so these are not checked; instead a ruleset expires after one second
//! ([`MAX_SYSTEM_AGE`]). Making a ruleset takes more than a hundred system calls. A domain that a
//! child enters copies the rules, so no child can change them.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::encoding::decode;
use super::landlock::{self, Target};
use super::{Grant, Layers, Network};
use crate::process::symlinks::Opener;

/// The maximum age of a ruleset, because system paths are not checked again.
const MAX_SYSTEM_AGE: Duration = Duration::from_secs(1);

/// The steps of a run alternate between a few skills.
const MAX_ENTRIES: usize = 8;

/// Rulesets by encoded confinement, the least recently used first.
pub(super) struct RulesetCache {
    abi: i32,
    entries: Vec<CachedRuleset>,
}

/// A confinement and its ruleset.
pub(super) struct CachedRuleset {
    encoded: Vec<u8>,
    made: Instant,
    /// The paths that a skill could have replaced.
    replaceable: Vec<(Grant, Target)>,
    /// `None` on a kernel without Landlock.
    pub(super) rules: Option<OwnedFd>,
    pub(super) network: Network,
    pub(super) best_effort: bool,
    pub(super) required: Layers,
    pub(super) wanted: Layers,
}

impl RulesetCache {
    /// An empty cache for a kernel with version `abi` of Landlock.
    pub(super) fn new(abi: i32) -> Self {
        let entries = Vec::new();
        Self { abi, entries }
    }

    /// The entry of an encoded confinement, which is made if needed.
    pub(super) fn get(
        &mut self,
        encoded: &[u8],
        opener: &mut Opener,
    ) -> io::Result<&CachedRuleset> {
        let known = self
            .entries
            .iter()
            .position(|entry| entry.encoded == encoded);
        let known = known.map(|at| self.entries.remove(at));
        let entry = match known.filter(|entry| entry.is_valid(opener)) {
            Some(entry) => entry,
            None => self.create(encoded, opener)?,
        };
        if self.entries.len() == MAX_ENTRIES {
            self.entries.remove(0);
        }
        let at = self.entries.len();
        self.entries.push(entry);
        Ok(&self.entries[at])
    }

    /// Makes an entry. If this process has no descriptors left, the other entries are dropped.
    fn create(&mut self, encoded: &[u8], opener: &mut Opener) -> io::Result<CachedRuleset> {
        match CachedRuleset::create(encoded, self.abi, opener) {
            Err(error)
                if error.raw_os_error() == Some(libc::EMFILE) && !self.entries.is_empty() =>
            {
                self.entries.clear();
                CachedRuleset::create(encoded, self.abi, opener)
            }
            outcome => outcome,
        }
    }
}

impl CachedRuleset {
    fn create(encoded: &[u8], abi: i32, opener: &mut Opener) -> io::Result<Self> {
        let confinement = decode(encoded)?;
        // Before any path is opened, so that the age is never understated.
        let made = Instant::now();
        let (rules, targets) = match abi {
            0 => (None, Vec::new()),
            abi => landlock::rules(&confinement, abi, opener)
                .map(|(rules, targets)| (Some(rules), targets))?,
        };
        let (required, wanted) = (confinement.required(), confinement.wanted());
        let grants = confinement.grants.into_iter().zip(targets);
        Ok(Self {
            encoded: encoded.to_owned(),
            made,
            replaceable: grants.filter(|(grant, _)| !grant.is_system).collect(),
            rules,
            network: confinement.network,
            best_effort: confinement.best_effort,
            required,
            wanted,
        })
    }

    fn is_valid(&self, opener: &mut Opener) -> bool {
        self.made.elapsed() < MAX_SYSTEM_AGE
            && self
                .replaceable
                .iter()
                .all(|(grant, target)| landlock::is_unchanged(grant, *target, opener))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::sandbox::encoding::encode;
    use crate::process::sandbox::{Access, Confinement};

    /// True if getting the entry of `encoded` made a new one.
    fn is_made_anew(rulesets: &mut RulesetCache, encoded: &[u8]) -> bool {
        let before = rulesets.entries.last().map(|entry| entry.made);
        let entry = rulesets.get(encoded, &mut Opener::default()).unwrap();
        Some(entry.made) != before
    }

    fn encoded(confinement: &Confinement) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, confinement);
        out
    }

    #[test]
    fn rules_are_made_anew_as_soon_as_a_path_leads_elsewhere() {
        let Some(abi) = Some(landlock::abi()).filter(|abi| *abi > 0) else {
            return crate::process::tests::skip("there is no Landlock");
        };
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().canonicalize().unwrap();
        let dir = |name: &str| real.join(name);
        fs::create_dir(dir("mine")).unwrap();
        let confinement = Confinement {
            grants: vec![
                Grant {
                    is_system: true,
                    ..Grant::new("/usr", Access::ReadExec)
                },
                Grant::new(dir("mine"), Access::ReadWrite),
                Grant::new(dir("later"), Access::Read),
            ],
            network: Network::None,
            best_effort: false,
        };
        let encoded = encoded(&confinement);
        let rulesets = &mut RulesetCache::new(abi);
        assert!(is_made_anew(rulesets, &encoded));
        assert!(!is_made_anew(rulesets, &encoded));
        // The same name, and often the same inode number, but another directory.
        fs::remove_dir(dir("mine")).unwrap();
        fs::create_dir(dir("mine")).unwrap();
        assert!(is_made_anew(rulesets, &encoded));
        assert!(!is_made_anew(rulesets, &encoded));
        fs::create_dir(dir("later")).unwrap();
        assert!(is_made_anew(rulesets, &encoded));
        rulesets.entries[0].made -= MAX_SYSTEM_AGE;
        assert!(is_made_anew(rulesets, &encoded));
        // Not even a symlink to the same directory.
        fs::rename(dir("mine"), dir("moved")).unwrap();
        std::os::unix::fs::symlink(dir("moved"), dir("mine")).unwrap();
        let refused = rulesets.get(&encoded, &mut Opener::default()).map(drop);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn as_many_are_kept_as_a_run_needs() {
        let confinement = |name: &str| Confinement {
            grants: vec![Grant::new(name, Access::Read)],
            network: Network::None,
            best_effort: false,
        };
        let names: Vec<_> = (0..=MAX_ENTRIES)
            .map(|n| encoded(&confinement(&format!("/{n}"))))
            .collect();
        let rulesets = &mut RulesetCache::new(landlock::abi());
        for name in &names {
            rulesets.get(name, &mut Opener::default()).unwrap();
        }
        assert_eq!(rulesets.entries.len(), MAX_ENTRIES);
        assert!(
            rulesets
                .entries
                .iter()
                .all(|entry| entry.encoded != names[0])
        );
    }
}
