//! `obs runs`: what has run, and removing it.

use jiff::Timestamp;

use super::args::{PruneArgs, RunsArgs, RunsCommand, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::json_lines::JsonPrinter;
use super::plan_path::from_here;
use super::printer::Printer;
use super::state::unreadable;
use crate::model::json_line;
use crate::report::{OutputStream, OutputStreams as _, RunLine, RunTable};
use crate::store::{
    Removed, RetentionPolicy, RunFilter, RunRow, StateReader, StepCounts, StoreError, days_ago,
};

/// Lists runs, or removes some.
pub(super) fn runs(args: &RunsArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let history = state.open_reader()?;
    match (&args.command, history) {
        (Some(RunsCommand::Prune(prune)), Some(history)) => remove(prune, history, printer),
        (None, Some(history)) => list(args, &history, printer),
        (command, None) => {
            if command.is_none()
                && let Some(json) = JsonPrinter::new(args.format, printer)
            {
                json.end();
            }
            printer.info("no runs yet");
            Ok(exit_code::SUCCESS)
        }
    }
}

fn list(args: &RunsArgs, history: &StateReader, printer: &Printer) -> CommandResult {
    let filter = RunFilter {
        statuses: args.status.clone(),
        assistant_id: args.assistant.clone(),
        since: args.since.map(|since| since.0),
        // One more shows that there are more.
        limit: Some(args.limit)
            .filter(|&limit| limit > 0)
            .map(|limit| limit.saturating_add(1)),
    };
    let (mut listed, mut has_more) = (0, false);
    let look = printer.terminal_info(OutputStream::Stdout);
    let mut table = RunTable::new(look, args.utc, Timestamp::now());
    let mut json = JsonPrinter::new(args.format, printer);
    let mut failure = None;
    let outcome = history.runs(&filter, |run| {
        has_more = listed == args.limit && args.limit > 0;
        if has_more {
            return false;
        }
        listed += 1;
        let shown = history.step_counts(&run).and_then(|counts| {
            match &mut json {
                Some(json) => json.print(&machine(&run, counts)),
                None => printer.print(table.add(&line(run, counts, history)?)),
            }
            Ok(())
        });
        failure = shown.err();
        failure.is_none() && !printer.is_closed()
    });
    printer.print(table.flush());
    outcome
        .and(failure.map_or(Ok(()), Err))
        .map_err(|error| unreadable(&error))?;
    if let Some(json) = json {
        json.end();
    }
    if listed == 0 {
        printer.info("no runs match");
    }
    if has_more {
        printer.info("there are more runs: `--limit 0` lists all");
    }
    Ok(exit_code::SUCCESS)
}

fn line(run: RunRow, counts: StepCounts, history: &StateReader) -> Result<RunLine, StoreError> {
    let failed = counts.failed + counts.timeout + counts.canceled + counts.rejected;
    Ok(RunLine {
        short_id: history.short_id(&run.run_id)?,
        plan: from_here(&run.plan),
        status: run.status,
        succeeded: counts.success,
        failed,
        others: run.steps.saturating_sub(counts.success + failed),
        started_at: run.started_at,
        duration_ms: run.duration_ms,
        run_id: run.run_id,
    })
}

/// The run as one line of JSON.
pub(super) fn machine(run: &RunRow, counts: StepCounts) -> String {
    let document = serde_json::json!({
        "run_id": run.run_id,
        "status": run.status,
        "plan": run.plan,
        "assistant_id": run.assistant_id,
        "steps": run.steps,
        "records": run.records,
        "counts": counts,
        "started_at": run.started_at,
        "duration_ms": run.duration_ms,
        "resumed_from": run.resumed_from,
        "head": run.head,
    });
    // Values made of text and numbers always have a JSON form.
    json_line(&document).unwrap_or_default()
}

fn remove(args: &PruneArgs, mut history: StateReader, printer: &Printer) -> CommandResult {
    let keep = RetentionPolicy {
        since: args.keep_days.map(days_ago),
        last: args.keep_last,
    };
    let removed = history.prune(keep, args.dry_run).map_err(|error| {
        CommandError::from_error(ErrorKind::Io, &error).hint("nothing was removed")
    })?;
    let Removed { runs, bytes } = removed;
    let runs = format!("{runs} {}", if runs == 1 { "run" } else { "runs" });
    if args.dry_run {
        printer.info(format_args!("would remove {runs}"));
    } else {
        printer.info(format_args!("removed {runs}, {} freed", binary_size(bytes)));
    }
    Ok(exit_code::SUCCESS)
}

/// A size in words: `512 B`, `3.4 MiB`.
fn binary_size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}
