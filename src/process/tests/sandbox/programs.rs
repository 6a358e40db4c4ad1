//! Ordinary programs in the sandbox: what people write skills with has to run.

use super::*;

/// Runs a shell script that is confined, and returns what it has said. `None` where one of the
/// programs that it needs is not here, or only in somebody's home.
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

/// Runs `text` without a sandbox in the workspace, for what has to be there before.
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
        room(async |launcher| {
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
        room(async |launcher| {
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
    fn a_replaced_directory_is_not_granted() {
        let Some(arena) = Arena::new() else { return };
        room(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            // An earlier skill has put a link where a later one may write.
            let out = arena.path("workspace/out");
            fs::remove_dir_all(&out).unwrap();
            std::os::unix::fs::symlink(arena.path("outside"), &out).unwrap();
            let exit = simply(launcher, arena.probe(&["create", &arena.text("workspace/out/new")], Network::None)).await.unwrap();
            assert!(said(&exit).starts_with("denied: "), "{exit:?}");
            // One that stays inside is fine.
            fs::remove_file(&out).unwrap();
            fs::create_dir(arena.path("workspace/real")).unwrap();
            std::os::unix::fs::symlink("real", &out).unwrap();
            let exit = simply(launcher, arena.probe(&["create", &arena.text("workspace/out/new")], Network::None)).await.unwrap();
            assert_eq!(said(&exit), "out");
        });
    }
}

#[test]
fn the_home_directory_is_no_workspace() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir_all(home.join("project")).unwrap();
    std::os::unix::fs::symlink(&home, root.path().join("link")).unwrap();
    let withheld = |workspace: &Path| {
        let ground = Ground {
            skill_dir: Path::new("/skill"),
            workspace,
            scratch: Path::new("/scratch"),
            home: Some(&home),
        };
        let grants = default_grants(&ground, &Network::None);
        let granted = grants.grants.iter().any(|grant| grant.path == workspace);
        assert_ne!(granted, grants.workspace_withheld);
        grants.workspace_withheld
    };
    assert!(withheld(Path::new("/")));
    assert!(withheld(&home));
    assert!(withheld(root.path()));
    assert!(withheld(&root.path().join("link")));
    assert!(!withheld(&home.join("project")));
    assert!(!withheld(&root.path().join("elsewhere")));
}
