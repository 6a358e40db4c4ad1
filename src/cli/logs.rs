//! `obs logs`: the records that were kept, in the shapes in which `run` prints them.

use std::time::Duration;

use super::args::{DataFormat, LogsArgs, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::json_lines::JsonPrinter;
use super::pager::Pager;
use super::printer::{Printer, Verbosity};
use super::state::{not_found, unreadable};
use super::{exit_code, record_names};
use crate::model::{ExecutionLogRecord, RunStatus};
use crate::report::{OutputStream, OutputStreams as _, PrintRef, RecordTable, write_value};
use crate::store::{RecordFilter, RunName, RunRow, StateReader};

/// How often a run in progress is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);
/// Shows records.
pub(super) fn logs(args: &LogsArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let found = if args.all {
        state.open_reader()?.map(|history| (history, None))
    } else {
        let found = state.find_run_or_newest(args.run.as_ref())?;
        found.map(|(history, run)| (history, Some(run)))
    };
    let Some((history, run)) = found else {
        if let Some(json) = JsonPrinter::new(args.format, printer) {
            json.end();
        }
        printer.info("no runs yet");
        return Ok(exit_code::SUCCESS);
    };
    if let (Some(print), Some(run)) = (&args.print, &run) {
        return print_one(print, run.clone(), &history, printer);
    }
    let followed = run.as_ref().filter(|_| args.follow);
    let followed = followed.map(|run| run.run_id.clone());
    let mut listing = RecordPrinter::new(args, run, printer);
    if let Some(run_id) = followed {
        listing.follow(&history, &run_id)?;
    } else {
        listing.check_names(&history)?;
        let for_people = args.format == DataFormat::Table;
        let pager = for_people.then(|| Pager::start(&args.pager, printer));
        let outcome = listing.show(&history);
        listing.end_data();
        // Before anything is said about it.
        drop(pager);
        outcome?;
    }
    listing.finish();
    Ok(exit_code::SUCCESS)
}

/// Records on their way to stdout.
struct RecordPrinter<'p> {
    filter: RecordFilter,
    table: RecordTable,
    json: Option<JsonPrinter<'p>>,
    printer: &'p Printer,
    is_following: bool,
    shown: u64,
    unreadable: u64,
}

impl<'p> RecordPrinter<'p> {
    fn new(args: &LogsArgs, run: Option<RunRow>, printer: &'p Printer) -> Self {
        let has_one_run = run.is_some();
        Self {
            filter: RecordFilter {
                run,
                step: args.step.clone(),
                skill_id: args.skill.clone(),
                statuses: args.status.clone(),
                since: args.since.map(|since| since.0),
                after_seq: 0,
                last: Some(args.limit).filter(|&limit| limit > 0),
            },
            table: RecordTable::new(
                printer.terminal_info(OutputStream::Stdout),
                printer.verbosity() == Verbosity::Verbose,
                !has_one_run,
            ),
            json: JsonPrinter::new(args.format, printer),
            printer,
            is_following: args.follow,
            shown: 0,
            unreadable: 0,
        }
    }

    fn show(&mut self, history: &StateReader) -> Result<(), CommandError> {
        self.print_new(history)?;
        self.printer.print(self.table.flush());
        Ok(())
    }

    /// Shows what is there, then what comes, until the run has ended.
    fn follow(&mut self, history: &StateReader, run_id: &str) -> Result<(), CommandError> {
        loop {
            // Before the look at the records: none can come after a run's end. An obs that dies
            // tells nobody, so that is looked at too.
            history.refresh();
            let run = history.find(&RunName::Id(run_id.to_owned()));
            let run = run.map_err(|error| not_found(&error))?;
            self.print_new(history)?;
            self.printer.print(self.table.flush());
            // All records that come are new.
            self.filter.last = None;
            if !run.is_running() || self.printer.is_closed() {
                if run.status == RunStatus::Interrupted {
                    self.printer
                        .info("the run was interrupted: its obs process has ended");
                }
                // Before, it was not known which steps there are.
                return self.check_names(history);
            }
            std::thread::sleep(FOLLOW_EVERY);
        }
    }

    /// Passes on the records that have not been, one at a time.
    fn print_new(&mut self, history: &StateReader) -> Result<(), CommandError> {
        let Self {
            table,
            json,
            printer,
            ..
        } = self;
        let mut last_seq = self.filter.after_seq;
        let (mut shown, mut unreadable_records) = (0, 0);
        let outcome = history.records(&self.filter, |seq, line| {
            last_seq = seq;
            shown += 1;
            match json {
                Some(json) => json.print(line),
                None => match serde_json::from_str::<ExecutionLogRecord>(line) {
                    Ok(record) => printer.print(table.add(&record)),
                    Err(_) => unreadable_records += 1,
                },
            }
            !printer.is_closed()
        });
        self.filter.after_seq = last_seq;
        self.shown += shown;
        self.unreadable += unreadable_records;
        outcome.map_err(|error| unreadable(&error))
    }

    fn check_names(&self, history: &StateReader) -> Result<(), CommandError> {
        let RecordFilter {
            run,
            step,
            skill_id,
            ..
        } = &self.filter;
        record_names::check(history, run.as_ref(), step.as_deref(), skill_id.as_deref())
    }

    fn end_data(&mut self) {
        if let Some(json) = self.json.take() {
            json.end();
        }
    }

    fn finish(mut self) {
        self.end_data();
        if self.shown == 0 && !self.is_following {
            self.printer.info("no records match");
        }
        if self.unreadable > 0 {
            let message = format!(
                "{} records can't be read; `obs verify --all` shows why",
                self.unreadable
            );
            self.printer.warning(&message);
        }
    }
}

fn print_one(
    print: &PrintRef,
    run: RunRow,
    history: &StateReader,
    printer: &Printer,
) -> CommandResult {
    let filter = RecordFilter {
        run: Some(run),
        ..RecordFilter::default()
    };
    let mut records = Vec::new();
    let outcome = history.records(&filter, |_, line| {
        let record = serde_json::from_str::<ExecutionLogRecord>(line).ok();
        records.extend(record.filter(|record| print.may_mean(record)));
        true
    });
    outcome.map_err(|error| unreadable(&error))?;
    let value = print.pick(records.iter());
    let value = value.map_err(|error| CommandError::from_error(ErrorKind::Usage, &error))?;
    write_value(&*printer.streams(), &value);
    Ok(exit_code::SUCCESS)
}
