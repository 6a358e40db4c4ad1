//! Groups, graphs, and what a failure means for the other steps.

use super::*;

/// A step that calls `skill` under a label of its own, in a graph.
fn graph(steps: &[(&str, &str, &[usize])]) -> Bench {
    let skills: Vec<&str> = steps.iter().map(|(_, skill, _)| *skill).collect();
    let mut bench = Bench::new(&skills);
    bench.plan.flow.order = StepOrder::Graph;
    bench.plan.flow.stages.clear();
    for (index, (label, _, after)) in steps.iter().enumerate() {
        (*label).clone_into(&mut bench.plan.steps[index].label);
        bench.plan.flow.steps[index].depends_on = after.to_vec();
    }
    bench
}

/// A sequence whose steps between `from` and `to` are a group.
fn grouped(skills: &[&str], from: usize, to: usize) -> Bench {
    let mut bench = Bench::new(skills);
    let alone = |at| at..at + 1;
    let stages = (0..from).map(alone);
    bench.plan.flow.stages = stages
        .chain(std::iter::once(from..to))
        .chain((to..skills.len()).map(alone))
        .collect();
    bench
}

#[tokio::test(start_paused = true)]
async fn a_group_runs_together_and_the_next_step_waits_for_all_of_it() {
    let bench = grouped(&["ok-1", "ok-5", "ok-3", "ok-4", "ok-2"], 1, 4);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 5]);
    assert_eq!(outcome.elapsed, Duration::from_secs(1 + 5 + 2));
    assert_eq!(bench.fake.most.get(), 3);
    let logged = bench.log.records.borrow();
    let in_order_of_end: Vec<usize> = logged.iter().map(|record| record.step_index).collect();
    assert_eq!(in_order_of_end, [0, 2, 3, 1, 4]);
    let in_plan_order: Vec<usize> = outcome.records.iter().map(|r| r.step_index).collect();
    assert_eq!(in_plan_order, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_step_has_the_run_to_itself_and_keeps_its_turn() {
    let mut bench = graph(&[
        ("a", "ok-3", &[]),
        ("b", "ok-1", &[]),
        ("alone", "ok-5", &[]),
        ("c", "ok-2", &[]),
        ("d", "ok-2", &[1]),
    ]);
    bench.plan.steps[2].concurrency = Concurrency::Exclusive;
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 5]);
    let trace = bench.fake.trace.borrow();
    let order = [
        (0, true),
        (1, true),
        (1, false),
        (0, false),
        (2, true),
        (2, false),
    ];
    assert_eq!(trace[..6], order);
    assert_eq!(outcome.elapsed, Duration::from_secs(3 + 5 + 2));
}

#[tokio::test(start_paused = true)]
async fn a_failed_member_of_a_group_lets_its_siblings_end_and_stops_the_plan() {
    for jobs in [1, 2, 8] {
        let mut bench = grouped(&["fail-1", "ok-5", "ok-3", "ok"], 0, 3);
        bench.policy.jobs = NonZeroUsize::new(jobs).unwrap();
        let (outcome, _) = bench.run().await;
        let want = ["failed", "success", "success", "skipped"];
        assert_eq!(statuses(&outcome), want, "{jobs} jobs");
        assert!(bench.fake.most.get() <= jobs);
    }
}

#[tokio::test(start_paused = true)]
async fn fail_fast_cancels_what_still_runs() {
    let mut bench = grouped(&["ok-1", "ok-9", "fail-2", "ok-8", "ok"], 1, 4);
    bench.policy.on_failure = FailurePolicy::FailFast;
    bench.policy.jobs = NonZeroUsize::new(2).unwrap();
    let (outcome, _) = bench.run().await;
    let want = ["success", "canceled", "failed", "skipped", "skipped"];
    assert_eq!(statuses(&outcome), want);
    assert_eq!(
        outcome.records[1].error.as_deref(),
        Some("canceled: `fail-2` did not succeed")
    );
    assert_eq!(outcome.elapsed, Duration::from_secs(3));
    let verdict = &outcome.result;
    assert_eq!(
        verdict.cause,
        DecidingCause::Step(2, Some(ErrorCode::SkillFailed)),
        "what was canceled decides nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_graph_starts_each_step_as_soon_as_it_can() {
    let bench = graph(&[
        ("join", "ok-1", &[1, 2, 3]),
        ("slow", "ok-7", &[4]),
        ("quick", "ok-2", &[4]),
        ("after", "ok-3", &[2]),
        ("root", "ok-1", &[]),
    ]);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 5]);
    assert_eq!(outcome.elapsed, Duration::from_secs(1 + 7 + 1));
    assert_eq!(bench.fake.most.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn keep_going_skips_only_what_depends_on_the_failed_step() {
    let mut bench = graph(&[
        ("bad", "fail", &[]),
        ("good", "ok", &[]),
        ("on-bad", "ok", &[0]),
        ("on-good", "ok", &[1]),
        ("far", "ok", &[2, 3]),
    ]);
    bench.policy.on_failure = FailurePolicy::KeepGoing;
    let (outcome, _) = bench.run().await;
    let want = ["failed", "success", "skipped", "success", "skipped"];
    assert_eq!(statuses(&outcome), want);
    let errors: Vec<_> = outcome.records.iter().map(|r| r.error.as_deref()).collect();
    let because = Some("skipped: `bad` did not succeed");
    assert_eq!(
        (errors[2], errors[4]),
        (because, because),
        "the root is told"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_fail_lets_those_go_on_that_come_after_it() {
    let mut bench = graph(&[("bad", "fail", &[]), ("next", "ok", &[0])]);
    bench.plan.steps[0].continue_on_error = true;
    assert_eq!(statuses(&bench.run().await.0), ["failed", "success"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_a_graph_but_not_what_runs() {
    let bench = graph(&[
        ("bad", "fail-1", &[]),
        ("slow", "ok-5", &[]),
        ("after", "ok", &[1]),
    ]);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["failed", "success", "skipped"]);
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_all_that_runs() {
    let bench = grouped(&["ok-9", "stubborn-9", "ok-1", "ok"], 0, 3);
    let ((outcome, _), (), ()) = tokio::join!(
        bench.run(),
        bench.signal_after(3, 2),
        bench.signal_after(5, 2)
    );
    let want = ["canceled", "canceled", "success", "skipped"];
    assert_eq!(statuses(&outcome), want);
    assert_eq!(outcome.elapsed, Duration::from_secs(5));
    assert!(matches!(outcome.end, RunStopReason::Signal(2)));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_full_ends_what_runs() {
    let mut bench = grouped(&["ok-1", "ok-9", "ok-2", "ok"], 0, 3);
    bench.log.fails_at = Some(1);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
    assert_eq!(outcome.elapsed, Duration::from_secs(2));
    let unlogged: Vec<_> = outcome.unlogged.iter().map(|r| r.status.as_str()).collect();
    assert_eq!(unlogged, ["success", "canceled"]);
}
