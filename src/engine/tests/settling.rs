//! A plan that goes on while the log is still at work.

use super::*;

fn slow(skills: &[&str], seconds: u64) -> Bench {
    let mut bench = Bench::new(skills);
    bench.log.takes = Duration::from_secs(seconds);
    bench
}

/// The starts and ends of steps, as told.
fn told(events: &EventReceiver) -> Vec<String> {
    let next = || events.recv_timeout(Duration::ZERO).ok();
    let word = |event| match event {
        RunEvent::StepStarted { index, .. } => Some(format!("start {index}")),
        RunEvent::StepFinished { record, .. } => Some(format!("end {}", record.step_index)),
        _ => None,
    };
    std::iter::from_fn(next).filter_map(word).collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_run_again_starts_while_the_record_before_it_is_being_kept() {
    let bench = slow(&["ok", "ok", "ok"], 1);
    let (outcome, events) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 3]);
    assert_eq!(outcome.elapsed, Duration::from_secs(4));
    // Whoever listens sees one step after the other.
    let want = ["start 0", "end 0", "start 1", "end 1", "start 2", "end 2"];
    assert_eq!(told(&events), want);
    let kept = bench.log.said.borrow();
    assert_eq!(*kept, ["end ok", "end ok", "end ok"]);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_run_twice_waits_for_the_record_before_it() {
    let mut bench = slow(&["ok", "ok", "ok"], 1);
    bench.plan.steps[1].is_idempotent = false;
    bench.plan.steps[2].is_idempotent = false;
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 3]);
    assert_eq!(outcome.elapsed, Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_ends_what_was_started_meanwhile() {
    let mut bench = slow(&["ok", "ok-2", "ok-9", "ok"], 1);
    bench.log.fails_at = Some(1);
    let (outcome, events) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert!(matches!(outcome.end, RunEnd::LogFailed(_)));
    assert_eq!(*bench.fake.started.borrow(), ["ok", "ok-2", "ok-9"]);
    let unlogged = outcome.unlogged.iter().map(|step| step.status);
    let unlogged: Vec<_> = unlogged.collect();
    assert_eq!(unlogged, [StepStatus::Success, StepStatus::Canceled]);
    assert_eq!(told(&events), ["start 0", "end 0", "start 1", "start 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_hangs_holds_the_plan() {
    let bench = slow(&["ok"; 20], 25);
    let ((outcome, _), ()) = tokio::join!(bench.run(), async {
        sleep(Duration::from_secs(20)).await;
        // So many are ahead of the log, and one whose record waits in their stead.
        let started = bench.fake.started.borrow().len();
        assert_eq!(started, commit::MOST_UNSETTLED + 1);
    });
    assert_eq!(statuses(&outcome), ["success"; 20]);
}
