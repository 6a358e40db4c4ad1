//! `obs run`: the way of one plan, from its file to an exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::approver::{self, BareStep, PlanOrigin, TerminalApprover};
use super::args::{IdentityArgs, OutputArgs, RunArgs, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::execution::{PreparedRun, start_zygote};
use super::printer::{Printer, Verbosity};
use super::problems::{self, FileReport};
use super::resume::ResumedRun;
use super::run_storage::{self, RunStorage};
use super::{
    dry_run, enforceable, exit_code, inputs, item_words, next_step, policy, resume, roots, secrets,
    selection,
};
use crate::document::{Source, SourceError};
use crate::engine::{Approver, ProvenPlan};
use crate::event::Streaming;
use crate::executor::BaseEnvironment;
use crate::plan::{self, LoadedPlan};
use crate::policy::CedarGate;
use crate::prove::{self, ProveContext};
use crate::report::{Format, JsonDocument, ReportOptions, write_json_document};
use crate::skill::{LoadProblem, SandboxPolicy, Skill};

/// Runs the verb.
pub(super) fn run(args: &RunArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    // A dry run starts nothing.
    let zygote = (!args.dry_run).then(|| start_zygote(&args.sandbox));
    let zygote = zygote.transpose()?;
    let environment = secrets::environment(&args.secrets, printer)?;
    let (file, workspace) = plan_and_workspace(args, state)?;
    let format = args.output.format;
    let mut loaded = match Source::read(&file, args.max_plan_size) {
        Ok(source) => plan::load(source),
        Err(error) => return Ok(refuse_unread(&error, format, printer)),
    };
    let given_run_dir = args.directories.run_dir.as_deref();
    let text = &loaded.document.source.text;
    let resumed = ResumedRun::find(&args.resume, state, given_run_dir, &file, text)?;
    let context = context(
        args,
        state,
        environment,
        workspace,
        resumed.as_ref(),
        &loaded,
        &file,
    )?;
    let outcome = prove::prove(&mut loaded, &context);
    drop_missing_assistant(&args.identity, &mut loaded);
    let (Some(mut plan), false) = (outcome.plan, args.strict && !loaded.problems.is_empty()) else {
        return Ok(refuse(&loaded, &outcome.not_loaded, format, printer));
    };
    selection::apply(&args.selection, &mut plan, resumed.is_some())?;
    let gate = policy::gate(&args.policy, &args.identity, &plan, printer)?;
    if args.dry_run && is_denied(gate.as_ref(), &plan, &mut loaded) {
        return Ok(refuse(&loaded, &[], format, printer));
    }
    say_warnings(&loaded, printer);
    check_names(args, &plan, printer)?;
    let skills = outcome.skills;
    let (workspace, sandbox) = (&context.workspace, &context.sandbox);
    secrets::warn(&args.secrets, &skills, sandbox, workspace, printer);
    let Some(zygote) = zygote else {
        let subject = subject(&plan, &skills, &loaded, workspace, sandbox, &file);
        return dry_run(&subject, resumed.as_ref(), format, printer);
    };
    let execution = PreparedRun {
        approver: approver_of(args, &loaded, workspace),
        plan,
        skills,
        environment: context.environment,
        workspace: context.workspace,
        run_dir: args.directories.run_dir.clone(),
        identity: args.identity.clone(),
        gate,
        report: report_options(args.output.clone(), warnings(&loaded), printer),
        sandbox: context.sandbox,
        policy: args.steps.run_policy(args.strict),
        approval_wait: args.approval.wait(),
        retention: args.retention.limits(),
        typed_state_dir: next_step::typed_state_dir(state),
    };
    let open = |run: &PreparedRun| open_storage(run, loaded, args, state, &file, resumed, printer);
    execution.run(zygote, open, printer)
}

/// The plan and the workspace: if the plan is not given, those of the run to resume.
fn plan_and_workspace(
    args: &RunArgs,
    state: &StateArgs,
) -> Result<(PathBuf, PathBuf), CommandError> {
    refuse_wait_without_state(args, state)?;
    let (file, recorded) = plan_file(args, state)?;
    let given = args.directories.workspace.as_deref();
    let workspace = roots::workspace(given.or(recorded.as_deref()))?;
    Ok((file, workspace))
}

/// The plan, and the workspace of the run that it is taken from if it is not given.
fn plan_file(
    args: &RunArgs,
    state: &StateArgs,
) -> Result<(PathBuf, Option<PathBuf>), CommandError> {
    match (&args.plan, &args.resume.resume) {
        (Some(plan), _) => Ok((plan.clone(), None)),
        (None, Some(selector)) => resume::plan_of_run(selector, state),
        (None, None) => Err(
            CommandError::new(ErrorKind::Usage, "missing plan: `obs run PLAN`")
                .hint("`obs run --resume=RUN` takes the plan of an earlier run"),
        ),
    }
}

/// A run that waits is resumed from the state.
fn refuse_wait_without_state(args: &RunArgs, state: &StateArgs) -> Result<(), CommandError> {
    if args.approval.wait().is_some() && state.directory()?.is_none() {
        let message = "`--on-approval wait` needs a state, in which the run waits";
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("leave out `--state-dir none`, or give `--on-approval ask`"));
    }
    Ok(())
}

/// What the plan is proven against.
fn context(
    args: &RunArgs,
    state: &StateArgs,
    environment: BaseEnvironment,
    workspace: PathBuf,
    resumed: Option<&ResumedRun>,
    loaded: &LoadedPlan,
    file: &Path,
) -> Result<ProveContext, CommandError> {
    let sandbox = enforceable::policy(&args.sandbox, &environment);
    let previous = resumed.map(|resumed| &resumed.previous);
    let inputs = inputs::of_run(&args.inputs, file, previous, loaded)?;
    let registry = roots::registry(&args.roots, Some(file))?;
    let given_run_dir = args.directories.run_dir.as_deref();
    let run_dir = resumed.map_or(given_run_dir, ResumedRun::run_dir);
    Ok(ProveContext {
        time_flags: args.time.flags(),
        own_files: state.own_files(args.output.log.as_deref(), given_run_dir),
        retry_unsafe: args.steps.retry_unsafe,
        max_items: args.steps.max_items,
        inputs: Some(inputs),
        run_dir: run_dir.map(Path::to_owned),
        read: roots::read_files(file, &args.inputs, &args.policy),
        ..ProveContext::new(registry, workspace, environment, sandbox)
    })
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

/// Opens where the run is recorded. The plan as it was read is dropped here: a long one takes as
/// much memory as all that its run needs.
fn open_storage(
    execution: &PreparedRun,
    loaded: LoadedPlan,
    args: &RunArgs,
    state: &StateArgs,
    file: &Path,
    resumed: Option<ResumedRun>,
    printer: &Printer,
) -> Result<RunStorage, CommandError> {
    let PreparedRun {
        plan,
        skills,
        workspace,
        sandbox,
        ..
    } = execution;
    let subject = subject(plan, skills, &loaded, workspace, sandbox, file);
    let log = args.output.log.as_deref();
    let breaker = args.resume.circuit_breaker;
    let storage = RunStorage::open(log, breaker, state, &subject, resumed, printer)?;
    drop(loaded);
    Ok(storage)
}

/// What is about to run.
fn subject<'s>(
    plan: &'s ProvenPlan,
    skills: &'s [Arc<Skill>],
    loaded: &'s LoadedPlan,
    workspace: &'s Path,
    sandbox: &'s SandboxPolicy,
    file: &'s Path,
) -> run_storage::RunSubject<'s> {
    run_storage::RunSubject {
        plan,
        skills,
        input_schemas: &loaded.plan.inputs,
        workspace,
        sandbox,
        text: &loaded.document.source.text,
        file,
    }
}

/// True if policies are against the plan; then its problems say so.
fn is_denied(gate: Option<&CedarGate>, plan: &ProvenPlan, loaded: &mut LoadedPlan) -> bool {
    gate.is_some_and(|gate| {
        policy::add_denials(gate, plan, loaded);
        loaded.problems.has_errors()
    })
}

/// Shows what would run, and what of it would be reused.
fn dry_run(
    subject: &run_storage::RunSubject<'_>,
    resumed: Option<&ResumedRun>,
    format: Format,
    printer: &Printer,
) -> CommandResult {
    let reused = match resumed {
        None => Vec::new(),
        Some(resumed) => {
            let provenance = run_storage::provenance(subject)?;
            let reuse = resumed.reuse(subject.plan, &provenance, subject.sandbox, printer)?;
            reuse.steps
        }
    };
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
        streaming: if output.stream {
            Streaming::Text
        } else {
            Streaming::Off
        },
        shows_stderr_once: false,
        quiet: printer.verbosity() == Verbosity::Quiet,
        verbose: printer.verbosity() == Verbosity::Verbose,
        problems,
    }
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
    let target = print
        .resolve(names)
        .map_err(|error| CommandError::from_error(ErrorKind::Usage, &error))?;
    item_words::check_print(&plan.steps, &target)
        .map_err(|message| CommandError::new(ErrorKind::Usage, message))
}

/// Drops the warning that the plan names no assistant, if a flag does.
fn drop_missing_assistant(identity: &IdentityArgs, loaded: &mut LoadedPlan) {
    if identity.assistant_id.is_none() {
        return;
    }
    let problems = loaded.problems.diagnostics_mut();
    problems.retain(|problem| problem.code != "no_assistant_id");
}

fn say_warnings(loaded: &LoadedPlan, printer: &Printer) {
    for problem in loaded.problems.iter() {
        let place = |index| loaded.plan.place_in_words(index) + ": ";
        let step = problem.step_index.map(place);
        printer.warning(&format!("{}{}", step.unwrap_or_default(), problem.message));
    }
}

/// Says why a plan that could not be read does not run.
fn refuse_unread(error: &SourceError, format: Format, printer: &Printer) -> u8 {
    let code = ErrorKind::of_file(error.is_unreadable()).exit_code();
    refuse_with(&[FileReport::Unread(error)], code, format, printer);
    code
}

/// Says everything that is wrong with a plan.
fn refuse(
    loaded: &LoadedPlan,
    not_loaded: &[Arc<LoadProblem>],
    format: Format,
    printer: &Printer,
) -> u8 {
    let findings = problems::of_plan(loaded, not_loaded);
    let code = if policy::is_all(&loaded.problems) {
        exit_code::REJECTED
    } else {
        exit_code::INVALID
    };
    refuse_with(&findings, code, format, printer);
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

fn refuse_with(findings: &[FileReport<'_>], code: u8, format: Format, printer: &Printer) {
    let look = printer.stderr_look();
    for finding in findings {
        let text = finding.text(look);
        if !text.is_empty() {
            printer.eprint(text.trim_end_matches('\n'));
            printer.eprint("");
        }
    }
    if format == Format::Json {
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
