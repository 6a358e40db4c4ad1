//! `obs doctor`: what this machine can enforce, layer by layer, found by trying, and what else obs
//! needs.
//!
//! Invariant: nothing is created or changed. Exits 1 if there is something that keeps plans from
//! running; a warning does not count.

mod checks;
mod finding;

use std::fmt::Write as _;

use serde_json::{Value, json};

use self::finding::{Finding, FindingSeverity};
use super::args::{DoctorArgs, StateArgs};
use super::data;
use super::enforceable::no_trial;
use super::error::{CommandError, ErrorKind};
use super::execution::no_helper;
use super::exit_code;
use super::printer::Printer;
use crate::model::Escaped;
use crate::process::{Confinement, Launcher, Network, RunClock, SandboxSupport, Zygote};

/// Tries every layer, looks at the rest, and prints what came of it.
pub(super) fn doctor(args: &DoctorArgs, state: &StateArgs, printer: &Printer) -> u8 {
    let enforceable = probe();
    let mut findings = match &enforceable {
        Ok(enforceable) => sandbox(enforceable),
        Err(error) => {
            let help = "free what is missing (see `ulimit -a`) and try again";
            vec![Finding::error("sandbox", error.message(), help)]
        }
    };
    findings.extend(checks::all(&args.roots, state));
    let worst = findings.iter().map(|finding| finding.severity).max();
    let worst = worst.unwrap_or(FindingSeverity::Ok);
    let rows: Vec<Value> = findings.iter().map(Finding::json).collect();
    let enforceable = enforceable.ok();
    let document = json!({
        "status": worst.as_str(),
        "landlock_abi": enforceable.as_ref().map(|found| found.landlock_abi),
        "layers": enforceable.as_ref().map(layers).unwrap_or_default(),
        "checks": rows,
    });
    let table = || table(enforceable.as_ref(), &findings);
    data::print(&document, &rows, table, args.format, printer);
    match worst {
        FindingSeverity::Error => exit_code::FAILED,
        FindingSeverity::Ok | FindingSeverity::Warning => exit_code::SUCCESS,
    }
}

fn probe() -> Result<SandboxSupport, CommandError> {
    let zygote = Zygote::start().map_err(|error| no_helper(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::with_source(ErrorKind::Fault, "can't start tokio", &error)
        })?;
    runtime.block_on(async {
        let launcher = Launcher::new(zygote, RunClock::new()).map_err(|error| no_helper(&error))?;
        launcher.probe().await.map_err(|error| no_trial(&error))
    })
}

/// A layer that every skill relies on must be there; others matter to some skills.
fn sandbox(enforceable: &SandboxSupport) -> Vec<Finding> {
    let plain = Confinement {
        grants: Vec::new(),
        network: Network::None,
        best_effort: false,
    };
    let required = plain.required();
    let missing = enforceable.layers.iter().filter_map(|status| {
        let reason = status.missing.as_ref()?;
        let message = format!("{}: {reason}", status.layer.name());
        Some(if required.contains(status.layer) {
            let help = "`--sandbox best-effort` runs with what can be enforced";
            Finding::error("sandbox", message, help)
        } else {
            let help = "a newer kernel has it; skills run without this layer";
            Finding::warning("sandbox", message, help)
        })
    });
    let missing: Vec<Finding> = missing.collect();
    if missing.is_empty() {
        return vec![Finding::ok("sandbox", "all layers are enforced")];
    }
    missing
}

fn table(enforceable: Option<&SandboxSupport>, findings: &[Finding]) -> String {
    let mut text = String::new();
    if let Some(enforceable) = enforceable {
        writeln!(text, "{:<18}{:<10}NEEDS", "LAYER", "STATUS").ok();
        for status in &enforceable.layers {
            let (word, detail) = match &status.missing {
                None => ("enforced", status.layer.needs()),
                Some(reason) if status.is_tried => ("MISSING", reason.as_str()),
                Some(reason) => ("UNKNOWN", reason.as_str()),
            };
            // Writing to a String can't fail.
            writeln!(text, "{:<18}{word:<10}{detail}", status.layer.name()).ok();
        }
        writeln!(text, "\nLandlock ABI {}\n", enforceable.landlock_abi).ok();
    }
    writeln!(text, "{:<18}{:<10}DETAIL", "CHECK", "STATUS").ok();
    for finding in findings {
        let help = finding.help.as_deref().filter(|help| !help.is_empty());
        let help = help.map(|help| format!("; {help}")).unwrap_or_default();
        let detail = format!("{}{help}", finding.message);
        let (check, status) = (finding.check, finding.severity.as_str());
        writeln!(text, "{check:<18}{status:<10}{}", Escaped(&detail)).ok();
    }
    let count = |severity| {
        findings
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let verdict = match (
        count(FindingSeverity::Error),
        count(FindingSeverity::Warning),
    ) {
        (0, 0) => "everything works".to_owned(),
        (0, warnings) => format!("obs works; warnings: {warnings}"),
        (errors, warnings) => format!("plans can't run; errors: {errors}, warnings: {warnings}"),
    };
    writeln!(text, "\n{verdict}").ok();
    text
}

fn layers(enforceable: &SandboxSupport) -> Vec<Value> {
    let layers = enforceable.layers.iter().map(|status| {
        json!({
            "layer": status.layer.name(),
            "enforced": status.is_enforced(),
            "tried": status.is_tried,
            "needs": status.layer.needs(),
            "missing": status.missing,
        })
    });
    layers.collect()
}
