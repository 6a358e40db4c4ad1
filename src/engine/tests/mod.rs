//! The engine with a fake executor, under paused time: no process, no waiting.

use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::*;
use crate::event::{self, EventReceiver, RunEvent};
use crate::model::{
    ErrorCode, ExecutionLogRecord, ExecutionRequest, ExecutionResult, ExecutionStatus, InputFiles,
    NotReused, RiskLevel, StepOrder, StepStatus, StepType,
};
use crate::plan::{DependencyGraph, StepDependencies};
use crate::process::{RunClock, StopRequest};
use crate::skill::{Exposure, Skill};

/// What the fake does with a step, by its skill id.
fn script(skill_id: &str) -> (Duration, ExecutionStatus, Obeys) {
    let (name, seconds) = skill_id.split_once('-').unwrap_or((skill_id, "1"));
    let takes = Duration::from_secs(seconds.parse().unwrap());
    match name {
        "reject" => (takes, ExecutionStatus::Rejected, Obeys::AtOnce),
        "ok" => (takes, ExecutionStatus::Success, Obeys::AtOnce),
        "polite" => (takes, ExecutionStatus::Success, Obeys::WithSuccess),
        "stubborn" => (takes, ExecutionStatus::Success, Obeys::OnlyKill),
        _ => (takes, ExecutionStatus::Failed, Obeys::AtOnce),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Obeys {
    AtOnce,
    WithSuccess,
    OnlyKill,
}

#[derive(Default)]
struct Fake {
    started: RefCell<Vec<String>>,
    /// The steps as they begin (true) and end.
    trace: RefCell<Vec<(usize, bool)>>,
    /// The steps that run now, and the most that ever did.
    running: Cell<usize>,
    most: Cell<usize>,
}

impl SkillExecutor for Fake {
    async fn execute(
        &self,
        request: ExecutionRequest,
        mut control: StepControl,
    ) -> ExecutionResult {
        self.started.borrow_mut().push(request.skill_id.clone());
        self.trace.borrow_mut().push((control.index, true));
        self.running.set(self.running.get() + 1);
        self.most.set(self.most.get().max(self.running.get()));
        // Each item of a step has a script of its own.
        let scripts = control
            .item
            .map(|item| request.skill_id.split('|').nth(item.index));
        let skill_id = scripts.flatten().unwrap_or(&request.skill_id);
        let (takes, mut status, obeys) = script(skill_id);
        if skill_id.starts_with("flaky") && control.attempt >= 3 {
            status = ExecutionStatus::Success;
        }
        let enough = if obeys == Obeys::OnlyKill {
            StopRequest::Kill
        } else {
            StopRequest::Terminate
        };
        let status = tokio::select! {
            () = sleep(takes) => status,
            _ = control.stop.wait_for(|stop| *stop >= enough) => match obeys {
                Obeys::WithSuccess => ExecutionStatus::Success,
                _ => ExecutionStatus::Failed,
            },
        };
        self.running.set(self.running.get() - 1);
        self.trace.borrow_mut().push((control.index, false));
        if request.skill_id.starts_with("exhausts") {
            let text = "over its limit".to_owned();
            return ExecutionResult::failure(ErrorCode::ResourceExhausted, text);
        }
        ExecutionResult {
            ended_by_itself: *control.stop.borrow() == StopRequest::None,
            ..result(status)
        }
    }

    fn load_skill(&self, _: Arc<Skill>) {}
}

fn result(status: ExecutionStatus) -> ExecutionResult {
    ExecutionResult {
        status,
        ..ExecutionResult::failure(ErrorCode::SkillFailed, "exit code 2".to_owned())
    }
}

/// A log that keeps what it gets, and fails from the `fails_at`-th record on.
#[derive(Default)]
struct Log {
    records: RefCell<Vec<Arc<ExecutionLogRecord>>>,
    end: RefCell<Option<PlanEnd>>,
    /// Starts and ends of steps, in order.
    calls: RefCell<Vec<String>>,
    fails_at: Option<usize>,
    /// Fails to log a start that would be this one of `calls`.
    start_fails_at: Option<usize>,
    /// How long it takes for a record.
    takes: Duration,
    /// How long it takes for the start of a step.
    start_takes: Duration,
}

impl Log {
    fn error(&self) -> LogError {
        LogError {
            name: self.name(),
            reason: "no space left on device".to_owned(),
        }
    }
}

impl ExecutionLogger for Log {
    fn name(&self) -> String {
        "the log `full.jsonl`".to_owned()
    }

    async fn log_plan_start(
        &self,
        start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        let reused = reused.into_iter().map(Arc::new).collect();
        Ok(LoggedRunStart { start, reused })
    }

    async fn log_step_start(&self, start: StepStart) -> Result<(), LogError> {
        if !self.start_takes.is_zero() {
            sleep(self.start_takes).await;
        }
        if self.start_fails_at == Some(self.calls.borrow().len()) {
            return Err(self.error());
        }
        self.calls
            .borrow_mut()
            .push(format!("start {}", start.step_id));
        Ok(())
    }

    async fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        if self.fails_at == Some(self.records.borrow().len()) {
            return Err(self.error());
        }
        let record = Arc::new(record);
        self.calls
            .borrow_mut()
            .push(format!("end {}", record.step_id));
        self.records.borrow_mut().push(Arc::clone(&record));
        Ok(record)
    }

    async fn logged_item(
        &self,
        step_index: usize,
        item_index: usize,
    ) -> Result<LoggedItem, LogError> {
        let records = self.records.borrow();
        let mut of_step = records
            .iter()
            .filter(|record| record.step_index == step_index);
        let record = of_step.find(|record| record.item_index == Some(item_index));
        Ok(
            record.map_or_else(LoggedItem::default, |record| LoggedItem {
                output: record.output.clone(),
                error: record.error.clone(),
            }),
        )
    }

    async fn log_plan_end(&self, end: PlanEnd) -> Result<PlanEnd, LogError> {
        *self.end.borrow_mut() = Some(end.clone());
        Ok(end)
    }
}

/// A breaker that refuses the skills in `open`, and keeps what it is told.
#[derive(Default)]
struct Fuse {
    open: Vec<String>,
    /// How long it takes to answer.
    takes: Duration,
    calls: RefCell<Vec<String>>,
}

impl Fuse {
    fn note(&self, what: &str, skill_id: &str) {
        self.calls.borrow_mut().push(format!("{what} {skill_id}"));
    }
}

impl CircuitBreaker for Fuse {
    async fn allow(&self, skill_id: &str, _: Duration) -> Result<BreakerDecision, LogError> {
        self.note("ask", skill_id);
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        if !self.open.iter().any(|open| open == skill_id) {
            return Ok(BreakerDecision::Allowed(Permit::Closed));
        }
        Ok(BreakerDecision::Refused(Rejection {
            state: CircuitState::Open,
            failures: 5,
            until: Timestamp::from_second(1_700_000_000).unwrap(),
        }))
    }

    async fn record_success(&self, skill_id: &str, _: Permit) -> Result<(), LogError> {
        self.note("success", skill_id);
        Ok(())
    }

    async fn record_failure(&self, skill_id: &str, _: Permit) -> Result<(), LogError> {
        self.note("failure", skill_id);
        Ok(())
    }

    async fn release(&self, skill_id: &str, _: Permit) -> Result<(), LogError> {
        self.note("release", skill_id);
        Ok(())
    }
}

struct Bench {
    plan: ProvenPlan,
    policy: RunPolicy,
    log: Log,
    fuse: Fuse,
    reused: Vec<Result<Reused, NotReused>>,
    gate: Option<gates::Fence>,
    approver: Arc<dyn Approver>,
    approvals: ApprovalOptions,
    fake: Fake,
    clock: RunClock,
    controller: Rc<ShutdownSender>,
    control: ShutdownReceiver,
}

impl Bench {
    fn new(skills: &[&str]) -> Self {
        let (controller, control) = ShutdownSender::new();
        let plan = ProvenPlan {
            assistant_id: "test".to_owned(),
            id: None,
            parent_id: None,
            timeout: TimeLimit::DEFAULT_RUN,
            finally_timeout: TimeLimit::DEFAULT_FINALLY,
            steps: skills.iter().map(|skill| step(skill)).collect(),
            flow: DependencyGraph {
                order: StepOrder::Sequence,
                stages: (0..skills.len()).map(|at| at..at + 1).collect(),
                steps: vec![StepDependencies::default(); skills.len()],
                finally_from: skills.len(),
            },
            inputs: serde_json::Map::new(),
            exposure: Exposure::default(),
            selection: Selection::default(),
        };
        Self {
            plan,
            policy: RunPolicy {
                jobs: NonZeroUsize::new(4).unwrap(),
                on_failure: FailurePolicy::Drain,
                retry_unsafe: false,
                max_value_bytes: RunPolicy::default().max_value_bytes,
                fail_on_leak: false,
            },
            log: Log::default(),
            fuse: Fuse::default(),
            reused: Vec::new(),
            gate: None,
            approvals: ApprovalOptions::default(),
            approver: Arc::new(gates::Person::who_says(Approval::Approved(
                "test".to_owned(),
            ))),
            fake: Fake::default(),
            clock: RunClock::new(),
            controller: Rc::new(controller),
            control,
        }
    }

    async fn run(&self) -> (RunOutcome, EventReceiver) {
        let (sender, receiver) = event::channel();
        let context = ExecutionContext::new(
            Identity::default(),
            "run-1".to_owned(),
            self.plan.timeout.duration,
            self.clock.clone(),
        );
        let run = RunOptions {
            logger: &self.log,
            breaker: &self.fuse,
            limiter: None,
            provenance: Provenance::default(),
            reused: self.reused.clone(),
            previous_items: None,
            approver: Arc::clone(&self.approver),
            approvals: self.approvals.clone(),
            gate: self.gate.as_ref().map(|gate| gate as &dyn PolicyGate),
            events: &sender,
            policy: self.policy,
        };
        let control = self.control.clone();
        let outcome = Box::pin(execute_plan(&self.fake, &self.plan, &context, run, control)).await;
        (outcome, receiver)
    }

    /// A signal after `seconds` of the paused clock.
    fn signal_after(&self, seconds: u64, number: i32) -> impl Future<Output = ()> + use<> {
        let controller = Rc::clone(&self.controller);
        async move {
            sleep(Duration::from_secs(seconds)).await;
            controller.signal(number);
        }
    }
}

fn step(skill: &str) -> ProvenStep {
    ProvenStep {
        for_each: None,
        name: skill.to_owned(),
        label: skill.to_owned(),
        step_type: StepType::Skill,
        skill_id: skill.into(),
        skill_version: None,
        risk_level: RiskLevel::Info,
        approval: None,
        skill: Arc::new(Skill::builtin(crate::skill::Builtin::Now).unwrap()),
        arguments: Arc::default(),
        shown_arguments: Arc::default(),
        secrets: crate::process::Secrets::default(),
        template: None,
        retry: Retries::default(),
        fallback: None,
        timeout: TimeLimit {
            duration: Duration::from_secs(30),
            source: TimeLimitSource::Step,
        },
        attempt_timeout: TimeLimit::DEFAULT_STEP,
        grace: Duration::from_secs(5),
        is_idempotent: true,
        when: Vec::new(),
        continue_on_error: false,
        output_schema: None,
        concurrency: Concurrency::Shared,
        program: None,
        command: Vec::new(),
        wants_run_dir: false,
        permissions: Arc::default(),
        confinement: Arc::default(),
        creates: Arc::default(),
    }
}

/// Why the step at `index` was skipped, as `obs show` says it.
fn because(outcome: &RunOutcome, index: usize) -> String {
    let because = outcome.records[index].skipped_because.as_ref();
    because.map(ToString::to_string).unwrap_or_default()
}

fn statuses(outcome: &RunOutcome) -> Vec<&'static str> {
    outcome
        .records
        .iter()
        .map(|record| record.status.as_str())
        .collect()
}

mod commits;
mod exit_codes;
mod finally;
mod flows;
mod gates;
mod items;
mod properties;
mod retries;

#[tokio::test(start_paused = true)]
async fn stops_at_the_first_failure_and_records_the_rest_as_skipped() {
    let bench = Bench::new(&["ok", "fail", "ok-2"]);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "failed", "skipped"]);
    assert_eq!(*bench.fake.started.borrow(), ["ok", "fail"]);
    assert_eq!(
        outcome.records[2].error.as_deref(),
        Some("skipped: `fail` did not succeed")
    );
    assert_eq!(outcome.records[2].attempts, 0);
    assert_eq!(because(&outcome, 2), "failure of `fail`");
    assert_eq!(outcome.records[1].skipped_because, None);
    assert!(matches!(outcome.end, RunStopReason::Steps));
    assert_eq!(
        bench.log.end.borrow().as_ref().unwrap().error.as_deref(),
        Some("exit code 2")
    );
}

#[tokio::test(start_paused = true)]
async fn continue_on_error_and_keep_going_go_on() {
    let mut bench = Bench::new(&["fail", "ok"]);
    bench.plan.steps[0].continue_on_error = true;
    assert_eq!(statuses(&bench.run().await.0), ["failed", "success"]);

    let mut bench = Bench::new(&["fail", "ok", "fail-2", "ok"]);
    bench.policy.on_failure = FailurePolicy::KeepGoing;
    assert_eq!(
        statuses(&bench.run().await.0),
        ["failed", "success", "failed", "success"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_over_its_time_is_a_timeout_whatever_it_returns() {
    let bench = Bench::new(&["polite-60", "ok"]);
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["timeout", "skipped"]);
    let record = &outcome.records[0];
    assert_eq!(record.error_code, Some(ErrorCode::ExecutionTimeout));
    assert_eq!(
        record.error.as_deref(),
        Some("runtime: execution timeout: the step exceeded its timeout of 30s, set by the step")
    );
    assert_eq!(record.duration_ms, 30_000);
}

#[tokio::test(start_paused = true)]
async fn the_runs_time_ends_the_running_step_and_skips_the_rest() {
    let mut bench = Bench::new(&["ok-5", "ok-25", "ok-5"]);
    bench.plan.timeout = TimeLimit {
        duration: Duration::from_secs(20),
        source: TimeLimitSource::Plan,
    };
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "timeout", "skipped"]);
    assert_eq!(outcome.records[1].error_code, Some(ErrorCode::PlanTimeout));
    assert!(matches!(outcome.end, RunStopReason::PlanTimeout(_)));
    assert_eq!(outcome.elapsed, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_ends_what_runs_with_grace() {
    let bench = Bench::new(&["ok-1", "ok-20", "ok-1"]);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(3, 2));
    assert_eq!(statuses(&outcome), ["success", "canceled", "skipped"]);
    assert_eq!(because(&outcome, 2), "failure");
    assert_eq!(
        outcome.records[1].error.as_deref(),
        Some("canceled by SIGINT")
    );
    assert!(matches!(outcome.end, RunStopReason::Signal(2)));
    assert_eq!(outcome.elapsed, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_kills_and_the_first_decides() {
    let bench = Bench::new(&["stubborn-25"]);
    let ((outcome, _), (), ()) = tokio::join!(
        bench.run(),
        bench.signal_after(3, 15),
        bench.signal_after(7, 2)
    );
    assert_eq!(statuses(&outcome), ["canceled"]);
    assert_eq!(outcome.elapsed, Duration::from_secs(7));
    assert!(matches!(outcome.end, RunStopReason::Signal(15)));
}

#[tokio::test(start_paused = true)]
async fn a_signal_after_a_timeout_does_not_change_the_steps_status() {
    let bench = Bench::new(&["stubborn-60", "ok"]);
    let ((outcome, _), (), ()) = tokio::join!(
        bench.run(),
        bench.signal_after(32, 2),
        bench.signal_after(33, 2)
    );
    assert_eq!(statuses(&outcome), ["timeout", "skipped"]);
    assert!(matches!(outcome.end, RunStopReason::Signal(2)));
}

#[tokio::test(start_paused = true)]
async fn time_spent_stopped_does_not_count() {
    let bench = Bench::new(&["ok-40"]);
    let stop = async {
        sleep(Duration::from_secs(20)).await;
        bench.clock.add_suspended(Duration::from_secs(15));
    };
    let ((outcome, _), ()) = tokio::join!(bench.run(), stop);
    assert_eq!(statuses(&outcome), ["success"]);
    let record = &outcome.records[0];
    assert_eq!((record.duration_ms, record.suspended_ms), (25_000, 15_000));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_it_is_in_the_log() {
    let mut bench = Bench::new(&["ok", "ok-2", "ok-3"]);
    bench.log.fails_at = Some(1);
    let (outcome, events) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"]);
    assert!(matches!(&outcome.end, RunStopReason::LogFailed(error)
        if error.to_string() == "can't write the log `full.jsonl`: no space left on device"));
    let mut finished = 0;
    while let Ok(event) = events.recv_timeout(Duration::ZERO) {
        finished += usize::from(matches!(event, RunEvent::StepFinished { .. }));
    }
    assert_eq!(finished, 1);
    assert_eq!(*bench.fake.started.borrow(), ["ok", "ok-2"]);
}

#[tokio::test(start_paused = true)]
async fn hidden_arguments_stay_hidden_in_the_record() {
    let mut bench = Bench::new(&["ok"]);
    let object = |value: serde_json::Value| Arc::new(value.as_object().unwrap().clone());
    bench.plan.steps[0].arguments = object(serde_json::json!({"user": "a", "password": "p"}));
    bench.plan.steps[0].shown_arguments =
        object(serde_json::json!({"user": "a", "password": "***"}));
    let (outcome, _) = bench.run().await;
    assert_eq!(
        serde_json::to_string(&outcome.records[0].arguments).unwrap(),
        r#"{"user":"a","password":"***"}"#
    );
    assert_eq!(outcome.records[0].status, StepStatus::Success);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_run_twice_is_known_to_have_begun() {
    let mut bench = Bench::new(&["ok", "ok-2"]);
    bench.plan.steps[1].is_idempotent = false;
    bench.run().await;
    assert_eq!(
        *bench.log.calls.borrow(),
        ["end ok", "start ok-2", "end ok-2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_asked_and_told_once_per_step() {
    let bench = Bench::new(&["ok", "fail"]);
    bench.run().await;
    let calls = ["ask ok", "success ok", "ask fail", "failure fail"];
    assert_eq!(*bench.fuse.calls.borrow(), calls);

    let bench = Bench::new(&["ok-20"]);
    let ((outcome, _), ()) = tokio::join!(bench.run(), bench.signal_after(3, 2));
    assert_eq!(statuses(&outcome), ["canceled"]);
    assert_eq!(*bench.fuse.calls.borrow(), ["ask ok-20", "release ok-20"]);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_rejects_the_step_and_says_when_to_come_again() {
    let mut bench = Bench::new(&["ok", "ok-2"]);
    bench.fuse.open = vec!["ok".to_owned()];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["rejected", "skipped"]);
    let record = &outcome.records[0];
    assert_eq!(record.error_code, Some(ErrorCode::CircuitOpen));
    assert_eq!(
        record.error.as_deref(),
        Some(
            "runtime: circuit breaker open: `ok` failed 5 times in a row; the next probe call may \
             start at 22:13:20Z, in 0s"
        )
    );
    assert!(bench.fake.started.borrow().is_empty());
    assert_eq!(*bench.fuse.calls.borrow(), ["ask ok"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_reused_does_not_run_and_has_its_record() {
    let mut bench = Bench::new(&["ok", "ok-2"]);
    let output = serde_json::value::RawValue::from_string("[1]".to_owned()).unwrap();
    bench.reused = vec![Ok(Reused {
        run_id: "earlier".to_owned(),
        output: Some(output.into()),
        input_files: InputFiles::new(),
    })];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success", "success"]);
    assert_eq!(*bench.fake.started.borrow(), ["ok-2"]);
    let record = &outcome.records[0];
    assert_eq!(
        (record.reused_from.as_deref(), record.attempts),
        (Some("earlier"), 0)
    );
    assert_eq!(record.output.as_ref().unwrap().get(), "[1]");
}
