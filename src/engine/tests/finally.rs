//! The `finally` steps: when they run, what ends them, and what their end means.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A sequence whose last `count` steps are `finally` steps.
fn with_finally(skills: &[&str], count: usize) -> Bench {
    let mut bench = Bench::new(skills);
    bench.plan.flow.finally_from = skills.len() - count;
    bench.plan.flow.stages.truncate(skills.len() - count);
    bench
}

fn is_step(outcome: &RunOutcome, index: usize) -> bool {
    matches!(outcome.result.cause, DecidingCause::Step(step, _) if step == index)
}

#[tokio::test(start_paused = true)]
async fn they_run_one_after_another_whatever_came_of_the_steps() {
    for (skills, on_failure, want) in [
        (
            ["ok", "ok", "ok-2", "ok-3"],
            FailurePolicy::Drain,
            ["success", "success", "success", "success"],
        ),
        (
            ["fail", "ok", "ok-2", "ok-3"],
            FailurePolicy::Drain,
            ["failed", "skipped", "success", "success"],
        ),
        (
            ["fail", "ok", "ok-2", "ok-3"],
            FailurePolicy::FailFast,
            ["failed", "skipped", "success", "success"],
        ),
        (
            ["fail", "ok", "ok-2", "ok-3"],
            FailurePolicy::KeepGoing,
            ["failed", "success", "success", "success"],
        ),
        (
            ["ok-40", "ok", "ok-2", "ok-3"],
            FailurePolicy::Drain,
            ["timeout", "skipped", "success", "success"],
        ),
    ] {
        let mut bench = with_finally(&skills, 2);
        bench.policy.on_failure = on_failure;
        let (outcome, _) = bench.run().await;
        assert_eq!(statuses(&outcome), want, "{skills:?}");
        let trace = bench.fake.trace.borrow();
        let last = [(2, true), (2, false), (3, true), (3, false)];
        assert!(trace.ends_with(&last), "{trace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_one_turns_a_success_into_a_failure_and_stops_no_other() {
    let bench = with_finally(&["ok", "fail", "fail-2", "ok-3"], 3);
    let (outcome, _) = bench.run().await;
    assert_eq!(
        statuses(&outcome),
        ["success", "failed", "failed", "success"]
    );
    assert_eq!(outcome.result.cause, DecidingCause::Finally(1));
    assert_eq!(outcome.result.status, crate::model::RunStatus::Failed);

    let mut bench = with_finally(&["ok", "fail", "ok-3"], 2);
    bench.plan.steps[1].continue_on_error = true;
    assert_eq!(bench.run().await.0.result.cause, DecidingCause::Nothing);

    let bench = with_finally(&["ok-40", "fail"], 1);
    let (outcome, _) = bench.run().await;
    assert!(is_step(&outcome, 0), "the step decides");
}

#[tokio::test(start_paused = true)]
async fn the_runs_timeout_does_not_cover_them_and_theirs_does() {
    let mut bench = with_finally(&["ok-5", "ok-25", "ok-8", "ok-9"], 2);
    bench.plan.timeout.duration = Duration::from_secs(10);
    bench.plan.finally_timeout.duration = Duration::from_secs(12);
    let (outcome, _) = bench.run().await;
    assert_eq!(
        statuses(&outcome),
        ["success", "timeout", "success", "timeout"]
    );
    assert_eq!(outcome.elapsed, Duration::from_secs(10 + 12));
    assert!(matches!(outcome.end, RunStopReason::PlanTimeout(_)));
    assert_eq!(
        outcome.records[3].error.as_deref(),
        Some(
            "runtime: execution timeout: the `finally` steps exceeded their timeout of 12s, set by \
             obs's default"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_has_no_time_left_has_failed() {
    let mut bench = with_finally(&["ok", "ok-5", "ok-9"], 2);
    bench.plan.finally_timeout.duration = Duration::from_secs(5);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "success", "timeout"]);
    assert_eq!(outcome.records[2].attempts, 0);
    assert_eq!(outcome.result.cause, DecidingCause::Finally(2));
}

#[tokio::test(start_paused = true)]
async fn a_first_signal_ends_the_steps_and_lets_them_run() {
    let bench = with_finally(&["ok-9", "ok", "ok-20"], 1);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(3, 2));
    assert_eq!(statuses(&outcome), ["canceled", "skipped", "success"]);
    assert_eq!(outcome.elapsed, Duration::from_secs(3 + 20));
    assert!(matches!(outcome.end, RunStopReason::Signal(2)));
}

#[tokio::test(start_paused = true)]
async fn a_first_signal_while_they_run_does_not_end_them_and_decides() {
    let bench = with_finally(&["ok-1", "ok-9", "ok-2"], 2);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(3, 15));
    assert_eq!(statuses(&outcome), ["success", "success", "success"]);
    assert!(matches!(outcome.end, RunStopReason::Signal(15)));
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_kills_what_runs_and_skips_the_rest() {
    for (first, status) in [(1, "canceled"), (3, "success")] {
        let bench = with_finally(&["ok-2", "stubborn-20", "ok-2"], 2);
        let signals = async {
            bench.signal_after(first, 2).await;
            bench.signal_after(5 - first, 2).await;
        };
        let ((outcome, _), ()) = tokio::join!(bench.run(), signals);
        assert_eq!(statuses(&outcome), [status, "canceled", "skipped"]);
        assert_eq!(
            outcome.records[2].error.as_deref(),
            Some("skipped: canceled by SIGINT")
        );
        assert!(matches!(outcome.end, RunStopReason::Signal(2)));
        assert_eq!(outcome.elapsed, Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn they_do_not_run_if_nothing_has_started() {
    let mut bench = with_finally(&["ok", "ok"], 1);
    bench.fuse.open.push("ok".to_owned());
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected", "skipped"]);
    assert_eq!(
        outcome.records[1].error.as_deref(),
        Some("skipped: no step has started")
    );
    assert!(bench.fake.started.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_lets_no_more_of_them_start() {
    let mut bench = with_finally(&["ok", "ok-2"], 1);
    bench.log.fails_at = Some(0);
    let (outcome, _) = bench.run().await;
    assert_eq!(*bench.fake.started.borrow(), ["ok"]);
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));

    let mut bench = with_finally(&["ok", "ok-2", "ok-3"], 2);
    bench.log.fails_at = Some(1);
    let (outcome, _) = bench.run().await;
    assert_eq!(*bench.fake.started.borrow(), ["ok", "ok-2"]);
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
}

#[tokio::test(start_paused = true)]
async fn one_that_needs_the_output_of_a_failed_step_is_skipped() {
    let mut bench = with_finally(&["fail", "ok-2", "ok-3"], 2);
    bench.plan.flow.steps[1].inputs_from = vec![0];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["failed", "skipped", "success"]);
    assert_eq!(
        outcome.records[1].error.as_deref(),
        Some("skipped: `fail` did not succeed")
    );
    assert!(is_step(&outcome, 0));
}

fn run_with_signals(bench: &Bench, signals: &[u64]) -> RunOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let send = async {
        for (at, seconds) in signals.iter().enumerate() {
            let before = at.checked_sub(1).map_or(0, |before| signals[before]);
            bench.signal_after(seconds - before, 15).await;
        }
    };
    runtime.block_on(async { tokio::join!(bench.run(), send).0.0 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_runs_exactly_once_after_all_steps(
        steps in vec((any::<bool>(), 1..6_u64), 1..6),
        finally in vec((any::<bool>(), 1..6_u64), 1..4),
        on_failure in prop_oneof![
            Just(FailurePolicy::Drain),
            Just(FailurePolicy::FailFast),
            Just(FailurePolicy::KeepGoing)
        ],
        is_group in any::<bool>(),
        timeout in 1..20_u64,
        mut signals in vec(1..20_u64, 0..3),
    ) {
        signals.sort_unstable();
        let skill = |(fails, seconds): &(bool, u64)| {
            format!("{}-{seconds}", if *fails { "fail" } else { "ok" })
        };
        let skills: Vec<String> = steps.iter().chain(&finally).map(skill).collect();
        let skills: Vec<&str> = skills.iter().map(String::as_str).collect();
        let mut bench = with_finally(&skills, finally.len());
        bench.policy.on_failure = on_failure;
        bench.plan.timeout.duration = Duration::from_secs(timeout);
        if is_group {
            bench.plan.flow.stages = std::iter::once(0..steps.len()).collect();
        }
        let outcome = run_with_signals(&bench, &signals);
        let indices: Vec<usize> = outcome.records.iter().map(|record| record.step_index).collect();
        prop_assert_eq!(indices, (0..skills.len()).collect::<Vec<_>>());
        let trace = bench.fake.trace.borrow();
        let began = |step: usize| trace.iter().filter(|event| **event == (step, true)).count();
        let last_of_steps = trace.iter().rposition(|(step, _)| *step < steps.len());
        for step in steps.len()..skills.len() {
            let record = &outcome.records[step];
            let is_killed = signals.len() == 2 && record.status != StepStatus::Success;
            prop_assert!(began(step) == 1 || is_killed, "{:?}", record);
            let first = trace.iter().position(|event| event.0 == step);
            prop_assert!(first.is_none() || first > last_of_steps);
        }
        let most = if is_group { 4 } else { 1 };
        prop_assert!(bench.fake.most.get() <= most);
    }
}
