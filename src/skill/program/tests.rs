use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A skills root with one skill in `x`, a workspace and a directory of programs.
struct Tree {
    dir: tempfile::TempDir,
    root: RootDir,
}

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["root/x", "work", "bin"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let root = RootDir::open(&dir.path().join("root")).unwrap().unwrap();
        Self { dir, root }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path.parent().unwrap().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn resolve(&self, name: &ProgramName) -> Result<Program, ProgramError> {
        let path = self.at("bin").into_os_string();
        let places = ProgramDirs {
            root: &self.root,
            below: Path::new("x"),
            skill_dir: &self.at("root/x"),
            workspace: &self.at("work"),
            path: &path,
        };
        resolve(name, &places)
    }

    fn own(&self, below: &str) -> Result<Program, ProgramError> {
        self.resolve(&ProgramName::InSkillDir(PathBuf::from(below)))
    }

    fn describe(&self, outcome: Result<Program, ProgramError>) -> String {
        let error = outcome.unwrap_err();
        let here = self.dir.path().canonicalize().unwrap();
        format!("{}; {}", error.message, error.help).replace(here.to_str().unwrap(), "DIR")
    }
}

#[test]
fn programs_are_found_where_they_are_named() {
    let tree = Tree::new();
    tree.write("root/x/run.sh", "#!/bin/sh\n", 0o755);
    tree.write("root/common/run.sh", "#! /bin/sh -e\n", 0o755);
    tree.write("work/tool", b"\x7fELF\x02", 0o755);
    tree.write("bin/git", b"\x7fELF\x02", 0o755);
    let own = tree.own("run.sh").unwrap();
    assert_eq!(own.path, tree.at("root/x/run.sh"));
    assert_eq!(own.target, own.path);
    assert_eq!(own.interpreters[0].path, Path::new("/bin/sh"));
    assert_eq!(
        own.interpreters[0].target,
        fs::canonicalize("/bin/sh").unwrap()
    );
    assert!(tree.own("../common/run.sh").is_ok());
    let tool = tree
        .resolve(&ProgramName::InWorkspace("tool".into()))
        .unwrap();
    assert_eq!(tool.path, tree.at("work/tool"));
    assert!(tool.interpreters.is_empty());
    let git = tree.resolve(&ProgramName::Bare("git".to_owned())).unwrap();
    assert_eq!(git.path, tree.at("bin/git"));
    assert!(
        tree.resolve(&ProgramName::Absolute("/bin/sh".into()))
            .is_ok()
    );
}

#[test]
fn what_can_not_run_is_told_with_the_way_out() {
    let tree = Tree::new();
    tree.write("root/x/run.sh", "#!/bin/sh\n", 0o644);
    tree.write("root/x/empty", "", 0o755);
    tree.write("root/x/bare", "echo hi\n", 0o755);
    tree.write("root/x/crlf", "#!/bin/sh\r\necho\r\n", 0o755);
    tree.write("root/x/relative", "#!bin/sh\n", 0o755);
    tree.write("root/x/gone", "#!/usr/bin/no-such-thing\n", 0o755);
    tree.write("root/x/env", "#!/usr/bin/env no-such-thing\n", 0o755);
    tree.write("root/x/env-two", "#!/usr/bin/env python3 -u\n", 0o755);
    tree.write("root/x/env-none", "#!/usr/bin/env\n", 0o755);
    tree.write("root/x/long", format!("#!/{}\n", "a".repeat(300)), 0o755);
    tree.write("bin/locked", "#!/bin/sh\n", 0o600);
    symlink("/etc", tree.at("root/x/etc")).unwrap();
    symlink("/bin/sh", tree.at("root/x/shell")).unwrap();
    symlink("nothing", tree.at("bin/dangling")).unwrap();
    let mut lines: Vec<String> = [
        "rum.sh",
        "other",
        "run.sh",
        "empty",
        "bare",
        "crlf",
        "relative",
        "gone",
        "env",
        "env-two",
        "env-none",
        "long",
        "etc",
        "etc/passwd",
        "shell",
        "../../bin/locked",
        "../x",
    ]
    .into_iter()
    .map(|name| format!("./{name}: {}", tree.describe(tree.own(name))))
    .collect();
    for name in [
        ProgramName::Bare("no-such-thing".to_owned()),
        ProgramName::Bare("locked".to_owned()),
        ProgramName::Bare("dangling".to_owned()),
        ProgramName::Absolute(tree.at("bin/dangling")),
        ProgramName::Absolute(tree.at("bin")),
        ProgramName::Absolute("/dev/null".into()),
        ProgramName::InWorkspace("tool".into()),
    ] {
        lines.push(tree.describe(tree.resolve(&name)));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn interpreters_are_followed_to_the_binary() {
    let tree = Tree::new();
    tree.write("bin/outer", b"\x7fELF\x02", 0o755);
    tree.write("bin/inner", "#!/usr/bin/env outer\n", 0o755);
    for line in [
        "#!/usr/bin/env inner",
        "#!/usr/bin/env -S inner -u",
        "#!/usr/bin/env -S A=1 inner",
    ] {
        tree.write("root/x/run", format!("{line}\nx"), 0o755);
        let program = tree.own("run").unwrap();
        let names: Vec<_> = program
            .interpreters
            .iter()
            .map(|found| found.path.clone())
            .collect();
        let env = PathBuf::from("/usr/bin/env");
        assert_eq!(
            names,
            [env.clone(), tree.at("bin/inner"), env, tree.at("bin/outer")],
            "{line}"
        );
    }
    let own = tree.at("root/x/loop");
    tree.write("root/x/loop", format!("#!{}\n", own.display()), 0o755);
    assert!(
        tree.own("loop")
            .unwrap_err()
            .message
            .contains("a script of a script")
    );
}

#[test]
fn the_python_of_a_virtual_environment_may_be_a_link() {
    let tree = Tree::new();
    tree.write("root/x/.venv/pyvenv.cfg", "home = /usr/bin\n", 0o644);
    fs::create_dir_all(tree.at("root/x/.venv/bin")).unwrap();
    symlink("/bin/sh", tree.at("root/x/.venv/bin/python")).unwrap();
    let program = tree.own(".venv/bin/python").unwrap();
    assert_eq!(program.path, tree.at("root/x/.venv/bin/python"));
    assert_eq!(program.target, fs::canonicalize("/bin/sh").unwrap());
    fs::remove_file(tree.at("root/x/.venv/pyvenv.cfg")).unwrap();
    assert!(tree.own(".venv/bin/python").is_err());
}
