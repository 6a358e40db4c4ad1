//! Where skills are looked for, in order.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What says where skills are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RootSources<'a> {
    /// The directories given with `--skills`.
    pub flags: &'a [PathBuf],
    /// The value of `OBS_SKILLS_PATH`.
    pub env_path: Option<&'a OsStr>,
    /// The plan file; none for standard input.
    pub plan: Option<&'a Path>,
    /// The working directory.
    pub cwd: &'a Path,
    /// The value of `XDG_DATA_HOME`.
    pub xdg_data_home: Option<&'a Path>,
    /// The user's home directory.
    pub home: Option<&'a Path>,
}

/// The skills roots: `--skills`, `OBS_SKILLS_PATH`, `skills/` beside the plan, `skills/` in the
/// working directory, `$XDG_DATA_HOME/obs/skills`. A directory that is named twice counts once.
pub(crate) fn default_roots(sources: &RootSources<'_>) -> Vec<PathBuf> {
    let from_env = sources.env_path.into_iter().flat_map(std::env::split_paths);
    let beside_plan = sources
        .plan
        .map(|plan| plan.parent().unwrap_or(Path::new("")).join("skills"));
    let data_home = match sources.xdg_data_home {
        // The XDG specification has relative paths ignored.
        Some(path) if path.is_absolute() => Some(path.to_owned()),
        _ => sources.home.map(|home| home.join(".local/share")),
    };
    let candidates = sources
        .flags
        .iter()
        .cloned()
        .chain(from_env.filter(|path| !path.as_os_str().is_empty()))
        .chain(beside_plan)
        .chain([PathBuf::from("skills")])
        .chain(data_home.map(|path| path.join("obs/skills")));
    let mut seen = Vec::new();
    candidates
        .filter(|path| {
            let full = sources.cwd.join(path);
            let full = full.canonicalize().unwrap_or(full);
            let is_new = !seen.contains(&full);
            seen.push(full);
            is_new
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_come_in_order_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = dir.path();
        std::fs::create_dir_all(cwd.join("skills")).unwrap();
        std::os::unix::fs::symlink("skills", cwd.join("again")).unwrap();
        let flags = [PathBuf::from("one"), PathBuf::from("again")];
        let sources = RootSources {
            flags: &flags,
            env_path: Some(OsStr::new("/two::one")),
            plan: Some(Path::new("plans/p.yaml")),
            cwd,
            xdg_data_home: Some(Path::new("relative")),
            home: Some(Path::new("/home/u")),
        };
        let want = [
            "one",
            "again",
            "/two",
            "plans/skills",
            "/home/u/.local/share/obs/skills",
        ];
        assert_eq!(default_roots(&sources), want.map(PathBuf::from));
        let from_stdin = RootSources {
            flags: &[],
            env_path: None,
            plan: None,
            xdg_data_home: Some(Path::new("/data")),
            ..sources
        };
        let want = ["skills", "/data/obs/skills"];
        assert_eq!(default_roots(&from_stdin), want.map(PathBuf::from));
    }
}
