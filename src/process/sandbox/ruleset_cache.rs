//! Rules that serve for several starts.
//!
//! Invariant: rules are used again only for the very same confinement, and only while they are what
//! they would be if they were made now: each path that a skill could have replaced is opened anew,
//! past no symlink, and must lead to the same file. What is in the system's own places
//! (`Grant::of_system`) is replaced by updates at most, so rules are made anew after a second
//! ([`SYSTEM_AGAIN`]) and not looked at before. Making them takes more than a hundred system calls;
//! a domain that a child enters copies them, so no child can change them.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::encoding::decode;
use super::landlock::{self, Target};
use super::{Grant, Layers, Network};
use crate::process::symlinks::Opener;

/// How old what is known of the system's places may be.
const SYSTEM_AGAIN: Duration = Duration::from_secs(1);

/// Steps of a run alternate between a few skills.
const PAGES: usize = 8;

/// Rules by their confinements, those that were used last at the end.
pub(super) struct RulesetCache {
    abi: i32,
    pages: Vec<CachedRuleset>,
}

/// A confinement, and the rules for it.
pub(super) struct CachedRuleset {
    sealed: Vec<u8>,
    made: Instant,
    /// What a skill could have replaced.
    replaceable: Vec<(Grant, Target)>,
    /// None on a kernel without Landlock.
    pub(super) rules: Option<OwnedFd>,
    pub(super) network: Network,
    pub(super) best_effort: bool,
    pub(super) required: Layers,
    pub(super) wanted: Layers,
}

impl RulesetCache {
    /// An empty one, for a kernel with version `abi` of Landlock.
    pub(super) fn new(abi: i32) -> Self {
        let pages = Vec::new();
        Self { abi, pages }
    }

    /// The page of a sealed confinement.
    pub(super) fn open(
        &mut self,
        sealed: &[u8],
        opener: &mut Opener,
    ) -> io::Result<&CachedRuleset> {
        let known = self.pages.iter().position(|page| page.sealed == sealed);
        let known = known.map(|at| self.pages.remove(at));
        let page = match known.filter(|page| page.is_valid(opener)) {
            Some(page) => page,
            None => self.write(sealed, opener)?,
        };
        if self.pages.len() == PAGES {
            self.pages.remove(0);
        }
        let at = self.pages.len();
        self.pages.push(page);
        Ok(&self.pages[at])
    }

    /// Writes a page. Where few files may be open, the ones that others hold are given up for it.
    fn write(&mut self, sealed: &[u8], opener: &mut Opener) -> io::Result<CachedRuleset> {
        match CachedRuleset::write(sealed, self.abi, opener) {
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) && !self.pages.is_empty() => {
                self.pages.clear();
                CachedRuleset::write(sealed, self.abi, opener)
            }
            outcome => outcome,
        }
    }
}

impl CachedRuleset {
    fn write(sealed: &[u8], abi: i32, opener: &mut Opener) -> io::Result<Self> {
        let confinement = decode(sealed)?;
        // Before anything is looked at, so that the age is never understated.
        let made = Instant::now();
        let (rules, targets) = match abi {
            0 => (None, Vec::new()),
            abi => landlock::rules(&confinement, abi, opener)
                .map(|(rules, targets)| (Some(rules), targets))?,
        };
        let (required, wanted) = (confinement.required(), confinement.wanted());
        let grants = confinement.grants.into_iter().zip(targets);
        Ok(Self {
            sealed: sealed.to_owned(),
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
        self.made.elapsed() < SYSTEM_AGAIN
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

    /// True if opening the page of `sealed` made it anew.
    fn is_made_anew(book: &mut RulesetCache, sealed: &[u8]) -> bool {
        let before = book.pages.last().map(|page| page.made);
        let page = book.open(sealed, &mut Opener::default()).unwrap();
        Some(page.made) != before
    }

    fn sealed(confinement: &Confinement) -> Vec<u8> {
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
        let sealed = sealed(&confinement);
        let book = &mut RulesetCache::new(abi);
        assert!(is_made_anew(book, &sealed));
        assert!(!is_made_anew(book, &sealed));
        // The same name, and often the same number, but another directory.
        fs::remove_dir(dir("mine")).unwrap();
        fs::create_dir(dir("mine")).unwrap();
        assert!(is_made_anew(book, &sealed));
        assert!(!is_made_anew(book, &sealed));
        fs::create_dir(dir("later")).unwrap();
        assert!(is_made_anew(book, &sealed));
        book.pages[0].made -= SYSTEM_AGAIN;
        assert!(is_made_anew(book, &sealed));
        // Not even a symlink to the same directory.
        fs::rename(dir("mine"), dir("moved")).unwrap();
        std::os::unix::fs::symlink(dir("moved"), dir("mine")).unwrap();
        let refused = book.open(&sealed, &mut Opener::default()).map(drop);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn as_many_are_kept_as_a_run_needs() {
        let confinement = |name: &str| Confinement {
            grants: vec![Grant::new(name, Access::Read)],
            network: Network::None,
            best_effort: false,
        };
        let names: Vec<_> = (0..=PAGES)
            .map(|n| sealed(&confinement(&format!("/{n}"))))
            .collect();
        let book = &mut RulesetCache::new(landlock::abi());
        for name in &names {
            book.open(name, &mut Opener::default()).unwrap();
        }
        assert_eq!(book.pages.len(), PAGES);
        assert!(book.pages.iter().all(|page| page.sealed != names[0]));
    }
}
