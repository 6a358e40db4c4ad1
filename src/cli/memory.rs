//! What a run remembers of earlier ones, and is remembered by.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::args::{BreakerChoice, MemoryArgs, RunArgs, StateArgs};
use super::error::{CommandError, Kind};
use super::printer::Printer;
use super::state::{chain_key, not_found};
use crate::model::sha256_hex;
use crate::report::short_id;
use crate::runtime::{FilesPlace, ProvenPlan, Provenance, Reused};
use crate::skill::Skill;
use crate::store::{
    Base, Breaker, ChainKey, ExportError, Guard, Keeper, LogFile, MemoryLog, ResumeError, RunLog,
    StateLog, Store,
};

/// What a run remembers, and is remembered by.
#[derive(Debug)]
pub(super) struct Memory {
    /// The state; `None` where nothing is kept.
    pub(super) store: Option<Arc<Store>>,
    /// What exactly is about to run.
    pub(super) provenance: Provenance,
    /// Results of an earlier run, by the steps' indices.
    pub(super) reused: Vec<Option<Reused>>,
    key: Option<ChainKey>,
    file: Option<LogFile>,
    guards: HashMap<String, Guard>,
}

/// What is about to run.
pub(super) struct Subject<'s> {
    /// The plan, proven.
    pub(super) plan: &'s ProvenPlan,
    /// The skills that it calls.
    pub(super) skills: &'s [Arc<Skill>],
    /// The schemas of its inputs.
    pub(super) input_schemas: &'s Map<String, Value>,
    /// The plan's text.
    pub(super) text: &'s str,
    /// Its file; `-` for standard input.
    pub(super) file: &'s Path,
}

impl Memory {
    /// Nothing at all: for a skill that is only tried.
    pub(super) fn none() -> Self {
        Self {
            store: None,
            provenance: Provenance::default(),
            reused: Vec::new(),
            key: None,
            file: None,
            guards: HashMap::new(),
        }
    }

    /// Opens what the flags ask for, and looks up what there is to go on with. Nothing has run yet.
    pub(super) fn of_run(
        args: &RunArgs,
        state: &StateArgs,
        subject: &Subject<'_>,
        base: Option<Base>,
        printer: &Printer,
    ) -> Result<Self, CommandError> {
        let (log, args) = (args.output.log.as_deref(), &args.memory);
        let file = log.map(LogFile::open).transpose().map_err(|error| {
            CommandError::new(Kind::Io, error).hint("nothing was run; give another `--log`")
        })?;
        let store = state.open()?.map(Arc::new);
        if store.is_none() {
            printer.warning(
                "`--state-dir none`: nothing of this run is kept, so `obs logs`, `--resume` and \
                 circuit breakers will know nothing of it",
            );
        }
        let mut provenance = provenance(subject)?;
        let reused = match &base {
            Some(base) => reused(base, args, subject.plan, &provenance.skills, printer)?,
            None => Vec::new(),
        };
        provenance.resumed_from = base.map(|base| base.run_id);
        Ok(Self {
            store,
            provenance,
            reused,
            key: chain_key(),
            file,
            guards: guards(args.circuit_breaker, subject.skills),
        })
    }

    /// Where the records of the run go.
    pub(super) fn log(&mut self) -> RunLog {
        let key = self.key.clone();
        let keeper = match &self.store {
            Some(store) => Keeper::State(StateLog::new(Arc::clone(store), key)),
            None => Keeper::Memory(MemoryLog::new(key)),
        };
        RunLog::new(keeper, self.file.take())
    }

    /// Where files between the steps of the run `run_id` go. A resumed run takes over those of the run
    /// that it goes on with.
    pub(super) fn files_place(&self, run_id: &str) -> FilesPlace {
        let Some(store) = &self.store else {
            return FilesPlace::Temporary;
        };
        let place = store.files_of(run_id);
        if let Some(base) = &self.provenance.resumed_from {
            // There are none where no step wanted any.
            std::fs::rename(store.files_of(base), &place).ok();
        }
        FilesPlace::Kept(place)
    }

    /// Who says whether a skill may be called in the run `run_id`.
    pub(super) fn breaker(&self, tenant_id: &str, run_id: &str) -> Breaker {
        Breaker::new(
            self.store.clone(),
            tenant_id.to_owned(),
            run_id.to_owned(),
            self.guards.clone(),
        )
    }
}

fn provenance(subject: &Subject<'_>) -> Result<Provenance, CommandError> {
    // What must not be seen is not kept either: not even as a digest, which a short secret can be guessed
    // from. A resumed run asks for it again.
    let is_hidden = |name: &str| {
        let schema = subject.input_schemas.get(name);
        schema.and_then(|schema| schema.get("writeOnly")) == Some(&Value::Bool(true))
    };
    let mut inputs = subject.plan.inputs.clone();
    inputs.retain(|name, _| !is_hidden(name));
    let inputs_text = Value::Object(inputs.clone()).to_string();
    let mut skills = BTreeMap::new();
    for skill in subject.skills {
        let digest = skill.digest().map_err(|error| {
            let what = format!("can't read the files of `{}`", skill.id);
            CommandError::with_source(Kind::Unavailable, what, &error)
        })?;
        skills.insert(skill.id.to_string(), digest);
    }
    Ok(Provenance {
        plan: plan_name(subject.file),
        plan_digest: sha256_hex(subject.text.as_bytes()),
        inputs_digest: (!inputs.is_empty()).then(|| sha256_hex(inputs_text.as_bytes())),
        inputs,
        skills,
        resumed_from: None,
    })
}

/// The name by which the runs of the plan in `file` are found again.
fn plan_name(file: &Path) -> String {
    let is_stdin = file == Path::new("-");
    let absolute = file.canonicalize().ok().filter(|_| !is_stdin);
    absolute.as_deref().unwrap_or(file).display().to_string()
}

/// The run that `--resume` means; `None` where it is not asked for.
pub(super) fn find_base(
    args: &MemoryArgs,
    state: &StateArgs,
    file: &Path,
) -> Result<Option<Base>, CommandError> {
    let Some(wanted) = args.resume.as_deref() else {
        return Ok(None);
    };
    let plan = plan_name(file);
    let name = Some(wanted).filter(|wanted| !wanted.is_empty());
    let file = name.map(Path::new).filter(|name| name.is_file());
    let base = match (file, state.directory()?) {
        (Some(file), _) => Base::from_file(file),
        (None, None) => {
            let message = "`--state-dir none` keeps no run to go on with";
            return Err(CommandError::new(Kind::Usage, message)
                .hint("`--resume=FILE` takes what `--log` wrote"));
        }
        (None, Some(_)) => match state.look()? {
            Some(history) => Base::from_history(&history, name, &plan),
            None => Err(ResumeError::NoRun(plan)),
        },
    };
    base.map(Some).map_err(|error| match error {
        ResumeError::Find(error) => not_found(&error),
        ResumeError::NoRun(_) => CommandError::new(Kind::Unreadable, error)
            .hint("run it without `--resume`, or name a run: `obs runs` lists them"),
        ResumeError::Export(ExportError::Unreadable { .. }) | ResumeError::Unreadable(_) => {
            CommandError::new(Kind::Unreadable, error)
        }
        ResumeError::InProgress(_) | ResumeError::Export(_) | ResumeError::ManyRuns { .. } => {
            CommandError::new(Kind::Usage, error)
        }
    })
}

fn reused(
    base: &Base,
    args: &MemoryArgs,
    plan: &ProvenPlan,
    digests: &BTreeMap<String, String>,
    printer: &Printer,
) -> Result<Vec<Option<Reused>>, CommandError> {
    let resumption = base.resume(plan, digests);
    let run = short_id(&base.run_id);
    if !resumption.unsafe_steps.is_empty() && !args.allow_changed {
        let steps: Vec<String> = (resumption.unsafe_steps.iter())
            .map(|step| format!("`{step}`"))
            .collect();
        let message = format!(
            "{} may have had an effect in run {run} already, would run again, and can't be run twice",
            steps.join(", ")
        );
        return Err(CommandError::new(Kind::Invalid, message).hint(
            "nothing was run; `--allow-changed` runs them all the same, `idempotent: true` in a \
             manifest says that its skill is safe to run twice",
        ));
    }
    let count = resumption.reused.iter().flatten().count();
    let steps = plan.steps.len();
    printer.note(format_args!(
        "resuming run {run}: {count} of {steps} steps are reused"
    ));
    Ok(resumption.reused)
}

fn guards(choice: BreakerChoice, skills: &[Arc<Skill>]) -> HashMap<String, Guard> {
    let mut guards = HashMap::new();
    for skill in skills {
        let of_manifest = skill.manifest.circuit_breaker;
        let settings = match choice {
            BreakerChoice::Off => None,
            BreakerChoice::Auto => of_manifest,
            BreakerChoice::On => Some(of_manifest.unwrap_or_default()),
        };
        let dir = skill
            .native()
            .map(|native| native.dir.display().to_string());
        guards.extend(settings.map(|settings| {
            let skill_dir = dir.unwrap_or_default();
            (
                skill.id.to_string(),
                Guard {
                    skill_dir,
                    settings,
                },
            )
        }));
    }
    guards
}
