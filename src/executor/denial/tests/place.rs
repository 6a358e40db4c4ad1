//! A workspace, a home and a private directory, and what is concluded from messages about them.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::executor::denial::{Scene, suspect};
use crate::model::{ErrorCode, Excerpt, ExecutionResult, ExecutionStatus, SandboxMode, StepDirs};
use crate::process::{Access, Confinement, Grant, Layer, Network, canonicalize};
use crate::skill::{Permission, SandboxPolicy};

/// A workspace, a home and a private directory on this machine.
pub(super) struct Place {
    _dir: TempDir,
    root: PathBuf,
    pub(super) granted: Vec<Grant>,
    pub(super) network: Network,
    pub(super) permissions: Vec<Permission>,
    pub(super) command: Vec<String>,
    pub(super) layers: Vec<Layer>,
    pub(super) status: ExecutionStatus,
}

impl Place {
    pub(super) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let root = canonicalize(dir.path()).unwrap();
        for name in [
            "ws/data/.git",
            "ws/.git",
            "home/.ssh",
            "home/tools/bin",
            "scratch",
            "skill",
            "other",
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in [
            "ws/plan.yaml",
            "ws/data/in.txt",
            "home/.gitconfig",
            "home/.ssh/config",
            "other/file",
        ] {
            fs::write(root.join(name), "x").unwrap();
        }
        let program = root.join("home/tools/bin/forge");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(program, mode).unwrap();
        let granted = vec![
            Grant::new("/usr", Access::ReadExec),
            Grant::new(root.join("ws"), Access::ReadExec),
            Grant::new(root.join("skill"), Access::ReadExec),
            Grant::new(root.join("scratch"), Access::ReadWriteExec),
        ];
        Self {
            _dir: dir,
            root,
            granted,
            network: Network::None,
            permissions: Vec::new(),
            command: Vec::new(),
            layers: vec![
                Layer::Files,
                Layer::Tcp,
                Layer::Seccomp,
                Layer::Capabilities,
            ],
            status: ExecutionStatus::Failed,
        }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The permissions that the hint adds, and the hint; `None` without one. `ROOT` in the message
    /// is the directory of the place.
    pub(super) fn hint(&self, stderr: &str) -> Option<(Vec<String>, String)> {
        let (workspace, home) = (self.at("ws"), self.at("home"));
        let (scratch, skill) = (self.at("scratch"), self.at("skill"));
        let dirs = StepDirs {
            scratch: Some(&scratch),
            run: None,
            ..StepDirs::new(&skill, &workspace, Some(&home))
        };
        let confinement = Confinement {
            grants: self.granted.clone(),
            network: self.network.clone(),
            best_effort: false,
        };
        let stderr = stderr.replace("ROOT", self.root.to_str().unwrap());
        let mut result = ExecutionResult {
            status: self.status,
            stderr: Some(Excerpt::from_bytes(stderr.as_bytes())),
            command: self.command.clone(),
            ..ExecutionResult::failure(ErrorCode::SkillFailed, String::new())
        };
        let layers = self.layers.iter().map(|layer| layer.name().to_owned());
        result.sandbox.enforced = layers.collect();
        let mut policy = SandboxPolicy::new(SandboxMode::Require);
        policy.home = Some(home.clone());
        let path = self.at("home/tools/bin").into_os_string();
        let scene = Scene {
            policy: &policy,
            dirs,
            confinement: &confinement,
            permissions: &self.permissions,
            manifest: "skills/x/manifest.yaml",
            path: &path,
        };
        let hint = suspect(&scene, &result)?.hint;
        let list = hint
            .split_once("\npermissions: ")
            .map(|(_, list)| list.to_owned());
        let list: Vec<String> =
            list.map_or_else(Vec::new, |list| serde_json::from_str(&list).unwrap());
        for permission in &list {
            Permission::parse(permission).unwrap();
        }
        Some((list, hint))
    }

    /// What is wrong with the hint.
    fn fault(&self, stderr: &str, want: &[&str]) -> Option<String> {
        let root = self.root.to_str().unwrap();
        let want: Vec<String> = want.iter().map(|want| want.replace("ROOT", root)).collect();
        let Some((list, hint)) = self.hint(stderr) else {
            return Some(format!("no hint: {stderr}"));
        };
        let is_careful = hint.contains("probably") || hint.contains("may be the cause");
        (list != want || !is_careful).then(|| format!("{list:?}, not {want:?}: {stderr}\n  {hint}"))
    }

    pub(super) fn expect(&self, stderr: &str, want: &[&str]) {
        assert_eq!(self.fault(stderr, want), None);
    }

    pub(super) fn expect_each(&self, cases: &[(&str, &str)]) {
        let faults = cases
            .iter()
            .filter_map(|(stderr, want)| self.fault(stderr, &[want]));
        let faults: Vec<String> = faults.collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    pub(super) fn expect_all(&self, cases: &[(&str, &[&str])]) {
        let faults = cases
            .iter()
            .filter_map(|(stderr, want)| self.fault(stderr, want));
        let faults: Vec<String> = faults.collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    pub(super) fn expect_none(&self, stderr: &str) {
        assert_eq!(self.hint(stderr), None, "{stderr}");
    }
}
