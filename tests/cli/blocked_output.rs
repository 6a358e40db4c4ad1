//! A reader of stdout that does not read: obs ends all the same.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::Case;
use crate::support::processes::kill;

/// A plan whose output is larger than any pipe.
fn large() -> Case {
    let script = "head -c 3000000 /dev/zero | tr '\\0' a";
    Case::new()
        .script("skills/big/run.sh", &format!("#!/bin/sh\n{script}\n"))
        .file(
            "skills/big/manifest.yaml",
            "description: A skill.\nexecution: {command: [./run.sh], output: text}\n",
        )
        .plan("- {name: big, type: skill}\n")
}

/// obs with a stdout that nobody reads. The reader is returned: its end would be another case.
fn blocked(case: &Case, arguments: &[&str], stderr_too: bool) -> (Child, File) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let mut command: Command =
        case.command(&[&["run", "plan.yaml", "--progress", "none"], arguments].concat());
    if stderr_too {
        command.stderr(writer.try_clone().unwrap());
    } else {
        command.stderr(Stdio::piped());
    }
    let child = command.stdout(writer).spawn().unwrap();
    (child, reader.into())
}

/// Waits for the end of `child` and gives its exit code.
#[track_caller]
fn ended(child: &mut Child, what: &str) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("obs does not end: {what}");
}

const FORMATS: [&[&str]; 3] = [
    &["--format", "jsonl"],
    &["--format", "json"],
    &["--print", "big"],
];

#[test]
fn the_time_of_the_run_bounds_the_wait_for_a_reader() {
    for format in FORMATS {
        let case = large();
        let arguments = [format, &["--timeout", "1s"]].concat();
        let (mut child, _reader) = blocked(&case, &arguments, false);
        assert_eq!(ended(&mut child, format[1]), Some(74), "{format:?}");
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.contains("can't write to standard output: its reader does not read"),
            "{stderr}"
        );
        // The record is kept, whoever reads it.
        let kept = case.run(&["logs", "--all", "--format", "jsonl"]).records();
        assert_eq!(kept[0]["status"], "success");
    }
}

#[test]
fn a_second_signal_ends_the_wait_for_a_reader() {
    for format in FORMATS {
        let case = large();
        let (mut child, _reader) = blocked(&case, format, false);
        let pid = i32::try_from(child.id()).unwrap();
        crate::support::wait_for("the end of the run", || {
            let runs = case.run(&["runs", "--format", "jsonl"]);
            runs.code == 0 && runs.stdout().contains("\"status\":\"success\"")
        });
        kill(pid, Signal::TERM);
        std::thread::sleep(Duration::from_millis(100));
        kill(pid, Signal::TERM);
        assert_eq!(ended(&mut child, format[1]), Some(74), "{format:?}");
    }
}

#[test]
fn a_stderr_that_is_the_same_pipe_does_not_keep_obs_alive() {
    let case = large();
    let (mut child, _reader) = blocked(&case, &["--format", "jsonl", "--timeout", "1s"], true);
    assert_eq!(ended(&mut child, "stderr too"), Some(74));
}

#[test]
fn a_slow_reader_gets_everything() {
    use std::io::Read as _;
    let case = large();
    let (mut child, mut reader) = blocked(&case, &["--print", "big", "--timeout", "1s"], false);
    let (mut all, mut part) = (0, vec![0; 200_000]);
    // Longer than the run may take, but never long without a read.
    loop {
        std::thread::sleep(Duration::from_millis(100));
        match reader.read(&mut part).unwrap() {
            0 => break,
            count => all += count,
        }
    }
    assert_eq!(all, 3_000_001);
    assert_eq!(ended(&mut child, "slow"), Some(0));
}
