//! How long a tree that is over a limit lives from when that was seen.
//!
//! `cargo bench --bench limits`. Needs a C compiler for the hogs.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use obs::internal::{Launcher, Limits, ProcessSpec, Secrets, Zygote};
use obs::{RunClock, StopRequest};

/// How often each hog is ended.
const ROUNDS: usize = 100;

/// Programs that take what they can get.
const HOGS: &str = include_str!("../src/process/tests/sandbox/hogs.c");

fn main() {
    // First of all, while this process is small.
    let zygote = Zygote::start().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let hog = compile(temp.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("| tree | limit | ended | median | p99 | most |\n|---|---|---|---|---|---|");
    runtime.block_on(async {
        let launcher = Launcher::new(zygote, RunClock::new()).unwrap();
        let processes = Limits {
            processes: Some(64),
            ..Limits::NONE
        };
        let memory = Limits {
            memory: Some(64 << 20),
            ..Limits::NONE
        };
        measure(&launcher, &hog, ["bomb", "3000"], processes, "64 processes").await;
        measure(&launcher, &hog, ["memory", "1500"], memory, "64 MiB").await;
    });
}

fn compile(dir: &Path) -> PathBuf {
    let (source, program) = (dir.join("hogs.c"), dir.join("hog"));
    std::fs::write(&source, HOGS).unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-w", "-pthread", "-o"])
        .args([&program, &source]);
    assert!(compiler.status().unwrap().success());
    program
}

async fn measure(launcher: &Launcher, hog: &Path, argv: [&str; 2], limits: Limits, limit: &str) {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let spec = ProcessSpec {
            program: hog.to_owned(),
            target: hog.to_owned(),
            argv: ["hog", argv[0], argv[1]].map(Into::into).to_vec(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            stdin: None,
            max_output_bytes: 1024,
            grace_period: Duration::from_secs(5),
            leak_timeout: Duration::from_millis(100),
            confinement: None,
            limits,
            written: Vec::new(),
            secrets: Secrets::default(),
        };
        let (_sender, stop) = tokio::sync::watch::channel(StopRequest::None);
        let exit = launcher.run(spec, stop, |_| {}).await.unwrap();
        times.extend(exit.limit_breach.map(|_| exit.breach_to_end));
    }
    times.sort();
    // The nearest rank: of 100, the 99th percentile is the second largest.
    let at = |part: usize| {
        let rank = (times.len() * part).div_ceil(100);
        times.get(rank.checked_sub(1)?).copied()
    };
    let shown =
        |time: Option<Duration>| format!("{:.1} ms", time.unwrap_or_default().as_secs_f64() * 1e3);
    println!(
        "| {} | {limit} | {} of {ROUNDS} | {} | {} | {} |",
        argv[0],
        times.len(),
        shown(at(50)),
        shown(at(99)),
        shown(at(100)),
    );
}
