//! Where a run is recorded, and what it takes over from an earlier run.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use serde_json::{Map, Value};

use super::args::{BreakerChoice, StateArgs};
use super::error::{CommandError, ErrorKind};
use super::plan_path;
use super::printer::Printer;
use super::resume::ResumedRun;
use super::state::chain_key;
use crate::engine::{ApprovalAnswer, ProvenPlan, Provenance, Reused};
use crate::executor::SharedDirKind;
use crate::model::{NotReused, sha256_hex};
use crate::skill::{SandboxPolicy, Skill};
use crate::store::{
    Breaker, BreakerConfig, CallLimitStore, ChainKey, LogFile, MAX_EXPIRED_TIME, NullLog,
    RecordSink, ResumeLock, RetentionLimits, ReusableItems, RunDirLock, RunLog, StateLog,
    StateReader, StateWriter,
};

/// Where a run is recorded, and what it takes over from an earlier run.
#[derive(Debug)]
pub(super) struct RunStorage {
    /// The state; `None` if nothing is kept.
    pub(super) store: Option<Arc<StateWriter>>,
    /// What exactly is about to run.
    pub(super) provenance: Provenance,
    /// Results of an earlier run, or why they are not reused, by the steps' indices.
    pub(super) reused: Vec<Result<Reused, NotReused>>,
    /// Items of an earlier run.
    pub(super) items: Option<ReusableItems>,
    /// The answers to the requests of the runs that it resumes, by digest.
    pub(super) answers: BTreeMap<String, ApprovalAnswer>,
    key: Option<ChainKey>,
    file: Option<LogFile>,
    guards: HashMap<String, BreakerConfig>,
    /// Where lock files are.
    locks: Option<PathBuf>,
    /// Nobody else uses the same `--run-dir`.
    run_dir_lock: Option<RunDirLock>,
    /// Nobody else resumes the same run.
    _claim: Option<ResumeLock>,
}

/// What is about to run.
pub(super) struct RunSubject<'s> {
    /// The plan, proven.
    pub(super) plan: &'s ProvenPlan,
    /// The skills that it calls.
    pub(super) skills: &'s [Arc<Skill>],
    /// The schemas of its inputs.
    pub(super) input_schemas: &'s Map<String, Value>,
    /// Where its skills work.
    pub(super) workspace: &'s Path,
    /// How they are confined.
    pub(super) sandbox: &'s SandboxPolicy,
    /// The plan's text.
    pub(super) text: &'s str,
    /// Its file; `-` for standard input.
    pub(super) file: &'s Path,
}

impl RunStorage {
    /// Nothing at all: for a skill that is only tried.
    pub(super) fn none() -> Self {
        Self {
            store: None,
            provenance: Provenance::default(),
            reused: Vec::new(),
            items: None,
            answers: BTreeMap::new(),
            key: None,
            file: None,
            guards: HashMap::new(),
            locks: None,
            run_dir_lock: None,
            _claim: None,
        }
    }

    /// Opens what the flags ask for, and looks up what there is to resume. Nothing has run yet.
    pub(super) fn open(
        log: Option<&Path>,
        breaker: BreakerChoice,
        state: &StateArgs,
        subject: &RunSubject<'_>,
        resumed: Option<ResumedRun>,
        printer: &Printer,
    ) -> Result<Self, CommandError> {
        let store = state.open()?.map(Arc::new);
        let locks = state.lock_directory()?;
        let file = log.map(|log| LogFile::open(log, locks.as_deref()));
        let file = file.transpose().map_err(|error| {
            CommandError::from_error(ErrorKind::Io, &error)
                .hint("nothing was run; choose another `--log`")
        })?;
        if store.is_none() {
            printer.warning(
                "`--state-dir none`: obs keeps no record of this run, so `obs logs`, `--resume` \
                 and circuit breakers can't use it",
            );
        }
        let mut provenance = provenance(subject)?;
        let (mut claim, mut reused, mut items) = (None, Vec::new(), None);
        let mut answers = BTreeMap::new();
        if let Some(resumed) = resumed {
            let claimed = store.as_ref().map(|store| resumed.claim(store));
            claim = claimed.transpose()?;
            let reuse = resumed.reuse(subject.plan, &provenance, subject.sandbox, printer)?;
            reused = reuse.steps;
            provenance.first_run = Some(resumed.previous.first_run().to_owned());
            answers.clone_from(&resumed.previous.answers);
            provenance.resumed_from = Some(resumed.previous.run_id.clone());
            items = Some(resumed.previous.into_items(&reuse.items));
        }
        Ok(Self {
            store,
            provenance,
            reused,
            items,
            answers,
            key: chain_key(),
            file,
            guards: guards(breaker, subject.skills),
            locks,
            run_dir_lock: None,
            _claim: claim,
        })
    }

    /// True if the state or a log holds the run at its end.
    pub(super) fn keeps(&self) -> bool {
        self.store.is_some() || self.file.is_some()
    }

    /// Where the records of the run go.
    pub(super) fn log(&mut self) -> RunLog {
        let keeper = match &self.store {
            Some(store) => RecordSink::State(StateLog::new(Arc::clone(store))),
            None => RecordSink::Memory(NullLog::new(self.key.clone())),
        };
        RunLog::new(keeper, self.file.take())
    }

    /// Where files between the steps of the run `run_id` go: those of a resumed run are those of
    /// the first that it resumes.
    pub(super) fn files_place(&self, run_id: &str) -> SharedDirKind {
        let first = self.provenance.first_run.as_deref().unwrap_or(run_id);
        match &self.store {
            Some(store) => SharedDirKind::Kept(store.files_of(first)),
            None => SharedDirKind::Temporary,
        }
    }

    /// Takes the right to use `--run-dir` for the run `run_id`.
    pub(super) fn lock_run_dir(&mut self, dir: &Path, run_id: &str) -> Result<(), CommandError> {
        let lock = RunDirLock::take(dir, self.locks.as_deref(), run_id).map_err(|error| {
            let dir = dir.display();
            let message = format!("can't use `{dir}` as the run's directory: {error}");
            CommandError::new(ErrorKind::Unavailable, message)
                .hint("wait for that run, or give another `--run-dir`")
        })?;
        self.run_dir_lock = Some(lock);
        Ok(())
    }

    /// Removes runs beyond `limits` from the state. A failure changes nothing about this run, and
    /// the next one tries again. So it does if the time is over: a thread removes, because the
    /// files of one run may be many, and the end of obs ends it.
    pub(super) fn remove_expired(&self, limits: RetentionLimits) {
        let Some(store) = self
            .store
            .as_ref()
            .filter(|store| store.has_expired(limits))
        else {
            return;
        };
        let dir = store.dir().to_owned();
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            if let Ok(Some(mut reader)) = StateReader::open(&dir, chain_key()) {
                reader.remove_expired(limits).ok();
            }
            done.send(()).ok();
        });
        is_done.recv_timeout(2 * MAX_EXPIRED_TIME).ok();
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

    /// The limits on calls of the skills of `plan` in the run `run_id`.
    pub(super) fn call_limits(
        &self,
        tenant_id: &str,
        run_id: &str,
        plan: &ProvenPlan,
    ) -> CallLimitStore {
        let (tenant_id, run_id) = (tenant_id.to_owned(), run_id.to_owned());
        CallLimitStore::new(self.store.clone(), tenant_id, run_id, plan)
    }
}

/// What exactly is about to run.
pub(super) fn provenance(subject: &RunSubject<'_>) -> Result<Provenance, CommandError> {
    // What must not be seen is not kept either: not even as a digest, which a short secret can be
    // guessed from. A resumed run asks for it again.
    let is_hidden = |name: &str| {
        let schema = subject.input_schemas.get(name);
        schema.and_then(|schema| schema.get("writeOnly")) == Some(&Value::Bool(true))
    };
    let mut inputs = subject.plan.inputs.clone();
    inputs.retain(|name, _| !is_hidden(name));
    let inputs_text = Value::Object(inputs.clone()).to_string();
    let (mut skills, mut skill_files) = (BTreeMap::new(), BTreeMap::new());
    for skill in subject.skills {
        let digest = skill.digest(subject.workspace).map_err(|error| {
            let what = format!("can't read the files of `{}`", skill.id);
            CommandError::with_source(ErrorKind::Unavailable, what, &error)
        })?;
        skills.insert(skill.id.to_string(), digest.digest);
        if !digest.files.is_empty() {
            skill_files.insert(skill.id.to_string(), digest.files);
        }
    }
    Ok(Provenance {
        plan: plan_path::recorded_name(subject.file, subject.text),
        workspace: subject.workspace.display().to_string(),
        plan_digest: sha256_hex(subject.text.as_bytes()),
        inputs_digest: (!inputs.is_empty()).then(|| sha256_hex(inputs_text.as_bytes())),
        inputs,
        skills,
        skill_files,
        resumed_from: None,
        first_run: None,
    })
}

fn guards(choice: BreakerChoice, skills: &[Arc<Skill>]) -> HashMap<String, BreakerConfig> {
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
                BreakerConfig {
                    skill_dir,
                    settings,
                },
            )
        }));
    }
    guards
}
