//! `obs doctor`: what this machine can enforce, layer by layer, found by trying.

use std::fmt::Write as _;

use serde_json::json;

use super::args::ListFormat;
use super::enforceable::no_trial;
use super::error::{CommandError, CommandResult, ErrorKind};
use super::execution::no_helper;
use super::exit_code;
use super::printer::Printer;
use crate::model::json_pretty;
use crate::process::{Launcher, RunClock, SandboxSupport, Zygote};

/// Tries every layer and prints what came of it.
pub(super) fn doctor(format: ListFormat, printer: &Printer) -> CommandResult {
    let zygote = Zygote::start().map_err(|error| no_helper(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::with_source(ErrorKind::Fault, "can't start tokio", &error)
        })?;
    let enforceable = runtime.block_on(async {
        let launcher = Launcher::new(zygote, RunClock::new()).map_err(|error| no_helper(&error))?;
        launcher.probe().await.map_err(|error| no_trial(&error))
    })?;
    match format {
        ListFormat::Table => printer.print(table(&enforceable)),
        ListFormat::Json => printer.print_line(document(&enforceable)),
    }
    Ok(exit_code::SUCCESS)
}

fn table(enforceable: &SandboxSupport) -> String {
    let mut text = format!("{:<18}{:<10}NEEDS\n", "LAYER", "STATUS");
    for status in &enforceable.layers {
        let (word, detail) = match &status.missing {
            None => ("enforced", status.layer.needs()),
            Some(reason) if status.is_tried => ("MISSING", reason.as_str()),
            Some(reason) => ("UNKNOWN", reason.as_str()),
        };
        // Writing to a String can't fail.
        writeln!(text, "{:<18}{word:<10}{detail}", status.layer.name()).ok();
    }
    writeln!(text, "\nLandlock ABI {}", enforceable.landlock_abi).ok();
    text
}

fn document(enforceable: &SandboxSupport) -> String {
    let layers: Vec<_> = enforceable
        .layers
        .iter()
        .map(|status| {
            json!({
                "layer": status.layer.name(),
                "enforced": status.is_enforced(),
                "tried": status.is_tried,
                "needs": status.layer.needs(),
                "missing": status.missing,
            })
        })
        .collect();
    let document = json!({"landlock_abi": enforceable.landlock_abi, "layers": layers});
    // Values made of text and numbers always have a JSON form.
    json_pretty(&document).unwrap_or_default()
}
