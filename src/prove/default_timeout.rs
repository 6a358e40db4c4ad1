//! A run of many items whose time nobody has set.

use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::{TimeLimit, TimeLimitSource};
use crate::model::{ExecutionPlan, format_duration};

/// Warns if nobody has said how long the run may take.
pub(super) fn warn_default_timeout(
    plan: &ExecutionPlan,
    timeout: TimeLimit,
    problems: &mut Diagnostics,
) {
    // `finally` steps have a timeout of their own.
    let steps = &plan.steps[..plan.finally_from()];
    let first = steps.iter().position(|step| step.for_each.is_some());
    let Some(first) = first.filter(|_| timeout.source == TimeLimitSource::Default) else {
        return;
    };
    let place = Location::key(plan.pointer(first) + "/for_each");
    let message = format!(
        "all items together have the default timeout of the run, {}",
        format_duration(timeout.duration)
    );
    let mut problem = Diagnostic::warning("default_timeout", place, message)
        .help("write `timeout: 1h` in the plan, or pass `--timeout`");
    problem.step_index = Some(first);
    problems.push(problem);
}
