//! Completion scripts. They are short: [`complete`](super::complete) finds the candidates.

use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter as _, Powershell};

use super::complete::VARIABLE;
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::printer::Printer;

/// `obs completions`.
pub(super) fn completions(shell: Shell, printer: &Printer) -> CommandResult {
    let mut script = Vec::new();
    let written = match shell {
        Shell::Zsh => return Ok(print(include_str!("../../completions/_obs"), printer)),
        Shell::Fish => return Ok(print(include_str!("../../completions/obs.fish"), printer)),
        Shell::Elvish => Elvish.write_registration(VARIABLE, "obs", "obs", "obs", &mut script),
        Shell::PowerShell => {
            Powershell.write_registration(VARIABLE, "obs", "obs", "obs", &mut script)
        }
        _ => return Ok(print(include_str!("../../completions/obs.bash"), printer)),
    };
    written.map_err(|error| {
        CommandError::with_source(ErrorKind::Fault, "can't write the script", &error)
    })?;
    let script = String::from_utf8_lossy(&script);
    Ok(print(&format!("{}\n", script.trim()), printer))
}

fn print(script: &str, printer: &Printer) -> u8 {
    printer.print(script);
    exit_code::SUCCESS
}
