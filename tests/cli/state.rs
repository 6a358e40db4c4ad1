//! What obs remembers: runs, logs and the chain, also on disks that are full and in state that
//! can't be used.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Case, wait_for};

/// Three steps; the second one fails where the workspace has no file `ok`.
fn three() -> Case {
    Case::new()
        .sh_skill("good", "echo '{\"text\": \"fine\"}'", "")
        .sh_skill("bad", "test -e ok && echo 1", "")
        .plan("- {name: good, type: skill}\n- {name: bad, type: skill}\n- {name: good, step_id: last, type: skill}\n")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn logs_show_what_the_run_printed() {
    let case = three();
    let printed = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1)
        .stdout();
    assert_eq!(
        case.run(&["logs", "last", "--format", "jsonl"])
            .expect_code(0)
            .stdout(),
        printed
    );
    let table = case.run(&["run", "plan.yaml"]).expect_code(1).stdout();
    assert_eq!(case.run(&["logs", "last"]).expect_code(0).stdout(), table);
    let records = lines(&printed);
    let run_id = records[0]["run_id"].as_str().unwrap();
    // By what its id begins with; the two differ within the first 13 digits.
    let of_first = case.run(&["logs", &run_id[..18], "--format", "jsonl"]);
    assert_eq!(of_first.expect_code(0).stdout(), printed);
    let text = case
        .run(&["logs", run_id, "--print", "good.text"])
        .expect_code(2);
    assert!(
        text.stderr().contains("names steps 0 and 2"),
        "{}",
        text.whole()
    );
    let text = case
        .run(&["logs", run_id, "--print", "last.text"])
        .expect_code(2);
    assert!(
        text.stderr().contains("ended as skipped"),
        "{}",
        text.whole()
    );
}

#[test]
fn logs_and_runs_are_filtered() {
    let case = three();
    case.run(&["run", "plan.yaml"]).expect_code(1);
    std::fs::write(case.path().join("ok"), "").unwrap();
    case.run(&["run", "plan.yaml", "--assistant-id", "other"])
        .expect_code(0);
    let count = |args: &[&str]| {
        let args = [args, &["--format", "jsonl"]].concat();
        lines(&case.run(&args).expect_code(0).stdout()).len()
    };
    assert_eq!(count(&["logs"]), 3, "those of the newest run");
    assert_eq!(count(&["logs", "--all"]), 6);
    assert_eq!(count(&["logs", "--all", "--status", "failed,skipped"]), 2);
    assert_eq!(count(&["logs", "--all", "--step", "last"]), 2);
    let succeeded = ["logs", "--all", "--skill", "good", "--status", "success"];
    assert_eq!(count(&succeeded), 3);
    assert_eq!(count(&["logs", "last", "--status", "failed"]), 0);
    assert_eq!(count(&["logs", "--all", "--since", "1h"]), 6);
    assert_eq!(count(&["logs", "--all", "--since", "2999-01-01"]), 0);
    assert_eq!(count(&["runs"]), 2);
    assert_eq!(count(&["runs", "--status", "failed"]), 1);
    assert_eq!(count(&["runs", "--assistant", "other"]), 1);
    assert_eq!(count(&["runs", "--limit", "1"]), 1);
    let newest = lines(&case.run(&["runs", "-n", "1", "--format", "jsonl"]).stdout());
    assert_eq!(newest[0]["status"], "success");
    let table = case
        .run(&["logs", "--all", "--status", "failed"])
        .expect_code(0)
        .stdout();
    assert!(table.starts_with("RUN "), "each row says its run: {table}");
    let bad = case.run(&["logs", "--since", "yesterday"]).expect_code(2);
    assert!(
        bad.stderr().contains("write it like `2h`"),
        "{}",
        bad.whole()
    );
    case.run(&["runs", "prune"]).expect_code(2);
    let dry = case
        .run(&["runs", "prune", "--keep-last", "1", "--dry-run"])
        .expect_code(0);
    assert_eq!(dry.stderr(), "would remove 1 run\n");
    let pruned = case
        .run(&["runs", "prune", "--keep-last", "1"])
        .expect_code(0);
    let said = pruned.stderr();
    assert!(
        said.starts_with("removed 1 run, ") && said.ends_with("B freed\n"),
        "{said}"
    );
    assert_eq!(count(&["logs", "--all"]), 3);
}

#[test]
fn where_nothing_ran_there_is_nothing_to_show() {
    let case = Case::new();
    for args in [
        &["runs"][..],
        &["logs"],
        &["circuits"],
        &["verify", "--all"],
    ] {
        let output = case.run(args).expect_code(0);
        assert_eq!(output.stdout(), "", "{args:?}");
    }
    for args in [
        &["logs", "last"][..],
        &["verify", "last"],
        &["logs", "01a2"],
    ] {
        let output = case.run(args).expect_code(66);
        assert!(
            ["error: no runs yet", "error: no run"]
                .iter()
                .any(|error| output.stderr().contains(error)),
            "{}",
            output.whole()
        );
    }
    assert!(!case.state().exists(), "looking makes nothing");
    // Verbs that need no state do not touch it.
    let case = three();
    case.run(&["validate", "plan.yaml"]).expect_code(0);
    case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    case.run(&["skills", "list"]).expect_code(0);
    assert!(!case.state().exists());
}

#[test]
fn without_state_a_run_says_so_and_can_still_be_verified() {
    let case = three().env("OBS_STATE_DIR", "none");
    let output = case
        .run(&["run", "plan.yaml", "--log", "log.jsonl"])
        .expect_code(1);
    assert_eq!(
        output.stderr().matches("`--state-dir none`").count(),
        1,
        "{}",
        output.whole()
    );
    case.run(&["verify", "./log.jsonl"]).expect_code(0);
    let head = output
        .stderr()
        .trim_end()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    case.run(&["verify", "log.jsonl", "--head", &head])
        .expect_code(0);
    case.run(&["verify", "log.jsonl", "--head", "0123456789abcdef"])
        .expect_code(1);
    case.run(&["verify", "log.jsonl", "--head", "0123"])
        .expect_code(2);
    for args in [&["runs"][..], &["logs"], &["run", "plan.yaml", "--resume"]] {
        case.run(args).expect_code(2);
    }
}

#[test]
fn state_that_cannot_be_used_is_told_before_anything_runs() {
    let case = Case::new()
        .sh_skill("touch", "touch ran; echo 1", "")
        .plan("- {name: touch, type: skill}\n");
    // Outside of the workspace.
    let outside = TempDir::new().unwrap();
    let path = |name: &str| outside.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    std::fs::create_dir(path("newer")).unwrap();
    let refused = |dir: &str, reason: &str| {
        let dir = path(dir);
        let output = case
            .run(&["run", "plan.yaml", "--state-dir", dir.to_str().unwrap()])
            .expect_code(74);
        let stderr = output.stderr().to_lowercase();
        assert!(
            stderr.contains(reason) && stderr.contains("`--state-dir none`"),
            "{stderr}"
        );
        assert!(!case.path().join("ran").exists());
    };
    refused("file", "not a directory");
    refused("file/below", "not a directory");
    let sealed = path("sealed");
    std::fs::create_dir(&sealed).unwrap();
    std::fs::set_permissions(&sealed, std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write everywhere.
    if rustix::process::geteuid().is_root() {
        refused("/sys/obs", "not permitted");
    } else {
        refused("sealed", "permission denied");
    }
    let mut homeless = case.command(&["run", "plan.yaml"]);
    homeless.env_remove("HOME").env_remove("OBS_STATE_DIR");
    let output = homeless.output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("neither `XDG_STATE_HOME` nor `HOME` is an absolute path"),
        "{stderr}"
    );
    std::fs::write(path("newer/obs.db"), "no database ".repeat(500)).unwrap();
    refused("newer", "file is not a database");
}

#[test]
fn follow_shows_records_as_they_come_and_ends_with_the_run() {
    let case = Case::new()
        .sh_skill("quick", "echo 1", "")
        .sh_skill("wait", "while [ ! -e go ]; do sleep 0.02; done; echo 2", "")
        .plan("- {name: quick, type: skill}\n- {name: wait, type: skill}\n");
    let mut run = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    let listed = || {
        case.run(&["runs", "--status", "running", "--format", "jsonl"])
            .stdout()
    };
    wait_for("the run", || listed().contains("\"records\":1"));
    let mut follow = case.command(&["logs", "last", "--follow", "--format", "jsonl"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    let mut stdout = follow.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    assert!(follow.try_wait().unwrap().is_none(), "the run goes on");
    std::fs::write(case.path().join("go"), "").unwrap();
    assert!(run.wait().unwrap().success());
    let mut rest = String::from_utf8(first.to_vec()).unwrap();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(follow.wait().unwrap().success());
    let records = lines(&rest);
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["step_id"], "wait");
}

#[test]
fn follow_ends_when_obs_is_dead() {
    let case = Case::new()
        .sh_skill("wait", "touch ready; sleep 600", "")
        .plan("- {name: wait, type: skill}\n");
    let mut run = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    let mut follow = case.command(&["logs", "last", "--follow"]);
    let follow = follow.stderr(Stdio::piped()).spawn().unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    let output = follow.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "the run was interrupted: its obs process has ended\n");
}

#[test]
fn a_reader_that_goes_away_is_no_failure_200_times() {
    let case = three();
    for _ in 0..3 {
        case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    }
    let script = "\"$0\" \"$@\" | head -1 > /dev/null; exit \"${PIPESTATUS[0]}\"";
    for format in ["table", "jsonl"] {
        for _ in 0..100 {
            let mut command = case.command_under(
                &["bash", "-c", script],
                &["logs", "--all", "--format", format],
            );
            let output = command.output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                (output.status.code(), stderr.as_str()),
                (Some(0), ""),
                "{format}"
            );
        }
    }
}

#[test]
fn a_changed_record_is_found_in_the_state_and_in_the_file() {
    let case = three();
    case.run(&["run", "plan.yaml", "--log", "log.jsonl"])
        .expect_code(1);
    let ok = case.run(&["verify", "last"]).expect_code(0).stdout();
    assert!(ok.starts_with("ok   "), "{ok}");
    let path = case.path().join("log.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("exit code 1", "exit code 2")).unwrap();
    let output = case.run(&["verify", "log.jsonl"]).expect_code(1);
    assert!(
        output.stderr().contains("record 2 (`bad`) was changed"),
        "{}",
        output.whole()
    );
    let json = case
        .run(&["verify", "log.jsonl", "--format", "json"])
        .expect_code(1);
    let reports: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(reports[0]["faults"][0]["kind"], "changed");
    case.run(&["verify", "skills/bad/manifest.yaml"])
        .expect_code(66);
    case.run(&["verify", "./nowhere"]).expect_code(66);
    case.run(&["verify"]).expect_code(2);
}

#[test]
fn a_key_is_asked_for_and_no_key_is_not_enough() {
    let case = three().env("OBS_CHAIN_KEY", "secret");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    case.run(&["verify", "--all"]).expect_code(0);
    let case = case.env("OBS_CHAIN_KEY", "guess");
    case.run(&["verify", "--all"]).expect_code(1);
    let case = case.env("OBS_CHAIN_KEY", "");
    let output = case.run(&["verify", "--all"]).expect_code(1);
    assert!(
        output.stderr().contains("set `OBS_CHAIN_KEY`"),
        "{}",
        output.whole()
    );
}

/// Checks that whatever obs said of a run on a disk that fills is true, and that its state can be
/// used.
#[track_caller]
fn check_honest(case: &Case, output: &std::process::Output, what: &str) -> i32 {
    let code = output.status.code().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!([0, 74].contains(&code), "{what}: {code}: {stderr}");
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if code == 74 {
        assert!(
            stderr.contains("error: ") || stderr.contains("failed: "),
            "{what}: {stderr}"
        );
    } else {
        assert_eq!(
            printed.lines().count(),
            12,
            "{what}: a success has all its records"
        );
    }
    let kept = case.run(&["logs", "--format", "jsonl"]);
    assert_eq!(kept.code, 0, "{what}: {}", kept.whole());
    for line in printed.lines() {
        assert!(
            kept.stdout().contains(line),
            "{what}: printed and not kept: {line}"
        );
    }
    case.run(&["verify", "--all"]).expect_code(0);
    code
}

/// Twelve steps with some output each.
fn twelve() -> Case {
    let steps: Vec<String> = (0..12)
        .map(|n| format!("- {{name: talk, step_id: s{n}, type: skill}}\n"))
        .collect();
    Case::new()
        .sh_skill(
            "talk",
            "printf '\"'; head -c 3000 /dev/zero | tr '\\0' x; printf '\"'",
            "",
        )
        .plan(&steps.concat())
}

#[test]
fn a_file_size_limit_at_any_point_is_74_and_nothing_is_lost() {
    let mut codes = Vec::new();
    for limit_kib in (0..=16).chain((20..=200).step_by(12)).chain([4000]) {
        let case = twelve();
        let script = format!("ulimit -f {limit_kib}; exec \"$0\" \"$@\"");
        // In bash the unit is KiB.
        let mut command = case.command_under(
            &["bash", "-c", &script],
            &["run", "plan.yaml", "--format", "jsonl"],
        );
        let output = command.output().unwrap();
        codes.push(check_honest(&case, &output, &format!("{limit_kib} KiB")));
    }
    assert!(codes.contains(&74) && codes.last() == Some(&0), "{codes:?}");
}

/// A file system of its own, gone when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn new(path: std::path::PathBuf, kib: u32) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={kib}k");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .output();
        mount
            .is_ok_and(|mount| mount.status.success())
            .then_some(Self(path))
    }
}

impl SmallDisk {
    /// Makes room.
    fn grow(&self) {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-o", "remount,size=16m"]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        std::process::Command::new("umount")
            .arg(&self.0)
            .status()
            .unwrap();
    }
}

#[test]
fn a_disk_that_fills_at_any_point_is_74_and_nothing_is_lost() {
    let mut codes = Vec::new();
    for kib in (4..=160).step_by(12).chain([4000]) {
        let case = twelve();
        let outside = TempDir::new().unwrap();
        let Some(disk) = SmallDisk::new(outside.path().join("disk"), kib) else {
            let line = "skipped: state::a_disk_that_fills_at_any_point_is_74_and_nothing_is_lost (needs the right to mount)\n";
            std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
            return;
        };
        let case = case.env("OBS_STATE_DIR", disk.0.to_str().unwrap());
        let output = case
            .command(&["run", "plan.yaml", "--format", "jsonl"])
            .output()
            .unwrap();
        disk.grow();
        codes.push(check_honest(&case, &output, &format!("{kib} KiB")));
    }
    assert!(codes.contains(&74) && codes.last() == Some(&0), "{codes:?}");
}

#[test]
fn a_run_whose_state_is_removed_does_not_end_well() {
    let case = Case::new()
        .sh_skill(
            "wait",
            "touch ready; while [ ! -e go ]; do sleep 0.02; done; echo 1",
            "idempotent: true\n",
        )
        .plan("- {name: wait, type: skill}\n");
    let mut command = case.command(&["run", "plan.yaml", "--format", "json"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    std::fs::remove_dir_all(case.state()).unwrap();
    std::fs::write(case.path().join("go"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{stderr}");
    let told = "its files were removed or replaced during the run";
    assert!(
        stderr.contains(told) && !stderr.contains("ok: "),
        "{stderr}"
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["exit_code"], 74);
}
