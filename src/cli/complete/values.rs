//! Candidates for the values of arguments, by what the argument calls its value.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::line::{TypedLine, expanded};
use super::plan_file::PlanFile;
use crate::cli::args::{RootArgs, RunSelector};
use crate::cli::state::run_name;
use crate::cli::{Cli, roots};
use crate::model::ExecutionLogRecord;
use crate::report::age;
use crate::skill::{Permission, Registry};
use crate::store::{ApprovalRow, RecordFilter, RunFilter, RunRow, StateReader};

/// The most runs, records and steps that are looked at.
const MAX_LISTED: u64 = 200;

/// What an argument's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plan,
    Run,
    RunOrFile,
    WaitingRun,
    WaitingStep,
    Skill,
    Circuit,
    Step,
    StepAndSkill,
    PlanInput,
    SkillArgument,
    Secret,
    Page,
}

/// The command with candidates for its arguments.
pub(super) fn attach(program: Command, line: &Arc<TypedLine>) -> Command {
    attach_below(program, "", line)
}

fn attach_below(command: Command, path: &str, line: &Arc<TypedLine>) -> Command {
    let takes_plan = command
        .get_positionals()
        .any(|arg| value_name(arg) == "PLAN");
    command
        .mut_args(|arg| match kind(&arg, path, takes_plan) {
            Some(kind) => {
                let line = Arc::clone(line);
                arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    complete(kind, &line, current)
                }))
            }
            None => arg,
        })
        .mut_subcommands(|verb| {
            let path = format!("{path} {}", verb.get_name());
            attach_below(verb, &path, line)
        })
}

fn value_name(arg: &Arg) -> &str {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map_or("", |name| name.as_str())
}

fn kind(arg: &Arg, path: &str, takes_plan: bool) -> Option<Kind> {
    Some(match value_name(arg) {
        "PLAN" => Kind::Plan,
        "RUN" if is_answer(path) => Kind::WaitingRun,
        "STEP" if is_answer(path) => Kind::WaitingStep,
        "RUN" => Kind::Run,
        "RUN|FILE" => Kind::RunOrFile,
        "SKILL" if path == " circuits reset" => Kind::Circuit,
        "SKILL" | "GLOB" => Kind::Skill,
        "STEP" | "REF" => Kind::Step,
        "STEP=SKILL" => Kind::StepAndSkill,
        "KEY=VALUE" if takes_plan => Kind::PlanInput,
        "KEY=VALUE" => Kind::SkillArgument,
        "NAME=ORIGIN" => Kind::Secret,
        "VERB" if path == " man" => Kind::Page,
        _ => return None,
    })
}

/// True for the verbs that answer a request for approval.
fn is_answer(path: &str) -> bool {
    matches!(path, " approve" | " deny")
}

fn complete(kind: Kind, line: &TypedLine, current: &OsStr) -> Vec<CompletionCandidate> {
    let named = match kind {
        Kind::Plan => return plans(current),
        Kind::Run => {
            let mut found = starting_with(current, runs(line));
            found.extend(plans(current));
            return found;
        }
        Kind::RunOrFile => {
            let mut found = starting_with(current, runs(line));
            found.extend(files(current, &["yaml", "yml", "json", "jsonl"]));
            return found;
        }
        Kind::WaitingRun => waiting_runs(line),
        Kind::WaitingStep => waiting_steps(line),
        Kind::Skill => skills(line),
        Kind::Circuit => circuits(line),
        Kind::Step => steps(line),
        Kind::StepAndSkill => plan(line).steps.into_iter().map(step_and_skill).collect(),
        Kind::PlanInput => settings(&plan(line).inputs, &current.to_string_lossy()),
        Kind::SkillArgument => settings(&arguments(line), &current.to_string_lossy()),
        Kind::Secret => secrets(line),
        Kind::Page => pages(),
    };
    starting_with(current, named)
}

/// Values with their help that begin with what is typed. A name that looks like a flag would be
/// one.
fn starting_with(current: &OsStr, named: Vec<(String, String)>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let fits = |name: &str| name.starts_with(&*current) && !name.starts_with('-');
    let named = named
        .into_iter()
        .filter(|(name, _)| !name.is_empty() && fits(name));
    named
        .map(|(name, help)| CompletionCandidate::new(name).help(Some(help.into())))
        .collect()
}

fn step_and_skill((step, skill): (String, String)) -> (String, String) {
    (format!("{step}={skill}"), String::new())
}

fn plans(current: &OsStr) -> Vec<CompletionCandidate> {
    files(current, &["yaml", "yml", "json"])
}

/// Files with these extensions, and directories.
fn files(current: &OsStr, extensions: &'static [&'static str]) -> Vec<CompletionCandidate> {
    let completer = PathCompleter::any().filter(|path: &Path| {
        let extension = path.extension().and_then(OsStr::to_str);
        path.is_dir() || extension.is_some_and(|extension| extensions.contains(&extension))
    });
    let found = completer.complete(current).into_iter();
    let is_name = |name: &OsStr| name != "." && !name.as_encoded_bytes().starts_with(b"-");
    let found = found.filter(|file| is_name(file.get_value()));
    found.collect()
}

fn history(line: &TypedLine) -> Option<StateReader> {
    StateReader::peek(&line.state().directory().ok()??)
}

fn runs(line: &TypedLine) -> Vec<(String, String)> {
    let Some(history) = history(line) else {
        return Vec::new();
    };
    let filter = RunFilter {
        limit: Some(MAX_LISTED),
        ..RunFilter::default()
    };
    let mut rows = Vec::new();
    let is_read = history.runs(&filter, |run| {
        rows.push(run);
        true
    });
    if is_read.is_err() || rows.is_empty() {
        return Vec::new();
    }
    let now = Timestamp::now();
    let named = rows.iter().map(|run| {
        let id = history.short_id(&run.run_id);
        (id.unwrap_or_else(|_| run.run_id.clone()), told(run, now))
    });
    let last = (
        "last".to_owned(),
        format!("the latest run: {}", told(&rows[0], now)),
    );
    std::iter::once(last).chain(named).collect()
}

/// A run in words: `failed, plan.yaml, 3 min ago`.
fn told(run: &RunRow, now: Timestamp) -> String {
    let plan = run.plan.rsplit('/').next().unwrap_or_default();
    format!(
        "{}, {plan}, {}",
        run.status.as_str(),
        age(run.started_at, now)
    )
}

/// The requests of a run, or of all, that wait for an answer.
fn waiting(history: &StateReader, run: Option<&RunRow>) -> Vec<ApprovalRow> {
    let now = Timestamp::now();
    let requests = history.approvals(run).unwrap_or_default();
    let waiting = requests
        .into_iter()
        .filter(|request| request.status(now) == "waiting");
    waiting.collect()
}

fn waiting_runs(line: &TypedLine) -> Vec<(String, String)> {
    let Some(history) = history(line) else {
        return Vec::new();
    };
    let mut runs: Vec<(String, String)> = Vec::new();
    for request in waiting(&history, None) {
        let id = history.short_id(&request.run_id);
        let id = id.unwrap_or(request.run_id);
        match runs.last_mut().filter(|(run, _)| *run == id) {
            Some((_, steps)) => {
                steps.push_str(", ");
                steps.push_str(&request.step_id);
            }
            None => runs.push((id, request.step_id)),
        }
    }
    runs
}

fn waiting_steps(line: &TypedLine) -> Vec<(String, String)> {
    let find = || {
        let history = history(line)?;
        let name = RunSelector::read(line.positionals.first()?.clone()).ok()?;
        let run = history.find(&run_name(&name, "")).ok()?;
        Some(waiting(&history, Some(&run)))
    };
    let requests = find().unwrap_or_default().into_iter();
    requests
        .map(|request| (request.step_id, request.skill_id))
        .collect()
}

fn circuits(line: &TypedLine) -> Vec<(String, String)> {
    let circuits = history(line).and_then(|history| history.circuits().ok());
    let circuits = circuits.into_iter().flatten();
    circuits
        .map(|circuit| {
            let help = format!("{}, failures: {}", circuit.state, circuit.failures);
            (circuit.skill_id, help)
        })
        .collect()
}

/// The file in the place of the plan.
fn plan_path(line: &TypedLine) -> Option<PathBuf> {
    let path = expanded(line.positionals.first()?);
    path.is_file().then_some(path)
}

fn plan(line: &TypedLine) -> PlanFile {
    plan_path(line)
        .map(|path| PlanFile::read(&path))
        .unwrap_or_default()
}

/// The steps of the plan on the line, else those of the run that is meant, which is the latest if
/// none is named; each with its skill.
fn steps(line: &TypedLine) -> Vec<(String, String)> {
    let of_plan = plan(line).steps;
    if of_plan.is_empty() {
        steps_of_run(line).unwrap_or_default()
    } else {
        of_plan
    }
}

fn steps_of_run(line: &TypedLine) -> Option<Vec<(String, String)>> {
    let history = history(line)?;
    let name = line
        .positionals
        .first()
        .cloned()
        .unwrap_or_else(|| "last".into());
    let run = history
        .find(&run_name(&RunSelector::read(name).ok()?, ""))
        .ok()?;
    let filter = RecordFilter {
        run: Some(run),
        ..RecordFilter::default()
    };
    let mut steps = Vec::new();
    let mut seen = BTreeSet::new();
    let read = history.records(&filter, |count, record| {
        if let Ok(record) = serde_json::from_str::<ExecutionLogRecord>(record) {
            let is_named = record.step_id.is_empty();
            let step = if is_named {
                record.step_name
            } else {
                record.step_id
            };
            if seen.insert(step.clone()) {
                steps.push((step, record.status.as_str().to_owned()));
            }
        }
        count < MAX_LISTED
    });
    read.ok().map(|()| steps)
}

fn registry(line: &TypedLine) -> Option<Registry> {
    let skills = line.values("--skills", "OBS_SKILLS");
    let skills = skills.iter().map(|dir| expanded(dir)).collect();
    roots::registry(&RootArgs { skills }, plan_path(line).as_deref()).ok()
}

fn skills(line: &TypedLine) -> Vec<(String, String)> {
    let Some(registry) = registry(line) else {
        return Vec::new();
    };
    let skills = registry.list().skills.into_iter();
    let skills = skills.filter(|listed| listed.hidden_by.is_none());
    skills
        .map(|listed| {
            let description = listed
                .outcome
                .map(|skill| skill.manifest.description.clone());
            (listed.id, description.unwrap_or_default())
        })
        .collect()
}

/// The schemas of the arguments of the skill on the line.
fn arguments(line: &TypedLine) -> Map<String, Value> {
    let skill = line.positionals.first().and_then(|skill| skill.to_str());
    let skill = skill.and_then(|skill| registry(line)?.find(skill).ok()?);
    let schema = skill.and_then(|skill| skill.manifest.input_schema.clone());
    let properties = schema.as_ref().and_then(|schema| schema.get("properties"));
    properties
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

/// `name=` for each schema; the values of one behind its name, if the schema lists them.
fn settings(schemas: &Map<String, Value>, current: &str) -> Vec<(String, String)> {
    if let Some((name, _)) = current.split_once('=') {
        let schema = schemas.get(name);
        let values = schema.map(listed_values).unwrap_or_default();
        let values = values.into_iter().map(|value| format!("{name}={value}"));
        return values.map(|value| (value, String::new())).collect();
    }
    let help = |schema: &Value| {
        let text = schema.get("description").or_else(|| schema.get("type"));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let names = schemas.iter();
    names
        .map(|(name, schema)| (format!("{name}="), help(schema)))
        .collect()
}

fn listed_values(schema: &Value) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match (
        schema.get("enum").and_then(Value::as_array),
        schema.get("type"),
    ) {
        (Some(values), _) => values.iter().map(text).collect(),
        (None, Some(kind)) if kind == "boolean" => vec!["true".to_owned(), "false".to_owned()],
        _ => Vec::new(),
    }
}

/// The secrets of the skills on the line, with each origin.
fn secrets(line: &TypedLine) -> Vec<(String, String)> {
    let Some(registry) = registry(line) else {
        return Vec::new();
    };
    let on_line = line.positionals.first().and_then(|word| word.to_str());
    let of_plan = plan(line).steps.into_iter().map(|(_, skill)| skill);
    let ids: BTreeSet<String> = of_plan.chain(on_line.map(str::to_owned)).collect();
    let skills = ids.iter().filter_map(|id| registry.find(id).ok().flatten());
    let mut names = BTreeSet::new();
    for skill in skills {
        let permissions = skill.manifest.permissions.iter();
        let secrets = permissions
            .filter_map(Permission::env)
            .filter(|(_, is_secret)| *is_secret);
        names.extend(secrets.map(|(env, _)| env.name.clone()));
    }
    let origins = |name: &String| {
        let origin = |kind: &str| (format!("{name}={kind}:"), String::new());
        [origin("env"), origin("file")]
    };
    names.iter().flat_map(origins).collect()
}

/// The verbs, as names of pages.
fn pages() -> Vec<(String, String)> {
    fn collect(command: &Command, path: &str, pages: &mut Vec<(String, String)>) {
        for verb in command.get_subcommands() {
            let path = format!("{path}{}", verb.get_name());
            collect(verb, &format!("{path}-"), pages);
            let about = verb.get_about().map(ToString::to_string);
            pages.push((path, about.unwrap_or_default()));
        }
    }
    let mut pages = Vec::new();
    collect(&Cli::command(), "", &mut pages);
    pages
}
