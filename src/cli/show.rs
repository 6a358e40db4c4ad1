//! `obs show`: a finished run as it was reported, and one step with all that is kept of it.

use std::time::Duration;

use jiff::Timestamp;

use super::args::{DataFormat, RunSelector, ShowRunArgs, StateArgs};
use super::error::{CommandError, CommandResult};
use super::json_lines::JsonPrinter;
use super::pager::Pager;
use super::plan_path::from_here;
use super::printer::{Printer, Verbosity};
use super::runs::machine;
use super::state::unreadable;
use super::{exit_code, next_step, record_names};
use crate::event::RunSummary;
use crate::model::{ExecutionLogRecord, RunStatus, StepStatus};
use crate::report::{OutputStream, OutputStreams as _, RunView, step_view};
use crate::store::{RecordColumn, RecordFilter, RunName, RunRow, StateReader};

/// Shows a run, or a step of it.
pub(super) fn show(args: &ShowRunArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let found = state
        .find_run_or_newest(args.run.as_ref())
        .map_err(|error| with_step(error, args, state))?;
    let Some((history, run)) = found else {
        printer.info("no runs yet");
        return Ok(exit_code::SUCCESS);
    };
    record_names::check(&history, Some(&run), args.step.as_deref(), None)?;
    let for_people = args.format == DataFormat::Table;
    let pager = for_people.then(|| Pager::start(&args.pager, printer));
    let unreadable_records = match (&args.step, args.format) {
        (Some(step), format) => show_step(step, &run, &history, format, printer),
        (None, DataFormat::Table) => show_run(&run, &history, printer),
        (None, DataFormat::Json) => run_document(&run, &history, printer).map(|()| 0),
        (None, DataFormat::Jsonl) => {
            let filter = of_run(&run);
            records(&history, &filter, |line| printer.print_line(line)).map(|()| 0)
        }
    };
    // Before anything is said about it.
    drop(pager);
    if let count @ 1.. = unreadable_records? {
        printer.warning(&format!(
            "{count} records can't be read; `obs verify` shows why"
        ));
    }
    Ok(exit_code::SUCCESS)
}

/// Adds what to write if the run that was not found is a step of the newest one.
fn with_step(error: CommandError, args: &ShowRunArgs, state: &StateArgs) -> CommandError {
    let (Some(RunSelector::Id(name)), None) = (&args.run, &args.step) else {
        return error;
    };
    let newest = state.readable().and_then(|history| {
        let run = history.find(&RunName::Last(0)).ok()?;
        record_names::has_name(&history, Some(&run), RecordColumn::Step, name).ok()
    });
    match newest {
        Some(true) => error.hint(format_args!(
            "`{name}` is a step of the newest run: `obs show last {name}`"
        )),
        _ => error,
    }
}

fn of_run(run: &RunRow) -> RecordFilter {
    RecordFilter {
        run: Some(run.clone()),
        ..RecordFilter::default()
    }
}

/// Calls `each` with the lines of the records, as long as somebody reads.
fn records(
    history: &StateReader,
    filter: &RecordFilter,
    mut each: impl FnMut(&str),
) -> Result<(), CommandError> {
    let outcome = history.records(filter, |_, line| {
        each(line);
        true
    });
    outcome.map_err(|error| unreadable(&error))
}

/// Shows the run; returns how many records can't be read.
fn show_run(run: &RunRow, history: &StateReader, printer: &Printer) -> Result<u64, CommandError> {
    let look = printer.terminal_info(OutputStream::Stdout);
    let mut view = RunView::new(look, printer.verbosity() == Verbosity::Verbose);
    let (mut unreadable_records, mut last_end) = (0, run.started_at);
    let (mut has_failure, mut has_success) = (false, false);
    records(history, &of_run(run), |line| {
        match serde_json::from_str::<ExecutionLogRecord>(line) {
            Ok(record) => {
                last_end = record.timestamp.max(last_end);
                has_failure |= !matches!(
                    record.status,
                    StepStatus::Success | StepStatus::Skipped | StepStatus::Canceled
                );
                has_success |= record.status == StepStatus::Success;
                view.add(&record);
            }
            Err(_) => unreadable_records += 1,
        }
    })?;
    let ended = if run.is_running() {
        Timestamp::now()
    } else {
        last_end
    };
    let so_far = || Duration::try_from(ended.duration_since(run.started_at));
    let elapsed = match run.duration_ms {
        Some(duration_ms) => Duration::from_millis(duration_ms),
        None => so_far().unwrap_or_default(),
    };
    let summary = RunSummary {
        run_id: run.run_id.clone(),
        status: run.status,
        exit_code: 0,
        decided_by: None,
        reason: run.error().filter(|_| !has_failure),
        elapsed,
        head: run.head.clone(),
        resumable: false,
        is_kept: true,
    };
    let is_over = !matches!(run.status, RunStatus::Success | RunStatus::Running);
    let can_resume = is_over && has_success;
    let resume = can_resume.then(|| next_step::resume_command(history, run));
    let plan = from_here(&run.plan);
    printer.print(view.render(&summary, &plan, run.started_at, resume.flatten()));
    Ok(unreadable_records)
}

/// Shows the steps with this name; returns how many records can't be read.
fn show_step(
    step: &str,
    run: &RunRow,
    history: &StateReader,
    format: DataFormat,
    printer: &Printer,
) -> Result<u64, CommandError> {
    let filter = RecordFilter {
        step: Some(step.to_owned()),
        ..of_run(run)
    };
    let look = printer.terminal_info(OutputStream::Stdout);
    let mut json = JsonPrinter::new(format, printer);
    let (mut shown, mut unreadable_records) = (0, 0);
    records(history, &filter, |line| match &mut json {
        Some(json) => json.print(line),
        None => match serde_json::from_str::<ExecutionLogRecord>(line) {
            Ok(record) => {
                let gap = if shown > 0 { "\n" } else { "" };
                printer.print(format!("{gap}{}", step_view(&record, look)));
                shown += 1;
            }
            Err(_) => unreadable_records += 1,
        },
    })?;
    if let Some(json) = json {
        json.end();
    }
    Ok(unreadable_records)
}

/// The run as one document: as `obs runs` prints it, with its records byte for byte.
fn run_document(
    run: &RunRow,
    history: &StateReader,
    printer: &Printer,
) -> Result<(), CommandError> {
    let counts = history.step_counts(run);
    let document = machine(run, counts.map_err(|error| unreadable(&error))?);
    let open = document.strip_suffix('}').unwrap_or_default();
    printer.print(format!("{open},\"records\":["));
    let mut is_first = true;
    records(history, &of_run(run), |line| {
        let separator = if is_first { "\n" } else { ",\n" };
        is_first = false;
        printer.print(format!("{separator}{line}"));
    })?;
    printer.print("\n]}\n");
    Ok(())
}
