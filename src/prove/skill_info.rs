//! Facts that hold for every call of a skill.
//!
//! Invariant: computed once for each skill of a plan, however many steps call it, and shared by the
//! steps.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::context::ProveContext;
use crate::skill::{HiddenFile, Program, ProgramError, Skill};

/// The info about one skill.
pub(super) struct SkillInfo {
    /// The skill's id.
    pub(super) id: Arc<str>,
    /// Its program, or why it can't run; none for a built-in.
    pub(super) program: Option<Result<Arc<Program>, ProgramError>>,
    /// A file that its command needs and its own confinement would hide.
    pub(super) hidden_file: Option<HiddenFile>,
    /// The manifest's permissions.
    pub(super) permissions: Arc<[String]>,
    /// What its steps are confined to, in lines for people.
    pub(super) confinement: Arc<[String]>,
    /// What its steps would create of what they may write.
    pub(super) creates: Arc<[String]>,
    /// The manifest asks for the directory of files between steps.
    pub(super) wants_run_dir: bool,
}

/// The info about the skills that were asked about so far.
#[derive(Default)]
pub(super) struct SkillInfoCache(HashMap<String, Rc<SkillInfo>>);

impl SkillInfoCache {
    /// True if nobody has asked about the skill yet.
    pub(super) fn is_new(&self, skill: &Skill) -> bool {
        !self.0.contains_key(skill.id.as_str())
    }

    /// The program of a skill that somebody has asked about.
    pub(super) fn program_of(&self, skill: &Skill) -> Option<Arc<Program>> {
        let info = self.0.get(skill.id.as_str())?;
        info.program.as_ref()?.as_ref().ok().cloned()
    }

    /// The info about `skill`.
    pub(super) fn get(&mut self, skill: &Skill, context: &ProveContext) -> Rc<SkillInfo> {
        let id = skill.id.as_str();
        if let Some(known) = self.0.get(id) {
            return Rc::clone(known);
        }
        let info = Rc::new(SkillInfo::find(skill, context));
        self.0.insert(id.to_owned(), Rc::clone(&info));
        info
    }
}

impl SkillInfo {
    fn find(skill: &Skill, context: &ProveContext) -> Self {
        let (sandbox, workspace) = (&context.sandbox, &context.workspace);
        let native = skill.native();
        let path = context.environment.path();
        let program = native.map(|native| (native, native.resolve_program(workspace, path)));
        let hidden = match &program {
            Some((native, Ok(program))) => {
                sandbox.hidden_file_of(skill, native, workspace, path, program)
            }
            _ => None,
        };
        let run_dir = context.run_dir.as_deref();
        let creates = native.map(|native| sandbox.creates(skill, native, workspace, run_dir));
        let permissions = skill.manifest.permissions.iter();
        Self {
            id: Arc::from(skill.id.as_str()),
            program: program.map(|(_, found)| found.map(Arc::new)),
            hidden_file: hidden,
            permissions: permissions.map(ToString::to_string).collect(),
            confinement: sandbox.describe(skill, workspace).into(),
            creates: creates.unwrap_or_default().into(),
            wants_run_dir: skill.manifest.uses_run_dir(),
        }
    }
}
