//! The command line: from arguments to an exit code.
//!
//! Invariant: the outermost module. Nothing imports it, it alone ends in an exit code, and only
//! [`printer`] writes to standard output and standard error.

mod approvals;
mod approver;
mod args;
mod circuits;
mod complete;
mod completions;
mod data;
mod doctor;
mod dry_run;
mod enforceable;
mod error;
mod execution;
mod exit_code;
mod graph;
mod init;
mod inputs;
mod item_words;
mod json_lines;
mod logs;
mod man;
mod meant_verb;
mod new;
mod next_step;
mod pager;
mod panic;
mod parse;
mod plan_path;
mod policy;
pub mod printer;
mod problems;
mod record_names;
mod resume;
mod roots;
mod run;
mod run_storage;
mod runs;
mod secrets;
mod selection;
mod show;
mod skills;
mod state;
mod unknown_flag;
mod usage_error;
mod validate;
mod variables;
mod verb_path;
mod verify;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::model::EscapedLines;
pub use args::Cli;
use args::{Command, GlobalArgs, StateArgs};
use error::CommandResult;
use parse::Parsed;
use printer::{ColorChoice, Printer, Verbosity};
use usage_error::UsageError;

/// Runs obs with the given arguments, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let code = panic::contain(|| {
        if complete::answer(&arguments) {
            return exit_code::SUCCESS;
        }
        run_verb(arguments)
    });
    ExitCode::from(code)
}

fn run_verb(arguments: Vec<OsString>) -> u8 {
    match read_arguments(arguments) {
        Ok(Parsed { cli, warnings }) => {
            let printer = printer_of(&cli.global);
            // A shell reads these at each start.
            if !matches!(cli.command, Command::Completions { .. } | Command::Man(_)) {
                for warning in &warnings {
                    printer.warning(warning);
                }
            }
            let outcome = dispatch(cli.command, &cli.state, &printer);
            finish(outcome, &printer)
        }
        Err(code) => code,
    }
}

/// Parses the command line; help, version and mistakes are printed here.
fn read_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed<Cli>, u8> {
    let error = match parse::parse(arguments) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    let printer = Printer::new(ColorChoice::Auto, Verbosity::Normal);
    let error = match error {
        UsageError::Own(error) => return Err(finish(Err(error), &printer)),
        UsageError::Clap(error) => error,
    };
    if parse::is_help(&error) {
        printer.print(error.render().to_string());
        return Err(finish(Ok(exit_code::SUCCESS), &printer));
    }
    // clap repeats arguments as they came.
    let text = error.render().to_string();
    printer.eprint(EscapedLines(text.trim_end()));
    Err(exit_code::USAGE)
}

fn printer_of(global: &GlobalArgs) -> Printer {
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    Printer::new(global.color, verbosity)
}

fn dispatch(command: Command, state: &StateArgs, printer: &Printer) -> CommandResult {
    match command {
        Command::Init(args) => init::init(&args, printer),
        Command::New(command) => new::new(command, printer),
        Command::Run(args) => run::run(&args, state, printer),
        Command::Validate(args) => validate::validate(&args, state, printer),
        Command::Graph(args) => Ok(graph::graph(&args, printer)),
        Command::Skills(command) => skills::skills(command, state, printer),
        Command::Policy(command) => policy::policy(command, printer),
        Command::Runs(args) => runs::runs(&args, state, printer),
        Command::Show(args) => show::show(&args, state, printer),
        Command::Logs(args) => logs::logs(&args, state, printer),
        Command::Approvals(args) => approvals::approvals(&args, state, printer),
        Command::Approve(args) => approvals::answer(&args, true, state, printer),
        Command::Deny(args) => approvals::answer(&args, false, state, printer),
        Command::Verify(args) => verify::verify(&args, state, printer),
        Command::Circuits(args) => circuits::circuits(&args, state, printer),
        Command::Doctor(args) => Ok(doctor::doctor(&args, state, printer)),
        Command::Completions { shell } => completions::completions(shell, printer),
        Command::Man(args) => man::man(&args, printer),
    }
}

/// Says what went wrong. Data that could not be written outweighs all but an internal
/// error.
fn finish(outcome: CommandResult, printer: &Printer) -> u8 {
    let code = match outcome {
        Ok(code) => code,
        Err(error) => {
            error.print(printer);
            error.exit_code()
        }
    };
    match printer.stdout_error() {
        Some(error) if code != exit_code::FAULT => {
            let reason = match error.kind() {
                io::ErrorKind::TimedOut => "its reader does not read".to_owned(),
                _ => error.to_string(),
            };
            printer.error(&format!("can't write to standard output: {reason}"));
            exit_code::IO
        }
        _ => code,
    }
}
