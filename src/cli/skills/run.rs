//! `obs skills run`: one skill, tried with the checks and the bounds of a plan's step.
//!
//! Invariant: there is no second way to run a skill. A plan of one step is made and goes the way of
//! every plan; what the skill says is shown live, its output comes out raw.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::cli::approver::{self, BareStep, PlanOrigin, TerminalApprover};
use crate::cli::args::{SkillRunArgs, StateArgs};
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::execution::{PreparedRun, start_zygote};
use crate::cli::printer::Printer;
use crate::cli::run_storage::RunStorage;
use crate::cli::{enforceable, inputs, policy, roots, secrets};
use crate::document::{Diagnostic, Location, Source};
use crate::engine::{Approver, FailurePolicy, ProvenPlan, RunPolicy};
use crate::event::Streaming;
use crate::plan::{self, LoadedPlan};
use crate::prove::{self, ProveContext};
use crate::report::{Format, PrintRef, Progress, ReportOptions};
use crate::skill::Skill;
use crate::store::RetentionLimits;

/// The place of the arguments in the plan of one step.
const ARGUMENTS: &str = "/steps/0/arguments";

/// Runs the skill.
pub(super) fn run(args: SkillRunArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let zygote = start_zygote(&args.sandbox)?;
    let (registry, skill) = super::find(&args.skill, &args.roots)?;
    let properties = skill.manifest.input_schema.as_ref();
    let properties = properties.and_then(|schema| schema.get("properties"));
    let schema_of = |key: &str| properties?.get(key);
    let arguments = inputs::read(args.inputs.as_deref(), &args.set, schema_of)?.unwrap_or_default();
    let environment = secrets::environment(&args.secrets, printer)?;
    let sandbox = enforceable::policy(&args.sandbox, &environment);
    let workspace = roots::workspace(args.directories.workspace.as_deref())?;
    let mut loaded = plan::load(plan_of(&skill, &arguments)?);
    let context = ProveContext {
        time_flags: args.time.flags(),
        own_files: state.own_files(None, args.directories.run_dir.as_deref()),
        run_dir: args.directories.run_dir.clone(),
        ..ProveContext::new(registry, workspace, environment, sandbox)
    };
    let outcome = prove::prove(&mut loaded, &context);
    let Some(plan) = outcome.plan else {
        return Err(refusal(&skill, &loaded, args.inputs.is_some()));
    };
    // Who tries a skill may still be about to describe it.
    for problem in loaded.problems.iter().filter(|found| found.code != "todo") {
        printer.warning(&problem.message);
    }
    secrets::warn(
        &args.secrets,
        &outcome.skills,
        &context.sandbox,
        &context.workspace,
        printer,
    );
    let gate = policy::gate(&args.policy, &args.identity, &plan, printer)?;
    if args.approval.wait().is_some() {
        let message = "`obs skills run` keeps no run that could wait; give `--on-approval ask`";
        return Err(CommandError::new(ErrorKind::Usage, message));
    }
    approver::check(&args.approval, &plan, BareStep::Allow, printer)?;
    let execution = PreparedRun {
        report: report_of(&skill)?,
        approver: approver_of(&args, &plan, &context.workspace),
        plan,
        skills: outcome.skills,
        environment: context.environment,
        workspace: context.workspace,
        run_dir: args.directories.run_dir,
        identity: args.identity,
        gate,
        sandbox: context.sandbox,
        policy: RunPolicy {
            jobs: NonZeroUsize::MIN,
            on_failure: FailurePolicy::Drain,
            retry_unsafe: false,
            fail_on_leak: false,
            max_value_bytes: RunPolicy::default().max_value_bytes,
        },
        approval_wait: None,
        retention: RetentionLimits::default(),
        typed_state_dir: None,
    };
    execution.run(zygote, |_| Ok(RunStorage::none()), printer)
}

fn approver_of(args: &SkillRunArgs, plan: &ProvenPlan, workspace: &Path) -> Arc<dyn Approver> {
    let origin = PlanOrigin {
        name: "none, `obs skills run`".to_owned(),
        reasoning: None,
        assistant_id: policy::identity(&args.identity, &plan.assistant_id, "").assistant_id,
        workspace: workspace.to_owned(),
    };
    let approver = TerminalApprover::new(&args.approval, &args.identity, origin);
    Arc::new(approver)
}

/// What the skill says is shown live, and its output as it is.
fn report_of(skill: &Skill) -> Result<ReportOptions, CommandError> {
    let print: PrintRef = skill
        .id
        .as_str()
        .parse()
        .map_err(|error| CommandError::with_source(ErrorKind::Fault, "can't print", &error))?;
    Ok(ReportOptions {
        format: Format::None,
        print: Some(print),
        progress: Progress::None,
        // Its output comes at the end.
        streaming: Streaming::Stderr,
        shows_stderr_once: true,
        quiet: true,
        verbose: false,
        problems: Vec::new(),
    })
}

/// All problems in one sentence: the plan that they are in was made here, so its places say
/// nothing.
fn refusal(skill: &Skill, loaded: &LoadedPlan, has_inputs: bool) -> CommandError {
    let messages: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| match (missing_argument(problem), &problem.help) {
            // The help is meant for plans.
            (Some(name), _) if !has_inputs => {
                format!("{} ({})", problem.message, how_to_set(skill, name))
            }
            (_, Some(help)) => format!("{} ({help})", problem.message),
            (_, None) => problem.message.clone(),
        })
        .collect();
    CommandError::new(ErrorKind::Invalid, messages.join("; ")).hint(format_args!(
        "`obs skills show {}` shows its arguments",
        skill.id
    ))
}

/// The argument that is missing, if that is the problem. A key that is missing deeper inside can't
/// be set by itself.
fn missing_argument(problem: &Diagnostic) -> Option<&str> {
    let is_missing = problem.got.is_none() && problem.location == Location::value(ARGUMENTS);
    let expected = problem.expected.as_ref().filter(|_| is_missing);
    expected.and_then(Value::as_str)
}

fn how_to_set(skill: &Skill, name: &str) -> String {
    let schema = skill.manifest.input_schema.as_ref();
    let property = schema.and_then(|schema| schema.get("properties")?.get(name));
    let description = property.and_then(|property| property.get("description")?.as_str());
    let description = description.map_or_else(String::new, |text| format!(": {text}"));
    format!("set it with `--set {name}=…`{description}")
}

/// The plan of one step. It names the skill and gives the arguments, nothing else.
fn plan_of(skill: &Skill, arguments: &Map<String, Value>) -> Result<Source, CommandError> {
    let plan = json!({
        "assistant_id": "obs skills run",
        "steps": [{
            "name": skill.id.as_str(),
            "type": skill.kind(),
            "arguments": arguments,
            "references": false,
        }],
    });
    Source::from_bytes("arguments.json".to_owned(), plan.to_string().into_bytes())
        .map_err(|error| CommandError::with_source(ErrorKind::Fault, "can't make a plan", &error))
}
