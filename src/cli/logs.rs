//! `obs logs`: the records that were kept, in the shapes in which `run` prints them.

use std::time::Duration;

use super::args::{LogsArgs, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::json_lines::JsonPrinter;
use super::pager::Pager;
use super::printer::{Printer, Verbosity};
use super::state::{not_found, unreadable};
use crate::document::nearest;
use crate::model::{ExecutionLogRecord, RunStatus};
use crate::report::{OutputStream, OutputStreams as _, PrintRef, RecordTable, write_value};
use crate::store::{RecordColumn, RecordFilter, RunName, RunRow, StateReader};

/// How often a run in progress is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);
/// How many names an error lists.
const NAMES_SHOWN: usize = 20;
/// How many names are looked at for one that may be meant.
const NAMES_READ: u64 = 1000;
/// How much of a name an error shows.
const NAME_BYTES: usize = 128;

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
        let pager = Pager::start(&args.pager, printer);
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

    /// Refuses a step or a skill that no record has, with those that there are.
    fn check_names(&self, history: &StateReader) -> Result<(), CommandError> {
        let RecordFilter {
            run,
            step,
            skill_id,
            ..
        } = &self.filter;
        let names = [
            ("step", step, RecordColumn::Step),
            ("skill", skill_id, RecordColumn::Skill),
        ];
        for (what, name, column) in names {
            let Some(name) = name else { continue };
            let is_step = column == RecordColumn::Step;
            let filter = RecordFilter {
                run: run.clone(),
                step: is_step.then(|| name.clone()),
                skill_id: (!is_step).then(|| name.clone()),
                ..RecordFilter::default()
            };
            let mut is_known = false;
            let outcome = history.records(&filter, |_, _| {
                is_known = true;
                false
            });
            outcome.map_err(|error| unreadable(&error))?;
            if !is_known {
                let run = run.as_ref();
                return Err(unknown_name(what, name, column, run, history)?);
            }
        }
        Ok(())
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
