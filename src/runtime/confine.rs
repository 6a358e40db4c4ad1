//! From a manifest's permissions to what the kernel is told.
//!
//! Invariant: what a skill may touch comes from the default grants and its manifest. Nothing here
//! sees an argument, so no plan can widen it; a path that arrives as an argument grants nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::SandboxMode;
use crate::process::{
    Access, Applied, Confinement, Grant, Ground, Layer, Limit, LimitBreach, Limits, Network,
    Strictness, default_grants,
};
use crate::skill::{GrantPath, GrantPlaces, Native, PathBase, Permission, Program, Skill};

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
    /// The user's home directory, for `~`.
    pub home: Option<PathBuf>,
}

/// The directories of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepGround<'a> {
    pub(super) workspace: &'a Path,
    pub(super) scratch: &'a Path,
    pub(super) run_dir: Option<&'a Path>,
}

impl SandboxPolicy {
    /// What the kernel is told for one step; `None` where nothing is confined.
    pub(super) fn confinement(
        &self,
        skill: &Skill,
        native: &Native,
        ground: &StepGround<'_>,
    ) -> Option<Confinement> {
        let strictness = match self.mode {
            SandboxMode::Require => Strictness::Require,
            SandboxMode::BestEffort => Strictness::BestEffort,
            SandboxMode::Off | SandboxMode::InProcess | SandboxMode::None => return None,
        };
        let network = network_of(&skill.manifest.permissions);
        let mut grants = self.default_grants(native, ground, &network);
        let of_permissions = self.permission_grants(skill, native, ground);
        grants.extend(of_permissions.map(|(_, grant)| grant));
        Some(Confinement {
            grants,
            network,
            strictness,
        })
    }

    /// What a step may touch without asking for it.
    pub(super) fn default_grants(
        &self,
        native: &Native,
        ground: &StepGround<'_>,
        network: &Network,
    ) -> Vec<Grant> {
        let ground = Ground {
            skill_dir: &native.dir,
            workspace: ground.workspace,
            scratch: ground.scratch,
            home: self.home.as_deref(),
        };
        default_grants(&ground, network).grants
    }

    /// What the manifest's permissions grant to a step.
    pub(super) fn permission_grants<'a>(
        &'a self,
        skill: &'a Skill,
        native: &'a Native,
        ground: &StepGround<'a>,
    ) -> impl Iterator<Item = (&'a Permission, Grant)> + use<'a> {
        let (places, ground) = (self.places(native, ground), *ground);
        let permissions = skill.manifest.permissions.iter();
        permissions.filter_map(move |permission| {
            Some((permission, grant_of(permission, &places, &ground)?))
        })
    }

    /// True where the workspace is not granted, because it is the root, the home directory or above
    /// it, and skills are confined.
    pub fn withholds(&self, workspace: &Path) -> bool {
        let nowhere = Path::new("/nonexistent");
        let home = self.home.as_deref();
        let ground = Ground {
            skill_dir: nowhere,
            workspace,
            scratch: nowhere,
            home,
        };
        self.mode != SandboxMode::Off && default_grants(&ground, &Network::None).workspace_withheld
    }

    /// A confinement that relies on what the skill's does, to ask what this machine can enforce.
    pub fn needs(&self, skill: &Skill) -> Confinement {
        let network = network_of(&skill.manifest.permissions);
        Confinement {
            grants: Vec::new(),
            network,
            strictness: Strictness::Require,
        }
    }

    /// What the step's tree may consume: the manifest's numbers, tightened by the flags.
    pub(super) fn limits(&self, skill: &Skill) -> Limits {
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

    /// Makes the directories that the manifest wants to write to.
    pub(super) fn make_writable_directories(
        &self,
        skill: &Skill,
        native: &Native,
        ground: &StepGround<'_>,
    ) -> io::Result<()> {
        let places = self.places(native, ground);
        for permission in &skill.manifest.permissions {
            if let Permission::FsWrite(path) = permission
                && let Some(path) = path.resolve(&places)
                && !path.exists()
            {
                std::fs::create_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// The permission that a program needs which the grants would hide.
    pub(super) fn hidden_program(
        &self,
        skill: &Skill,
        native: &Native,
        workspace: &Path,
        program: &Program,
    ) -> Option<Hidden> {
        // A step's own directory holds no program before the step runs.
        let ground = StepGround {
            workspace,
            scratch: Path::new("/nonexistent"),
            run_dir: None,
        };
        let confinement = self.confinement(skill, native, &ground)?;
        let interpreters = program
            .interpreters
            .iter()
            .flat_map(|i| [&i.path, &i.target]);
        let files = [&program.path, &program.target]
            .into_iter()
            .chain(interpreters);
        let hidden = files
            .into_iter()
            .find(|file| !may_execute(&confinement, file))?;
        let permission = self.permission_for(hidden);
        Some(Hidden {
            file: hidden.clone(),
            permission,
        })
    }

    /// The paths that the manifest asks to read and that are not there. Below a workspace that is
    /// granted they may still come: what an earlier step puts there can be read.
    pub(super) fn missing_paths<'p>(
        &self,
        skill: &'p Skill,
        native: &Native,
        workspace: &Path,
    ) -> Vec<&'p Permission> {
        if self.mode == SandboxMode::Off {
            return Vec::new();
        }
        let ground = StepGround {
            workspace,
            scratch: Path::new("/nonexistent"),
            run_dir: None,
        };
        let places = self.places(native, &ground);
        let may_come =
            |path: &GrantPath| path.base == PathBase::Workspace && !self.withholds(workspace);
        let is_missing = |permission: &&Permission| match permission {
            Permission::FsRead(path) | Permission::FsExec(path) if !may_come(path) => {
                path.resolve(&places).is_some_and(|path| !path.exists())
            }
            _ => false,
        };
        skill
            .manifest
            .permissions
            .iter()
            .filter(is_missing)
            .collect()
    }

    /// The line to add: the top directory below the home directory, else the file's own directory. Not `~/.local`,
    /// which holds obs's state: what lies directly below it.
    fn permission_for(&self, file: &Path) -> String {
        let home = self.home.as_deref();
        let below_home = home.and_then(|home| file.strip_prefix(home).ok());
        match below_home {
            Some(below) => {
                let depth = if below.starts_with(".local") { 2 } else { 1 };
                let top: PathBuf = below.components().take(depth).collect();
                format!("fs.exec:~/{}", top.display())
            }
            None => format!("fs.exec:{}", file.parent().unwrap_or(file).display()),
        }
    }

    /// The path that `permission` names; `None` if it names none, or one below a directory that is not there yet.
    pub(super) fn path_of(
        &self,
        permission: &Permission,
        native: &Native,
        workspace: &Path,
        run_dir: Option<&Path>,
    ) -> Option<PathBuf> {
        let places = GrantPlaces {
            workspace,
            skill_dir: &native.dir,
            run_dir,
            home: self.home.as_deref(),
        };
        permission.path()?.resolve(&places)
    }

    fn places<'a>(&'a self, native: &'a Native, ground: &StepGround<'a>) -> GrantPlaces<'a> {
        GrantPlaces {
            workspace: ground.workspace,
            skill_dir: &native.dir,
            run_dir: ground.run_dir,
            home: self.home.as_deref(),
        }
    }

    /// What the step may touch, for the failure report.
    pub(super) fn told(&self, skill: &Skill, workspace: &Path) -> Vec<String> {
        if skill.native().is_none() {
            return Vec::new();
        }
        if self.mode == SandboxMode::Off {
            return vec!["files and network: not confined (`--sandbox off`)".to_owned()];
        }
        let withheld = self.withholds(workspace);
        let permissions = &skill.manifest.permissions;
        let paths = |wanted: fn(&Permission) -> Option<&GrantPath>| {
            let mut text = String::new();
            for path in permissions.iter().filter_map(wanted) {
                text.push_str(", ");
                text.push_str(&path.to_string());
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
        let network = if network.is_empty() {
            "none".to_owned()
        } else {
            network.join(", ")
        };
        let names: Vec<&str> = permissions
            .iter()
            .filter_map(Permission::env)
            .map(|(env, _)| &*env.name)
            .collect();
        let names = if names.is_empty() {
            "the default".to_owned()
        } else {
            names.join(", ")
        };
        vec![
            format!(
                "read: system, skill{}{read}",
                if withheld { "" } else { ", workspace" }
            ),
            format!("write: private scratch{write}"),
            format!("network: {network}"),
            format!("environment: {names}"),
        ]
    }
}

/// A program that the grants would hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    /// The program, or its interpreter.
    pub(super) file: PathBuf,
    /// The permission to add.
    pub(super) permission: String,
}

/// Names of layers, for the record.
pub(super) fn layer_names(applied: Applied) -> (Vec<String>, Vec<String>) {
    let names = |wanted: &dyn Fn(Layer) -> bool| -> Vec<String> {
        Layer::ALL
            .into_iter()
            .filter(|l| wanted(*l))
            .map(|l| l.name().to_owned())
            .collect()
    };
    (
        names(&|l| applied.enforced.contains(l)),
        names(&|l| applied.missing.contains(l)),
    )
}

/// A breach in words: which limit, the limit and the value.
pub(super) fn breach_text(breach: &LimitBreach) -> String {
    let LimitBreach {
        limit,
        allowed,
        measured,
    } = *breach;
    let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
    let (what, measured, allowed) = match limit {
        Limit::Memory => ("memory", mib(measured), mib(allowed)),
        Limit::Cpu => (
            "CPU time",
            format!("{measured} ms"),
            format!("{allowed} ms"),
        ),
        Limit::Processes => ("processes", measured.to_string(), allowed.to_string()),
        Limit::Threads => ("threads", measured.to_string(), allowed.to_string()),
        Limit::FileSize => ("file size", mib(measured), mib(allowed)),
        Limit::Disk => ("disk usage", mib(measured), mib(allowed)),
        Limit::DirectoryDepth => ("directory depth", measured.to_string(), allowed.to_string()),
    };
    format!("{what} of {measured}, over the limit of {allowed}")
}

fn tighter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
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

fn grant_of(
    permission: &Permission,
    places: &GrantPlaces<'_>,
    ground: &StepGround<'_>,
) -> Option<Grant> {
    let access = match permission {
        Permission::FsRead(_) => Access::Read,
        Permission::FsExec(_) => Access::ReadExec,
        Permission::FsWrite(_) => Access::ReadWrite,
        _ => return None,
    };
    let path = permission.path()?;
    // What stands below these may have been put there by a skill, a link included.
    let beneath = match path.base {
        PathBase::Workspace => Some(ground.workspace.to_owned()),
        PathBase::RunDir => ground.run_dir.map(Path::to_owned),
        PathBase::SkillDir | PathBase::Home | PathBase::Root => None,
    };
    Some(Grant {
        beneath,
        ..Grant::new(path.resolve(places)?, access)
    })
}

fn may_execute(confinement: &Confinement, file: &Path) -> bool {
    confinement.grants.iter().any(|grant| {
        matches!(grant.access, Access::ReadExec | Access::ReadWriteExec)
            && (file.starts_with(&grant.path)
                || grant
                    .path
                    .canonicalize()
                    .is_ok_and(|real| file.starts_with(real)))
    })
}
