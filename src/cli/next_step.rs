//! The last line of a run that did not succeed: what shows it, and what resumes it.
//!
//! Invariant: what is named works: the run is in the state, and its short id stays unique.

use std::path::{Path, PathBuf};

use super::args::StateArgs;
use super::plan_path::{from_here, is_path};
use super::printer::Printer;
use super::state::chain_key;
use crate::engine::RunOutcome;
use crate::model::{Escaped, RunStatus, StepStatus};
use crate::store::{RunName, RunRow, StateReader};

/// The most steps that are named.
const MAX_WAITING: usize = 5;

/// The value of `--state-dir` that later commands need too: not that of the variable.
pub(super) fn typed_state_dir(state: &StateArgs) -> Option<PathBuf> {
    let variable = std::env::var_os("OBS_STATE_DIR").map(PathBuf::from);
    state
        .dir
        .clone()
        .filter(|dir| variable.as_ref() != Some(dir))
}

/// Says what shows and what resumes the run `run_id`, which has ended, unless it succeeded.
pub(super) fn print(
    state: &Path,
    typed_dir: Option<&Path>,
    run_id: &str,
    outcome: &RunOutcome,
    printer: &Printer,
) {
    if outcome.result.status == RunStatus::Success {
        return;
    }
    let Some((short_id, plan)) = recorded(state, run_id) else {
        return;
    };
    let state_dir = state_dir_flag(typed_dir);
    if outcome.result.status == RunStatus::Waiting {
        let waiting = outcome.records.iter().filter(|record| record.is_waiting());
        let plan = if is_path(&plan) { "" } else { " PLAN" };
        for record in waiting.take(MAX_WAITING) {
            let step = quoted(&record.step_id);
            printer.eprint(format_args!(
                "`obs approve {short_id} {step}{state_dir}` or `obs deny` answers",
            ));
        }
        printer.eprint(format_args!(
            "then `obs run{plan} --resume={short_id}{state_dir}` resumes it; `obs approvals \
             {short_id}{state_dir}` shows what it asks"
        ));
        return;
    }
    let mut records = outcome.records.iter();
    let can_reuse = records.any(|record| record.status == StepStatus::Success);
    let resume = if can_reuse && is_path(&plan) {
        ", `--resume` resumes it"
    } else {
        ""
    };
    printer.eprint(format_args!(
        "`obs show {short_id}{state_dir}` shows it{resume}"
    ));
}

/// What resumes a run that is in the state; `None` if its plan is no file.
pub(super) fn resume_command(history: &StateReader, run: &RunRow) -> Option<String> {
    let short_id = history.short_id(&run.run_id).ok()?;
    let plan = from_here(&run.plan);
    let is_file = is_path(&run.plan);
    is_file.then(|| format!("obs run {} --resume={}", quoted(&plan), quoted(&short_id)))
}

/// The flag that leads to the state, if it was typed.
pub(super) fn state_dir_flag(typed_dir: Option<&Path>) -> String {
    match typed_dir {
        Some(dir) => format!(" --state-dir {}", quoted(&dir.to_string_lossy())),
        None => String::new(),
    }
}

/// The short id and the plan of a run that is in the state.
fn recorded(state: &Path, run_id: &str) -> Option<(String, String)> {
    let history = StateReader::open(state, chain_key()).ok()??;
    let run = history.find(&RunName::Id(run_id.to_owned())).ok()?;
    let short_id = history.short_id(&run.run_id).ok()?;
    Some((short_id, run.plan))
}

/// A word for a shell, on one line.
fn quoted(word: &str) -> String {
    let quoted = shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into);
    Escaped(&quoted).to_string()
}
