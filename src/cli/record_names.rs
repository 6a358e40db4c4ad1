//! Steps and skills that records are asked for by name.

use super::error::{CommandError, ErrorKind};
use super::state::unreadable;
use crate::document::nearest;
use crate::store::{RecordColumn, RecordFilter, RunRow, StateReader};

/// How many names an error lists.
const NAMES_SHOWN: usize = 20;
/// How many names are looked at for one that may be meant.
const NAMES_READ: u64 = 1000;
/// How much of a name an error shows.
const NAME_BYTES: usize = 128;

/// Refuses a step or a skill that no record of `run`, or of all runs, has; lists those that there
/// are.
pub(super) fn check(
    history: &StateReader,
    run: Option<&RunRow>,
    step: Option<&str>,
    skill: Option<&str>,
) -> Result<(), CommandError> {
    let names = [
        ("step", step, RecordColumn::Step),
        ("skill", skill, RecordColumn::Skill),
    ];
    for (what, name, column) in names {
        if let Some(name) = name
            && !has_name(history, run, column, name)?
        {
            return Err(unknown_name(what, name, column, run, history)?);
        }
    }
    Ok(())
}

/// True if a record has this step or skill.
pub(super) fn has_name(
    history: &StateReader,
    run: Option<&RunRow>,
    column: RecordColumn,
    name: &str,
) -> Result<bool, CommandError> {
    let mut filter = RecordFilter {
        run: run.cloned(),
        ..RecordFilter::default()
    };
    match column {
        RecordColumn::Step => filter.step = Some(name.to_owned()),
        RecordColumn::Skill => filter.skill_id = Some(name.to_owned()),
    }
    let mut is_known = false;
    let outcome = history.records(&filter, |_, _| {
        is_known = true;
        false
    });
    outcome.map_err(|error| unreadable(&error))?;
    Ok(is_known)
}

/// Says that no record has this step or skill, and lists those that there are.
fn unknown_name(
    what: &str,
    name: &str,
    column: RecordColumn,
    run: Option<&RunRow>,
    history: &StateReader,
) -> Result<CommandError, CommandError> {
    let names = history.record_names(run, column, NAMES_READ);
    let names = names.map_err(|error| unreadable(&error))?;
    let yet = match run {
        Some(run) if run.is_running() => " yet",
        _ => "",
    };
    let quoted = |name: &String| format!("`{}`", &name[..name.floor_char_boundary(NAME_BYTES)]);
    let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(quoted).collect();
    let known = match (shown.as_slice(), names.len() > NAMES_SHOWN) {
        ([], _) => "there are no records at all".to_owned(),
        (shown, false) => format!("the {what}s are {}", shown.join(", ")),
        (shown, true) => format!("some of the {what}s are {}", shown.join(", ")),
    };
    let message = format!("no record of a {what} `{name}`{yet}; {known}");
    let error = CommandError::new(ErrorKind::Usage, message);
    Ok(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format_args!("did you mean `{near}`?")),
        None => error,
    })
}
