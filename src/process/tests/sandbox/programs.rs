//! Tests that ordinary programs, which people write skills with, run in the sandbox.

use super::*;
use crate::model::StepDirs;

/// Runs a confined shell script and returns its output. `None` if a program in `needs` is not in a
/// system directory.
async fn said_by(launcher: &Launcher, arena: &Arena, needs: &[&str], text: &str) -> Option<String> {
    for program in needs {
        if !["/usr/bin", "/bin", "/usr/local/bin"]
            .iter()
            .any(|dir| Path::new(dir).join(program).exists())
        {
            skip(&format!(
                "there is no `{program}` in the system directories"
            ));
            return None;
        }
    }
    let argv = ["-euc", text];
    let mut spec = arena.spec(Path::new("/bin/sh"), &argv, Network::None);
    spec.limits = Limits::default();
    let exit = simply(launcher, spec).await.unwrap();
    assert_eq!(
        exit.leader,
        LeaderExit::Code(0),
        "{needs:?}: {} {}",
        said(&exit),
        exit.stderr.text()
    );
    Some(said(&exit))
}

/// Runs `text` unconfined in the workspace, as a preparation.
fn prepare(arena: &Arena, text: &str) {
    let output = Command::new("/bin/sh")
        .args(["-euc", text])
        .current_dir(arena.path("workspace"))
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

isolated! {
    fn ordinary_programs_run() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            if Path::new("/usr/bin/python3").exists() {
                prepare(&arena, "/usr/bin/python3 -m venv --without-pip venv
                    echo 'answer = 42' > $(echo venv/lib/python3*/site-packages)/wheel.py");
                let text = "venv/bin/python -c 'import sys, ssl, sqlite3, tempfile, subprocess, hashlib, wheel
with tempfile.TemporaryFile() as file: file.write(b\"x\")
print(subprocess.check_output([\"echo\", str(wheel.answer)]).decode().strip(), sys.prefix != sys.base_prefix)'";
                if let Some(said) = said_by(launcher, &arena, &["python3"], text).await {
                    assert_eq!(said, "42 True");
                }
            }
            fs::create_dir_all(arena.path("workspace/node_modules/left-pad")).unwrap();
            fs::write(arena.path("workspace/node_modules/left-pad/index.js"), "module.exports = 42").unwrap();
            let text = "node -e '
                const { execFileSync } = require(\"child_process\");
                console.log(require(\"left-pad\"), execFileSync(\"echo\", [\"child\"]).toString().trim())'";
            if let Some(said) = said_by(launcher, &arena, &["node"], text).await {
                assert_eq!(said, "42 child");
            }
            let text = "cd $TMPDIR; git init -q repo; cd repo; git config user.name x; git config user.email x@y
                echo text > file; git add file; git commit -qm first; git log --format=%s; git status --short";
            if let Some(said) = said_by(launcher, &arena, &["git"], text).await {
                assert_eq!(said, "first");
            }
            let text = "cd $TMPDIR
                printf 'int main(void) { return 42; }' > main.c
                printf 'main: main.c\\n\\t$(CC) -o main main.c\\n' > Makefile
                make -sj2; ./main || echo $?";
            if let Some(said) = said_by(launcher, &arena, &["make", "cc"], text).await {
                assert_eq!(said, "42");
            }
        });
    }
}

isolated! {
    fn a_bare_process_has_nothing_of_obs() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            let text = "ls /proc/self/fd | wc -l; ulimit -n; ulimit -c; umask; env | grep -c OBS_PROCESS_TEST || true
                cat /proc/self/oom_score_adj; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr -s '\\t\\n' ' '";
            let Some(said) = said_by(launcher, &arena, &[], text).await else { return };
            let lines: Vec<_> = said.lines().collect();
            // 0 to 3, and the directory itself.
            assert_eq!(&lines[..5], ["5", "1024", "0", "0022", "0"], "{said}");
            assert!(lines[5].parse::<i32>().unwrap() >= 500);
            let none = "0000000000000000";
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert!(lines[6].contains(&format!("{set}: {none}")), "{said}");
            }
            assert!(lines[6].ends_with("NoNewPrivs: 1 Seccomp: 2"), "{said}");
            if rustix::process::getuid().is_root() {
                assert!(lines[6].contains(&format!("CapBnd: {none}")), "{said}");
            }
        });
    }
}

isolated! {
    fn a_path_that_became_a_link_starts_nothing() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            let create = || {
                fs::remove_file(arena.path("workspace/out/new")).ok();
                arena.probe(&["create", &arena.text("workspace/out/new")], Network::None)
            };
            assert_eq!(said_of(launcher, create()).await, "out");
            // Neither the link's target matters nor which path it replaces: a granted one, the
            // working directory, the skill's or the scratch directory, one above them, or the
            // program.
            for (path, target) in [
                ("workspace/out", "outside"),
                ("workspace/out", "workspace/out.real"),
                ("workspace/out", "nowhere"),
                ("workspace", "workspace.real"),
                ("skill", "skill.real"),
                ("scratch", "outside"),
                ("skill/probe", "outside/program"),
                ("skill/probe", "skill/probe.real"),
            ] {
                let path = arena.path(path);
                let real = path.with_extension("real");
                let proven = create();
                fs::rename(&path, &real).unwrap();
                std::os::unix::fs::symlink(arena.path(target), &path).unwrap();
                let error = simply(launcher, proven).await.unwrap_err();
                let said = error.to_string();
                let expected = format!("`{}` became a link", path.display());
                assert!(said.starts_with(&expected), "{said}");
                assert!(matches!(error, ProcessError::BecameLink { link, .. } if link == path));
                fs::remove_file(&path).unwrap();
                fs::rename(&real, &path).unwrap();
                // The same supervisor serves once the link is gone.
                assert_eq!(said_of(launcher, create()).await, "out");
            }
            assert!(!arena.path("outside/new").exists());
            // Without a confinement, the program and the working directory are still those that
            // were proven.
            let mut open = create();
            open.confinement = None;
            fs::rename(arena.path("workspace"), arena.path("workspace.real")).unwrap();
            std::os::unix::fs::symlink("outside", arena.path("workspace")).unwrap();
            let error = simply(launcher, open).await.unwrap_err();
            assert!(matches!(error, ProcessError::BecameLink { .. }), "{error}");
        });
    }
}

isolated! {
    fn a_program_keeps_its_name_and_leads_to_the_proven_file() {
        with_launcher(async |launcher| {
            let directory = tempfile::tempdir().unwrap();
            let real = directory.path().canonicalize().unwrap();
            let name = real.join("called so");
            let target = real.join("program");
            fs::write(&target, "#!/bin/sh\necho \"$0\"\n").unwrap();
            fs::write(real.join("other"), "#!/bin/sh\necho other\n").unwrap();
            mode(&target, 0o755);
            mode(&real.join("other"), 0o755);
            std::os::unix::fs::symlink("program", &name).unwrap();
            let spec = program(name.to_str().unwrap(), &["x"]);
            assert_eq!((&spec.program, &spec.target), (&name, &target));
            assert_eq!(said_of(launcher, spec.clone()).await, name.to_str().unwrap());
            fs::remove_file(&name).unwrap();
            std::os::unix::fs::symlink("other", &name).unwrap();
            let error = simply(launcher, spec).await.unwrap_err();
            let ending = "it leads to another file than when the plan was proven";
            assert!(error.to_string().ends_with(ending), "{error}");
        });
    }
}

async fn said_of(launcher: &Launcher, spec: ProcessSpec) -> String {
    said(&simply(launcher, spec).await.unwrap())
}

#[test]
fn the_home_directory_is_no_workspace() {
    let root = Path::new("/base");
    let home = root.join("home");
    let withheld = |workspace: &Path| {
        let dirs = StepDirs {
            scratch: Some(Path::new("/scratch")),
            ..StepDirs::new(Path::new("/skill"), workspace, Some(&home))
        };
        let grants = default_grants(&dirs, &Network::None);
        let granted = grants.grants.iter().any(|grant| grant.path == workspace);
        assert_ne!(granted, grants.workspace_withheld);
        grants.workspace_withheld
    };
    assert!(withheld(Path::new("/")));
    assert!(withheld(&home));
    assert!(withheld(root));
    assert!(!withheld(&home.join("project")));
    assert!(!withheld(&root.join("elsewhere")));
}
