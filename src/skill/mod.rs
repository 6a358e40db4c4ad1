//! Skills: what a step calls.
//!
//! Invariant: this module reads directories and proves what it can about them; it never starts a
//! process. The way of one skill: [`SkillId`] (a name that can't leave a root), [`Registry`] (from
//! the name to a directory, opened beneath its root), [`Manifest`] (what the skill says of itself,
//! every mistake with its place), [`Skill`] (arguments and outputs held against its schemas),
//! [`CommandTemplate`] (arguments to argv) and [`Program`] (the file that would run). Tools that
//! are [built in](Builtin) take the same way.

mod builtin;
mod check;
mod code_paths;
mod command;
mod digest;
mod exposure;
mod id;
mod manifest;
mod permission;
mod program;
mod registry;
mod root_dir;
mod sandbox_policy;
mod scaffold;
mod schema;
pub mod schema_types;
#[expect(
    clippy::module_inception,
    reason = "the module's main type has the module's name"
)]
mod skill;
mod snapshot;
mod violation;

pub use builtin::Builtin;
pub use check::{CheckContext, CheckReport, check};
pub use code_paths::CodePaths;
pub use command::{
    ArgumentUse, CommandTemplate, ExpandError, MAX_COMMAND_BYTES, MAX_ELEMENT_BYTES, ProgramName,
    Stdin,
};
pub use exposure::Exposure;
pub(crate) use exposure::{ExposedSkill, ExposureQuery};
pub use id::{MAX_ID_BYTES, SkillId, SkillIdError};
pub use manifest::{
    BreakerSettings, Execution, FrontMatter, LoadedManifest, MANIFEST_NAMES, MAX_MANIFEST_BYTES,
    Manifest, OutputFormat, Resources, load,
};
pub use permission::{EnvName, EnvNames, GrantPath, PathBase, Permission, PermissionError};
pub use program::{Interpreter, Program, ProgramError};
pub use registry::{ListedSkill, LoadProblem, Registry, RootSources, SkillList, default_roots};
pub use root_dir::RootDir;
pub use sandbox_policy::SandboxPolicy;
pub(crate) use sandbox_policy::{
    BlockedProgram, SkillPaths, SuspectPath, breach_text, layer_names,
};
pub use scaffold::{ScaffoldError, manifest_text, write_new};
pub use schema::{Linked, MAX_VIOLATIONS, Schema, SchemaError, UnknownPaths};
pub use skill::{NativeSkill, Skill, SkillKind, check_output};
pub use snapshot::{Change, MAX_BYTES, MAX_ENTRIES, Scope, Snapshot, decisive};
pub use violation::{Fix, Violation, mask};
