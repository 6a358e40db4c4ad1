//! `obs skills run`: one skill, tried with the checks and the bounds of a plan's step.
//!
//! Invariant: there is no second way to run a skill. A plan of one step is made and goes the way of
//! every plan; what the skill says is shown live, its output comes out raw.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cli::args::{IdentityArgs, SkillRunArgs};
use crate::cli::error::{CommandError, Kind};
use crate::cli::execution::{Execution, start_zygote};
use crate::cli::memory::Memory;
use crate::cli::printer::Printer;
use crate::cli::{Outcome, confine, roots};
use crate::model::strict_json;
use crate::plan::{self, DEFAULT_MAX_BYTES, Document, LoadedPlan, Source};
use crate::report::{Format, PrintRef, Progress, ReportOptions};
use crate::runtime::BaseEnvironment;
use crate::runtime::engine::OnFailure;
use crate::runtime::prove::{self, Question};
use crate::skill::Skill;

/// Runs the skill.
pub(super) fn run(args: SkillRunArgs, printer: &Printer) -> Outcome {
    let zygote = start_zygote()?;
    let (registry, skill) = super::find(&args.skill, &args.roots)?;
    let arguments = match &args.inputs {
        Some(path) => read_inputs(path)?,
        None => from_flags(&args.set, &skill)?,
    };
    let environment = BaseEnvironment::of_this_process();
    let sandbox = confine::policy(&args.sandbox, &environment);
    let workspace = roots::workspace(args.place.workspace.as_deref())?;
    let limits = args.time.flags();
    let mut loaded = plan::load(plan_of(&skill, &arguments)?);
    let question = Question {
        registry: &registry,
        workspace: &workspace,
        environment: &environment,
        limits,
        sandbox: &sandbox,
    };
    let proof = prove::prove(&mut loaded, &question);
    let Some(plan) = proof.plan else {
        return Err(refusal(&skill, &loaded, args.inputs.is_some()));
    };
    let print: PrintRef = skill
        .id
        .as_str()
        .parse()
        .map_err(|error| CommandError::with_source(Kind::Fault, "can't print", &error))?;
    let execution = Execution {
        plan,
        skills: proof.skills,
        environment,
        workspace,
        run_dir: args.place.run_dir,
        memory: Memory::none(),
        identity: IdentityArgs::default(),
        report: ReportOptions {
            format: Format::None,
            print: Some(print),
            progress: Progress::None,
            stream: true,
            quiet: true,
            verbose: false,
            problems: Vec::new(),
        },
        sandbox,
        jobs: NonZeroUsize::MIN,
        on_failure: OnFailure::Stop,
    };
    execution.execute(zygote, printer)
}

/// All problems in one sentence: the plan that they are in was made here, so its places say nothing.
fn refusal(skill: &Skill, loaded: &LoadedPlan, has_inputs: bool) -> CommandError {
    let messages: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| match &problem.help {
            Some(help) if has_inputs => format!("{} ({help})", problem.message),
            Some(help) => format!("{} ({})", problem.message, as_flag(help)),
            None => problem.message.clone(),
        })
        .collect();
    CommandError::new(Kind::Invalid, messages.join("; ")).hint(format_args!(
        "`obs skills show {}` shows what it takes",
        skill.id
    ))
}

/// Advice to add a key, which is meant for plans, as advice about `--set`.
fn as_flag(help: &str) -> Cow<'_, str> {
    let rest = help.strip_prefix("add `");
    match rest.and_then(|rest| rest.split_once(":`")) {
        Some((key, rest)) => {
            let rest = rest.strip_prefix(" to the arguments").unwrap_or(rest);
            Cow::Owned(format!("give it with `--set {key}=…`{rest}"))
        }
        None => Cow::Borrowed(help),
    }
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
        .map_err(|error| CommandError::with_source(Kind::Fault, "can't make a plan", &error))
}

fn read_inputs(path: &Path) -> Result<Map<String, Value>, CommandError> {
    let source = Source::read(path, DEFAULT_MAX_BYTES).map_err(|error| {
        let kind = if error.is_unreadable() {
            Kind::Unreadable
        } else {
            Kind::Invalid
        };
        CommandError::new(kind, error)
    })?;
    let (document, problems) = Document::parse(source);
    if let Some(problem) = problems.first() {
        let (line, column) = document.line_and_column(document.bytes_of(&problem.place).start);
        let name = &document.source.name;
        let message = format!("{name}:{line}:{column}: {}", problem.message);
        return Err(CommandError::new(Kind::Invalid, message));
    }
    match document.value {
        Value::Object(map) => Ok(map),
        _ => Err(CommandError::new(
            Kind::Invalid,
            format_args!(
                "`{}` must hold one mapping of arguments",
                document.source.name
            ),
        )),
    }
}

/// `--set KEY=VALUE`: text where the schema wants nothing else, else JSON where it is some.
fn from_flags(flags: &[String], skill: &Skill) -> Result<Map<String, Value>, CommandError> {
    let mut arguments = Map::new();
    for flag in flags {
        let Some((key, text)) = flag.split_once('=') else {
            return Err(
                CommandError::new(Kind::Usage, format_args!("`--set {flag}` has no `=`"))
                    .hint("write it like `--set count=3`"),
            );
        };
        let schema = skill.manifest.input_schema.as_ref();
        let property = schema.and_then(|schema| schema.get("properties")?.get(key));
        let kinds = kinds_of(property);
        let value = match serde_json::from_str(text) {
            Ok(value) if !is_meant_as_text(&value, &kinds) => {
                strict_json(text.as_bytes()).map_err(|error| {
                    CommandError::new(Kind::Usage, format_args!("`--set {key}=…`: {error}"))
                        .hint("give JSON without it, or a file with `--inputs`")
                })?;
                value
            }
            _ => Value::from(text),
        };
        if arguments.insert(key.to_owned(), value).is_some() {
            return Err(CommandError::new(
                Kind::Usage,
                format_args!("`{key}` is set twice"),
            ));
        }
    }
    Ok(arguments)
}

/// The kinds of value that a property's schema allows by name; empty where it names none.
fn kinds_of(property: Option<&Value>) -> Vec<&str> {
    match property.and_then(|property| property.get("type")) {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// True for a value that reads as JSON where the schema wants text and nothing of its kind.
fn is_meant_as_text(value: &Value, kinds: &[&str]) -> bool {
    let is_allowed = kinds.iter().any(|kind| match *kind {
        "string" => value.is_string() && kinds.len() > 1,
        "number" | "integer" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    });
    kinds.contains(&"string") && !is_allowed
}
