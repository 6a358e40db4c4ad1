//! Where the state is, from flags and environment, and opening it.
//!
//! Invariant: a verb that needs no state never touches it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::{RunSelector, StateArgs};
use super::error::{CommandError, ErrorKind};
use super::plan_path::{from_here, name_of_path};
use crate::process::directory_variable;
use crate::prove::OwnFiles;
use crate::report::age;
use crate::store::{
    Candidate, ChainKey, ExportError, FindError, RunName, RunRow, StateReader, StateWriter,
    StoreError, lock_directory,
};

/// What `--state-dir` says for no state at all.
const NONE: &str = "none";

/// The variable with the key of the chain.
const CHAIN_KEY: &str = "OBS_CHAIN_KEY";

impl StateArgs {
    /// The state's directory, absolute; `None` if nothing is to be kept.
    pub(super) fn directory(&self) -> Result<Option<PathBuf>, CommandError> {
        if self.dir.as_deref() == Some(Path::new(NONE)) {
            return Ok(None);
        }
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => match (
                directory_variable("XDG_STATE_HOME"),
                directory_variable("HOME"),
            ) {
                (Some(state), _) => state.join("obs"),
                (None, Some(home)) => home.join(".local/state/obs"),
                (None, None) => return Err(unusable(&StoreError::NoPlace)),
            },
        };
        std::path::absolute(&dir).map(Some).map_err(|error| {
            let what = format!("can't use `{}` for the state", dir.display());
            CommandError::with_source(ErrorKind::Usage, what, &error)
        })
    }

    /// The directory of the locks of logs: in the state, else in the user's runtime directory. No
    /// third place is sure to be out of reach of skills and of other users, and a log can do
    /// without a lock.
    pub(super) fn lock_directory(&self) -> Result<Option<PathBuf>, CommandError> {
        if let Some(state) = self.directory()? {
            return Ok(Some(lock_directory(&state)));
        }
        let runtime = directory_variable("XDG_RUNTIME_DIR").filter(|runtime| is_private(runtime));
        Ok(runtime.map(|runtime| runtime.join("obs")))
    }

    /// The files of obs itself in a run with these flags.
    pub(super) fn own_files(&self, log: Option<&Path>, run_dir: Option<&Path>) -> OwnFiles {
        // Without a place for the state, opening it says so.
        let state = self.directory().ok().flatten();
        let locks = match (&state, log) {
            (None, Some(_)) => self.lock_directory().ok().flatten(),
            _ => None,
        };
        let absolute = |path: &Path| std::path::absolute(path).ok();
        OwnFiles {
            state,
            locks,
            log: log.and_then(absolute),
            run_dir: run_dir.and_then(absolute),
        }
    }

    /// Opens the state for a run; `None` if nothing is to be kept.
    pub(super) fn open(&self) -> Result<Option<StateWriter>, CommandError> {
        let dir = self.directory()?;
        let store = dir
            .map(|dir| StateWriter::open(&dir, chain_key()))
            .transpose();
        store.map_err(|error| unusable(&error))
    }

    /// Opens the state to look things up; `None` if there is nothing yet.
    pub(super) fn open_reader(&self) -> Result<Option<StateReader>, CommandError> {
        let Some(dir) = self.directory()? else {
            let message = "`--state-dir none` keeps no runs to look up";
            return Err(CommandError::new(ErrorKind::Usage, message));
        };
        StateReader::open(&dir, chain_key()).map_err(|error| unreadable(&error))
    }

    /// Opens the state and finds a run that must be in it.
    pub(super) fn find_run(
        &self,
        selector: &RunSelector,
    ) -> Result<(StateReader, RunRow), CommandError> {
        let history = self.open_reader()?;
        let history = history.ok_or_else(|| not_found(&FindError::Empty))?;
        let run = history.find(&run_name(selector, ""));
        Ok((history, run.map_err(|error| not_found(&error))?))
    }

    /// Opens the state and finds a run in it, the newest if `selector` names none; `None` if none is
    /// named and there is none yet.
    pub(super) fn find_run_or_newest(
        &self,
        selector: Option<&RunSelector>,
    ) -> Result<Option<(StateReader, RunRow)>, CommandError> {
        if let Some(selector) = selector {
            return self.find_run(selector).map(Some);
        }
        let Some(history) = self.open_reader()? else {
            return Ok(None);
        };
        match history.find(&RunName::Last(0)) {
            Ok(run) => Ok(Some((history, run))),
            Err(FindError::Empty) => Ok(None),
            Err(error) => Err(not_found(&error)),
        }
    }

    /// The state, if it can be read, and the latest run of the plan in the file `path`.
    pub(super) fn run_of_plan(&self, path: &Path) -> Option<(StateReader, RunRow)> {
        let history = self.readable()?;
        let run = history.latest_of_plan(&name_of_path(path));
        let run = run.ok().flatten()?;
        Some((history, run))
    }

    /// The state, if it is there and can be read.
    pub(super) fn readable(&self) -> Option<StateReader> {
        let dir = self.directory().ok().flatten()?;
        StateReader::open(&dir, chain_key()).ok().flatten()
    }
}

/// What the state knows the run by. `plan` is the recorded name of the plan at hand.
pub(super) fn run_name(selector: &RunSelector, plan: &str) -> RunName {
    match selector {
        RunSelector::LatestOfPlan => RunName::Plan(plan.to_owned()),
        RunSelector::Last(before) => RunName::Last(*before),
        RunSelector::Id(id) => RunName::Id(id.clone()),
        RunSelector::Path(path) => RunName::Plan(name_of_path(path)),
    }
}

/// A variable that a container or `sudo` took over often names the directory of another user, or
/// none.
fn is_private(directory: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    directory.metadata().is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == own && metadata.mode() & 0o022 == 0
    })
}

/// The key of the chain, where one is set.
pub(super) fn chain_key() -> Option<ChainKey> {
    use std::os::unix::ffi::OsStringExt as _;
    ChainKey::new(std::env::var_os(CHAIN_KEY)?.into_vec())
}

/// Says that a run can't be kept.
fn unusable(error: &StoreError) -> CommandError {
    CommandError::from_error(ErrorKind::Io, &error).hint(
        "nothing was run; `--state-dir DIR` keeps runs elsewhere, `--state-dir none` keeps none",
    )
}

/// Says that what was kept can't be read.
pub(super) fn unreadable(error: &StoreError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreadable, &error)
        .hint("choose another one with `--state-dir`")
}

/// Says that neither the file nor the state has the run.
pub(super) fn no_run_in(error: &ExportError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreadable, error)
        .hint("the state has no run of a plan in this file either; `obs runs` lists the runs")
}

/// Says that a run can't be found.
pub(super) fn not_found(error: &FindError) -> CommandError {
    match error {
        FindError::Store(error) => unreadable(error),
        FindError::Empty | FindError::TooFar { .. } => {
            CommandError::from_error(ErrorKind::Unreadable, error)
        }
        FindError::Unknown { candidates, .. } | FindError::Ambiguous { candidates, .. } => {
            CommandError::from_error(ErrorKind::Unreadable, error)
                .list(candidate_lines(candidates))
                .hint("`obs runs` lists all runs")
        }
    }
}

fn candidate_lines(candidates: &[Candidate]) -> Vec<String> {
    let ids = candidates.iter().map(|candidate| candidate.short_id.len());
    let width = ids.max().unwrap_or_default();
    let line = |Candidate { short_id, run }: &Candidate| {
        let (status, plan) = (run.status, from_here(&run.plan));
        let age = age(run.started_at, Timestamp::now());
        format!("{short_id:<width$}  {status:<11}  {age:<10}  {plan}")
    };
    candidates.iter().map(line).collect()
}
