//! `obs run`: the way of one plan, from its file to an exit code.

use std::path::Path;
use std::sync::Arc;

use super::approver::{self, BareStep, PlanOrigin, TerminalApprover};
use super::args::{OutputArgs, RunArgs, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::execution::{PreparedRun, start_zygote};
use super::printer::{Printer, Verbosity};
use super::problems::{self, FileReport};
use super::run_storage::{self, RunStorage};
use super::{dry_run, enforceable, exit_code, inputs, policy, resume, roots, secrets};
use crate::document::{Source, SourceError};
use crate::engine::{Approver, ProvenPlan};
use crate::plan::{self, LoadedPlan};
use crate::policy::CedarGate;
use crate::process::trim_heap;
use crate::prove::{self, OwnFiles, ProveContext};
use crate::report::{Format, JsonDocument, ReportOptions, write_json_document};
use crate::skill::{LoadProblem, Skill};
use crate::store::PreviousRun;

/// What it took to prove a plan of this length, in bytes, is worth giving back. Less is soon used
/// again.
const LONG_PLAN_BYTES: usize = 64 * 1024;

/// Runs the verb.
pub(super) fn run(args: &RunArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    // A rehearsal starts nothing.
    let zygote = (!args.dry_run).then(|| start_zygote(&args.sandbox));
    let zygote = zygote.transpose()?;
    let environment = secrets::environment(&args.secrets, printer)?;
    let workspace = roots::workspace(args.directories.workspace.as_deref())?;
    let mut loaded = match Source::read(&args.plan, args.max_plan_size) {
        Ok(source) => plan::load(source),
        Err(error) => return Ok(refuse_unread(&error, args, printer)),
    };
    let text = &loaded.document.source.text;
    let base = resume::find(&args.resume, state, &args.plan, text)?;
    let given = inputs::of_run(args, base.as_ref(), &loaded)?;
    let sandbox = enforceable::policy(&args.sandbox, &environment);
    let registry = roots::registry(&args.roots, Some(&args.plan))?;
    let run_dir = resume::run_dir(args, state, base.as_ref())?;
    let own_files = own_files(args, state);
    let context = ProveContext {
        registry: &registry,
        workspace: &workspace,
        environment: &environment,
        time_flags: args.time.flags(),
        sandbox: &sandbox,
        own_files: &own_files,
        retry_unsafe: args.steps.retry_unsafe,
        inputs: Some(&given),
        run_dir: run_dir.as_deref(),
        read: roots::read_files(&args.plan, &args.inputs, &args.policy),
    };
    let outcome = prove::prove(&mut loaded, &context);
    drop_told_assistant(&mut loaded, args);
    let (Some(plan), false) = (outcome.plan, args.strict && !loaded.problems.is_empty()) else {
        return Ok(refuse(&loaded, &outcome.not_loaded, args, printer));
    };
    let gate = policy::gate(&args.policy, &args.identity, &plan, printer)?;
    if args.dry_run && is_denied(gate.as_ref(), &plan, &mut loaded) {
        return Ok(refuse(&loaded, &[], args, printer));
    }
    warn_before_run(args, &plan, &loaded, printer)?;
    let skills = outcome.skills;
    secrets::warn(&args.secrets, &skills, &sandbox, &workspace, printer);
    let Some(zygote) = zygote else {
        let subject = subject(&plan, &skills, &loaded, &workspace, args);
        return rehearse(args, state, &subject, base.as_ref(), printer);
    };
    let execution = PreparedRun {
        approver: approver_of(args, &loaded, &workspace),
        plan,
        skills,
        environment,
        workspace,
        run_dir: args.directories.run_dir.clone(),
        identity: args.identity.clone(),
        gate,
        report: report_options(args.output.clone(), warnings(&loaded), printer),
        sandbox,
        policy: args.steps.run_policy(),
    };
    let open = |run: &PreparedRun| open_storage(run, loaded, args, state, base, printer);
    execution.run(zygote, open, printer)
}

fn own_files(args: &RunArgs, state: &StateArgs) -> OwnFiles {
    let run_dir = args.directories.run_dir.as_deref();
    state.own_files(args.output.log.as_deref(), run_dir)
}

fn approver_of(args: &RunArgs, loaded: &LoadedPlan, workspace: &Path) -> Arc<dyn Approver> {
    let origin = PlanOrigin {
        name: loaded.document.source.name.clone(),
        reasoning: loaded.plan.reasoning.clone(),
        assistant_id: policy::identity(&args.identity, &loaded.plan.assistant_id, "").assistant_id,
        workspace: workspace.to_owned(),
    };
    let approver = TerminalApprover::new(&args.approval, &args.identity, origin);
    Arc::new(approver)
}

/// Opens what the run remembers. The plan as it was read goes away with this: a long one takes as
/// much memory as all that its run needs.
fn open_storage(
    execution: &PreparedRun,
    loaded: LoadedPlan,
    args: &RunArgs,
    state: &StateArgs,
    base: Option<PreviousRun>,
    printer: &Printer,
) -> Result<RunStorage, CommandError> {
    let PreparedRun {
        plan,
        skills,
        workspace,
        ..
    } = execution;
    let subject = subject(plan, skills, &loaded, workspace, args);
    let memory = RunStorage::open(args, state, &subject, base, printer)?;
    let is_long = loaded.document.source.text.len() >= LONG_PLAN_BYTES;
    drop(loaded);
    if is_long {
        trim_heap();
    }
    Ok(memory)
}

/// What is about to run, as memory knows it.
fn subject<'s>(
    plan: &'s ProvenPlan,
    skills: &'s [Arc<Skill>],
    loaded: &'s LoadedPlan,
    workspace: &'s Path,
    args: &'s RunArgs,
) -> run_storage::RunSubject<'s> {
    run_storage::RunSubject {
        plan,
        skills,
        input_schemas: &loaded.plan.inputs,
        workspace,
        text: &loaded.document.source.text,
        file: &args.plan,
    }
}

/// True if policies are against the plan; then its problems say so.
fn is_denied(gate: Option<&CedarGate>, plan: &ProvenPlan, loaded: &mut LoadedPlan) -> bool {
    gate.is_some_and(|gate| {
        policy::add_denials(gate, plan, loaded);
        loaded.problems.has_errors()
    })
}

/// Shows what would run, and what of it would be taken over.
fn rehearse(
    args: &RunArgs,
    state: &StateArgs,
    subject: &run_storage::RunSubject<'_>,
    base: Option<&PreviousRun>,
    printer: &Printer,
) -> CommandResult {
    let reused = match base {
        None => Vec::new(),
        Some(base) => {
            let provenance = run_storage::provenance(subject)?;
            let reused = resume::reused(base, args, state, subject.plan, &provenance)?;
            resume::say(base, &reused, printer);
            reused
        }
    };
    let format = args.output.format;
    Ok(dry_run::show(
        subject.plan,
        &reused,
        subject.workspace,
        format,
        printer,
    ))
}

/// The plan's warnings as machines read them.
fn warnings(loaded: &LoadedPlan) -> Vec<serde_json::Value> {
    let LoadedPlan {
        document, problems, ..
    } = loaded;
    FileReport::Read { document, problems }.to_json()
}

fn report_options(
    output: OutputArgs,
    problems: Vec<serde_json::Value>,
    printer: &Printer,
) -> ReportOptions {
    ReportOptions {
        format: output.format,
        print: output.print,
        progress: output.progress,
        stream: output.stream,
        quiet: printer.verbosity() == Verbosity::Quiet,
        verbose: printer.verbosity() == Verbosity::Verbose,
        problems,
    }
}

/// Shows the plan's warnings, and refuses flags that name steps the plan does not have.
fn warn_before_run(
    args: &RunArgs,
    plan: &ProvenPlan,
    loaded: &LoadedPlan,
    printer: &Printer,
) -> Result<(), CommandError> {
    say_warnings(loaded, printer);
    check_names(args, plan, printer)
}

/// `--print` and `--approve` must name steps before anything runs.
fn check_names(args: &RunArgs, plan: &ProvenPlan, printer: &Printer) -> Result<(), CommandError> {
    let bare = if args.strict {
        BareStep::Refuse
    } else {
        BareStep::Warn
    };
    approver::check(&args.approval, plan, bare, printer)?;
    let Some(print) = &args.output.print else {
        return Ok(());
    };
    let names = plan.steps.iter().enumerate().flat_map(|(index, step)| {
        let label = (index, step.label.as_str());
        std::iter::once(label).chain((step.name != step.label).then_some((index, &*step.name)))
    });
    print
        .resolve(names)
        .map(drop)
        .map_err(|error| CommandError::from_error(ErrorKind::Usage, &error))
}

/// A flag that names the assistant makes up for a plan that doesn't.
fn drop_told_assistant(loaded: &mut LoadedPlan, args: &RunArgs) {
    if args.identity.assistant_id.is_some() {
        let problems = loaded.problems.diagnostics_mut();
        problems.retain(|problem| problem.code != "no_assistant_id");
    }
}

fn say_warnings(loaded: &LoadedPlan, printer: &Printer) {
    for problem in loaded.problems.iter() {
        let step = problem.step_index.map(|index| format!("step {index}: "));
        printer.warning(&format!("{}{}", step.unwrap_or_default(), problem.message));
    }
}

/// Says why a plan that could not be read does not run.
fn refuse_unread(error: &SourceError, args: &RunArgs, printer: &Printer) -> u8 {
    let code = ErrorKind::of_file(error.is_unreadable()).exit_code();
    refuse_with(&[FileReport::Unread(error)], code, args, printer);
    code
}

/// Says everything that is wrong with a plan.
fn refuse(
    loaded: &LoadedPlan,
    not_loaded: &[Arc<LoadProblem>],
    args: &RunArgs,
    printer: &Printer,
) -> u8 {
    let mut findings = vec![FileReport::Read {
        document: &loaded.document,
        problems: &loaded.problems,
    }];
    let manifests = not_loaded.iter().filter_map(|error| error.loaded());
    findings.extend(manifests.map(|m| FileReport::Read {
        document: &m.document,
        problems: &m.problems,
    }));
    let code = if policy::is_all(&loaded.problems) {
        exit_code::REJECTED
    } else {
        exit_code::INVALID
    };
    refuse_with(&findings, code, args, printer);
    let name = &loaded.document.source.name;
    let counts = problems::counts(&findings);
    let strict = if loaded.problems.has_errors() {
        ""
    } else {
        " (`--strict`)"
    };
    printer.error(&format!("`{name}` was not run: {counts}{strict}"));
    code
}

fn refuse_with(findings: &[FileReport<'_>], code: u8, args: &RunArgs, printer: &Printer) {
    let color = printer.stderr_has_color();
    for finding in findings {
        let text = finding.text(color);
        if !text.is_empty() {
            printer.eprint(text.trim_end_matches('\n'));
            printer.eprint("");
        }
    }
    if args.output.format == Format::Json {
        let problems: Vec<_> = findings.iter().flat_map(FileReport::to_json).collect();
        let document = JsonDocument {
            run_id: None,
            status: if code == exit_code::REJECTED {
                "rejected"
            } else {
                "invalid"
            },
            exit_code: code,
            problems: &problems,
            records: &[],
            resumable: false,
            head: None,
        };
        write_json_document(&*printer.streams(), &document);
    }
}
