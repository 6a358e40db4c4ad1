//! A gate before the engine: what is denied, and when.

use super::*;

/// Denies the skills of these names.
#[derive(Debug)]
pub(super) struct Fence {
    denied: &'static [&'static str],
}

impl PolicyGate for Fence {
    fn decide(&self, question: &PolicyQuestion<'_>) -> Decision {
        let ruling = if self.denied.contains(&question.step.skill_id.as_str()) {
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
