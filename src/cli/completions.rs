//! Completion scripts, made from the command line's own description.

use clap::CommandFactory as _;
use clap_complete::Shell;

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
