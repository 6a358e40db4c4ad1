//! Steps with `for_each`: how many items run, and what one means for the others.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Gather;
use crate::plan::{ItemTemplate, ListTemplate, Template};

/// What a step does with each of its items, joined by `|`, and how many run at the same time.
fn for_each(scripts: &str, max_parallel: usize) -> ProvenForEach {
    let count = scripts
        .split('|')
        .filter(|script| !script.is_empty())
        .count();
    let values: Vec<Value> = (0..count).map(|item| json!(item)).collect();
    let items = ItemTemplate {
        lists: vec![ListTemplate {
            name: String::new(),
            below: String::new(),
            template: Template::Fixed(Value::Array(values)),
        }],
        is_matrix: false,
    };
    ProvenForEach {
        known: items.known().map(|list| Arc::new(list.unwrap())),
        items,
        max_parallel,
        max_failed: 0,
        gather: Gather::Outputs,
        max_items: DEFAULT_MAX_ITEMS,
    }
}

/// A plan with one step of these items.
fn items(scripts: &str, max_parallel: usize) -> Bench {
    let mut bench = Bench::new(&[scripts]);
    bench.plan.steps[0].for_each = Some(Box::new(for_each(scripts, max_parallel)));
    bench
}

/// The statuses of the items of the step at `index`, in the order of the list.
fn of_items(bench: &Bench, index: usize) -> Vec<&'static str> {
    let records = bench.log.records.borrow();
    let of_step = records.iter().filter(|record| record.step_index == index);
    let mut items: Vec<(usize, &'static str)> = of_step
        .filter_map(|record| Some((record.item_index?, record.status.as_str())))
        .collect();
    items.sort_unstable();
    let places: Vec<usize> = items.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, (0..items.len()).collect::<Vec<_>>());
    items.into_iter().map(|(_, status)| status).collect()
}

#[tokio::test(start_paused = true)]
async fn items_run_one_after_another_and_the_step_is_recorded_last() {
    let bench = items("ok-1|ok-2|ok-3", 1);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert_eq!(of_items(&bench, 0), ["success"; 3]);
    assert_eq!(outcome.elapsed, Duration::from_secs(6));
    assert_eq!(bench.fake.most.get(), 1);
    let logged = bench.log.records.borrow();
    let places: Vec<Option<usize>> = logged.iter().map(|record| record.item_index).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2), None]);
    assert_eq!(logged[3].items.unwrap().success, 3);
    assert_eq!(bench.log.end.borrow().as_ref().unwrap().records, 4);
}

#[tokio::test(start_paused = true)]
async fn as_many_items_run_as_max_parallel_and_jobs_allow() {
    for (max_parallel, jobs, most, seconds) in [
        (3, 8, 3, 4),
        (8, 2, 2, 6),
        (1, 8, 1, 12),
        (usize::MAX, 4, 4, 4),
    ] {
        let mut bench = items("ok-2|ok-2|ok-2|ok-2|ok-2|ok-2", max_parallel);
        bench.policy.jobs = NonZeroUsize::new(jobs).unwrap();
        let (outcome, _) = bench.run().await;
        assert_eq!(statuses(&outcome), ["success"]);
        assert_eq!(bench.fake.most.get(), most, "{max_parallel} {jobs}");
        assert_eq!(
            outcome.elapsed,
            Duration::from_secs(seconds),
            "{max_parallel} {jobs}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn items_of_several_steps_share_the_jobs_with_other_steps() {
    let scripts = "ok-1|ok-1|ok-1|ok-1|ok-1|ok-1";
    let mut bench = Bench::new(&[scripts, scripts, "ok-1", "ok-1"]);
    bench.plan.flow.order = StepOrder::Graph;
    bench.plan.flow.stages.clear();
    bench.policy.jobs = NonZeroUsize::new(3).unwrap();
    for index in 0..2 {
        bench.plan.steps[index].for_each = Some(Box::new(for_each(scripts, usize::MAX)));
    }
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 4]);
    assert_eq!(bench.fake.most.get(), 3);
    // 14 calls by three at a time.
    assert_eq!(outcome.elapsed, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_items_of_an_exclusive_step_run_one_at_a_time() {
    let mut bench = items("ok-1|ok-1|ok-1", 3);
    bench.plan.steps[0].concurrency = Concurrency::Exclusive;
    bench.run().await;
    assert_eq!(bench.fake.most.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_succeeds() {
    let bench = items("", 1);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert_eq!(outcome.records[0].output.as_ref().unwrap().get(), "[]");
}

#[tokio::test(start_paused = true)]
async fn after_too_many_failures_no_more_items_start() {
    let run = async |scripts: &str, max_failed: u64, on_failure: FailurePolicy| {
        let mut bench = items(scripts, 2);
        bench.policy.on_failure = on_failure;
        bench.plan.steps[0].for_each.as_mut().unwrap().max_failed = max_failed;
        let (outcome, _) = bench.run().await;
        (
            of_items(&bench, 0).join(" "),
            statuses(&outcome)[0],
            outcome.elapsed.as_secs(),
        )
    };
    let (drain, fast) = (FailurePolicy::Drain, FailurePolicy::FailFast);
    let scripts = "ok-3|fail-1|ok-9|ok-1";
    assert_eq!(
        run(scripts, 0, drain).await,
        ("success failed skipped skipped".to_owned(), "failed", 3)
    );
    assert_eq!(
        run(scripts, 0, fast).await,
        ("canceled failed skipped skipped".to_owned(), "failed", 1)
    );
    assert_eq!(
        run(scripts, 1, fast).await,
        ("success failed success success".to_owned(), "success", 10)
    );
    let keep_going = run(scripts, 0, FailurePolicy::KeepGoing).await;
    assert_eq!(
        keep_going,
        ("success failed success success".to_owned(), "failed", 10)
    );
    // The run goes on if the step may fail.
    let mut bench = Bench::new(&["fail-1|ok-1", "ok"]);
    bench.plan.steps[0].for_each = Some(Box::new(for_each("fail-1|ok-1", 1)));
    bench.plan.steps[0].continue_on_error = true;
    assert_eq!(statuses(&bench.run().await.0), ["failed", "success"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_failed_item_in_the_list_gives_the_code() {
    // The second ends first.
    let bench = items("polite-60|fail-40", 2);
    let (outcome, _) = bench.run().await;
    let record = &outcome.records[0];
    assert_eq!(of_items(&bench, 0), ["timeout", "timeout"]);
    assert_eq!(record.error_code, Some(ErrorCode::ExecutionTimeout));
    let error = record.error.as_deref().unwrap();
    assert!(
        error.starts_with("2 of 2 items failed; item 0: "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_timeout_and_retries_are_those_of_one_item() {
    let mut bench = items("polite-60|ok-20|ok-20", 1);
    bench.plan.steps[0].for_each.as_mut().unwrap().max_failed = 1;
    let (outcome, _) = bench.run().await;
    assert_eq!(of_items(&bench, 0), ["timeout", "success", "success"]);
    assert_eq!(statuses(&outcome), ["success"]);
    let mut bench = items("flaky|ok", 1);
    bench.plan.steps[0].retry = Retries {
        max: 3,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1),
    };
    let (outcome, _) = bench.run().await;
    assert_eq!(of_items(&bench, 0), ["success", "success"]);
    assert_eq!(outcome.records[0].attempts, 4);
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_items_that_run_and_skips_the_others() {
    let bench = items("ok-5|ok-5|ok-5|ok-5", 1);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(7, 2));
    assert_eq!(
        of_items(&bench, 0),
        ["success", "canceled", "skipped", "skipped"]
    );
    assert_eq!(statuses(&outcome), ["canceled"]);
    assert!(matches!(outcome.end, RunStopReason::Signal(2)));
    // One that comes between two items.
    let bench = items("polite-5|ok-5", 1);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(5, 15));
    assert_eq!(of_items(&bench, 0)[1], "skipped");
    assert_eq!(statuses(&outcome), ["canceled"]);
    assert!(matches!(outcome.end, RunStopReason::Signal(15)));
}

#[tokio::test(start_paused = true)]
async fn the_runs_time_ends_the_items() {
    let mut bench = items("ok-5|ok-5|ok-5", 1);
    bench.plan.timeout = TimeLimit {
        duration: Duration::from_secs(12),
        source: TimeLimitSource::Plan,
    };
    let (outcome, _) = bench.run().await;
    assert_eq!(of_items(&bench, 0), ["success", "success", "timeout"]);
    assert_eq!(statuses(&outcome), ["timeout"]);
    assert_eq!(outcome.records[0].error_code, Some(ErrorCode::PlanTimeout));
    assert!(matches!(outcome.end, RunStopReason::PlanTimeout(_)));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_stops_the_list_even_with_keep_going() {
    let mut bench = items("ok|ok|ok", 1);
    bench.fuse.open = vec!["ok|ok|ok".to_owned()];
    bench.policy.on_failure = FailurePolicy::KeepGoing;
    let (outcome, _) = bench.run().await;
    assert_eq!(of_items(&bench, 0), ["rejected", "skipped", "skipped"]);
    assert_eq!(statuses(&outcome), ["rejected"]);
    assert_eq!(outcome.records[0].error_code, Some(ErrorCode::CircuitOpen));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_ends_the_items_at_once() {
    let mut bench = items("ok-1|ok-20|ok-1|ok-1", 2);
    bench.log.fails_at = Some(0);
    let (outcome, _) = bench.run().await;
    assert!(matches!(outcome.end, RunStopReason::LogFailed(_)));
    assert_eq!(bench.fake.running.get(), 0);
    assert_eq!(outcome.elapsed, Duration::from_secs(1));
    assert_eq!(outcome.unlogged.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_steps_failure_lets_the_items_come_to_their_end() {
    let scripts = "ok-2|ok-2|ok-2";
    let mut bench = Bench::new(&[scripts, "fail-1"]);
    bench.plan.flow.order = StepOrder::Graph;
    bench.plan.flow.stages.clear();
    bench.plan.steps[0].for_each = Some(Box::new(for_each(scripts, 1)));
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "failed"]);
    bench = Bench {
        plan: bench.plan,
        ..Bench::new(&[])
    };
    bench.policy.on_failure = FailurePolicy::FailFast;
    let (outcome, _) = bench.run().await;
    assert_eq!(of_items(&bench, 0), ["canceled", "skipped", "skipped"]);
    assert_eq!(statuses(&outcome), ["canceled", "failed"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever fails and whenever a signal comes: each item has one record and the step has one
    /// after them, no more items run than may, and the records say what the step's record counts.
    #[test]
    fn every_list_comes_to_its_end(
        scripts in vec((0..6_usize, 1..5_u64), 1..12),
        max_parallel in 1..5_usize,
        jobs in 1..5_usize,
        max_failed in 0..3_u64,
        policy in 0..3_usize,
        signal in prop::option::weighted(0.3, 1..12_u64),
    ) {
        const KINDS: [&str; 6] = ["ok", "ok", "ok", "fail", "polite", "reject"];
        let script = |(kind, seconds): &(usize, u64)| format!("{}-{seconds}", KINDS[*kind]);
        let all: Vec<String> = scripts.iter().map(script).collect();
        let mut bench = items(&all.join("|"), max_parallel);
        bench.policy.jobs = NonZeroUsize::new(jobs).unwrap();
        bench.policy.on_failure =
            [FailurePolicy::Drain, FailurePolicy::FailFast, FailurePolicy::KeepGoing][policy];
        bench.plan.steps[0].for_each.as_mut().unwrap().max_failed = max_failed;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let outcome = runtime.block_on(async {
            match signal {
                Some(seconds) => tokio::join!(bench.run(), bench.signal_after(seconds, 2)).0.0,
                None => bench.run().await.0,
            }
        });
        let statuses = of_items(&bench, 0);
        prop_assert_eq!(statuses.len(), scripts.len());
        prop_assert!(bench.fake.most.get() <= max_parallel.min(jobs));
        let logged = bench.log.records.borrow();
        prop_assert_eq!(logged.len(), scripts.len() + 1);
        prop_assert!(logged.last().unwrap().item_index.is_none());
        let counts = outcome.records[0].items.unwrap();
        let count = |wanted: &str| statuses.iter().filter(|status| **status == wanted).count();
        prop_assert_eq!(counts.success, count("success"));
        prop_assert_eq!(counts.skipped, count("skipped"));
        prop_assert_eq!(counts.total, statuses.len());
        let failed = count("failed") + count("timeout");
        let is_success = outcome.records[0].status == StepStatus::Success;
        let is_whole = count("canceled") + count("skipped") + count("rejected") == 0;
        prop_assert_eq!(is_success, is_whole && failed as u64 <= max_failed);
        if signal.is_none() && bench.policy.on_failure == FailurePolicy::KeepGoing {
            prop_assert_eq!(count("skipped") + count("canceled"), 0);
        }
    }
}
