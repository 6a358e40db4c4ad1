//! Where skills and their work are: roots and workspace, from flags and environment.

use std::path::{Path, PathBuf};

use super::args::{InputArgs, PolicyArgs, RootArgs};
use super::error::{CommandError, ErrorKind};
use crate::process::directory_variable;
use crate::skill::{Registry, RootSources, default_roots};

/// The skills that a command sees; `plan` adds the directory beside it. A directory that was asked
/// for must be there: without it another skill of the same id could be called.
pub(super) fn registry(args: &RootArgs, plan: Option<&Path>) -> Result<Registry, CommandError> {
    for path in &args.skills {
        std::fs::read_dir(path).map_err(|error| {
            let what = format!("can't open the skills root `{}`", path.display());
            CommandError::with_source(ErrorKind::Unreadable, what, &error)
                .hint("give a directory that holds skills with `--skills`")
        })?;
    }
    let env = |name: &str| std::env::var_os(name);
    let data_home = directory_variable("XDG_DATA_HOME");
    let home = directory_variable("HOME");
    let roots = default_roots(&RootSources {
        flags: &args.skills,
        env_path: env("OBS_SKILLS_PATH").as_deref(),
        plan: plan.filter(|plan| *plan != Path::new("-")),
        cwd: &std::env::current_dir().unwrap_or_default(),
        xdg_data_home: data_home.as_deref(),
        home: home.as_deref(),
    });
    Ok(Registry::new(roots))
}

/// The files that obs reads before a run: what each is, in words, and its path.
pub(super) fn read_files(
    plan: &Path,
    inputs: &InputArgs,
    policy: &PolicyArgs,
) -> Vec<(&'static str, PathBuf)> {
    let plan = Some(("the plan", plan.to_owned()));
    let inputs = inputs.file.clone().map(|path| ("the inputs", path));
    let policy = policy.policy.clone().map(|path| ("the policies", path));
    plan.into_iter().chain(inputs).chain(policy).collect()
}

/// The directory that skills work in, absolute.
pub(super) fn workspace(given: Option<&Path>) -> Result<PathBuf, CommandError> {
    let path = given.unwrap_or(Path::new("."));
    let unusable = |error: &std::io::Error| {
        let what = format!("can't use `{}` as the workspace", path.display());
        CommandError::with_source(ErrorKind::Unreadable, what, error)
    };
    let absolute = path.canonicalize().map_err(|error| unusable(&error))?;
    if !absolute.is_dir() {
        return Err(unusable(&std::io::ErrorKind::NotADirectory.into())
            .hint("give a directory with `--workspace`"));
    }
    Ok(absolute)
}
