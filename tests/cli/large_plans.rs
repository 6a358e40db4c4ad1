//! Ten thousand steps in one plan.

use std::io::Read as _;
use std::process::{Child, Stdio};

use crate::support::{Case, concat, wait_for};

const STEPS: usize = 10_000;

/// What obs may take for them.
const MAX_MIB: u64 = 100;

/// The most memory that a process has had so far.
fn peak_mib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib.div_ceil(1024)
}

/// Runs `plan.yaml` and gives all of the table with the peak of obs's memory. The table is longer
/// than a pipe, so obs is there with all that it holds until somebody reads it.
fn run(case: &Case) -> (String, u64) {
    let mut command = case.command(&["run", "plan.yaml", "-q", "--format", "json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    wait_for("a full pipe", || {
        assert!(child.try_wait().unwrap().is_none(), "obs ended early");
        rustix::io::ioctl_fionread(&stdout).unwrap() >= 60_000
    });
    let peak = peak_mib(&child);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    (text, peak)
}

#[track_caller]
fn expect_all(case: &Case) {
    let (text, peak) = run(case);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let records = document["records"].as_array().unwrap();
    assert_eq!(records.len(), STEPS);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(
            (&record["step_index"], &record["status"]),
            (&index.into(), &"success".into())
        );
    }
    assert!(peak < MAX_MIB, "{peak} MiB");
}

#[test]
fn a_graph_of_ten_thousand_steps() {
    let step = |at: usize| match at % 10 {
        0 => format!("- {{name: builtin.now, step_id: s{at}, type: tool}}\n"),
        _ => format!(
            "- {{name: builtin.now, step_id: s{at}, type: tool, depends_on: [s{}]}}\n",
            at - 1
        ),
    };
    let steps = concat((0..STEPS).map(step));
    let plan = format!("assistant_id: test\norder: graph\nsteps:\n{steps}");
    expect_all(&Case::new().file("plan.yaml", plan));
}

#[test]
fn a_sequence_of_ten_thousand_steps_that_use_each_other() {
    let step = |at: usize| match at % 2 {
        0 => format!("- {{name: builtin.now, step_id: s{at}, type: tool}}\n"),
        _ => format!(
            "- {{name: builtin.json_parse, step_id: s{at}, type: tool, arguments: {{text: \" {{{{s{}.unix_ms}}}}\"}}}}\n",
            at - 1
        ),
    };
    expect_all(&Case::new().plan(&concat((0..STEPS).map(step))));
}
