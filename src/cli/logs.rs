//! `obs logs`: the records that were kept, in the shapes in which `run` prints them.

use std::time::Duration;

use super::args::{DataFormat, LogsArgs, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::printer::{Printer, Verbosity};
use super::state::{not_found, unreadable};
use crate::model::{ExecutionLogRecord, RunStatus};
use crate::report::{OutputStream, OutputStreams as _, PrintRef, RecordTable, write_value};
use crate::store::{RecordFilter, RunName, RunRow, StateReader};

/// How often a run in progress is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Shows records.
pub(super) fn logs(args: &LogsArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let Some(selector) = &args.run else {
        let Some(history) = state.open_reader()? else {
            printer.info("no runs yet");
            return Ok(exit_code::SUCCESS);
        };
        return RecordPrinter::new(args, None, printer).show(&history);
    };
    let (history, run) = state.find_run(selector)?;
    if let Some(print) = &args.print {
        return print_one(print, run, &history, printer);
    }
    let run_id = run.run_id.clone();
    let mut listing = RecordPrinter::new(args, Some(run), printer);
    if args.follow {
        listing.follow(&history, &run_id)
    } else {
        listing.show(&history)
    }
}

/// Records on their way to stdout.
struct RecordPrinter<'p> {
    filter: RecordFilter,
    format: DataFormat,
    table: RecordTable,
    printer: &'p Printer,
    strange: u64,
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
            },
            format: args.format,
            table: RecordTable::new(
                printer.terminal_info(OutputStream::Stdout),
                printer.verbosity() == Verbosity::Verbose,
                !has_one_run,
            ),
            printer,
            strange: 0,
        }
    }

    fn show(&mut self, history: &StateReader) -> CommandResult {
        self.print_new(history)?;
        self.printer.print(self.table.flush());
        Ok(self.finish())
    }

    /// Shows what is there, then what comes, until the run has ended.
    fn follow(&mut self, history: &StateReader, run_id: &str) -> CommandResult {
        loop {
            // Before the look at the records: none can come after a run's end. An obs that dies
            // tells nobody, so that is looked at too.
            history.refresh();
            let run = history.find(&RunName::Id(run_id.to_owned()));
            let run = run.map_err(|error| not_found(&error))?;
            self.print_new(history)?;
            self.printer.print(self.table.flush());
            if !run.is_running() || self.printer.is_closed() {
                if run.status == RunStatus::Interrupted {
                    self.printer
                        .info("the run was interrupted: its obs process has ended");
                }
                return Ok(self.finish());
            }
            std::thread::sleep(FOLLOW_EVERY);
        }
    }

    /// Passes on the records that have not been, one at a time.
    fn print_new(&mut self, history: &StateReader) -> Result<(), CommandError> {
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
                DataFormat::Json | DataFormat::Jsonl => printer.print_line(line),
                DataFormat::Table => match serde_json::from_str::<ExecutionLogRecord>(line) {
                    Ok(record) => printer.print(table.add(&record)),
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
                "{} records can't be read; `obs verify --all` shows why",
                self.strange
            );
            self.printer.warning(&message);
        }
        exit_code::SUCCESS
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
