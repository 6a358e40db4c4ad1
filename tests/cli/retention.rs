//! Which runs are kept, and the directory that one run has at a time.

use crate::support::{Case, wait_for};

/// The number of runs that the state has.
fn runs(case: &Case) -> usize {
    case.run(&["runs", "--format", "jsonl"]).records().len()
}

#[test]
fn a_list_that_leaves_runs_out_says_so() {
    let case = Case::new().plan("- {name: builtin.now, type: tool}\n");
    for _ in 0..3 {
        case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    }
    for (limit, listed) in [("0", 3), ("2", 2), ("3", 3), ("4", 3)] {
        let args = ["runs", "--format", "jsonl", "--limit", limit];
        let output = case.run(&args).expect_code(0);
        assert_eq!(output.records().len(), listed, "{limit}");
        let more = output.stderr().contains("`--limit 0` lists all");
        assert_eq!(more, listed < 3, "{limit}: {}", output.whole());
    }
}

#[test]
fn the_end_of_a_run_removes_runs_beyond_the_limits() {
    let case = Case::new()
        .sh_skill("fail", "exit 1", "permissions: []\n")
        .file(
            "plan.yaml",
            "assistant_id: a\nsteps: [{name: fail, type: skill}]\n",
        );
    let run = |flags: &[&str]| {
        let args = [&["run", "plan.yaml", "-q"], flags].concat();
        case.run(&args).expect_code(1);
    };
    for _ in 0..4 {
        run(&[]);
    }
    assert_eq!(runs(&case), 4);
    run(&["--keep-last", "3"]);
    assert_eq!(runs(&case), 3);
    run(&["--keep-last", "0", "--keep-days", "0"]);
    assert_eq!(runs(&case), 4);
    // As if two of them were older than 90 days: an id begins with the time.
    let database = rusqlite::Connection::open(case.state().join("obs.db")).unwrap();
    let older = "UPDATE runs SET run_id = '0180' || substr(run_id, 5) WHERE id IN
                 (SELECT id FROM runs ORDER BY id LIMIT 2)";
    assert_eq!(database.execute(older, []).unwrap(), 2);
    run(&["--keep-days", "0"]);
    assert_eq!(runs(&case), 5);
    let case = case.env("OBS_KEEP_DAYS", "0");
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    assert_eq!(runs(&case), 6);
    case.run(&["run", "plan.yaml", "-q", "--keep-days", "90"])
        .expect_code(1);
    assert_eq!(runs(&case), 5);
}

#[test]
fn a_run_in_progress_and_what_it_resumes_are_not_removed() {
    let script = "test -e go && exit 0; touch ready; while [ ! -e go ]; do sleep 0.02; done";
    let case = Case::new()
        .sh_skill("wait", script, "idempotent: true\n")
        .sh_skill("fail", "exit 1", "permissions: []\n")
        .file(
            "fail.yaml",
            "assistant_id: a\nsteps: [{name: fail, type: skill}]\n",
        )
        .plan("- {name: wait, type: skill}\n");
    case.run(&["run", "plan.yaml", "-q", "--timeout", "1s"])
        .expect_code(124);
    std::fs::remove_file(case.path().join("ready")).unwrap();
    let mut resumed = case
        .command(&["run", "plan.yaml", "--resume", "-q", "--keep-last", "0"])
        .spawn()
        .unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    for _ in 0..2 {
        case.run(&["run", "fail.yaml", "-q", "--keep-last", "1"])
            .expect_code(1);
    }
    // The run in progress, the one that it resumes, and the last one.
    assert_eq!(runs(&case), 3);
    case.run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    assert_eq!(runs(&case), 2);
    std::fs::write(case.path().join("go"), "").unwrap();
    assert!(resumed.wait().unwrap().success());
    case.run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    assert_eq!(runs(&case), 0);
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn pruning_gives_the_space_back() {
    let case = Case::new()
        .script(
            "skills/big/run.sh",
            "#!/bin/sh\nhead -c 2000000 /dev/zero | tr '\\0' a\n",
        )
        .file(
            "skills/big/manifest.yaml",
            "description: A skill.\nexecution: {command: [./run.sh], output: text}\n",
        )
        .plan("- {name: big, type: skill}\n");
    for _ in 0..3 {
        case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    }
    let size = || -> u64 {
        let files = ["obs.db", "obs.db-wal"];
        let files = files.iter().map(|name| case.state().join(name));
        files.map(|path| path.metadata().unwrap().len()).sum()
    };
    let before = size();
    let pruned = case
        .run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    let freed = before - size();
    assert!(freed > 5_000_000, "{freed}");
    let said = format!("removed 3 runs, {}.", freed >> 20);
    assert!(pruned.stderr().starts_with(&said), "{}", pruned.whole());
}

#[test]
fn two_runs_do_not_share_a_run_dir_at_once() {
    let script = "echo x > \"$OBS_RUN_DIR/file\"; touch ready; while [ ! -e go ]; do sleep 0.02; done; echo 1";
    let case = Case::new()
        .sh_skill(
            "wait",
            script,
            "permissions: [\"fs.write:.\", \"fs.write:$RUN_DIR\"]\n",
        )
        .plan("- {name: wait, type: skill}\n");
    let dir = tempfile::TempDir::new().unwrap();
    let shared = dir.path().join("shared");
    let link = dir.path().join("link");
    std::fs::create_dir(&shared).unwrap();
    std::os::unix::fs::symlink(&shared, &link).unwrap();
    let arguments = |path: &std::path::Path| {
        ["run", "plan.yaml", "-q", "--run-dir"]
            .map(str::to_owned)
            .into_iter()
            .chain([path.display().to_string()])
            .collect::<Vec<_>>()
    };
    let start = || {
        let arguments = arguments(&shared);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let child = case.command(&arguments).spawn().unwrap();
        wait_for("the step", || case.path().join("ready").exists());
        child
    };
    let mut first = start();
    let id = case.run(&["runs", "--format", "jsonl"]).records()[0]["run_id"].clone();
    for path in [&shared, &link] {
        let arguments = arguments(path);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let second = case.run(&arguments).expect_code(69);
        let name = format!("the run {} uses it", id.as_str().unwrap());
        assert!(second.stderr().contains(&name), "{}", second.whole());
        let other = [&arguments[..], &["--state-dir", "none"]].concat();
        let other = case.run(&other).expect_code(69);
        assert!(
            other.stderr().contains("another run uses it"),
            "{}",
            other.whole()
        );
    }
    // A dead one blocks nobody.
    first.kill().unwrap();
    first.wait().unwrap();
    std::fs::write(case.path().join("go"), "").unwrap();
    let arguments = arguments(&shared);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    case.run(&arguments).expect_code(0);
}
