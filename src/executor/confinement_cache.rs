//! What the kernel is told of skills, as long as it is fresh.
//!
//! Invariant: a confinement is the same object for all steps of a skill that have the same
//! directory to themselves, for at most [`FRESH`]; then what it says of the system is asked anew.
//! By the object a supervisor is found that has its rules at hand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::process::Confinement;

/// How old what is known of the system may be: updates change it, skills can't.
const FRESH: Duration = Duration::from_secs(1);

/// The confinements that were made lately, by the skills' ids.
#[derive(Debug, Default)]
pub(super) struct ConfinementCache(RefCell<HashMap<String, Vec<CachedConfinement>>>);

#[derive(Debug)]
struct CachedConfinement {
    scratch: PathBuf,
    created: Instant,
    confinement: Arc<Confinement>,
}

impl ConfinementCache {
    /// The confinement of `skill_id` with `scratch`; what `make` gives if there is none, or none
    /// that is fresh.
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
