//! `concurrency` and `rate_limit` of manifests, across obs processes.

use std::fs;
use std::process::{Child, Stdio};

use crate::support::{Case, concat, wait_for};

/// So that steps run at the same time: a grant of the workspace covers the skills.
const OUT: &str = "permissions: [\"fs.write:out/\"]\n";

/// A skill that appends `+TIME` when it begins and `-TIME` when it ends, in nanoseconds.
fn timed(limits: &str, seconds: &str) -> Case {
    let script = format!(
        "echo +$(date +%s%N) >> out/times; sleep {seconds}; echo -$(date +%s%N) >> out/times; echo 1"
    );
    Case::new()
        .sh_skill("timed", &script, &format!("timeout: 60s\n{OUT}{limits}"))
        .plan("- {name: timed, type: skill}\n")
}

/// The times at which calls began, and the most calls that ran at the same time.
fn times(case: &Case) -> (Vec<u128>, usize) {
    let text = fs::read_to_string(case.path().join("out/times")).unwrap();
    let mut events: Vec<(u128, bool)> = text
        .lines()
        .map(|line| (line[1..].parse().unwrap(), line.starts_with('+')))
        .collect();
    events.sort_unstable();
    let (mut running, mut most) = (0, 0);
    for (_, begins) in &events {
        running = if *begins { running + 1 } else { running - 1 };
        most = most.max(running);
    }
    let starts = events.iter().filter(|(_, begins)| *begins);
    (starts.map(|(time, _)| *time).collect(), most)
}

fn spawn(case: &Case, args: &[&str]) -> Child {
    let mut command = case.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn run_at_once(case: &Case, count: usize) {
    let mut all: Vec<Child> = (0..count)
        .map(|_| spawn(case, &["run", "plan.yaml"]))
        .collect();
    for obs in &mut all {
        assert!(obs.wait().unwrap().success());
    }
}

/// The times at which obs let calls start, in milliseconds.
fn granted(case: &Case) -> Vec<i64> {
    let state = case.state().join("obs.db");
    let state = rusqlite::Connection::open(state).unwrap();
    let text = "SELECT started_ms FROM calls WHERE started_ms IS NOT NULL ORDER BY started_ms";
    let mut statement = state.prepare(text).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn twenty_runs_at_once_never_run_more_calls_than_the_limit() {
    for most in [1, 3] {
        let case = timed(&format!("concurrency: {most}\n"), "0.1");
        run_at_once(&case, 20);
        let (starts, running) = times(&case);
        assert_eq!(starts.len(), 20);
        assert!(running <= most, "{running} of {most}");
        assert_eq!(granted(&case), Vec::<i64>::new(), "nothing is kept");
    }
}

#[test]
fn twenty_runs_at_once_never_start_more_calls_than_the_rate() {
    let case = timed("rate_limit: {calls: 5, per: 1s}\n", "0");
    // What has ended is kept as long as it counts, and here all of it is to be seen.
    let keep = case.state();
    case.run(&["runs"]).expect_code(0);
    run_at_once(&case, 1);
    let state = rusqlite::Connection::open(keep.join("obs.db")).unwrap();
    state
        .execute_batch(
            "CREATE TABLE kept (started_ms INTEGER);
             CREATE TRIGGER keep AFTER INSERT ON calls WHEN NEW.started_ms IS NOT NULL
             BEGIN INSERT INTO kept VALUES (NEW.started_ms); END;
             DELETE FROM calls;",
        )
        .unwrap();
    run_at_once(&case, 20);
    let mut statement = state
        .prepare("SELECT started_ms FROM kept ORDER BY started_ms")
        .unwrap();
    let starts = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    let starts: Vec<i64> = starts.collect::<Result<_, _>>().unwrap();
    assert_eq!(starts.len(), 20);
    for window in starts.windows(6) {
        assert!(window[5] - window[0] > 1_000, "{starts:?}");
    }
    assert!(granted(&case).len() <= 20);
}

#[test]
fn one_run_waits_for_its_own_steps_with_and_without_a_state() {
    let steps =
        concat((0..6).map(|n| {
            format!("- {{name: timed, step_id: s{n}, type: skill, parallel_group: g}}\n")
        }));
    for state in [None, Some("none")] {
        let case = timed(
            "concurrency: 2\nrate_limit: {calls: 4, per: 700ms}\n",
            "0.05",
        )
        .plan(&steps);
        let mut args = vec!["run", "plan.yaml", "--jobs", "6", "--progress", "lines"];
        args.extend(state.into_iter().flat_map(|state| ["--state-dir", state]));
        let output = case.run(&args).expect_code(0);
        let (starts, running) = times(&case);
        assert!(running <= 2, "{running}");
        assert_eq!(starts.len(), 6);
        assert!(output.stderr().contains("… s"), "{}", output.whole());
        for limit in ["concurrency: 2", "rate_limit: 4 per 700ms"] {
            let text = format!("waits for `{limit}` of `timed`");
            assert!(
                output.stderr().contains(&text),
                "{limit}: {}",
                output.whole()
            );
        }
    }
}

#[test]
fn a_killed_obs_frees_its_call_and_its_place_in_the_queue() {
    let case = Case::new()
        .sh_skill(
            "hold",
            "touch held; test -e go || sleep 600; echo 1",
            "concurrency: 1\ntimeout: 1h\n",
        )
        .plan("- {name: hold, type: skill}\n");
    let mut holder = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the first call", || case.path().join("held").exists());
    let mut waiter = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the second call", || waiting(&case) == 1);
    let mut last = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the third call", || waiting(&case) == 2);
    fs::write(case.path().join("go"), "").unwrap();
    for obs in [&mut waiter, &mut holder] {
        obs.kill().unwrap();
        obs.wait().unwrap();
    }
    assert!(last.wait().unwrap().success());
    assert_eq!(waiting(&case), 0);
}

#[test]
fn the_call_of_a_stopped_obs_still_counts() {
    let case = Case::new()
        .sh_skill(
            "hold",
            "echo x >> out/calls; while ! test -e out/go; do sleep 0.01; done; echo 1",
            &format!("{OUT}concurrency: 1\ntimeout: 1h\nidempotent: true\n"),
        )
        .plan("- {name: hold, type: skill}\n");
    let calls = || {
        let text = fs::read_to_string(case.path().join("out/calls"));
        text.unwrap_or_default().lines().count()
    };
    let mut stopped = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the first call", || calls() == 1);
    let pid = rustix::process::Pid::from_child(&stopped);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // Its lease is over at once.
    let state = rusqlite::Connection::open(case.state().join("obs.db")).unwrap();
    let text = "UPDATE calls SET until_ms = started_ms WHERE until_ms IS NOT NULL";
    wait_for("the state", || state.execute(text, []).is_ok());
    let mut waiter = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the second call", || waiting(&case) == 1 || calls() == 2);
    let seen = || {
        let text = "SELECT max(seen_ms) FROM calls WHERE started_ms IS NULL";
        let seen = state.query_row(text, [], |row| row.get::<_, Option<i64>>(0));
        seen.unwrap_or_default().unwrap_or_default()
    };
    let first = seen();
    // Long enough for several renewals.
    wait_for("more questions", || seen() > first + 2_500 || calls() == 2);
    assert_eq!((calls(), waiting(&case)), (1, 1));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    fs::write(case.path().join("out/go"), "").unwrap();
    assert!(stopped.wait().unwrap().success());
    assert!(waiter.wait().unwrap().success());
    assert_eq!(calls(), 2);
}

/// How many calls wait.
fn waiting(case: &Case) -> i64 {
    let state = rusqlite::Connection::open(case.state().join("obs.db")).unwrap();
    let text = "SELECT count(*) FROM calls WHERE started_ms IS NULL";
    state.query_row(text, [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn a_step_that_waits_in_vain_is_a_timeout_that_names_the_limit() {
    // The first step holds the one call until the last one runs.
    let case = Case::new()
        .sh_skill(
            "hold",
            "touch out/held; while ! test -e out/over; do sleep 0.01; done; echo 1",
            &format!("{OUT}concurrency: 1\n"),
        )
        .sh_skill(
            "see",
            "while ! test -e out/held; do sleep 0.01; done; echo 1",
            OUT,
        )
        .sh_skill("over", "touch out/over; echo 1", OUT)
        .file(
            "plan.yaml",
            "assistant_id: test\norder: graph\nsteps:\n\
             - {name: hold, step_id: first, type: skill}\n\
             - {name: see, type: skill}\n\
             - {name: hold, step_id: second, type: skill, timeout: 300ms, depends_on: [see], \
                continue_on_error: true}\n\
             - {name: over, type: skill, depends_on: [second]}\n",
        );
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl", "--jobs", "3"]);
    let records = output.records();
    let record = |step: &str| {
        records
            .iter()
            .find(|record| record["step_id"] == step)
            .unwrap()
    };
    assert_eq!(record("first")["status"], "success");
    let second = record("second");
    assert_eq!(
        (second["status"].as_str(), second["attempts"].as_u64()),
        (Some("timeout"), Some(0))
    );
    assert_eq!(second["error_code"], "execution_timeout");
    let error = second["error"].as_str().unwrap();
    assert!(
        error.ends_with(
            "the step exceeded its timeout of 300ms, set by the step; it waited for \
             `concurrency: 1` of `hold`"
        ),
        "{error}"
    );
}

#[test]
fn a_wait_ends_with_the_run() {
    let case = Case::new()
        .sh_skill(
            "rare",
            "echo 1",
            "rate_limit: {calls: 1, per: 24h}\ntimeout: 1h\n",
        )
        .plan("- {name: rare, step_id: a, type: skill}\n- {name: rare, step_id: b, type: skill}\n");
    let mut obs = spawn(&case, &["run", "plan.yaml"]);
    wait_for("the second step", || {
        case.state().join("obs.db").exists() && waiting(&case) == 1
    });
    let pid = rustix::process::Pid::from_child(&obs);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(obs.wait().unwrap().code(), Some(143));
    assert_eq!(waiting(&case), 0);
    let timeout = case.run(&[
        "run",
        "plan.yaml",
        "--timeout",
        "300ms",
        "--format",
        "jsonl",
    ]);
    let record = timeout.records()[0].clone();
    assert_eq!(record["error_code"], "plan_timeout", "{record}");
    let error = record["error"].as_str().unwrap();
    assert!(
        error.ends_with("it waited for `rate_limit: 1 per 24h` of `rare`"),
        "{error}"
    );
}

#[test]
fn each_attempt_counts_and_a_fallback_counts_for_its_own_skill() {
    let limits = "idempotent: true\nrate_limit: {calls: 2, per: 24h}\n";
    let case = Case::new()
        .sh_skill("fails", "echo x >> fails; exit 1", limits)
        .sh_skill("other", "echo x >> other; echo 1", limits)
        .plan(
            "- {name: fails, type: skill, timeout: 2s, continue_on_error: true, \
             retry: {max_retries: 1, initial_backoff: 1ms, fallback: other}}\n",
        );
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let calls = |name: &str| {
        fs::read_to_string(case.path().join(name))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!((calls("fails"), calls("other")), (2, 1));
    let again = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    let record = again.records()[0].clone();
    assert_eq!(
        (record["status"].as_str(), record["attempts"].as_u64()),
        (Some("timeout"), Some(0))
    );
    let error = record["error"].as_str().unwrap();
    assert!(
        error.contains("it waited for `rate_limit: 2 per 24h` of `fails`"),
        "{error}"
    );
    assert_eq!((calls("fails"), calls("other")), (2, 1));
}

#[test]
fn limits_are_shown() {
    let case = timed("concurrency: 2\nrate_limit: {calls: 10, per: 1s}\n", "0");
    for args in [
        &["skills", "show", "timed"][..],
        &["run", "plan.yaml", "--dry-run"],
    ] {
        let output = case.run(args).expect_code(0);
        assert!(
            output.stdout().contains("2 at once, 10 per 1s"),
            "{}",
            output.whole()
        );
    }
    let output = case
        .run(&["skills", "show", "timed", "--format", "json"])
        .expect_code(0);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["concurrency"], 2);
    assert_eq!(
        shown["rate_limit"],
        serde_json::json!({"calls": 10, "per": "1s"})
    );
}
