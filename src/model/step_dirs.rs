//! The directories of a step.

use std::path::Path;

/// The directories of a step, all of them canonical.
#[derive(Debug, Clone, Copy)]
pub struct StepDirs<'a> {
    /// The skill's own directory.
    pub skill: &'a Path,
    /// Where skills work.
    pub workspace: &'a Path,
    /// Private to the step; none before it has its turn.
    pub scratch: Option<&'a Path>,
    /// For files between steps; none if there is none yet, or the skill does not ask for it.
    pub run: Option<&'a Path>,
    /// The user's home directory, if it is known.
    pub home: Option<&'a Path>,
}

impl<'a> StepDirs<'a> {
    /// Those that are known before the run.
    pub fn new(skill: &'a Path, workspace: &'a Path, home: Option<&'a Path>) -> Self {
        Self {
            skill,
            workspace,
            scratch: None,
            run: None,
            home,
        }
    }
}
