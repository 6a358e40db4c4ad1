//! OpenBotStack's executor: what runs one skill.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::event::EventSender;
use crate::model::{ExecutionRequest, ExecutionResult, InputFiles, ItemPosition};
use crate::process::StopRequest;
use crate::skill::Skill;

/// Executes skills.
///
/// OpenBotStack's `SkillExecutor`. An executor runs one skill at a time per call and obeys
/// [`StepControl::stop`]; time and order are the engine's.
pub trait SkillExecutor {
    /// Runs a skill. What goes wrong is part of the result.
    fn execute(
        &self,
        request: ExecutionRequest,
        control: StepControl,
    ) -> impl Future<Output = ExecutionResult>;

    /// Prepares a skill for execution.
    fn load_skill(&self, skill: Arc<Skill>);

    /// The digests of the files that the manifests of `skills` read. They are compared when the run
    /// is resumed.
    fn input_files(&self, skills: &[&Skill]) -> impl Future<Output = InputFiles> {
        let _ = skills;
        std::future::ready(InputFiles::new())
    }
}

/// What an executor needs to know about the step beyond OpenBotStack's request.
#[derive(Debug)]
pub struct StepControl {
    /// The step's index in the plan.
    pub index: usize,
    /// The item's place, of a step with `for_each`.
    pub item: Option<ItemPosition>,
    /// The step's name.
    pub step_name: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// obs's own id of the run.
    pub run_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// The session.
    pub session_id: String,
    /// Time between SIGTERM and SIGKILL.
    pub grace: std::time::Duration,
    /// When the step's time will be over.
    pub deadline: jiff::Timestamp,
    /// How urgently the step is to end.
    pub stop: watch::Receiver<StopRequest>,
    /// Where live output and progress go.
    pub events: EventSender,
}
