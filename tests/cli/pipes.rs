//! Plans, inputs and policies that come through a FIFO: process substitution of a shell.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Case, has, wait_for};

const PLAN: &str = "assistant_id: test\ninputs: {n: {type: integer}}\nsteps:\n\
    - {name: echo, type: skill, arguments: {n: \"{{inputs.n}}\"}}\n\
    - {name: fails, type: skill}\n";

fn case() -> Case {
    Case::new()
        .file(
            "skills/echo/manifest.yaml",
            "description: d\nexecution: {command: [cat]}\nidempotent: true\n",
        )
        .sh_skill("fails", "exit 1", "")
        .file("text", PLAN)
        .file("all.cedar", "permit (principal, action, resource);\n")
        .file("none.cedar", "forbid (principal, action, resource);\n")
}

/// obs with these arguments, behind which bash puts what `more` becomes.
fn under_bash(case: &Case, args: &[&str], more: &str) -> Command {
    let script = format!("\"$@\" {more}");
    case.command_under(&["bash", "-c", &script, "bash"], args)
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

/// Opens the FIFO for writing once something reads it.
fn writer(path: &Path) -> std::fs::File {
    let mut opened = None;
    wait_for("the reader", || {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut options = OpenOptions::new();
        opened = options.write(true).custom_flags(flags).open(path).ok();
        opened.is_some()
    });
    opened.unwrap()
}

#[test]
fn plan_inputs_and_policy_come_from_process_substitutions() {
    if !has(
        "bash",
        "pipes::plan_inputs_and_policy_come_from_process_substitutions",
    ) {
        return;
    }
    let case = case();
    let run = |flags: &[&str], policy: &str| {
        let args = [&["run", "--format", "jsonl"], flags].concat();
        let more = format!(
            "<(cat text) --inputs <(sleep 0.1; echo '{{\"n\": 2}}') --policy <(cat {policy})"
        );
        under_bash(&case, &args, &more).output().unwrap()
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let output = run(&[], "all.cedar");
    let stdout = text(&output.stdout);
    assert!(stdout.contains(r#""output":{"n":2}"#), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
    // A run of the same text is found again, wherever the shell puts it.
    let output = run(&["--resume", "--rerun-unsafe"], "all.cedar");
    assert!(
        text(&output.stderr).contains("1 of 2 steps are reused"),
        "{output:?}"
    );
    assert_eq!(run(&[], "none.cedar").status.code(), Some(77));
    let runs = case.run(&["runs"]).expect_code(0).stdout();
    assert!(runs.contains(" - (") && !runs.contains("/dev/fd"), "{runs}");
    // Another text is another plan.
    let more = "<(cat text; echo) --set n=1";
    let args = ["run", "--resume", "--dry-run"];
    let output = under_bash(&case, &args, more).output().unwrap();
    assert_eq!(output.status.code(), Some(66), "{output:?}");
}

#[test]
fn a_pipe_has_the_limits_of_a_file() {
    if !has("bash", "pipes::a_pipe_has_the_limits_of_a_file") {
        return;
    }
    let case = case();
    for (args, more, code, says) in [
        (
            &["validate", "--max-plan-size", "100"][..],
            "<(yes '# x' | head -c 200000)",
            65,
            "is larger than 100 bytes",
        ),
        (&["validate"], "<(true)", 65, "empty"),
        (&["run"], "<(printf 'a: \\377')", 65, "is not UTF-8"),
        (
            &["run", "text"],
            "--inputs <(echo '[1]')",
            65,
            "one mapping",
        ),
    ] {
        let output = under_bash(&case, args, more).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let all = String::from_utf8(output.stdout).unwrap() + &stderr;
        assert_eq!(output.status.code(), Some(code), "{all}");
        assert!(all.contains(says), "{all}");
    }
}

#[test]
fn a_fifo_is_waited_for_until_it_is_written() {
    let case = case();
    let path = case.path().join("fifo");
    fifo(&path);
    let child = case
        .command(&["run", "fifo", "--set", "n=3", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut file = writer(&path);
    for line in PLAN.split_inclusive('\n') {
        file.write_all(line.as_bytes()).unwrap();
    }
    drop(file);
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains(r#""output":{"n":3}"#), "{stdout}");
}

#[test]
fn a_signal_ends_obs_while_it_waits_for_a_fifo() {
    for signal in [Signal::INT, Signal::TERM] {
        let case = case();
        let path = case.path().join("fifo");
        fifo(&path);
        let mut child = case
            .command(&["run", "fifo"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = writer(&path);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut status = None;
        wait_for("the end", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().signal(), Some(signal.as_raw()));
        drop(file);
    }
}
