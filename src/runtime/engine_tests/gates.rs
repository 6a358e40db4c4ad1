//! Policies and approvals before the engine: what is denied, and when.

use std::sync::Mutex;

use super::*;

/// Denies the skills of these names.
#[derive(Debug)]
pub(super) struct Fence {
    denied: &'static [&'static str],
}

impl PolicyGate for Fence {
    fn decide(&self, question: &PolicyQuestion<'_>) -> Decision {
        let ruling = if self.denied.contains(&&*question.step.skill_id) {
            Ruling::Forbidden
        } else {
            Ruling::Permitted
        };
        Decision::of(ruling, vec!["fence".to_owned()])
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
    for on_failure in [OnFailure::Stop, OnFailure::Cancel, OnFailure::KeepGoing] {
        let mut bench = fenced(&skills, &["no"]);
        bench.conduct.on_failure = on_failure;
        bench.plan.steps[6].continue_on_error = true;
        let (outcome, _) = bench.run().await;
        let mut want = ["skipped"; 10];
        want[6] = "rejected";
        assert_eq!(statuses(&outcome), want);
        assert!(bench.fake.started.borrow().is_empty());
        let verdict = Verdict::of(&outcome.end, &outcome.records, &bench.plan.steps);
        assert_eq!(
            verdict.cause,
            Cause::Step(6, Some(ErrorCode::PolicyRejected))
        );
        assert_eq!(
            outcome.records[6].error.as_deref(),
            Some("runtime: policy rejected execution: `fence` forbids `no`")
        );
        assert_eq!(
            outcome.records[0].error.as_deref(),
            Some("skipped: `no` is not permitted")
        );
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
struct Person {
    foresees: Approval,
    answers: Approval,
    asked: Mutex<Vec<String>>,
}

impl Approver for Person {
    fn foresee(&self, _: &ProvenStep) -> Approval {
        self.foresees.clone()
    }

    fn ask(&self, request: &ApprovalRequest) -> Approval {
        self.asked.lock().unwrap().push(request.label.clone());
        self.answers.clone()
    }
}

/// `critical` names the steps that want approval, by their indices.
fn attended(
    skills: &[&str],
    critical: &[usize],
    foresees: Approval,
    answers: Approval,
) -> (Bench, Arc<Person>) {
    let person = Arc::new(Person {
        foresees,
        answers,
        asked: Mutex::default(),
    });
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

    // Where nobody can be asked, all of them are told at once.
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
        Some(Reused {
            run_id: "run-0".to_owned(),
            output: None,
        }),
        None,
    ];
    let (outcome, _) = bench.run().await;
    assert_eq!(statuses(&outcome), ["success"; 2]);
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
