//! obs's own files and locks: no skill may reach the state, and nothing that lies where skills
//! write makes obs wait.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};
use serde_json::Value;

use crate::support::{Case, confines, has};

/// A skill without permissions but those in `permissions`, which leaves `ran` in its workspace if
/// it may.
fn skill(permissions: &str) -> Case {
    Case::new()
        .sh_skill(
            "peek",
            "touch ran; echo 1",
            &format!("permissions: [{permissions}]\n"),
        )
        .plan("- {name: peek, type: skill}\n")
}

/// obs refuses to run the plan because of the state in `dir`, and says how to go on.
#[track_caller]
fn expect_refusal(case: &Case, dir: &str, more: &[&str], message: &str) {
    for verb in [
        &["run", "--format", "json"][..],
        &["run", "--dry-run", "--format", "json"],
    ] {
        let args = [verb, &["plan.yaml", "--state-dir", dir], more].concat();
        let output = case.run(&args).expect_code(65);
        let stderr = output.stderr();
        assert!(stderr.contains(message), "{message}: {}", output.whole());
        assert!(stderr.contains("`--state-dir DIR`"), "{}", output.whole());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = document["problems"].as_array().unwrap();
        assert!(
            problems
                .iter()
                .any(|problem| problem["code"] == "state_granted")
        );
        assert!(!case.path().join("ran").exists(), "{args:?}");
    }
}

#[test]
fn a_state_that_a_skill_may_reach_is_refused() {
    let case = skill("").file("deep/note", "");
    let in_workspace = "every skill may read `";
    expect_refusal(&case, ".", &[], in_workspace);
    expect_refusal(&case, ".obs", &[], in_workspace);
    expect_refusal(&case, "deep/er/state", &[], in_workspace);
    // A workspace elsewhere leaves this directory alone, but not the skill's own.
    let deep = case.path().join("deep");
    let workspace = ["--workspace", deep.to_str().unwrap()];
    expect_refusal(&case, "deep/state", &workspace, in_workspace);
    expect_refusal(&case, "skills/peek/state", &workspace, in_workspace);
    expect_refusal(
        &case,
        "/usr/lib/obs-state",
        &workspace,
        "every skill may read `/usr`",
    );
    let args = ["run", "plan.yaml", "--state-dir", "state"];
    case.run(&[&args[..], &workspace].concat()).expect_code(0);
    // Also before the state exists, and for the verbs that only look.
    let args = ["validate", "plan.yaml", "--state-dir", ".obs"];
    case.run(&args).expect_code(65);
    let args = ["skills", "run", "peek", "--state-dir", ".obs"];
    case.run(&args).expect_code(65);
    assert!(!case.path().join(".obs").exists());
    // Nothing is granted where nothing is confined.
    let args = [
        "run",
        "plan.yaml",
        "--state-dir",
        ".obs",
        "--sandbox",
        "off",
    ];
    case.run(&args).expect_code(0);
    let tool = Case::new().plan("- {name: builtin.now, type: tool}\n");
    tool.run(&["run", "plan.yaml", "--state-dir", ".obs"])
        .expect_code(0);
}

#[test]
fn a_permission_that_covers_the_state_is_refused_whatever_leads_there() {
    let outside = tempfile::tempdir().unwrap();
    let path = |name: &str| outside.path().join(name).display().to_string();
    std::fs::create_dir_all(path("real/state/locks")).unwrap();
    std::fs::create_dir(path("links")).unwrap();
    symlink(path("real/state"), path("links/state")).unwrap();
    symlink(path("real"), path("links/above")).unwrap();
    let refused = |permission: &str, state: &str| {
        let case = skill(&format!("\"{permission}\""));
        expect_refusal(&case, &path(state), &[], &format!("`{permission}`"));
    };
    for state in ["real/state", "links/state", "links/above/state"] {
        for (kind, granted) in [
            ("read", "real"),
            ("exec", "real/state"),
            ("write", "real/state/locks"),
            ("write", "real/state/new"),
            ("read", "links/above"),
            ("read", "links/state/files"),
        ] {
            refused(&format!("fs.{kind}:{}", path(granted)), state);
        }
    }
    // Whoever may replace the link chooses the state of the next run.
    refused(&format!("fs.write:{}", path("links")), "links/state");
    // A database under a second name.
    std::fs::write(path("real/state/obs.db"), "").unwrap();
    std::fs::hard_link(path("real/state/obs.db"), path("links/copy")).unwrap();
    refused(&format!("fs.read:{}", path("links/copy")), "real/state");
    let case = skill(&format!("\"fs.read:{}\"", path("real/other")));
    std::fs::remove_file(path("real/state/obs.db")).unwrap();
    case.run(&["run", "plan.yaml", "--state-dir", &path("real/state")])
        .expect_code(0);
}

#[test]
fn the_default_state_is_not_granted_with_the_home_directory() {
    for permission in [
        "fs.read:~",
        "fs.exec:~/.local",
        "fs.write:~/.local/state/obs/x",
    ] {
        let case = skill(&format!("\"{permission}\""));
        let mut command = case.command(&["run", "plan.yaml"]);
        command.env_remove("OBS_STATE_DIR");
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(65), "{permission}: {stderr}");
        assert!(stderr.contains("`--state-dir DIR`"), "{stderr}");
    }
    let case = skill("\"fs.read:~/.local/share\"");
    let mut command = case.command(&["run", "plan.yaml", "-q"]);
    command.env_remove("OBS_STATE_DIR");
    assert_eq!(command.status().unwrap().code(), Some(0));
}

#[test]
fn a_run_directory_above_the_state_is_refused() {
    let case = skill("\"fs.read:$RUN_DIR\"");
    let run_dir = tempfile::tempdir().unwrap();
    let given = run_dir.path().display().to_string();
    let state = run_dir.path().join("state").display().to_string();
    expect_refusal(&case, &state, &["--run-dir", &given], "`fs.read:$RUN_DIR`");
    // The run's own directory in the state is the one part of it that a skill gets.
    let case = skill("\"fs.write:$RUN_DIR\"");
    case.run(&["run", "plan.yaml"]).expect_code(0);
}

#[test]
fn a_skill_that_locks_the_log_keeps_nobody_waiting() {
    let test = "locks::a_skill_that_locks_the_log_keeps_nobody_waiting";
    if !confines(test) || !has("flock", test) {
        return;
    }
    // It holds the lock until its step ends, after which there is another record to write.
    let case = Case::new()
        .sh_skill(
            "lock",
            "exec 9< run.jsonl; flock --exclusive 9; touch $OBS_RUN_DIR/held; \
                  while [ ! -e $OBS_RUN_DIR/done ]; do sleep 0.05; done; echo 1",
            "permissions: [\"fs.write:$RUN_DIR\"]\n",
        )
        .sh_skill(
            "other",
            "while [ ! -e $OBS_RUN_DIR/held ]; do sleep 0.05; done; echo 1",
            "permissions: [\"fs.write:$RUN_DIR\"]\n",
        )
        .sh_skill(
            "last",
            "touch $OBS_RUN_DIR/done; echo 1",
            "permissions: [\"fs.write:$RUN_DIR\"]\n",
        );
    let case = case.file(
        "plan.yaml",
        "assistant_id: test\norder: graph\nsteps:\n- {name: lock, type: skill}\n- {name: other, type: skill}\n\
         - {name: last, type: skill, depends_on: [other]}\n",
    );
    for state in ["--state-dir=none", "--state-dir=../state"] {
        let home = tempfile::tempdir().unwrap();
        let state = state.replace("../state", &home.path().display().to_string());
        let args = [
            "run",
            "plan.yaml",
            "--log",
            "run.jsonl",
            &state,
            "--format",
            "jsonl",
            "--timeout",
            "20s",
        ];
        let output = case.run(&args).expect_code(0);
        assert_eq!(output.records().len(), 3);
        case.run(&["verify", "run.jsonl", &state]).expect_code(0);
    }
}

#[test]
fn what_skills_leave_in_the_temporary_directory_stops_no_run() {
    let case = skill("").file("untouched", "kept");
    let temp = case.path().join(".tmp");
    let directory = |name: &str| {
        let path = temp.join(name);
        std::fs::create_dir(&path).unwrap();
        path.join("lock")
    };
    for (name, kind) in [
        ("obs-run-fifo", FileType::Fifo),
        ("obs-run-socket", FileType::Socket),
    ] {
        mknodat(CWD, directory(name), kind, Mode::RWXU, 0).unwrap();
    }
    symlink(case.path().join("untouched"), directory("obs-run-link")).unwrap();
    symlink("/dev/zero", directory("obs-run-device")).unwrap();
    std::fs::create_dir(directory("obs-run-directory")).unwrap();
    mknodat(
        CWD,
        temp.join("obs-run-other"),
        FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    symlink(case.path(), temp.join("obs-run-elsewhere")).unwrap();
    std::fs::write(case.path().join("lock"), "").unwrap();
    std::fs::write(directory("obs-run-dead"), "").unwrap();
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let mut left: Vec<_> = std::fs::read_dir(&temp)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let kinds = [
        "device",
        "directory",
        "elsewhere",
        "fifo",
        "link",
        "other",
        "socket",
    ];
    assert_eq!(left, kinds.map(|kind| format!("obs-run-{kind}")));
    assert!(case.path().join("untouched").exists());
}

#[test]
fn a_log_that_a_skill_may_write_to_is_a_warning() {
    let writing = skill("\"fs.write:out/\"");
    let args = ["run", "plan.yaml", "--format", "json", "--log"];
    for (log, is_granted) in [
        ("out/run.jsonl", true),
        ("run.jsonl", false),
        ("/dev/null", false),
    ] {
        std::fs::create_dir_all(writing.path().join("out")).unwrap();
        let output = writing.run(&[&args[..], &[log]].concat()).expect_code(0);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let warned = document["problems"].as_array().unwrap();
        let warned = warned
            .iter()
            .any(|problem| problem["code"] == "log_granted");
        assert_eq!(warned, is_granted, "{log}: {}", output.whole());
        let strict = [&args[..], &[log, "--strict"]].concat();
        let code = if is_granted { 65 } else { 0 };
        let output = writing.run(&strict).expect_code(code);
        assert_eq!(output.stderr().contains("may write to the log"), is_granted);
    }
    // A link to the log does not hide it.
    symlink("out/linked.jsonl", writing.path().join("link.jsonl")).unwrap();
    std::fs::write(writing.path().join("out/linked.jsonl"), "").unwrap();
    writing
        .run(&[&args[..], &["link.jsonl", "--strict"]].concat())
        .expect_code(65);
}

#[test]
fn a_fifo_in_place_of_a_log_is_an_error_at_once() {
    let case = skill("");
    mknodat(CWD, case.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    case.run(&["verify", "./fifo"]).expect_code(66);
    case.run(&["run", "plan.yaml", "--resume=./fifo"])
        .expect_code(66);
    let output = case
        .run(&["run", "plan.yaml", "--log", "fifo"])
        .expect_code(74);
    assert!(
        output.stderr().contains("the log `fifo`"),
        "{}",
        output.whole()
    );
}

/// Names of the locks of logs in `directory`.
fn log_locks(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("log-")).collect()
}

#[test]
fn the_lock_of_a_log_lies_in_the_state_or_in_the_runtime_directory() {
    let runtime = tempfile::tempdir().unwrap();
    let case = skill("").env("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap());
    case.run(&["run", "plan.yaml", "--log", "run.jsonl"])
        .expect_code(0);
    let locks = case.state().join("locks");
    assert_eq!(log_locks(&locks).len(), 1);
    assert!(!runtime.path().join("obs").exists());
    let none = [
        "run",
        "plan.yaml",
        "--log",
        "run.jsonl",
        "--state-dir",
        "none",
    ];
    case.run(&none).expect_code(0);
    assert_eq!(log_locks(&runtime.path().join("obs")), log_locks(&locks));
    // One that is in use stays.
    let lock = locks.join(&log_locks(&locks)[0]);
    let held = std::fs::File::open(&lock).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    case.run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    assert_eq!(log_locks(&locks).len(), 1);
    drop(held);
    case.run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    assert!(log_locks(&locks).is_empty());

    // A runtime directory that a skill may read is refused; one of somebody else is none.
    let inside = case.path().join("runtime");
    std::fs::create_dir(&inside).unwrap();
    let case = case.env("XDG_RUNTIME_DIR", inside.to_str().unwrap());
    let output = case.run(&none).expect_code(65);
    assert!(
        output.stderr().contains("set `XDG_RUNTIME_DIR`"),
        "{}",
        output.whole()
    );
    let case = case.env("XDG_RUNTIME_DIR", "/nonexistent");
    case.run(&none).expect_code(0);
}

#[test]
fn a_lock_that_prune_removed_is_made_again() {
    let case = Case::new()
        .sh_skill(
            "wait",
            "touch ready; while [ ! -e go ]; do sleep 0.05; done; echo 1",
            "",
        )
        .plan("- {name: wait, type: skill}\n");
    let args = ["run", "plan.yaml", "--log", "run.jsonl", "-q"];
    let mut run = case.command(&args).stderr(Stdio::null()).spawn().unwrap();
    crate::support::wait_for("the step", || case.path().join("ready").exists());
    case.run(&["runs", "prune", "--keep-last", "9"])
        .expect_code(0);
    let locks = case.state().join("locks");
    assert!(
        log_locks(&locks).is_empty(),
        "between two records nobody holds it"
    );
    std::fs::write(case.path().join("go"), "").unwrap();
    assert!(run.wait().unwrap().success());
    assert_eq!(log_locks(&locks).len(), 1);
    case.run(&["verify", "run.jsonl"]).expect_code(0);
}

#[test]
fn a_directory_of_locks_that_others_may_write_to_is_refused() {
    let case = skill("");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let locks = case.state().join("locks");
    assert!(
        Command::new("chmod")
            .arg("0777")
            .arg(&locks)
            .status()
            .unwrap()
            .success()
    );
    let output = case.run(&["run", "plan.yaml"]).expect_code(74);
    let said = output.stderr();
    assert!(said.contains("other users may write to it"), "{said}");
}
