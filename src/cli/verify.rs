//! `obs verify`: whether what was kept is still what was kept.

use std::path::Path;

use serde_json::json;

use super::args::{DataFormat, RunSelector, StateArgs, VerifyArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::state::{chain_key, no_run_in, unreadable};
use super::{data, exit_code};
use crate::model::Escaped;
use crate::store::{
    LedgerReport, RunReport, RunRow, StateReader, VerifyError, VerifyIssue, VerifyKeys, verify_file,
};

/// Verifies a run, a file or all runs.
pub(super) fn verify(args: &VerifyArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let anchors = VerifyKeys {
        key: chain_key(),
        head: args.head.clone(),
    };
    let (reports, ledger) = match &args.run {
        None => match every_run(state, &anchors, printer)? {
            Some((reports, ledger)) => (reports, Some(ledger)),
            None => (Vec::new(), None),
        },
        Some(RunSelector::Path(path)) => (file_or_plan(path, state, &anchors)?, None),
        Some(selector) => {
            let (history, run) = state.find_run(selector)?;
            (vec![one_run(&history, &run, &anchors)?], None)
        }
    };
    let is_sound = |faults: &[VerifyIssue]| faults.is_empty();
    if args.format == DataFormat::Table {
        for report in &reports {
            print_report(report, printer);
        }
        if let Some(ledger) = &ledger {
            print_ledger_report(ledger, printer);
        }
    } else {
        let runs = reports.iter().map(|report| json!(report));
        let ledger = ledger.iter().map(|ledger| json!(ledger));
        let rows: Vec<_> = runs.chain(ledger).collect();
        data::print(&rows, &rows, String::new, args.format, printer);
    }
    let all_sound = reports.iter().all(|report| is_sound(&report.faults))
        && ledger.is_none_or(|ledger| is_sound(&ledger.faults));
    Ok(if all_sound {
        exit_code::SUCCESS
    } else {
        exit_code::FAILED
    })
}

fn one_run(
    history: &StateReader,
    run: &RunRow,
    anchors: &VerifyKeys,
) -> Result<RunReport, CommandError> {
    let report = history.verify(run, anchors);
    report.map_err(|error| unreadable(&error))
}

/// The runs in a file, or the latest run of the plan in a file.
fn file_or_plan(
    path: &Path,
    state: &StateArgs,
    anchors: &VerifyKeys,
) -> Result<Vec<RunReport>, CommandError> {
    // A state that is not there, or can't be read, only means that the file stands alone.
    let history = state.readable();
    let reports = match verify_file(path, anchors, history.as_ref()) {
        Ok(reports) => reports,
        Err(VerifyError::Store(error)) => return Err(unreadable(&error)),
        Err(VerifyError::Export(error)) => match state.run_of_plan(path) {
            Some((history, run)) => return Ok(vec![one_run(&history, &run, anchors)?]),
            None => return Err(no_run_in(&error)),
        },
    };
    if anchors.head.is_some() && reports.len() > 1 {
        let message = format!(
            "`--head` applies to one run, but `{}` contains {}",
            path.display(),
            reports.len()
        );
        return Err(CommandError::new(ErrorKind::Usage, message));
    }
    Ok(reports)
}

fn every_run(
    state: &StateArgs,
    anchors: &VerifyKeys,
    printer: &Printer,
) -> Result<Option<(Vec<RunReport>, LedgerReport)>, CommandError> {
    let Some(history) = state.open_reader()? else {
        printer.info("no runs yet");
        return Ok(None);
    };
    let reports = history.verify_all(anchors);
    reports.map(Some).map_err(|error| unreadable(&error))
}

/// Prints a line. `--quiet` hides a line without faults.
fn print_word(faults: &[VerifyIssue], printer: &Printer, line: impl FnOnce(&str) -> String) {
    if !faults.is_empty() {
        printer.print_line(line("BAD"));
    } else if !printer.is_quiet() {
        printer.print_line(line("ok"));
    }
}

fn print_report(report: &RunReport, printer: &Printer) {
    let RunReport {
        run_id,
        records,
        head,
        faults,
        notes,
    } = report;
    let (run_id, head) = (Escaped(run_id), Escaped(head));
    print_word(faults, printer, |word| {
        format!("{word:<3}  {run_id}  {records} records  head {head}")
    });
    for fault in faults {
        printer.error(&format!("run {}: {}", report.run_id, fault.message));
    }
    for note in notes {
        printer.warning(&format!("run {}: {note}", report.run_id));
    }
}

fn print_ledger_report(report: &LedgerReport, printer: &Printer) {
    let LedgerReport {
        ledger_entries,
        head,
        faults,
    } = report;
    print_word(faults, printer, |word| {
        let head = Escaped(head);
        format!("{word:<3}  ledger  {ledger_entries} entries  head {head}")
    });
    for fault in faults {
        printer.error(&fault.message);
    }
}
