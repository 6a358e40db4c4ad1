//! Attempts, waits and fallbacks.

use super::*;

/// One step that calls `skill`, which is safe to run again, `max` times after the first.
fn retried(skill: &str, max: u32) -> Bench {
    let mut bench = Bench::new(&[skill]);
    let step = &mut bench.plan.steps[0];
    step.is_idempotent = true;
    step.retry = Retries {
        max,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(3),
    };
    bench
}

fn with_fallback(mut bench: Bench, skill: &str) -> Bench {
    bench.plan.steps[0].fallback = Some(Box::new(step(skill)));
    bench
}

fn error(outcome: &RunOutcome) -> &str {
    outcome.records[0].error.as_deref().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_a_growing_wait() {
    let bench = retried("flaky-1", 5);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert_eq!(outcome.records[0].attempts, 3);
    assert_eq!(outcome.records[0].error, None);
    // Three attempts of a second; waits of 1 to 2 and, under the bound of 3, of 1.5 to 3 seconds.
    let took = outcome.elapsed.as_secs_f64();
    assert!((5.5..=8.1).contains(&took), "{took}");
    let (outcome, _) = retried("flaky-1", 1).run().await;
    assert_eq!(statuses(&outcome), ["failed"]);
    assert_eq!(
        (outcome.records[0].attempts, error(&outcome)),
        (2, "exit code 2")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_safe_is_tried_again_only_where_that_was_asked_for() {
    let unsafe_bench = || {
        let mut bench = with_fallback(retried("flaky-1", 5), "ok");
        bench.plan.steps[0].is_idempotent = false;
        bench
    };
    let (outcome, _) = unsafe_bench().run().await;
    assert_eq!(statuses(&outcome), ["failed"]);
    assert_eq!(outcome.records[0].attempts, 1);
    assert_eq!(
        error(&outcome),
        "exit code 2; not retried: `flaky-1` is not idempotent"
    );
    let hint = outcome.records[0].hint.as_deref().unwrap();
    assert!(hint.contains("--retry-unsafe"), "{hint}");
    let mut bench = unsafe_bench();
    bench.policy.retry_unsafe = true;
    let (outcome, _) = bench.run().await;
    assert_eq!(
        (statuses(&outcome)[0], outcome.records[0].attempts),
        ("success", 3)
    );
}

#[tokio::test(start_paused = true)]
async fn the_fallback_comes_after_the_last_attempt_and_the_record_says_who_answered() {
    let bench = with_fallback(retried("fail-1", 2), "ok-2");
    let (outcome, _) = bench.run().await;
    let record = &outcome.records[0];
    assert_eq!(statuses(&outcome), ["success"]);
    assert_eq!((record.attempts, &*record.skill_id), (4, "ok-2"));
    assert_eq!(
        *bench.fake.started.borrow(),
        ["fail-1", "fail-1", "fail-1", "ok-2"]
    );

    let (outcome, _) = with_fallback(retried("fail-1", 0), "fail-2").run().await;
    let record = &outcome.records[0];
    assert_eq!((record.attempts, &*record.skill_id), (2, "fail-2"));
    assert_eq!(
        error(&outcome),
        "exit code 2; before that, `fail-1` had failed: exit code 2"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fallback_has_a_limit_of_its_own() {
    let mut bench = with_fallback(retried("fail-1", 0), "ok-20");
    let fallback = bench.plan.steps[0].fallback.as_mut().unwrap();
    fallback.attempt_timeout.duration = Duration::from_secs(5);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["timeout"]);
    assert_eq!(outcome.elapsed, Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn the_steps_time_spans_all_attempts_and_waits() {
    let (outcome, _) = retried("fail-20", 5).run().await;
    assert_eq!(statuses(&outcome), ["timeout"]);
    assert_eq!(outcome.elapsed, Duration::from_secs(30));
    assert_eq!(outcome.records[0].attempts, 2);
    assert_eq!(
        error(&outcome),
        "runtime: execution timeout: the step exceeded its timeout of 30s, set by the step; \
         before that, `fail-20` had failed: exit code 2"
    );
    // No wait is begun that the step's time would end.
    let mut bench = with_fallback(retried("fail-28", 5), "ok-1");
    bench.plan.steps[0].retry.initial_backoff = Duration::from_secs(3);
    let (outcome, _) = bench.run().await;
    assert_eq!(
        (statuses(&outcome)[0], outcome.records[0].attempts),
        ("success", 2)
    );
    bench.plan.steps[0].fallback = None;
    let (outcome, _) = bench.run().await;
    assert_eq!(
        error(&outcome),
        "exit code 2; not retried: another attempt does not fit into the remaining 2s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_waiting() {
    let mut bench = with_fallback(retried("fail-1", 5), "ok");
    bench.plan.steps[0].retry.initial_backoff = Duration::from_secs(20);
    bench.plan.steps[0].retry.max_backoff = Duration::from_secs(20);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(4, 15));
    assert_eq!(statuses(&outcome), ["canceled"]);
    assert_eq!(outcome.elapsed, Duration::from_secs(4));
    assert_eq!(outcome.records[0].attempts, 1);
    assert_eq!(*bench.fake.started.borrow(), ["fail-1"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_rejected_is_never_tried_again() {
    let bench = with_fallback(retried("reject-1", 5), "ok");
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected"]);
    assert_eq!(*bench.fake.started.borrow(), ["reject-1"]);
}
