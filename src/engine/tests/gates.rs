//! Policies and approvals before the engine: what is denied, and when.

use std::sync::Mutex;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::*;
use crate::engine::approver::RefuseAll;
use crate::model::{InputFiles, NotReusedReason};

/// Denies the skills of these names.
#[derive(Debug)]
pub(super) struct Fence {
    denied: &'static [&'static str],
}

impl PolicyGate for Fence {
    fn decide(&self, question: &PolicyRequest<'_>) -> Decision {
        let ruling = if self.denied.contains(&&*question.step.skill_id) {
            Effect::Forbidden
        } else {
            Effect::Permitted
        };
        Decision::new(ruling, vec!["fence".to_owned()])
    }
}

fn fenced(skills: &[&str], denied: &'static [&'static str]) -> Bench {
    Bench {
        gate: Some(Fence { denied }),
        ..Bench::new(skills)
    }
}

#[tokio::test(start_paused = true)]
async fn one_denied_step_of_ten_keeps_all_from_starting() {
    let skills = ["ok", "ok", "ok", "ok", "ok", "ok", "no", "ok", "ok", "ok"];
    for on_failure in [
        FailurePolicy::Drain,
        FailurePolicy::FailFast,
        FailurePolicy::KeepGoing,
    ] {
        let mut bench = fenced(&skills, &["no"]);
        bench.policy.on_failure = on_failure;
        bench.plan.steps[6].continue_on_error = true;
        let (outcome, _) = bench.run().await;
        let mut want = ["skipped"; 10];
        want[6] = "rejected";
        assert_eq!(statuses(&outcome), want);
        assert!(bench.fake.started.borrow().is_empty());
        let verdict = &outcome.result;
        assert_eq!(
            verdict.cause,
            DecidingCause::Step(6, Some(ErrorCode::PolicyRejected))
        );
        assert_eq!(
            outcome.records[6].error.as_deref(),
            Some("runtime: policy rejected execution: `fence` forbids `no`")
        );
        assert_eq!(
            outcome.records[0].error.as_deref(),
            Some("skipped: `no` is not permitted")
        );
        assert_eq!(because(&outcome, 0), "failure of `no`");
    }
}

#[tokio::test(start_paused = true)]
async fn every_denied_step_is_told() {
    let bench = fenced(&["no", "ok", "never"], &["no", "never"]);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected", "skipped", "rejected"]);
}

#[tokio::test(start_paused = true)]
async fn a_denied_fallback_denies_the_step() {
    let mut bench = fenced(&["ok", "ok"], &["other"]);
    bench.plan.steps[1].fallback = Some(Box::new(step("other")));
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["skipped", "rejected"]);
    let error = outcome.records[1].error.as_deref().unwrap();
    assert!(
        error.ends_with("`fence` forbids the fallback `other`"),
        "{error}"
    );
}

/// Says the same to every question, and remembers the questions.
#[derive(Debug)]
pub(super) struct Person {
    foresees: Approval,
    answers: Approval,
    /// How long an answer takes.
    takes: Duration,
    asked: Mutex<Vec<String>>,
    /// The questions that were answered.
    answered: Mutex<Vec<String>>,
}

impl Person {
    /// Says this of every step, without being asked.
    pub(super) fn who_says(foresees: Approval) -> Self {
        Self {
            foresees,
            answers: Approval::Ask,
            takes: Duration::ZERO,
            asked: Mutex::default(),
            answered: Mutex::default(),
        }
    }
}

impl Approver for Person {
    fn preapprove(&self, _: &ProvenStep) -> Approval {
        self.foresees.clone()
    }

    fn ask<'a>(&'a self, request: &'a ApprovalRequest<'a>) -> LocalBoxFuture<'a, Approval> {
        let label = request.step.label.clone();
        self.asked.lock().unwrap().push(label.clone());
        async move {
            sleep(self.takes).await;
            self.answered.lock().unwrap().push(label);
            self.answers.clone()
        }
        .boxed_local()
    }
}

/// `critical` names the steps that want approval, by their indices.
fn attended(
    skills: &[&str],
    critical: &[usize],
    foresees: Approval,
    answers: Approval,
) -> (Bench, Arc<Person>) {
    attended_by(
        skills,
        critical,
        Person {
            answers,
            ..Person::who_says(foresees)
        },
    )
}

fn attended_by(skills: &[&str], critical: &[usize], person: Person) -> (Bench, Arc<Person>) {
    let person = Arc::new(person);
    let mut bench = Bench {
        approver: Arc::clone(&person) as Arc<dyn Approver>,
        ..Bench::new(skills)
    };
    for index in critical {
        bench.plan.steps[*index].risk_level = RiskLevel::Critical;
    }
    (bench, person)
}

#[tokio::test(start_paused = true)]
async fn without_an_approver_critical_steps_are_refused() {
    let mut bench = Bench {
        approver: Arc::new(RefuseAll),
        ..Bench::new(&["ok", "ok-2"])
    };
    bench.plan.steps[1].risk_level = RiskLevel::Critical;
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["skipped", "rejected"]);
    assert!(bench.fake.started.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn critical_steps_are_asked_about_before_the_first_one_starts() {
    let yes = Approval::Approved("ann".to_owned());
    let (bench, person) = attended(&["ok", "ok-2", "ok-3"], &[1], Approval::Ask, yes);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 3]);
    assert_eq!(*person.asked.lock().unwrap(), ["ok-2"]);
    let by = outcome
        .records
        .iter()
        .map(|record| record.approved_by.as_deref());
    assert_eq!(by.collect::<Vec<_>>(), [None, Some("ann"), None]);

    let no = Approval::Refused("no".to_owned());
    let (bench, person) = attended(&["ok", "ok-2", "ok-3"], &[1, 2], Approval::Ask, no.clone());
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["skipped", "rejected", "skipped"]);
    assert_eq!(*person.asked.lock().unwrap(), ["ok-2"], "one no is enough");
    assert!(bench.fake.started.borrow().is_empty());

    // If nobody can be asked, all of them are told at once.
    let (bench, person) = attended(&["ok", "ok-2", "ok-3"], &[1, 2], no, Approval::Ask);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["skipped", "rejected", "rejected"]);
    assert!(person.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_denied_and_a_result_that_is_reused_are_not_asked_about() {
    let yes = Approval::Approved("ann".to_owned());
    let (mut bench, person) = attended(&["ok", "no"], &[0], Approval::Ask, yes.clone());
    bench.gate = Some(Fence { denied: &["no"] });
    bench.run().await;
    assert!(person.asked.lock().unwrap().is_empty());

    let (mut bench, person) = attended(&["ok", "ok"], &[0], Approval::Ask, yes);
    bench.reused = vec![
        Ok(Reused {
            run_id: "run-0".to_owned(),
            output: None,
            input_files: InputFiles::new(),
        }),
        Err(NotReusedReason::NotFinished.because("failed")),
    ];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 2]);
    assert_eq!(outcome.records[0].not_reused, None);
    let not_reused = outcome.records[1].not_reused.as_ref().unwrap();
    assert_eq!(not_reused.to_string(), "not finished: failed");
    assert!(person.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_critical_fallback_wants_approval_too() {
    let no = Approval::Refused("no".to_owned());
    let (mut bench, _) = attended(&["ok"], &[], no, Approval::Ask);
    let mut fallback = step("other");
    fallback.risk_level = RiskLevel::Critical;
    bench.plan.steps[0].fallback = Some(Box::new(fallback));
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected"]);
}

/// A person who says yes after so many seconds.
fn slow_person(seconds: u64) -> Person {
    Person {
        answers: Approval::Approved("ann".to_owned()),
        takes: Duration::from_secs(seconds),
        ..Person::who_says(Approval::Ask)
    }
}

/// Has the step at `index` hold arguments that are not known before its turn comes; then it is
/// asked about.
fn ask_late(bench: &mut Bench, index: usize) {
    bench.plan.steps[index].template = Some(crate::plan::Template::Map(Vec::new()));
}

fn errors(outcome: &RunOutcome) -> Vec<Option<ErrorCode>> {
    let records = outcome.records.iter();
    records.map(|record| record.error_code).collect()
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_run_closes_a_question() {
    let timeout = Duration::from_secs(5);
    // Before the first step.
    let (mut bench, person) = attended_by(&["ok", "ok-2"], &[1], slow_person(60));
    bench.plan.timeout.duration = timeout;
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["skipped", "skipped"]);
    assert!(matches!(outcome.end, RunStopReason::PlanTimeout(_)));
    assert_eq!(outcome.elapsed, timeout);
    assert!(person.answered.lock().unwrap().is_empty());

    // When the step's turn comes; the time before it counts too.
    let (mut bench, person) = attended_by(&["ok-2", "ok"], &[1], slow_person(4));
    bench.plan.timeout.duration = timeout;
    ask_late(&mut bench, 1);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "timeout"]);
    assert_eq!(errors(&outcome), [None, Some(ErrorCode::PlanTimeout)]);
    assert_eq!(outcome.elapsed, timeout);
    assert_eq!(*bench.fake.started.borrow(), ["ok-2"]);
    assert!(person.answered.lock().unwrap().is_empty());

    // An answer in time leaves the rest of the run's time to the step.
    let (mut bench, _) = attended_by(&["ok-9"], &[0], slow_person(2));
    bench.plan.timeout.duration = timeout;
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["timeout"]);
    assert_eq!(outcome.elapsed, timeout);
}

#[tokio::test(start_paused = true)]
async fn a_signal_closes_a_question() {
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for late in [false, true] {
            let (mut bench, person) = attended_by(&["ok", "ok-2"], &[1], slow_person(60));
            if late {
                ask_late(&mut bench, 1);
            }
            let signal = bench.signal_after(3, number);
            let ((outcome, _), ()) = tokio::join!(bench.run(), signal);
            let want = if late {
                ["success", "canceled"]
            } else {
                ["skipped"; 2]
            };
            assert_eq!(statuses(&outcome), want);
            assert!(matches!(outcome.end, RunStopReason::Signal(signal) if signal == number));
            assert_eq!(outcome.elapsed, Duration::from_secs(3));
            assert!(person.answered.lock().unwrap().is_empty());
        }
    }
}

/// Steps that all run at the same time, in a graph or in one group.
fn side_by_side(bench: &mut Bench, order: StepOrder) {
    let flow = &mut bench.plan.flow;
    flow.order = order;
    flow.stages = match order {
        StepOrder::Sequence => std::iter::once(0..flow.steps.len()).collect(),
        StepOrder::Graph => Vec::new(),
    };
}

#[tokio::test(start_paused = true)]
async fn another_steps_failure_closes_a_question_where_nothing_starts_any_more() {
    for (order, on_failure, is_closed) in [
        (StepOrder::Graph, FailurePolicy::Drain, true),
        (StepOrder::Graph, FailurePolicy::FailFast, true),
        (StepOrder::Graph, FailurePolicy::KeepGoing, false),
        (StepOrder::Sequence, FailurePolicy::FailFast, true),
        // The siblings of a group come to their end.
        (StepOrder::Sequence, FailurePolicy::Drain, false),
        (StepOrder::Sequence, FailurePolicy::KeepGoing, false),
    ] {
        let (mut bench, person) = attended_by(&["fail-2", "ok"], &[1], slow_person(60));
        side_by_side(&mut bench, order);
        bench.policy.on_failure = on_failure;
        ask_late(&mut bench, 1);
        let (outcome, _) = bench.run().await;
        let want = if is_closed { "canceled" } else { "success" };
        assert_eq!(
            statuses(&outcome),
            ["failed", want],
            "{order:?} {on_failure:?}"
        );
        assert_eq!(person.answered.lock().unwrap().is_empty(), is_closed);
        assert_eq!(
            bench.fake.started.borrow().len(),
            if is_closed { 1 } else { 2 }
        );
        if is_closed {
            assert_eq!(outcome.elapsed, Duration::from_secs(2));
            let error = outcome.records[1].error.as_deref().unwrap();
            assert!(
                error.ends_with("canceled: `fail-2` did not succeed"),
                "{error}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_question_at_a_time_and_those_that_wait_are_closed_too() {
    let (mut bench, person) = attended_by(&["ok", "ok-2", "ok-3"], &[0, 1, 2], slow_person(10));
    side_by_side(&mut bench, StepOrder::Sequence);
    (0..3).for_each(|index| ask_late(&mut bench, index));
    let signal = bench.signal_after(15, libc::SIGTERM);
    let ((outcome, _), ()) = tokio::join!(bench.run(), signal);
    assert_eq!(statuses(&outcome), ["success", "canceled", "canceled"]);
    assert_eq!(*person.asked.lock().unwrap(), ["ok", "ok-2"]);
    assert_eq!(*person.answered.lock().unwrap(), ["ok"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_after_the_end_whatever_was_awaited_before() {
    let slow = Duration::from_secs(10);
    let delays: [fn(&mut Bench, Duration); 2] = [
        |bench, slow| bench.fuse.takes = slow,
        |bench, slow| {
            bench.plan.steps[0].is_idempotent = false;
            bench.log.start_takes = slow;
        },
    ];
    for delay in delays {
        let mut bench = Bench::new(&["ok"]);
        delay(&mut bench, slow);
        let signal = bench.signal_after(5, libc::SIGTERM);
        let ((outcome, _), ()) = tokio::join!(bench.run(), signal);
        assert_eq!(statuses(&outcome), ["canceled"]);
        assert_eq!(outcome.records[0].attempts, 0);
        assert!(matches!(outcome.end, RunStopReason::Signal(libc::SIGTERM)));
        assert!(bench.fake.started.borrow().is_empty());

        let mut bench = Bench::new(&["ok"]);
        delay(&mut bench, slow);
        bench.plan.timeout.duration = Duration::from_secs(5);
        let (outcome, _) = bench.run().await;
        assert_eq!(errors(&outcome), [Some(ErrorCode::PlanTimeout)]);
        assert!(bench.fake.started.borrow().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn no_fallback_and_no_other_attempt_starts_with_the_signal() {
    for has_fallback in [false, true] {
        let mut bench = Bench::new(&["fail-5"]);
        let step = &mut bench.plan.steps[0];
        step.retry = Retries {
            max: 1,
            initial_backoff: Duration::from_secs(5),
            max_backoff: Duration::from_secs(5),
        };
        if has_fallback {
            step.retry.max = 0;
            step.fallback = Some(Box::new(super::step("ok")));
        }
        // At the very moment at which the next attempt, or the fallback, would start.
        let moment = if has_fallback { 5 } else { 10 };
        let signal = bench.signal_after(moment, libc::SIGTERM);
        let ((), (outcome, _)) = tokio::join!(biased; signal, bench.run());
        assert_eq!(statuses(&outcome), ["canceled"]);
        assert_eq!(*bench.fake.started.borrow(), ["fail-5"]);
        assert!(matches!(outcome.end, RunStopReason::Signal(_)));
    }
}
