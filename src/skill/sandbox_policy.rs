//! From a manifest's permissions to what the kernel is told.
//!
//! Invariant: what a skill may touch comes from the default grants and its manifest. Nothing here
//! sees an argument, so no plan can widen it; a path that arrives as an argument grants nothing.
//! Symlinks on the paths are followed before the first step ([`SkillPaths`]) and at no time after.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{GrantPath, NativeSkill, PathBase, Permission, Skill};
use crate::model::{SandboxMode, StepDirs};
use crate::process::{
    Access, Applied, Confinement, Grant, Layer, LimitBreach, Limits, Network, ResourceKind,
    canonicalize, default_grants,
};

/// How a run confines its skills: the flags, and what is the same for all steps.
#[derive(Debug, Clone)]
pub struct SandboxPolicy {
    /// `--sandbox`.
    pub mode: SandboxMode,
    /// `--max-memory`, in mebibytes.
    pub max_memory_mb: Option<u64>,
    /// `--max-cpu`.
    pub max_cpu: Option<Duration>,
    /// `--max-processes`.
    pub max_processes: Option<u64>,
    /// `--max-disk`, in mebibytes.
    pub max_disk_mb: Option<u64>,
    /// The user's home directory, for `~`; canonical.
    pub home: Option<PathBuf>,
}

/// The paths that a skill's permissions name, as they were before the first step: all its calls get
/// these.
#[derive(Debug, Clone, Default)]
pub(crate) struct SkillPaths(Arc<[SkillPath]>);

#[derive(Debug)]
struct SkillPath {
    permission: Permission,
    access: Access,
    place: SkillPlace,
}

#[derive(Debug)]
enum SkillPlace {
    /// There: a canonical path.
    At(PathBuf),
    /// Below the run's directory. Only skills write there, so any symlink in it is a skill's.
    InRunDir(PathBuf),
}

/// Something that a skill may write.
#[derive(Debug)]
pub(crate) struct WriteTarget<'p> {
    /// The path in the manifest.
    pub(crate) granted: &'p GrantPath,
    /// Canonical.
    pub(crate) path: Cow<'p, Path>,
}

impl WriteTarget<'_> {
    /// True if it must be a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.granted.is_directory || self.granted.rest.file_name().is_none()
    }
}

impl SkillPaths {
    /// What may be written; nothing in the run's directory if there is none yet.
    pub(crate) fn write_targets<'p>(
        &'p self,
        run_dir: Option<&'p Path>,
    ) -> impl Iterator<Item = WriteTarget<'p>> {
        self.0.iter().filter_map(move |path| {
            let Permission::FsWrite(granted) = &path.permission else {
                return None;
            };
            let path = path.get(run_dir)?;
            Some(WriteTarget { granted, path })
        })
    }
}

impl SkillPath {
    fn grant(&self, run_dir: Option<&Path>) -> Option<Grant> {
        Some(Grant::new(self.get(run_dir)?, self.access))
    }

    /// The path; none in the run's directory if there is none yet.
    fn get(&self, run_dir: Option<&Path>) -> Option<Cow<'_, Path>> {
        match &self.place {
            SkillPlace::At(path) => Some(Cow::Borrowed(path)),
            SkillPlace::InRunDir(rest) if rest.as_os_str().is_empty() => {
                run_dir.map(|run_dir| Cow::Owned(run_dir.to_owned()))
            }
            SkillPlace::InRunDir(rest) => run_dir.map(|run_dir| Cow::Owned(run_dir.join(rest))),
        }
    }
}

impl SandboxPolicy {
    /// A policy without limits, and without a home directory.
    pub fn new(mode: SandboxMode) -> Self {
        Self {
            mode,
            max_memory_mb: None,
            max_cpu: None,
            max_processes: None,
            max_disk_mb: None,
            home: None,
        }
    }

    /// The directories of a skill's steps, as far as they are known before the run.
    pub(crate) fn dirs<'a>(&'a self, native: &'a NativeSkill, workspace: &'a Path) -> StepDirs<'a> {
        StepDirs::new(&native.dir, workspace, self.home.as_deref())
    }

    /// What the kernel is told for one step; `None` if nothing is confined.
    pub(crate) fn confinement(
        &self,
        skill: &Skill,
        paths: &SkillPaths,
        dirs: &StepDirs<'_>,
    ) -> Option<Confinement> {
        self.confinement_by(&skill.manifest.permissions, paths, dirs)
    }

    /// The same for these permissions.
    fn confinement_by(
        &self,
        permissions: &[Permission],
        paths: &SkillPaths,
        dirs: &StepDirs<'_>,
    ) -> Option<Confinement> {
        let best_effort = match self.mode {
            SandboxMode::Require => false,
            SandboxMode::BestEffort => true,
            SandboxMode::Off => return None,
        };
        let network = network_of(permissions);
        let mut grants = default_grants(dirs, &network).grants;
        let granted = paths.0.iter().filter_map(|path| path.grant(dirs.run));
        grants.extend(granted);
        Some(Confinement {
            grants,
            network,
            best_effort,
        })
    }

    /// What the manifest's permissions grant to a step.
    pub(crate) fn permission_grants<'a>(
        skill: &'a Skill,
        dirs: &StepDirs<'a>,
    ) -> impl Iterator<Item = (&'a Permission, Grant)> + use<'a> {
        let dirs = *dirs;
        let permissions = skill.manifest.permissions.iter();
        permissions.filter_map(move |permission| {
            let path = Self::skill_path(permission, &dirs)?;
            Some((permission, path.grant(dirs.run)?))
        })
    }

    /// True if the workspace is not granted, because it is the root, the home directory or above
    /// it, and skills are confined.
    pub fn excludes_workspace(&self, workspace: &Path) -> bool {
        let nowhere = Path::new("/nonexistent");
        let home = self.home.as_deref();
        let dirs = StepDirs::new(nowhere, workspace, home);
        self.mode != SandboxMode::Off && default_grants(&dirs, &Network::None).workspace_withheld
    }

    /// A confinement that relies on what the skill's does, to ask what this machine can enforce.
    pub fn needs(&self, skill: &Skill) -> Confinement {
        let network = network_of(&skill.manifest.permissions);
        Confinement {
            grants: Vec::new(),
            network,
            best_effort: false,
        }
    }

    /// What the step's tree may consume: the manifest's numbers, tightened by the flags.
    pub(crate) fn limits(&self, skill: &Skill) -> Limits {
        let of_skill = &skill.manifest.resources;
        let memory_mb = tighter(of_skill.max_memory_mb, self.max_memory_mb);
        let defaults = Limits::default();
        Limits {
            memory: memory_mb.map(|mb| mb.saturating_mul(1 << 20)),
            cpu: tighter(of_skill.max_cpu_ms.map(Duration::from_millis), self.max_cpu),
            processes: tighter(
                of_skill.max_processes.or(defaults.processes),
                self.max_processes,
            ),
            file_size: defaults.file_size,
            disk: tighter(of_skill.max_disk_mb, self.max_disk_mb)
                .map(|mb| mb.saturating_mul(1 << 20)),
        }
    }

    /// Finds what the skill's permissions lead to. To be called before the first step; one that
    /// leads nowhere for certain grants nothing.
    pub(crate) fn skill_paths(skill: &Skill, dirs: &StepDirs<'_>) -> SkillPaths {
        Self::permission_paths(&skill.manifest.permissions, dirs)
    }

    fn permission_paths(permissions: &[Permission], dirs: &StepDirs<'_>) -> SkillPaths {
        let permissions = permissions.iter();
        let paths = permissions.filter_map(|permission| Self::skill_path(permission, dirs));
        SkillPaths(paths.collect())
    }

    /// What a step with these permissions may touch, before it has directories of its own; `None`
    /// if nothing is confined.
    pub(super) fn grants(
        &self,
        permissions: &[Permission],
        dirs: &StepDirs<'_>,
    ) -> Option<Vec<Grant>> {
        let paths = Self::permission_paths(permissions, dirs);
        let confinement = self.confinement_by(permissions, &paths, dirs)?;
        Some(confinement.grants)
    }

    fn skill_path(permission: &Permission, dirs: &StepDirs<'_>) -> Option<SkillPath> {
        let access = access_of(permission)?;
        let path = permission.path()?;
        let place = if path.base == PathBase::RunDir {
            SkillPlace::InRunDir(path.rest.clone())
        } else {
            let path = path.resolve(dirs)?;
            SkillPlace::At(canonicalize(&path).ok()?)
        };
        Some(SkillPath {
            permission: permission.clone(),
            access,
            place,
        })
    }

    /// What a step of the skill would create of what it may write, as it is now: a path that ends
    /// in `/` is a directory.
    pub(crate) fn creates(
        &self,
        skill: &Skill,
        native: &NativeSkill,
        workspace: &Path,
        run_dir: Option<&Path>,
    ) -> Vec<String> {
        let paths = Self::skill_paths(skill, &self.dirs(native, workspace));
        // A new run's directory is empty.
        let nowhere = Path::new("/nonexistent");
        let targets = paths.write_targets(Some(run_dir.unwrap_or(nowhere)));
        let missing = targets.filter(|target| {
            target.granted.rest.file_name().is_some() && target.path.symlink_metadata().is_err()
        });
        let texts = missing.map(|target| format!("{}{}", target.granted, target.granted.slash()));
        texts.collect()
    }

    /// What the user may not expect of the paths that the manifest asks for, with what to do about
    /// it.
    pub(crate) fn suspect_paths<'p>(
        &self,
        skill: &'p Skill,
        native: &NativeSkill,
        workspace: &Path,
    ) -> Vec<(&'p Permission, SuspectPath)> {
        if self.mode == SandboxMode::Off {
            return Vec::new();
        }
        let dirs = self.dirs(native, workspace);
        let may_come = |path: &GrantPath| {
            path.base == PathBase::Workspace && !self.excludes_workspace(workspace)
        };
        let suspect = |permission: &Permission| {
            let path = permission.path()?;
            let Ok(real) = canonicalize(&path.resolve(&dirs)?) else {
                return Some(SuspectPath::NotOneFile);
            };
            if path.base == PathBase::Workspace && !real.starts_with(workspace) {
                return Some(SuspectPath::Outside(real));
            }
            let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|found| !found.is_dir());
            if path.is_directory && is_file(&real) {
                return Some(SuspectPath::NotADirectory);
            }
            let reads = !matches!(permission, Permission::FsWrite(_));
            (reads && !may_come(path) && real.symlink_metadata().is_err())
                .then_some(SuspectPath::Missing)
        };
        let permissions = skill.manifest.permissions.iter();
        permissions
            .filter_map(|permission| Some((permission, suspect(permission)?)))
            .collect()
    }

    /// True if `skill` is confined and may read `file`, which is a path without links.
    pub fn can_read(&self, skill: &Skill, workspace: &Path, file: &Path) -> bool {
        let confinement = skill.native().and_then(|native| {
            let dirs = self.dirs(native, workspace);
            let paths = Self::skill_paths(skill, &dirs);
            self.confinement(skill, &paths, &dirs)
        });
        confinement.is_some_and(|confinement| {
            let grants = confinement.grants.iter();
            let mut real = grants.filter_map(|grant| grant.path.canonicalize().ok());
            real.any(|real| file.starts_with(real))
        })
    }

    /// The path that `permission` names; `None` if it names none, or one below a directory that is
    /// not there yet.
    pub(crate) fn path_of(
        &self,
        permission: &Permission,
        native: &NativeSkill,
        workspace: &Path,
        run_dir: Option<&Path>,
    ) -> Option<PathBuf> {
        let path = Self::skill_path(permission, &self.dirs(native, workspace))?;
        path.get(run_dir).map(Cow::into_owned)
    }

    /// What the step may touch, for the failure report.
    pub(crate) fn describe(&self, skill: &Skill, workspace: &Path) -> Vec<String> {
        if skill.native().is_none() {
            return Vec::new();
        }
        if self.mode == SandboxMode::Off {
            return vec!["files and network: not confined (`--sandbox off`)".to_owned()];
        }
        let withheld = self.excludes_workspace(workspace);
        let permissions = &skill.manifest.permissions;
        let paths = |select: fn(&Permission) -> Option<&GrantPath>| {
            let mut text = String::new();
            for path in permissions.iter().filter_map(select) {
                text.push_str(", ");
                text.push_str(&path.to_string());
                text.push_str(path.slash());
            }
            text
        };
        let read = paths(|p| match p {
            Permission::FsRead(path) | Permission::FsExec(path) => Some(path),
            _ => None,
        });
        let write = paths(|p| match p {
            Permission::FsWrite(path) => Some(path),
            _ => None,
        });
        let network = network_text(permissions);
        let own = skill.native().into_iter().flat_map(|n| &n.execution.env);
        let names: Vec<&str> = permissions
            .iter()
            .filter_map(Permission::env)
            .map(|(env, _)| &*env.name)
            .chain(own.map(|variable| &*variable.name))
            .collect();
        let names = if names.is_empty() {
            "the default".to_owned()
        } else {
            names.join(", ")
        };
        let workdir = skill.native().and_then(|n| n.execution.workdir.as_ref());
        let workdir = workdir.map(|path| format!("working directory: {path}"));
        let mut lines = vec![
            format!(
                "read: system, skill{}{read}",
                if withheld { "" } else { ", workspace" }
            ),
            format!("write: private scratch{write}"),
            format!("network: {network}"),
            format!("environment: {names}"),
        ];
        lines.extend(workdir);
        lines
    }
}

/// What may be unexpected of a path that a manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SuspectPath {
    /// It is to be read and does not exist. Below a workspace that is granted it may still come:
    /// what an earlier step puts there can be read.
    Missing,
    /// It begins in the workspace, and symlinks lead out of it to this path.
    Outside(PathBuf),
    /// Its symlinks lead to one another, or elsewhere for each process (`/proc/self`).
    NotOneFile,
    /// It ends in `/`, and a file is there.
    NotADirectory,
}

/// Names of layers, for the record.
pub(crate) fn layer_names(applied: Applied) -> (Vec<String>, Vec<String>) {
    let names = |select: &dyn Fn(Layer) -> bool| -> Vec<String> {
        Layer::ALL
            .into_iter()
            .filter(|l| select(*l))
            .map(|l| l.name().to_owned())
            .collect()
    };
    (
        names(&|l| applied.enforced.contains(l)),
        names(&|l| applied.missing.contains(l)),
    )
}

/// A breach in words: which limit, the limit and the value.
pub(crate) fn breach_text(breach: &LimitBreach) -> String {
    let LimitBreach {
        limit,
        allowed,
        measured,
    } = *breach;
    let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
    let (what, measured, allowed) = match limit {
        ResourceKind::Memory => ("memory", mib(measured), mib(allowed)),
        ResourceKind::Cpu => (
            "CPU time",
            format!("{measured} ms"),
            format!("{allowed} ms"),
        ),
        ResourceKind::Processes => ("processes", measured.to_string(), allowed.to_string()),
        ResourceKind::Threads => ("threads", measured.to_string(), allowed.to_string()),
        ResourceKind::FileSize => ("file size", mib(measured), mib(allowed)),
        ResourceKind::Disk => ("disk usage", mib(measured), mib(allowed)),
        ResourceKind::DirectoryDepth => {
            ("directory depth", measured.to_string(), allowed.to_string())
        }
    };
    format!("{what} of {measured}, over the limit of {allowed}")
}

fn tighter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The network permissions, in words.
fn network_text(permissions: &[Permission]) -> String {
    let network: Vec<String> = permissions
        .iter()
        .filter(|p| {
            matches!(
                p,
                Permission::Net | Permission::NetDns | Permission::NetTcp(_)
            )
        })
        .map(ToString::to_string)
        .collect();
    if network.is_empty() {
        "none".to_owned()
    } else {
        network.join(", ")
    }
}

fn network_of(permissions: &[Permission]) -> Network {
    if permissions.contains(&Permission::Net) {
        return Network::Full;
    }
    let tcp: Vec<u16> = permissions
        .iter()
        .filter_map(|permission| match permission {
            Permission::NetTcp(port) => Some(*port),
            _ => None,
        })
        .collect();
    let dns = permissions.contains(&Permission::NetDns);
    if tcp.is_empty() && !dns {
        Network::None
    } else {
        Network::Some { tcp, dns }
    }
}

fn access_of(permission: &Permission) -> Option<Access> {
    match permission {
        Permission::FsRead(_) => Some(Access::Read),
        Permission::FsExec(_) => Some(Access::ReadExec),
        Permission::FsWrite(_) => Some(Access::ReadWrite),
        _ => None,
    }
}
