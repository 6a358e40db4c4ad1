//! Skills: what a step calls.
//!
//! Invariant: this module reads directories and proves what it can about them; it never starts a
//! process. A skill passes through these types: [`SkillId`] (a name that can't leave a root),
//! [`Registry`] (from the name to a directory, opened beneath its root),
//! [`Manifest`] (the skill's own description; every mistake has a location),
//! [`Skill`] (arguments and outputs checked against its schemas),
//! [`CommandTemplate`](command::CommandTemplate) (arguments to argv) and [`Program`] (the file that
//! would run). [Built-in](Builtin) tools pass through the same types.

mod builtin;
mod check;
mod code_paths;
mod command;
mod digest;
mod exposure;
mod hidden_file;
mod id;
mod input_files;
mod left_out;
mod manifest;
mod permission;
mod program;
mod registry;
mod root_dir;
mod sample;
mod sandbox_policy;
mod scaffold;
mod schema;
pub(crate) mod schema_types;
#[expect(
    clippy::module_inception,
    reason = "the module's main type has the module's name"
)]
mod skill;
mod snapshot;
mod violation;
mod workdir;

pub(crate) use builtin::{Builtin, Workspace};
pub(crate) use check::{CheckContext, CheckReport, check};
pub(crate) use code_paths::CodePaths;
pub(crate) use command::Stdin;
pub(crate) use digest::changed_file;
pub(crate) use exposure::Exposure;
pub(crate) use exposure::{ExposedSkill, ExposureQuery};
pub(crate) use hidden_file::HiddenFile;
pub(crate) use id::SkillId;
pub(crate) use input_files::{InputFilesCache, InputPaths};
#[cfg(test)]
pub(crate) use manifest::RateLimit;
pub(crate) use manifest::{
    BreakerSettings, CallLimits, Execution, Manifest, OutputFormat, Resources, TextEncoding,
};
pub use manifest::{FrontMatter, load};
pub(crate) use permission::{EnvName, EnvNames, GrantPath, PathBase, Permission};
pub(crate) use program::{Program, ProgramError};
pub use registry::Registry;
pub(crate) use registry::{ListedSkill, LoadProblem, RootSources, SkillList, default_roots};
pub(crate) use sample::{TEXT as SAMPLE_TEXT, sample};
pub use sandbox_policy::SandboxPolicy;
pub(crate) use sandbox_policy::{SkillPaths, SuspectPath, WriteTarget, breach_text, layer_names};
pub(crate) use scaffold::{NewSkill, manifest_text, write_new};
pub(crate) use schema::{Linked, Schema, UnknownPaths};
pub use skill::Skill;
pub(crate) use skill::{NativeSkill, SkillKind, check_output};
pub(crate) use snapshot::{Change, Scope, Snapshot, decisive};
pub(crate) use violation::mask;
