//! The precedence of exit codes, for every combination of what can decide one.

use super::*;

/// What can decide the exit code, most decisive first, with its code.
const CAUSES: [(&str, u8); 5] = [
    ("log", exit_code::IO),
    ("signal", 128 + 15),
    ("timeout", exit_code::TIMEOUT),
    ("step", exit_code::EXHAUSTED),
    ("finally", exit_code::FAILED),
];

#[tokio::test(start_paused = true)]
async fn the_most_decisive_cause_decides() {
    for set in 0..1_u32 << CAUSES.len() {
        let has = |name: &str| {
            let at = CAUSES.iter().position(|(cause, _)| *cause == name);
            at.is_some_and(|at| set & (1 << at) != 0)
        };
        let word = |name: &str| if has(name) { "fail-1" } else { "ok-1" };
        // The second step runs from 1 s to 9 s. Only a kill would end it earlier, so that the
        // timeout comes first and the signal comes while it is being ended.
        let first = if has("step") { "exhausts-1" } else { "ok-1" };
        let mut bench = Bench::new(&[first, "stubborn-8", word("finally")]);
        bench.plan.flow.finally_from = 2;
        bench.plan.flow.stages.truncate(2);
        bench.policy.on_failure = FailurePolicy::KeepGoing;
        bench.log.fails_at = has("log").then_some(1);
        if has("timeout") {
            bench.plan.timeout.duration = Duration::from_secs(4);
        }
        let signal = async {
            if has("signal") {
                bench.signal_after(6, 15).await;
            }
        };
        let ((outcome, _), ()) = tokio::join!(bench.run(), signal);
        let present: Vec<&str> = CAUSES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| has(name))
            .collect();
        let want = CAUSES.iter().find(|(name, _)| has(name));
        let want = want.map_or(exit_code::SUCCESS, |(_, code)| *code);
        assert_eq!(
            exit_code::from_cause(outcome.result.cause),
            want,
            "{present:?}"
        );
    }
}

#[test]
fn the_report_decides_only_where_nothing_weightier_does() {
    use exit_code::{EXHAUSTED, FAILED, FAULT, IO, REJECTED, SUCCESS, TIMEOUT, with_report};
    for (run, report, code) in [
        (SUCCESS, None, SUCCESS),
        (SUCCESS, Some(FAILED), FAILED),
        (SUCCESS, Some(FAULT), FAULT),
        (FAILED, Some(FAILED), FAILED),
        (EXHAUSTED, Some(FAILED), EXHAUSTED),
        (REJECTED, Some(FAULT), FAULT),
        (TIMEOUT, Some(FAULT), FAULT),
        (128 + 2, Some(FAULT), FAULT),
        (128 + 2, Some(FAILED), 128 + 2),
        (IO, Some(FAULT), IO),
        (IO, Some(FAILED), IO),
        (IO, None, IO),
    ] {
        assert_eq!(with_report(run, report), code, "{run} {report:?}");
    }
}
