//! Texts made from the command line's own description: completions and the manual page.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::{Cli, exit_code};

/// `obs completions`.
pub(super) fn completions(shell: Shell, printer: &Printer) -> u8 {
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        "obs",
        &mut printer.data_writer(),
    );
    exit_code::SUCCESS
}

/// `obs man`: the main page, then one for each verb.
pub(super) fn man(printer: &Printer) -> CommandResult {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    render(&command, &mut pages).map_err(|error| {
        CommandError::with_source(ErrorKind::Fault, "can't render the manual page", &error)
    })?;
    printer.print(pages);
    Ok(exit_code::SUCCESS)
}

fn render(command: &clap::Command, pages: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(pages)?;
    command
        .get_subcommands()
        .try_for_each(|verb| render(verb, pages))
}
