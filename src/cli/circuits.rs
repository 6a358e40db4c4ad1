//! `obs circuits`: the skills that keep failing.

use std::fmt::Write as _;

use serde_json::json;

use super::args::{CircuitsArgs, CircuitsCommand, DataFormat, StateArgs};
use super::data;
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::printer::Printer;
use super::state::unreadable;
use crate::engine::CircuitState;
use crate::model::Escaped;
use crate::store::{CircuitRow, StateReader};

/// Lists circuits, or closes some.
pub(super) fn circuits(args: &CircuitsArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let history = state.open_reader()?;
    if let Some(CircuitsCommand::Reset(reset)) = &args.command {
        return close(reset.skill.as_deref(), history, printer);
    }
    let circuits = match history {
        Some(history) => history.circuits().map_err(|error| unreadable(&error))?,
        None => Vec::new(),
    };
    if circuits.is_empty() && args.format == DataFormat::Table {
        printer.info("all circuits are closed");
    } else {
        let rows: Vec<_> = circuits.iter().map(machine).collect();
        data::print(&rows, &rows, || table(&circuits), args.format, printer);
    }
    Ok(exit_code::SUCCESS)
}

fn close(skill: Option<&str>, history: Option<StateReader>, printer: &Printer) -> CommandResult {
    let closed = match history {
        Some(mut history) => history.reset_circuits(skill).map_err(|error| {
            CommandError::from_error(ErrorKind::Io, &error).hint("nothing was reset")
        })?,
        None => 0,
    };
    match (closed, skill) {
        (0, Some(skill)) => {
            let message = format!("no failures of `{skill}` are recorded: its circuit is closed");
            printer.info(Escaped(&message));
        }
        (1, _) => printer.info("reset 1 circuit"),
        _ => printer.info(format_args!("reset {closed} circuits")),
    }
    Ok(exit_code::SUCCESS)
}

/// What stands in `until`, for people.
fn until(circuit: &CircuitRow) -> String {
    match (circuit.until, circuit.state) {
        (_, CircuitState::Closed) | (None, _) => "-".to_owned(),
        (Some(until), CircuitState::Open) => until.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        (Some(_), CircuitState::HalfOpen) => "a probe call may start or is in progress".to_owned(),
    }
}

fn table(circuits: &[CircuitRow]) -> String {
    let skill = |circuit: &CircuitRow| match circuit.tenant_id.as_str() {
        "" => Escaped(&circuit.skill_id).to_string(),
        tenant => Escaped(&format!("{} ({tenant})", circuit.skill_id)).to_string(),
    };
    let widest = circuits.iter().map(|circuit| skill(circuit).len()).max();
    let width = widest.unwrap_or_default().max("SKILL".len());
    let mut text = format!(
        "{:<width$}  {:<9}  FAILURES  OPEN UNTIL\n",
        "SKILL", "STATE"
    );
    for circuit in circuits {
        let (skill, state, until) = (skill(circuit), circuit.state, until(circuit));
        let failures = circuit.failures;
        // Writing to a String can't fail.
        writeln!(text, "{skill:<width$}  {state:<9}  {failures:>8}  {until}").ok();
    }
    text
}

fn machine(circuit: &CircuitRow) -> serde_json::Value {
    json!({
        "skill_id": circuit.skill_id,
        "skill_dir": circuit.skill_dir,
        "tenant_id": circuit.tenant_id,
        "state": circuit.state,
        "failures": circuit.failures,
        "until": circuit.until,
    })
}
