//! What holds for every plan: random orders, random failures, any number of jobs.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A plan before it is built.
#[derive(Debug, Clone)]
struct Sketch {
    is_graph: bool,
    jobs: usize,
    on_failure: FailurePolicy,
    steps: Vec<StepSketch>,
}

#[derive(Debug, Clone)]
struct StepSketch {
    seconds: u64,
    fails: bool,
    is_tolerated: bool,
    concurrency: Concurrency,
    /// In a sequence: goes with the step before it.
    joins: bool,
    /// Steps that it waits for, as draws from those that come before it in some order that works,
    /// and whether it takes their output.
    waits: Vec<(u32, bool)>,
    /// Its place in a graph's file: any.
    place: u32,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let step = (
        1..6_u64,
        prop::bool::weighted(0.08),
        prop::bool::weighted(0.3),
        prop_oneof![
            9 => Just(Concurrency::Shared),
            1 => Just(Concurrency::Exclusive)
        ],
        prop::bool::weighted(0.4),
        vec((any::<u32>(), any::<bool>()), 0..4),
        any::<u32>(),
    );
    let step = step.prop_map(
        |(seconds, fails, is_tolerated, concurrency, joins, waits, place)| StepSketch {
            seconds,
            fails,
            is_tolerated,
            concurrency,
            joins,
            waits,
            place,
        },
    );
    let on_failure = prop_oneof![
        Just(FailurePolicy::Drain),
        Just(FailurePolicy::FailFast),
        Just(FailurePolicy::KeepGoing)
    ];
    (any::<bool>(), 1..9_usize, on_failure, vec(step, 1..200)).prop_map(
        |(is_graph, jobs, on_failure, steps)| Sketch {
            is_graph,
            jobs,
            on_failure,
            steps,
        },
    )
}

impl Sketch {
    fn bench(&self) -> Bench {
        // The order that works is shuffled, so that a graph's file has it in any order.
        let mut file: Vec<usize> = (0..self.steps.len()).collect();
        if self.is_graph {
            file.sort_by_key(|at| self.steps[*at].place);
        }
        let mut place_of = vec![0; file.len()];
        for (place, at) in file.iter().enumerate() {
            place_of[*at] = place;
        }
        let word = |step: &StepSketch| if step.fails { "fail" } else { "ok" };
        let skills: Vec<String> = file
            .iter()
            .map(|at| format!("{}-{}", word(&self.steps[*at]), self.steps[*at].seconds))
            .collect();
        let skills: Vec<&str> = skills.iter().map(String::as_str).collect();
        let mut bench = Bench::new(&skills);
        bench.policy.jobs = NonZeroUsize::new(self.jobs).unwrap();
        bench.policy.on_failure = self.on_failure;
        // Long enough for all steps one after the other.
        bench.plan.timeout.duration = Duration::from_hours(10);
        let stages = self.stages();
        let stage_of = |at: usize| stages.iter().position(|stage| stage.contains(&at));
        for (at, sketch) in self.steps.iter().enumerate() {
            let step = &mut bench.plan.steps[place_of[at]];
            step.label = format!("step-{at}");
            step.continue_on_error = sketch.is_tolerated;
            step.concurrency = sketch.concurrency;
            let flow = &mut bench.plan.flow.steps[place_of[at]];
            for (draw, takes) in sketch.waits.iter().filter(|_| at > 0) {
                let target = *draw as usize % at;
                if !self.is_graph && stage_of(target) == stage_of(at) {
                    continue;
                }
                let list = if *takes || !self.is_graph {
                    &mut flow.inputs_from
                } else {
                    &mut flow.depends_on
                };
                if !list.contains(&place_of[target]) {
                    list.push(place_of[target]);
                }
            }
        }
        if self.is_graph {
            bench.plan.flow.order = StepOrder::Graph;
            bench.plan.flow.stages.clear();
        } else {
            bench.plan.flow.stages = stages;
        }
        bench
    }

    fn stages(&self) -> Vec<std::ops::Range<usize>> {
        let mut stages: Vec<std::ops::Range<usize>> = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            match stages.last_mut() {
                Some(stage) if step.joins => stage.end = at + 1,
                _ => stages.push(at..at + 1),
            }
        }
        stages
    }
}

fn run(bench: &Bench) -> RunOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(bench.run()).0
}

/// True if a step that ended so lets those go on that come after it.
fn passes(bench: &Bench, outcome: &RunOutcome, step: usize) -> bool {
    match outcome.records[step].status {
        StepStatus::Success => true,
        StepStatus::Failed => bench.plan.steps[step].continue_on_error,
        _ => false,
    }
}

/// What each step's status must be with `--keep-going`, where nothing depends on time.
fn expected_when_going_on(bench: &Bench) -> Vec<&'static str> {
    let flow = &bench.plan.flow;
    let mut statuses: Vec<Option<&str>> = vec![None; flow.steps.len()];
    while statuses.iter().any(Option::is_none) {
        for step in 0..statuses.len() {
            let waits = &flow.steps[step];
            let all = waits.depends_on.iter().chain(&waits.inputs_from);
            if all.clone().any(|target| statuses[*target].is_none()) {
                continue;
            }
            let passed = |target: &usize| match statuses[*target] {
                Some("failed") => bench.plan.steps[*target].continue_on_error,
                status => status == Some("success"),
            };
            let may_run = waits.depends_on.iter().all(passed)
                && waits
                    .inputs_from
                    .iter()
                    .all(|target| statuses[*target] == Some("success"));
            let fails = bench.plan.steps[step].skill_id.starts_with("fail");
            statuses[step] = Some(match (may_run, fails) {
                (false, _) => "skipped",
                (true, true) => "failed",
                (true, false) => "success",
            });
        }
    }
    statuses.into_iter().flatten().collect()
}

/// What each step's status must be in a sequence that stops at a failure.
fn expected_when_stopping(bench: &Bench) -> Vec<&'static str> {
    let flow = &bench.plan.flow;
    let mut statuses: Vec<&str> = vec!["skipped"; flow.steps.len()];
    for stage in &flow.stages {
        let mut stops = false;
        for step in stage.clone() {
            let proven = &bench.plan.steps[step];
            if flow.steps[step]
                .inputs_from
                .iter()
                .all(|target| statuses[*target] == "success")
            {
                let fails = proven.skill_id.starts_with("fail");
                statuses[step] = if fails { "failed" } else { "success" };
                stops |= fails && !proven.continue_on_error;
            }
        }
        if stops {
            break;
        }
    }
    statuses
}

/// Looks at who ran when.
fn check_order(bench: &Bench, outcome: &RunOutcome) {
    let flow = &bench.plan.flow;
    let stage_of = |step: usize| flow.stages.iter().position(|stage| stage.contains(&step));
    let (mut over, mut running) = (HashSet::new(), HashSet::new());
    for (step, begins) in bench.fake.trace.borrow().iter() {
        if !begins {
            over.insert(*step);
            running.remove(step);
            continue;
        }
        running.insert(*step);
        let is_exclusive =
            |step: &usize| bench.plan.steps[*step].concurrency == Concurrency::Exclusive;
        assert!(
            running.len() == 1 || !running.iter().any(is_exclusive),
            "{running:?} ran at the same time"
        );
        let waits = &flow.steps[*step];
        for target in &waits.inputs_from {
            assert!(
                over.contains(target),
                "{step} began before {target} was over"
            );
            assert_eq!(outcome.records[*target].status, StepStatus::Success);
        }
        for target in &waits.depends_on {
            assert!(
                over.contains(target),
                "{step} began before {target} was over"
            );
            assert!(passes(bench, outcome, *target));
        }
        for earlier in 0..flow.steps.len() {
            if stage_of(earlier) < stage_of(*step)
                && bench.fake.trace.borrow().contains(&(earlier, true))
            {
                assert!(
                    over.contains(&earlier),
                    "{step} began before the stage of {earlier} was over"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_plan_comes_to_its_end(sketch in sketch()) {
        let bench = sketch.bench();
        let outcome = run(&bench);
        // Every step has one record, in the log as in the outcome.
        let indices: Vec<usize> = outcome.records.iter().map(|record| record.step_index).collect();
        prop_assert_eq!(indices, (0..sketch.steps.len()).collect::<Vec<_>>());
        let mut logged: Vec<usize> =
            bench.log.records.borrow().iter().map(|record| record.step_index).collect();
        logged.sort_unstable();
        prop_assert_eq!(logged, (0..sketch.steps.len()).collect::<Vec<_>>());
        prop_assert!(bench.fake.most.get() <= sketch.jobs);
        check_order(&bench, &outcome);
        for record in &outcome.records {
            let ran = bench.fake.trace.borrow().contains(&(record.step_index, true));
            // A step whose turn had come when another one ended the plan is canceled before it
            // starts.
            let is_kept_from_starting =
                record.status == StepStatus::Canceled && record.attempts == 0;
            let may_run = record.status != StepStatus::Skipped && !is_kept_from_starting;
            prop_assert_eq!(ran, may_run, "{:?}", record);
        }
        // The same plan with the same outcomes gives the same statuses.
        let again = sketch.bench();
        prop_assert_eq!(statuses(&run(&again)), statuses(&outcome));
    }

    #[test]
    fn going_on_skips_exactly_what_depends_on_a_failure(sketch in sketch()) {
        let sketch = Sketch { on_failure: FailurePolicy::KeepGoing, ..sketch };
        let bench = sketch.bench();
        let want = expected_when_going_on(&bench);
        prop_assert_eq!(&statuses(&run(&bench)), &want);
        // However many run at the same time.
        let alone = Sketch { jobs: 1, ..sketch }.bench();
        prop_assert_eq!(&statuses(&run(&alone)), &want);
    }

    #[test]
    fn a_sequence_stops_after_the_stage_that_fails(sketch in sketch()) {
        let sketch = Sketch { is_graph: false, on_failure: FailurePolicy::Drain, ..sketch };
        let bench = sketch.bench();
        let want = expected_when_stopping(&bench);
        prop_assert_eq!(&statuses(&run(&bench)), &want);
        // However many run at the same time.
        let alone = Sketch { jobs: 1, ..sketch }.bench();
        prop_assert_eq!(&statuses(&run(&alone)), &want);
    }
}

#[test]
fn the_time_per_step_does_not_grow_with_their_number() {
    // Two groups of which each step waits for each: by pairs, that were 2.5 thousand million.
    let skills = vec!["ok-1"; 100_000];
    let mut bench = Bench::new(&skills);
    bench.plan.flow.stages = vec![0..50_000, 50_000..100_000];
    for step in 50_000..100_000 {
        bench.plan.flow.steps[step].inputs_from = vec![step - 50_000];
    }
    bench.plan.timeout.duration = Duration::from_hours(100);
    bench.policy.jobs = NonZeroUsize::new(1_000).unwrap();
    let outcome = run(&bench);
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.status == StepStatus::Success)
    );
    assert_eq!(outcome.elapsed, Duration::from_secs(100));
}
