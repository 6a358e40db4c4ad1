//! The executor that runs skills as processes, and built-in tools in this one.
//!
//! Invariant: what a skill gets comes from its manifest and obs's own environment; the plan gives
//! the arguments and nothing else. Every result says what was started, so that a failure explains
//! itself. The program is the one that was proven; a skill whose files a step may have written
//! starts only if they are still what was proven (see [`Exposure`]).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::confinement_cache::ConfinementCache;
use super::denial::{Scene, suspect};
use super::environment::BaseEnvironment;
use super::event_forwarder::EventForwarder;
use super::interpret::{ExecutionMeta, interpret, max_output_bytes};
use super::scratch::{RunDirs, Scratch};
use super::write_targets::{EmptyFiles, HeldFiles, hint};
use crate::engine::{
    RuntimeError, SkillExecutor, StepControl, mask_value, mask_words, shown_arguments,
};
use crate::event::Streaming;
use crate::model::{
    ErrorCode, Excerpt, ExecutionRequest, ExecutionResult, ExecutionStatus, InputFiles,
    SandboxMode, SandboxReport, StepDirs, strict_json,
};
use crate::process::{
    Confinement, Launcher, Limits, PathError, ProcessError, ProcessSpec, Secrets, StopRequest,
};
use crate::skill::{
    Builtin, Execution, ExposedSkill, Exposure, InputFilesCache, InputPaths, NativeSkill, PathBase,
    Permission, Program, ProgramError, SandboxPolicy, Skill, SkillKind, SkillPaths, Snapshot,
    Workspace, layer_names,
};

/// Runs skills natively.
#[derive(Debug)]
pub(crate) struct NativeExecutor<'r> {
    launcher: &'r Launcher,
    environment: BaseEnvironment,
    workspace: PathBuf,
    dirs: &'r RunDirs,
    policy: SandboxPolicy,
    streaming: Streaming,
    skills: RefCell<HashMap<String, Loaded>>,
    exposure: Exposure,
    /// The skills whose files steps may write, by their ids.
    guards: HashMap<String, ModifiedFiles>,
    confinements: ConfinementCache,
    empty_files: EmptyFiles,
    input_files: Arc<Mutex<InputFilesCache>>,
    /// The secrets of all loaded skills, masked in every skill's output: one may read what another
    /// wrote.
    secrets: RefCell<Secrets>,
}

/// How long processes may outlive their skill if its manifest does not say: a `tee` that is still
/// writing the skill's last line is not a leak (nextest's `leak-timeout`).
const DEFAULT_LEAK_TIMEOUT: Duration = Duration::from_millis(100);

/// What to do about a path that became a symlink during the run.
const BECAME_LINK: &str = "links that appear during a run are not followed: \
    make the link before the run, or let the step that makes it copy instead";

/// A loaded skill.
#[derive(Debug, Clone)]
struct Loaded {
    skill: Arc<Skill>,
    /// Its program, resolved before the first step. `None` for a built-in.
    program: Option<Result<Arc<Program>, ProgramError>>,
    /// The targets of its permissions before the first step.
    paths: SkillPaths,
}

impl Loaded {
    fn program(&self) -> Result<&Program, StartError> {
        match &self.program {
            Some(Ok(program)) => Ok(program),
            Some(Err(error)) => {
                let not_loaded = StartError::not_loaded(&error.message);
                Err(not_loaded.hint(error.help.clone()))
            }
            None => Err(StartError::not_loaded("it has no program")),
        }
    }
}

/// The files of a skill that steps may write.
#[derive(Debug)]
struct ModifiedFiles {
    skill: Arc<ExposedSkill>,
    /// Taken before the first step.
    snapshot: Arc<Snapshot>,
    /// True if a step that may write them has started since the last comparison.
    is_doubtful: Cell<bool>,
}

struct StartError {
    code: ErrorCode,
    detail: String,
    hint: Option<String>,
    /// A retry can't succeed.
    is_final: bool,
}

impl StartError {
    fn new(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        Self {
            code,
            detail: detail.to_string(),
            hint: None,
            is_final: false,
        }
    }

    fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    fn status(&self) -> ExecutionStatus {
        match self.code {
            ErrorCode::InvalidArguments => ExecutionStatus::Rejected,
            _ => ExecutionStatus::Failed,
        }
    }

    fn not_loaded(detail: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::SkillNotLoaded, detail)
    }
}

impl<'r> NativeExecutor<'r> {
    /// An executor whose skills work in `workspace`. `streaming` forwards their output. The files of
    /// the skills in `exposure` count as proven from now on.
    pub(crate) fn new(
        launcher: &'r Launcher,
        environment: BaseEnvironment,
        workspace: PathBuf,
        dirs: &'r RunDirs,
        policy: SandboxPolicy,
        streaming: Streaming,
        exposure: &Exposure,
    ) -> Self {
        let guards = exposure.exposed().map(|(id, skill)| {
            let guard = ModifiedFiles {
                skill: Arc::clone(skill),
                snapshot: Arc::new(skill.snapshot()),
                is_doubtful: Cell::new(false),
            };
            (id.to_owned(), guard)
        });
        Self {
            guards: guards.collect(),
            exposure: exposure.clone(),
            launcher,
            environment,
            workspace,
            dirs,
            policy,
            streaming,
            skills: RefCell::default(),
            confinements: ConfinementCache::default(),
            empty_files: EmptyFiles::default(),
            input_files: Arc::default(),
            secrets: RefCell::default(),
        }
    }

    /// Prepares the first call of a loaded skill in a helper process while obs does other work.
    /// What can't be prepared is made at the call.
    pub(crate) fn prepare_ahead(&self, skill_id: &str) {
        let Some(loaded) = self.loaded(skill_id) else {
            return;
        };
        let skill = &*loaded.skill;
        // Where the directory between steps is, is not known yet.
        let Some(native) = skill.native().filter(|_| !skill.manifest.uses_run_dir()) else {
            return;
        };
        let Ok(scratch) = self.dirs.scratch() else {
            return;
        };
        let dirs = StepDirs {
            scratch: Some(scratch.path()),
            ..self.policy.dirs(native, &self.workspace)
        };
        if let Some(confinement) = self.confinement(&loaded, scratch.path(), &dirs) {
            self.launcher.prepare_ahead(&confinement);
        }
        self.dirs.recycle(scratch);
    }

    /// The same object for all steps of a skill that share a directory, as long as it is fresh.
    fn confinement(
        &self,
        loaded: &Loaded,
        scratch: &Path,
        dirs: &StepDirs<'_>,
    ) -> Option<Arc<Confinement>> {
        let skill = &*loaded.skill;
        let make = || self.policy.confinement(skill, &loaded.paths, dirs);
        self.confinements.get(skill.id.as_str(), scratch, make)
    }

    fn loaded(&self, id: &str) -> Option<Loaded> {
        self.skills.borrow().get(id).cloned()
    }

    /// Checks that the skill's files are those that were proven, if a step may have written them
    /// since the last check. No step that may write them runs meanwhile.
    async fn recheck_files(&self, skill_id: &str) -> Result<(), StartError> {
        let guard = self.guards.get(skill_id);
        let Some(guard) = guard.filter(|guard| guard.is_doubtful.get()) else {
            return Ok(());
        };
        let snapshot = Arc::clone(&guard.snapshot);
        let compared = tokio::task::spawn_blocking(move || snapshot.difference()).await;
        match compared.map_err(StartError::not_loaded)? {
            None => guard.is_doubtful.set(false),
            Some(change) => {
                let help = guard.skill.help(&change);
                return Err(StartError {
                    is_final: true,
                    ..StartError::not_loaded(change).hint(help)
                });
            }
        }
        Ok(())
    }

    /// Marks the files that the skill may write for comparison, because a call of it is about to
    /// start.
    fn mark_files_suspect(&self, skill_id: &str) {
        for victim in self.exposure.victims_of(skill_id) {
            if let Some(guard) = self.guards.get(victim) {
                guard.is_doubtful.set(true);
            }
        }
    }

    async fn run(
        &self,
        request: &ExecutionRequest,
        control: StepControl,
    ) -> Result<ExecutionResult, StartError> {
        let loaded = self
            .loaded(&request.skill_id)
            .ok_or_else(|| StartError::not_loaded(format_args!("`{}`", request.skill_id)))?;
        match &loaded.skill.body {
            SkillKind::Builtin(builtin) => Ok(self.in_process(*builtin, request, &control).await),
            SkillKind::Native(native) => {
                self.recheck_files(&request.skill_id).await?;
                self.mark_files_suspect(&request.skill_id);
                self.process(&loaded, native, request, control).await
            }
        }
    }

    /// Runs off the engine's thread: built-in tools are fast, but a query over a large value may not
    /// be.
    async fn in_process(
        &self,
        builtin: Builtin,
        request: &ExecutionRequest,
        control: &StepControl,
    ) -> ExecutionResult {
        let arguments = Arc::clone(&request.arguments);
        let (path, stop) = (self.workspace.clone(), control.stop.clone());
        let outcome = tokio::task::spawn_blocking(move || {
            let workspace = Workspace {
                path: &path,
                is_stopped: &|| *stop.borrow() != StopRequest::None,
            };
            builtin.run(&arguments, &workspace)
        });
        let mut value = match outcome.await {
            Ok(Ok(value)) => value,
            Ok(Err(message)) => return ExecutionResult::failure(ErrorCode::SkillFailed, message),
            Err(panic) => {
                return ExecutionResult::failure(ErrorCode::SkillFailed, panic.to_string());
            }
        };
        mask_value(&self.secrets.borrow(), &mut value);
        match valid_output(&value) {
            Ok(output) => ExecutionResult::success(output),
            Err(error) => ExecutionResult::failure(ErrorCode::InvalidOutput, error),
        }
    }

    async fn process(
        &self,
        loaded: &Loaded,
        native: &NativeSkill,
        request: &ExecutionRequest,
        control: StepControl,
    ) -> Result<ExecutionResult, StartError> {
        let skill = &*loaded.skill;
        let scratch = self.dirs.scratch().map_err(no_directory)?;
        let prepared = self.prepare(loaded, native, request, &control, &scratch);
        let (spec, held) = match prepared {
            Ok(prepared) => prepared,
            Err(start_error) => {
                self.dirs.recycle(scratch);
                return Err(start_error);
            }
        };
        let run_dir = self.run_dir(skill).ok().flatten();
        let command = shown_command(skill, &request.arguments, &self.workspace, run_dir);
        let secrets = self.secrets.borrow().clone();
        let (output, masked) = (native.execution.output, secrets.clone());
        let mut listener = EventForwarder::new(&control, self.streaming, output, masked);
        let scratch_path = scratch.path().to_owned();
        let cwd = spec.cwd.clone();
        let outcome = self
            .launcher
            .run(spec, control.stop.clone(), |event| listener.handle(&event))
            .await;
        self.dirs.recycle(scratch);
        let mut meta = ExecutionMeta {
            command,
            tokens_used: listener.tokens_used,
            sandbox: SandboxReport {
                mode: self.policy.mode.into(),
                ..SandboxReport::default()
            },
        };
        let mut result = match outcome {
            Ok(exit) => {
                (meta.sandbox.enforced, meta.sandbox.missing) = layer_names(exit.applied);
                let exit = listener.finish(exit);
                interpret(skill, &native.execution, exit, meta, &secrets)
            }
            Err(error) => not_started(&error, meta),
        };
        let dirs = StepDirs {
            scratch: Some(&scratch_path),
            run: run_dir,
            ..self.policy.dirs(native, &self.workspace)
        };
        self.add_hint(loaded, native, &dirs, &mut result);
        drop(held);
        result.working_directory = Some(cwd);
        Ok(result)
    }

    /// Adds what to do about a failure or a denial, if the result does not say so already.
    fn add_hint(
        &self,
        loaded: &Loaded,
        native: &NativeSkill,
        dirs: &StepDirs<'_>,
        result: &mut ExecutionResult,
    ) {
        let streams = [&result.stderr, &result.stdout];
        let is_silent = streams.into_iter().flatten().all(Excerpt::is_empty);
        if result.hint.is_some() || is_silent {
            return;
        }
        let skill = &*loaded.skill;
        let confinement = self.policy.confinement(skill, &loaded.paths, dirs);
        let suspicion = confinement.as_ref().and_then(|confinement| {
            let scene = Scene {
                policy: &self.policy,
                dirs: *dirs,
                confinement,
                permissions: &skill.manifest.permissions,
                manifest: &native.document.source.name,
                path: self.environment.path(),
            };
            suspect(&scene, result)
        });
        // What is denied beside a file that is granted alone may be how the program replaces it.
        let is_write = suspicion.as_ref().is_none_or(|found| found.is_write_only);
        let of_file = hint(&loaded.paths, dirs.run, result).filter(|_| is_write);
        if let Some(suspicion) = suspicion {
            result.lacks = suspicion.shows;
            result.hint = Some(match of_file {
                Some(of_file) => format!("{}\n{of_file}", suspicion.hint),
                None => suspicion.hint,
            });
        } else {
            result.hint = of_file;
        }
    }

    /// The process specification of a step.
    fn prepare(
        &self,
        loaded: &Loaded,
        native: &NativeSkill,
        request: &ExecutionRequest,
        control: &StepControl,
        scratch: &Scratch,
    ) -> Result<(ProcessSpec, HeldFiles), StartError> {
        let (skill, execution) = (&*loaded.skill, &native.execution);
        let mut dirs = self.policy.dirs(native, &self.workspace);
        let run_dir = self.run_dir(skill).map_err(no_directory)?;
        (dirs.scratch, dirs.run) = (Some(scratch.path()), run_dir);
        let argv = execution
            .command
            .expand(&request.arguments, &dirs)
            .map_err(|error| StartError::new(ErrorCode::InvalidArguments, error))?;
        let program = loaded.program()?;
        let confined = self.policy.mode != SandboxMode::Off;
        let held = self.empty_files.create(&loaded.paths, run_dir, confined);
        let held = held.map_err(|(path, error)| no_write_target(&path, error))?;
        let cwd = self.working_directory(execution, &dirs)?;
        let writes_skills = self.exposure.is_exclusive(&request.skill_id);
        let limits = self.policy.limits(skill);
        let spec = ProcessSpec {
            program: program.path.clone(),
            target: program.target.clone(),
            argv,
            env: self
                .environment
                .for_step(skill, request, control, &dirs, writes_skills),
            cwd,
            stdin: execution
                .stdin
                .stdin_bytes(&request.arguments, &request.input),
            max_output_bytes: max_output_bytes(skill),
            grace_period: control.grace,
            leak_timeout: skill.manifest.leak_timeout.unwrap_or(DEFAULT_LEAK_TIMEOUT),
            confinement: self.confinement(loaded, scratch.path(), &dirs),
            written: written_directories(skill, &limits, &dirs),
            limits,
            secrets: self.secrets.borrow().clone(),
        };
        Ok((spec, held))
    }

    /// Where the program works: a directory that is there by now.
    fn working_directory(
        &self,
        execution: &Execution,
        dirs: &StepDirs<'_>,
    ) -> Result<PathBuf, StartError> {
        let Some(workdir) = &execution.workdir else {
            return Ok(self.workspace.clone());
        };
        let path = workdir.resolve(dirs).unwrap_or_default();
        let found = path.canonicalize();
        match found.as_ref().map(|path| path.is_dir()) {
            Ok(true) => Ok(found.unwrap_or(path)),
            Ok(false) => Err(StartError::not_loaded(format_args!(
                "its working directory `{workdir}` is not a directory"
            ))),
            Err(error) => Err(StartError::not_loaded(format_args!(
                "can't use its working directory `{workdir}`: {error}"
            ))
            .hint(
                "let an earlier step create it, or add `fs.write:PATH/` to the manifest, which \
                 creates it"
                    .to_owned(),
            )),
        }
    }

    /// The directory for files between steps, if the skill wants it.
    fn run_dir(&self, skill: &Skill) -> std::io::Result<Option<&Path>> {
        let wants = skill.manifest.uses_run_dir();
        wants.then(|| self.dirs.files()).transpose()
    }
}

/// The directories of a step whose growth is limited.
fn written_directories(skill: &Skill, limits: &Limits, dirs: &StepDirs<'_>) -> Vec<PathBuf> {
    if limits.disk.is_none() {
        return Vec::new();
    }
    let mut permissions = skill.manifest.permissions.iter();
    let writes_run_dir = permissions.any(|permission| {
        matches!(permission, Permission::FsWrite(path) if path.base == PathBase::RunDir)
    });
    [dirs.scratch, dirs.run.filter(|_| writes_run_dir)]
        .into_iter()
        .flatten()
        .map(Path::to_owned)
        .collect()
}

fn no_directory(error: impl std::fmt::Display) -> StartError {
    StartError::not_loaded(format_args!("can't make a directory: {error}"))
}

fn no_write_target(path: &Path, error: PathError) -> StartError {
    match error {
        PathError::BecameLink(_) => StartError::not_loaded(error).hint(BECAME_LINK.to_owned()),
        PathError::Io(error) => StartError::not_loaded(format_args!(
            "can't create `{}`, which it may write: {error}",
            path.display()
        )),
    }
}

impl SkillExecutor for NativeExecutor<'_> {
    async fn execute(&self, request: ExecutionRequest, control: StepControl) -> ExecutionResult {
        let started = Instant::now();
        let outcome = self.run(&request, control).await;
        let mut result = outcome.unwrap_or_else(|start_error| ExecutionResult {
            status: start_error.status(),
            attempts: 0,
            hint: start_error.hint,
            is_final: start_error.is_final,
            ..ExecutionResult::failure(
                start_error.code,
                RuntimeError::text(start_error.code, &start_error.detail),
            )
        });
        mask_words(&self.secrets.borrow(), &mut result);
        result.duration = started.elapsed();
        result
    }

    async fn input_files(&self, skills: &[&Skill]) -> InputFiles {
        let paths = InputPaths::of(skills.iter().copied(), &self.policy, &self.workspace);
        if paths.is_empty() {
            return InputFiles::new();
        }
        let cache = Arc::clone(&self.input_files);
        let start = Instant::now();
        // The other steps go on meanwhile.
        let digests = tokio::task::spawn_blocking(move || {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            paths.digests(start, &mut cache)
        });
        digests.await.unwrap_or_default()
    }

    fn load_skill(&self, skill: Arc<Skill>) {
        let native = skill.native();
        let program = native.map(|native| {
            let found = native.resolve_program(&self.workspace, self.environment.path());
            found.map(Arc::new)
        });
        let paths = native.map(|native| {
            SandboxPolicy::skill_paths(&skill, &self.policy.dirs(native, &self.workspace))
        });
        let id = skill.id.to_string();
        let loaded = Loaded {
            paths: paths.unwrap_or_default(),
            program,
            skill,
        };
        let mut skills = self.skills.borrow_mut();
        skills.insert(id, loaded);
        let loaded = skills.values().map(|loaded| &*loaded.skill);
        *self.secrets.borrow_mut() = self.environment.secrets(loaded);
    }
}

/// The command for display, without values that the schema hides. Empty for a built-in tool, or if
/// the command can't be shown without them.
pub(crate) fn shown_command(
    skill: &Skill,
    arguments: &Map<String, Value>,
    workspace: &Path,
    run_dir: Option<&Path>,
) -> Vec<String> {
    let Some(native) = skill.native() else {
        return Vec::new();
    };
    let dirs = StepDirs {
        run: run_dir,
        ..StepDirs::new(&native.dir, workspace, None)
    };
    let shown = shown_arguments(skill, arguments);
    let words = native.execution.command.expand(&shown, &dirs);
    let words = words.unwrap_or_default();
    words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// The output of a tool under the rules for all outputs.
fn valid_output(value: &Value) -> Result<Box<RawValue>, String> {
    let text = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    let output = strict_json(&text).map_err(|error| format!("the output is not valid: {error}"))?;
    Ok(output.unwrap_or_else(|| RawValue::NULL.to_owned()))
}

fn not_started(error: &ProcessError, meta: ExecutionMeta) -> ExecutionResult {
    let has_run = matches!(
        error,
        ProcessError::SupervisorDied | ProcessError::Unkillable { .. }
    );
    let code = if has_run {
        ErrorCode::SkillFailed
    } else {
        ErrorCode::SkillNotLoaded
    };
    let hint = matches!(error, ProcessError::BecameLink { .. }).then(|| BECAME_LINK.to_owned());
    ExecutionResult {
        attempts: u32::from(has_run),
        command: meta.command,
        sandbox: meta.sandbox,
        hint,
        ..ExecutionResult::failure(code, RuntimeError::text(code, &error.to_string()))
    }
}
