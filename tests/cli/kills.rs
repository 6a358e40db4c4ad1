//! `kill -9` of obs at any moment: what was printed is kept, and what was done is not done again.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use crate::resume::{calls, counted, step};
use crate::support::processes::marked;
use crate::support::random::Random;
use crate::support::{Case, number_from, say, wait_for};

/// How many times obs is killed; `OBS_TEST_KILLS` says otherwise.
fn kills() -> u64 {
    number_from("OBS_TEST_KILLS").unwrap_or(40)
}

const STEPS: usize = 50;

/// The skill of step `n`: every other one must not run twice.
fn skill_of(n: usize) -> &'static str {
    if n.is_multiple_of(2) { "safe" } else { "once" }
}

/// Runs the plan, kills obs after `after`, and gives what it had printed. When this returns, the
/// helper processes, which end what runs, have gone too.
fn run_and_kill(case: &Case, after: Duration) -> String {
    let mut command = case.command(&[
        "run",
        "plan.yaml",
        "--format",
        "jsonl",
        "--progress",
        "none",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let marker = format!("OBS_STATE_DIR={}", case.state().display());
    wait_for("the end of the helpers", || marked(&marker).is_empty());
    let mut printed = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut printed)
        .unwrap();
    printed
}

/// The database is one, by its own check.
fn check_integrity(case: &Case, what: &str) {
    let path = case.state().join("obs.db");
    if !path.exists() {
        return;
    }
    let database = rusqlite::Connection::open(path).unwrap();
    let result = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let result = database.query_row("PRAGMA integrity_check", [], result);
    assert_eq!(result.unwrap(), "ok", "{what}");
}

/// Every record that was printed is kept, and what is kept is whole. Gives how many steps
/// succeeded; `None` if the run had not even begun.
fn check_kept(case: &Case, printed: &str, what: &str) -> Option<usize> {
    let kept = case
        .run(&["logs", "--all", "--format", "jsonl"])
        .expect_code(0)
        .stdout();
    for line in printed
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        assert!(kept.contains(line), "{what}: printed and not kept: {line}");
    }
    case.run(&["verify", "--all"]).expect_code(0);
    check_integrity(case, what);
    let runs = case.run(&["runs", "--format", "jsonl"]).records();
    let succeeded = kept.lines().count();
    // Killed between its last record and its end it is interrupted too.
    if succeeded < STEPS {
        assert_eq!(runs.first()?["status"], "interrupted", "{what}");
    }
    Some(succeeded)
}

/// Goes on to the end. True if that was refused at first.
fn go_on(case: &Case, succeeded: usize, what: &str) -> bool {
    let before = calls(case);
    let resumed = case.run(&["run", "plan.yaml", "--resume", "-q"]);
    let is_refused = resumed.code == 65;
    if is_refused {
        // The step under way is one that must not run twice.
        let name = format!("`s{succeeded}` may already have had an effect");
        assert!(
            resumed.stderr().contains(&name),
            "{what}: {}",
            resumed.whole()
        );
        assert_eq!(skill_of(succeeded), "once", "{what}");
        assert_eq!(calls(case), before, "{what}");
        let allowed = ["run", "plan.yaml", "--resume", "--rerun-unsafe", "-q"];
        case.run(&allowed).expect_code(0);
    } else {
        resumed.expect_code(0);
    }
    is_refused
}

#[test]
fn killed_at_any_moment_nothing_printed_is_lost_and_nothing_done_is_done_again() {
    let steps: Vec<String> = (0..STEPS).map(|n| step(skill_of(n), n)).collect();
    let seed = u64::from(std::process::id());
    let mut random = Random::new(seed);
    let (mut cut_short, mut refused) = (0, 0);
    for round in 0..kills() {
        let what = format!("seed {seed}, round {round}");
        let case = counted().plan(&steps.concat());
        let printed = run_and_kill(&case, Duration::from_micros(random.below(500_000)));
        let Some(succeeded) = check_kept(&case, &printed, &what) else {
            continue;
        };
        cut_short += u32::from(succeeded < STEPS);
        refused += u32::from(go_on(&case, succeeded, &what));
        let after = calls(&case);
        for n in 0..STEPS {
            // What is safe to run again may have started before the log knew of the step before it.
            let was_under_way = n == succeeded || (n > succeeded && skill_of(n) != "once");
            let most = if was_under_way { 2 } else { 1 };
            let count = after.get(&n).copied().unwrap_or_default();
            assert!(
                (1..=most).contains(&count),
                "{what}: step {n} of {succeeded} ran {count} times"
            );
        }
        case.run(&["verify", "--all"]).expect_code(0);
    }
    assert!(cut_short > 0, "seed {seed}: no run was cut short");
    let kills = kills();
    let line =
        format!("killed {kills} times (seed {seed}): {cut_short} cut short, {refused} refused\n");
    say(&line);
}
