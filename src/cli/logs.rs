//! `obs logs`: the records that were kept, in the shapes in which `run` prints them.

use std::time::Duration;

use super::args::{LogsArgs, RecordFormat, StateArgs};
use super::error::CommandResult;
use super::error::{CommandError, Kind};
use super::exit_code;
use super::printer::{Printer, Verbosity};
use super::state::{not_found, unreadable};
use crate::model::ExecutionLogRecord;
use crate::model::RunStatus;
use crate::report::{PrintRef, RecordTable, Stream, Streams as _, write_value};
use crate::store::{History, RecordFilter, RunRow};

/// How often a run in progress is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Shows records.
pub(super) fn logs(args: &LogsArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let Some(name) = &args.run else {
        let Some(history) = state.look()? else {
            printer.note("there are no runs yet");
            return Ok(exit_code::SUCCESS);
        };
        return Listing::new(args, None, printer).show(&history);
    };
    let history = state.look_for(name)?;
    let run = history.find(name).map_err(|error| not_found(&error))?;
    if let Some(print) = &args.print {
        return print_one(print, run, &history, printer);
    }
    let run_id = run.run_id.clone();
    let mut listing = Listing::new(args, Some(run), printer);
    if args.follow {
        listing.follow(&history, &run_id)
    } else {
        listing.show(&history)
    }
}

/// Records on their way to stdout.
struct Listing<'p> {
    filter: RecordFilter,
    format: RecordFormat,
    table: RecordTable,
    printer: &'p Printer,
    strange: u64,
}

impl<'p> Listing<'p> {
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
            },
            format: args.format,
            table: RecordTable::new(
                printer.look(Stream::Stdout),
                printer.verbosity() == Verbosity::Verbose,
                !has_one_run,
            ),
            printer,
            strange: 0,
        }
    }

    fn show(&mut self, history: &History) -> CommandResult {
        self.pass_on(history)?;
        self.printer.data(self.table.flush());
        Ok(self.finish())
    }

    /// Shows what is there, then what comes, until the run has ended.
    fn follow(&mut self, history: &History, run_id: &str) -> CommandResult {
        loop {
            // Before the look at the records: none can come after a run's end. An obs that dies tells
            // nobody, so that is looked at too.
            history.refresh();
            let run = history.find(run_id).map_err(|error| not_found(&error))?;
            self.pass_on(history)?;
            self.printer.data(self.table.flush());
            if !run.is_running() || self.printer.is_closed() {
                if run.status == RunStatus::Interrupted {
                    self.printer
                        .note("the run was interrupted: its obs is dead");
                }
                return Ok(self.finish());
            }
            std::thread::sleep(FOLLOW_EVERY);
        }
    }

    /// Passes on the records that have not been, one at a time.
    fn pass_on(&mut self, history: &History) -> Result<(), CommandError> {
        let Self {
            format,
            table,
            printer,
            strange,
            ..
        } = self;
        let mut last_seq = self.filter.after_seq;
        let outcome = history.records(&self.filter, |seq, line| {
            last_seq = seq;
            match format {
                RecordFormat::Jsonl => printer.data_line(line),
                RecordFormat::Table => match serde_json::from_str::<ExecutionLogRecord>(line) {
                    Ok(record) => printer.data(table.add(&record)),
                    Err(_) => *strange += 1,
                },
            }
            !printer.is_closed()
        });
        self.filter.after_seq = last_seq;
        outcome.map_err(|error| unreadable(&error))
    }

    fn finish(&self) -> u8 {
        if self.strange > 0 {
            let message = format!(
                "{} records can't be read; `obs verify --all` says more",
                self.strange
            );
            self.printer.warning(&message);
        }
        exit_code::SUCCESS
    }
}

fn print_one(print: &PrintRef, run: RunRow, history: &History, printer: &Printer) -> CommandResult {
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
    let value = value.map_err(|error| CommandError::new(Kind::Usage, error))?;
    write_value(&*printer.streams(), &value);
    Ok(exit_code::SUCCESS)
}
