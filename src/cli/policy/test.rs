//! `obs policy test`: what policies say of each step, and nothing runs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::args::PolicyTestArgs;
use crate::cli::data;
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::printer::Printer;
use crate::cli::problems::FileReport;
use crate::cli::{enforceable, exit_code, inputs, roots};
use crate::document::Source;
use crate::engine::{Decision, Effect, MOST_ITEMS, ProvenPlan, ProvenStep, evaluate_plan};
use crate::executor::BaseEnvironment;
use crate::model::{Escaped, EscapedLines};
use crate::plan;
use crate::policy::{CedarGate, LoadedPolicy};
use crate::prove::{self, ProveContext};

/// Shows the decision about every step.
pub(super) fn test(args: &PolicyTestArgs, printer: &Printer) -> CommandResult {
    let plan = proven(args, printer)?;
    let Some(gate) = super::gate(&args.policy, &args.identity, &plan, printer)? else {
        let message = "no policy to test";
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("pass `--policy FILE`, `--allow GLOB` or `--deny GLOB`"));
    };
    let decisions = evaluate_plan(&gate, &plan);
    let steps = rows(&plan, &decisions);
    let document = json!({"steps": steps, "policies": policies(&gate)});
    let table = || table(&plan, &decisions, &gate);
    data::print(&document, &steps, table, args.format, printer);
    let is_denied = decisions.iter().any(|decision| decision.effect.is_denial());
    Ok(if is_denied {
        exit_code::REJECTED
    } else {
        exit_code::SUCCESS
    })
}

/// The plan, proven; what is wrong with it is said.
fn proven(args: &PolicyTestArgs, printer: &Printer) -> Result<ProvenPlan, CommandError> {
    let mut loaded = plan::load(Source::read(&args.plan, args.max_plan_size)?);
    let environment = BaseEnvironment::of_this_process();
    let sandbox = enforceable::default_policy(&environment);
    let context = ProveContext {
        inputs: inputs::of_plan(&args.inputs, &args.plan, &loaded)?,
        read: roots::read_files(&args.plan, &args.inputs, &args.policy),
        max_items: MOST_ITEMS,
        ..ProveContext::new(
            roots::registry(&args.roots, Some(&args.plan))?,
            roots::workspace(None)?,
            environment,
            sandbox,
        )
    };
    let outcome = prove::prove(&mut loaded, &context);
    outcome.plan.ok_or_else(|| {
        let (document, problems) = (&loaded.document, &loaded.problems);
        let text = FileReport::Read { document, problems }.text(printer.stderr_look());
        printer.eprint(text.trim_end_matches('\n'));
        printer.eprint("");
        CommandError::new(ErrorKind::Invalid, "the plan is invalid")
            .hint("`obs validate` reports all its problems")
    })
}

fn word(ruling: Effect) -> &'static str {
    match ruling {
        Effect::Permitted => "permitted",
        Effect::Deferred => "waits",
        Effect::NotPermitted => "not permitted",
        Effect::Forbidden => "forbidden",
        Effect::Erred => "error",
    }
}

/// What stands beside a ruling.
fn detail(decision: &Decision) -> String {
    let fallback = decision.fallback.as_ref();
    let fallback = fallback.map_or_else(String::new, |skill| format!("fallback {skill}: "));
    let said = match decision.effect {
        Effect::Deferred => "decided when its references are resolved".to_owned(),
        Effect::Erred => {
            let errors = decision.errors.iter();
            let errors = errors.map(|(id, reason)| format!("{id}: {reason}"));
            errors.collect::<Vec<_>>().join("; ")
        }
        Effect::Permitted | Effect::NotPermitted | Effect::Forbidden => {
            decision.policies.join(", ")
        }
    };
    fallback + &said
}

fn table(plan: &ProvenPlan, decisions: &[Decision], gate: &CedarGate) -> String {
    let rows: Vec<[String; 5]> = (plan.steps.iter().zip(decisions).enumerate())
        .map(|(index, (step, decision))| {
            [
                index.to_string(),
                Escaped(&step.label).to_string(),
                Escaped(&step.skill_id).to_string(),
                word(decision.effect).to_owned(),
                Escaped(&detail(decision)).to_string(),
            ]
        })
        .collect();
    let header = ["#", "STEP", "SKILL", "DECISION", "POLICIES"].map(str::to_owned);
    let width = |column: usize| {
        let all = std::iter::once(&header).chain(&rows);
        all.map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        // Writing to a String can't fail.
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:<width$}  ").ok();
        }
        line.push_str(&row[4]);
        writeln!(text, "{}", line.trim_end()).ok();
    }
    for rule in gate.policies().iter().filter(|rule| rule.is_short_form) {
        write!(text, "\n{}\n", EscapedLines(&rule.text)).ok();
    }
    text
}

fn rows(plan: &ProvenPlan, decisions: &[Decision]) -> Vec<Value> {
    let steps = plan.steps.iter().zip(decisions).enumerate();
    let row = |(index, (step, decision)): (usize, (&ProvenStep, &Decision))| {
        let errors = decision.errors.iter();
        let errors = errors.map(|(id, reason)| json!({"policy": id, "error": reason}));
        json!({
            "step_index": index,
            "step_id": step.label,
            "skill_id": step.skill_id,
            "risk_level": step.risk_level.as_str(),
            "decision": word(decision.effect),
            "policies": decision.policies,
            "errors": errors.collect::<Vec<_>>(),
            "fallback": decision.fallback,
        })
    };
    steps.map(row).collect()
}

fn policies(gate: &CedarGate) -> Vec<Value> {
    let policy = |rule: &LoadedPolicy| {
        let effect = if rule.is_forbid() { "forbid" } else { "permit" };
        json!({"id": rule.id, "effect": effect, "text": rule.text})
    };
    gate.policies().iter().map(policy).collect()
}
