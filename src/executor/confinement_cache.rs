//! A cache of recent confinements.
//!
//! Invariant: all steps of a skill with the same private directory share one confinement object for
//! at most [`FRESH`]; then its facts about the system are read again. The object identifies a
//! supervisor that already has its rules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::process::Confinement;

/// The maximum age of facts about the system: updates change them, skills can't.
const FRESH: Duration = Duration::from_secs(1);

/// The recent confinements, by skill id.
#[derive(Debug, Default)]
pub(super) struct ConfinementCache(RefCell<HashMap<String, Vec<CachedConfinement>>>);

#[derive(Debug)]
struct CachedConfinement {
    scratch: PathBuf,
    created: Instant,
    confinement: Arc<Confinement>,
}

impl ConfinementCache {
    /// The confinement of `skill_id` with `scratch`; the result of `make` if there is no fresh one.
    pub(super) fn get(
        &self,
        skill_id: &str,
        scratch: &Path,
        make: impl FnOnce() -> Option<Confinement>,
    ) -> Option<Arc<Confinement>> {
        let mut all = self.0.borrow_mut();
        if let Some(of_skill) = all.get_mut(skill_id) {
            of_skill.retain(|recent| recent.created.elapsed() < FRESH);
            if let Some(fresh) = of_skill.iter().find(|recent| recent.scratch == scratch) {
                return Some(Arc::clone(&fresh.confinement));
            }
        }
        let created = Instant::now();
        let confinement = Arc::new(make()?);
        all.entry(skill_id.to_owned())
            .or_default()
            .push(CachedConfinement {
                scratch: scratch.to_owned(),
                created,
                confinement: Arc::clone(&confinement),
            });
        Some(confinement)
    }
}
