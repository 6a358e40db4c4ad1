//! When starts and records are committed.

use super::*;

fn slow(skills: &[&str], seconds: u64) -> Bench {
    let mut bench = Bench::new(skills);
    bench.log.takes = Duration::from_secs(seconds);
    bench
}

/// The starts and ends of steps, as told.
fn step_events(events: &EventReceiver) -> Vec<String> {
    let next = || events.recv_timeout(Duration::ZERO).ok();
    let word = |event| match event {
        RunEvent::StepStarted { index, .. } => Some(format!("start {index}")),
        RunEvent::StepFinished { record, .. } => Some(format!("end {}", record.step_index)),
        _ => None,
    };
    std::iter::from_fn(next).filter_map(word).collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_starts_after_the_record_before_it_is_committed() {
    let bench = slow(&["ok", "ok", "ok"], 1);
    let (outcome, events) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 3]);
    assert_eq!(outcome.elapsed, Duration::from_secs(6));
    let want = ["start 0", "end 0", "start 1", "end 1", "start 2", "end 2"];
    assert_eq!(step_events(&events), want);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_nothing_starts_while_records_are_being_committed() {
    let mut bench = slow(&["ok", "ok", "ok"], 1);
    bench.plan.flow.stages.clear();
    bench.policy.jobs = NonZeroUsize::new(2).unwrap();
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 3]);
    assert_eq!(outcome.elapsed, Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn every_attempt_that_is_not_safe_to_repeat_has_its_own_start() {
    let mut bench = Bench::new(&["flaky", "ok"]);
    bench.policy.retry_unsafe = true;
    bench.plan.steps[0].is_idempotent = false;
    bench.plan.steps[0].retry = Retries {
        max: 3,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1),
    };
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 2]);
    let want = [
        "start flaky",
        "start flaky",
        "start flaky",
        "end flaky",
        "end ok",
    ];
    assert_eq!(*bench.log.calls.borrow(), want);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_refused_has_no_start() {
    let mut bench = Bench::new(&["ok"]);
    bench.plan.steps[0].is_idempotent = false;
    bench.fuse.open = vec!["ok".to_owned()];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected"]);
    assert_eq!(*bench.log.calls.borrow(), ["end ok"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_whose_start_can_not_be_committed() {
    let mut bench = Bench::new(&["ok", "ok"]);
    bench.plan.steps[0].is_idempotent = false;
    bench.log.start_fails_at = Some(0);
    let (outcome, _) = bench.run().await;
    assert!(statuses(&outcome).is_empty());
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
    assert!(bench.fake.started.borrow().is_empty());
    assert!(outcome.unlogged.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_whose_start_can_not_be_committed_leaves_an_unlogged_step() {
    let mut bench = Bench::new(&["flaky"]);
    bench.policy.retry_unsafe = true;
    bench.plan.steps[0].is_idempotent = false;
    bench.plan.steps[0].retry = Retries {
        max: 3,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1),
    };
    bench.log.start_fails_at = Some(1);
    let (outcome, _) = bench.run().await;
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
    assert_eq!(*bench.fake.started.borrow(), ["flaky"]);
    assert_eq!(outcome.unlogged.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_ends_what_runs() {
    let mut bench = Bench::new(&["ok", "ok-9", "ok"]);
    bench.plan.flow.stages.clear();
    bench.policy.jobs = NonZeroUsize::new(2).unwrap();
    bench.log.fails_at = Some(0);
    let (outcome, _) = bench.run().await;
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
    assert_eq!(*bench.fake.started.borrow(), ["ok", "ok-9"]);
    let unlogged = outcome.unlogged.iter().map(|step| step.status);
    assert_eq!(
        unlogged.collect::<Vec<_>>(),
        [StepStatus::Success, StepStatus::Canceled]
    );
}
