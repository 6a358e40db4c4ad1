//! Tests of the sandbox from inside: attempts to escape from it, and ordinary programs in it.
//!
//! Every attempt is made twice with the same arguments: by an ordinary process, to show that there
//! is something to prevent, and by a confined one. If the ordinary process of this user can't do it
//! on this kernel either, the test prints that and still tries the confined one.

mod ahead;
mod hogs;
mod layers;
mod matrix;
mod network;
mod programs;
mod side_effects;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::model::StepDirs;
use crate::process::sys;

const PROBES: &str = include_str!("probes.c");
const HOGS: &str = include_str!("hogs.c");

/// A file tree with protected files, and programs that try to access them.
pub(super) struct Arena {
    root: tempfile::TempDir,
    pub(super) probe: PathBuf,
    pub(super) hog: PathBuf,
    /// True if this machine has no Landlock, so that other tests can still run.
    pub(super) best_effort: bool,
}

impl Arena {
    /// If there is no C compiler, prints that and returns `None`.
    pub(super) fn new() -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap();
        mode(&real, 0o755);
        for directory in [
            "workspace/out",
            "skill",
            "scratch/dir",
            "outside/dir",
            "home/.ssh",
            "state",
        ] {
            fs::create_dir_all(real.join(directory)).unwrap();
        }
        for file in [
            "outside/secret",
            "outside/victim",
            "outside/append",
            "outside/unlink",
            "outside/mode",
            "outside/owner",
            "home/notes",
            "home/.ssh/id_ed25519",
            "workspace/source",
            "workspace/out/mine",
            "scratch/mine",
            "scratch/moved",
            "scratch/original",
            "scratch/mine2",
        ] {
            fs::write(real.join(file), "canary\n").unwrap();
        }
        let probe = compile(PROBES, &real.join("skill/probe"))?;
        let hog = compile(HOGS, &real.join("skill/hog"))?;
        fs::copy(&probe, real.join("outside/program")).unwrap();
        let best_effort = sys::landlock_abi().is_err();
        Some(Self {
            root,
            probe,
            hog,
            best_effort,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The default grants, and one directory to write to.
    pub(super) fn confinement(&self, network: Network) -> Confinement {
        let (skill, workspace) = (self.path("skill"), self.path("workspace"));
        let (scratch, home) = (self.path("scratch"), self.path("home"));
        let dirs = StepDirs {
            scratch: Some(&scratch),
            ..StepDirs::new(&skill, &workspace, Some(&home))
        };
        let mut grants = default_grants(&dirs, &network).grants;
        grants.push(Grant::new(workspace.join("out"), Access::ReadWrite));
        Confinement {
            grants,
            network,
            best_effort: self.best_effort,
        }
    }

    /// A confined program.
    pub(super) fn spec(&self, path: &Path, argv: &[&str], network: Network) -> ProcessSpec {
        let mut all = vec!["x"];
        all.extend(argv);
        let mut spec = program(path.to_str().unwrap(), &all);
        spec.cwd = self.path("workspace");
        spec.confinement = Some(Arc::new(self.confinement(network)));
        for name in ["HOME", "TMPDIR"] {
            spec.env.push((name.into(), self.path("scratch").into()));
        }
        spec
    }

    pub(super) fn probe(&self, argv: &[&str], network: Network) -> ProcessSpec {
        self.spec(&self.probe.clone(), argv, network)
    }

    pub(super) fn hog(&self, argv: &[&str], limits: Limits) -> ProcessSpec {
        let mut spec = self.spec(&self.hog.clone(), argv, Network::None);
        spec.limits = limits;
        spec
    }
}

pub(super) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn compile(source: &str, program: &Path) -> Option<PathBuf> {
    let file = program.with_extension("c");
    fs::write(&file, source).unwrap();
    let outcome = Command::new("cc")
        .args(["-O1", "-w", "-pthread", "-o"])
        .args([program, &file])
        .output();
    let Ok(output) = outcome else {
        skip("there is no `cc` to compile the probes with");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(program.to_owned())
}

/// The standard output of a process, trimmed.
pub(super) fn said(exit: &ProcessExit) -> String {
    String::from_utf8_lossy(&exit.stdout).trim().to_owned()
}

/// True if this kernel can enforce `confinement`. Prints what is missing otherwise.
pub(super) async fn is_enforceable(launcher: &Launcher, confinement: &Confinement) -> bool {
    let missing = launcher.probe().await.unwrap().missing(confinement);
    if !missing.is_empty() {
        skip(&missing.join("; "));
    }
    missing.is_empty()
}
