//! `obs skills list`.

use std::path::PathBuf;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::cli::args::ListArgs;
use crate::cli::error::CommandResult;
use crate::cli::printer::Printer;
use crate::cli::{data, exit_code, roots};
use crate::model::Escaped;
use crate::report::{OutputStream, OutputStreams as _};
use crate::skill::ListedSkill;

/// The narrowest table: below that a terminal wraps lines itself.
const MIN_COLUMNS: usize = 40;

/// Lists all skills; those that can't be called say why.
pub(super) fn list(args: &ListArgs, printer: &Printer) -> CommandResult {
    let listing = roots::registry(&args.roots, None)?.list();
    let skills: Vec<Value> = listing.skills.iter().map(machine).collect();
    let text = || table(&listing.skills, printer);
    data::print(&skills, &skills, text, args.format, printer);
    for problem in &listing.problems {
        printer.warning(&problem.to_string());
    }
    Ok(exit_code::SUCCESS)
}

fn table(skills: &[ListedSkill], printer: &Printer) -> String {
    let mut table = Table::new();
    let look = printer.terminal_info(OutputStream::Stdout);
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["SKILL", "KIND", "DESCRIPTION"]);
    if look.terminal {
        let columns = u16::try_from(look.columns.max(MIN_COLUMNS)).unwrap_or(u16::MAX);
        table.set_width(columns);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for listed in skills {
        let (kind, description) = match &listed.outcome {
            Ok(skill) => (skill.kind().as_str(), skill.manifest.description.clone()),
            Err(problem) => ("-", format!("can't be called: {problem}")),
        };
        let hidden = listed
            .hidden_by
            .as_ref()
            .map(|root| format!("shadowed by {}: ", root.display()));
        let text = format!("{}{description}", hidden.unwrap_or_default());
        table.add_row([
            Escaped(&listed.id).to_string(),
            kind.to_owned(),
            Escaped(&text).to_string(),
        ]);
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

fn machine(listed: &ListedSkill) -> Value {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.display().to_string());
    let skill = listed.outcome.as_ref().ok();
    // As `obs skills show` has it; links can be resolved where the skill could be loaded.
    let dir = match skill.and_then(|skill| skill.native()) {
        Some(native) => Some(native.dir.clone()),
        None => listed
            .dir
            .as_ref()
            .map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone())),
    };
    json!({
        "id": listed.id,
        "kind": skill.map(|skill| skill.kind()),
        "version": skill.and_then(|skill| skill.manifest.version.clone()),
        "name": skill.and_then(|skill| skill.manifest.name.clone()),
        "description": skill.map(|skill| skill.manifest.description.clone()),
        "input_schema": skill.and_then(|skill| skill.manifest.input_schema.clone()),
        "output_schema": skill.and_then(|skill| skill.manifest.output_schema.clone()),
        "dir": path(&dir),
        "root": path(&listed.root),
        "hidden_by": path(&listed.hidden_by),
        "problem": listed.outcome.as_ref().err().map(ToString::to_string),
    })
}
