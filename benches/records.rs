//! Looking things up in 100 000 records, beside the bare SQL.
//!
//! `cargo bench --bench records`. The records are made by obs itself: 100 runs of 1000 built-in
//! steps, of which one fails.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 100;
const STEPS: usize = 1000;
const ROUNDS: usize = 11;

fn main() {
    let temp = tempfile::tempdir().unwrap();
    let began = Instant::now();
    fill(temp.path());
    println!(
        "{RUNS} runs of {STEPS} records made in {:.1} s\n",
        began.elapsed().as_secs_f64()
    );
    println!(
        "| look-up | obs, median | bare SQL, median | ratio | obs, peak memory |\n|---|---|---|---|---|"
    );
    let lines = "SELECT line FROM records";
    for (args, sql) in [
        (
            &["logs", "--status", "failed"][..],
            format!("{lines} WHERE status = 'failed' ORDER BY run, seq"),
        ),
        (
            &["logs", "--status", "failed", "--format", "jsonl"],
            format!("{lines} WHERE status = 'failed' ORDER BY run, seq"),
        ),
        (
            &["logs", "--format", "jsonl"],
            format!("{lines} ORDER BY run, seq"),
        ),
        (&["runs"], "SELECT * FROM runs ORDER BY id DESC".to_owned()),
    ] {
        let mut peak_kib = 0;
        let obs = median(|| peak_kib = peak_kib.max(look(temp.path(), args)));
        let bare = median(|| query(temp.path(), &sql));
        println!(
            "| `obs {}` | {:.1} ms | {:.1} ms | {:.1} | {:.1} MiB |",
            args.join(" "),
            obs.as_secs_f64() * 1e3,
            bare.as_secs_f64() * 1e3,
            obs.as_secs_f64() / bare.as_secs_f64(),
            f64::from(peak_kib) / 1024.0,
        );
    }
}

fn obs(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_obs"));
    command
        .current_dir(dir)
        .env("OBS_STATE_DIR", dir.join("state"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn fill(dir: &Path) {
    let step = |n: usize| format!("- {{name: builtin.now, step_id: s{n}, type: tool}}\n");
    let steps: Vec<String> = (1..STEPS).map(step).collect();
    let last = "- {name: builtin.json_parse, type: tool, arguments: {text: \"{\"}}\n";
    let plan = format!("assistant_id: bench\nsteps:\n{}{last}", steps.concat());
    std::fs::write(dir.join("plan.yaml"), plan).unwrap();
    for _ in 0..RUNS {
        let status = obs(dir).args(["run", "plan.yaml", "-q"]).status().unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

/// Runs a look-up and gives its peak memory.
fn look(dir: &Path, args: &[&str]) -> u32 {
    // GNU time says what nobody else does of a process that is gone.
    let report = dir.join("time");
    let mut command = Command::new("/usr/bin/time");
    command
        .args(["-f", "%M", "-o"])
        .arg(&report)
        .arg(env!("CARGO_BIN_EXE_obs"))
        .args(args);
    command
        .current_dir(dir)
        .env("OBS_STATE_DIR", dir.join("state"));
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    std::fs::read_to_string(report)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn query(dir: &Path, sql: &str) {
    let database = rusqlite::Connection::open(dir.join("state/obs.db")).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        bytes += row.get_ref(0).unwrap().as_str().map_or(0, str::len);
    }
    std::hint::black_box(bytes);
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}
