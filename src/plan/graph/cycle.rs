//! Dependency cycles.
//!
//! Invariant: each cycle is reported once, in time linear in steps and dependencies (Kahn's
//! algorithm; where it gets stuck, a walk along dependencies ends in a cycle).

use super::Dependency;
use crate::document::{Diagnostic, Diagnostics};
use crate::model::ExecutionPlan;

/// How many steps of a cycle are named.
const MAX_NAMED: usize = 12;

/// Adds a problem for each cycle.
pub(super) fn refuse(plan: &ExecutionPlan, waits: &[Dependency], problems: &mut Diagnostics) {
    let steps = plan.steps.len();
    let mut waits_of: Vec<Vec<usize>> = vec![Vec::new(); steps];
    let mut waiters_of: Vec<Vec<usize>> = vec![Vec::new(); steps];
    for (at, wait) in waits.iter().enumerate() {
        waits_of[wait.waiter].push(at);
        waiters_of[wait.target].push(wait.waiter);
    }
    let mut open: Vec<usize> = waits_of.iter().map(Vec::len).collect();
    let mut is_over = vec![false; steps];
    let mut ready: Vec<usize> = (0..steps).filter(|step| open[*step] == 0).collect();
    let mut seen_at = vec![usize::MAX; steps];
    let mut next = 0;
    loop {
        while let Some(step) = ready.pop() {
            if std::mem::replace(&mut is_over[step], true) {
                continue;
            }
            for &waiter in &waiters_of[step] {
                open[waiter] = open[waiter].saturating_sub(1);
                if open[waiter] == 0 {
                    ready.push(waiter);
                }
            }
        }
        while next < steps && is_over[next] {
            next += 1;
        }
        if next == steps {
            return;
        }
        let circle = walk(next, waits, &waits_of, &is_over, &mut seen_at);
        problems.push_error_with(|| describe(plan, waits, &circle));
        // A step that only depends on this cycle is not a cycle of its own.
        ready.extend(circle.iter().map(|at| waits[*at].waiter));
    }
}

/// The cycle that a walk from `start` along dependencies ends in, as indices of dependencies.
fn walk(
    start: usize,
    waits: &[Dependency],
    waits_of: &[Vec<usize>],
    is_over: &[bool],
    seen_at: &mut [usize],
) -> Vec<usize> {
    let mut path: Vec<usize> = Vec::new();
    let mut step = start;
    while seen_at[step] == usize::MAX {
        seen_at[step] = path.len();
        // An unresolved step depends on an unresolved step.
        let blocking = waits_of[step]
            .iter()
            .find(|at| !is_over[waits[**at].target]);
        let Some(&at) = blocking else { break };
        path.push(at);
        step = waits[at].target;
    }
    let circle = path.split_off(seen_at[step].min(path.len()));
    // Only visited steps are walked again, so many cycles cost no more than their steps.
    for at in path.iter().chain(&circle) {
        seen_at[waits[*at].waiter] = usize::MAX;
    }
    circle
}

fn describe(plan: &ExecutionPlan, waits: &[Dependency], circle: &[usize]) -> Diagnostic {
    // Reported from its first step, wherever the walk began.
    let first = (0..circle.len()).min_by_key(|at| waits[circle[*at]].waiter);
    let first = first.unwrap_or_default();
    let turned = circle[first..].iter().chain(&circle[..first]);
    let waiters: Vec<usize> = turned.map(|at| waits[*at].waiter).collect();
    let place = waits[circle[first]].place.clone();
    let name = |step: &usize| format!("`{}`", plan.steps[*step].id_or_name());
    if let [step] = waiters.as_slice() {
        let message = format!("{} depends on itself", name(step));
        return Diagnostic::error("cycle", place, message).help("let it depend on another step");
    }
    let mut path: Vec<String> = waiters.iter().take(MAX_NAMED).map(name).collect();
    if waiters.len() > MAX_NAMED {
        path.push(format!("{} more", waiters.len() - MAX_NAMED));
    }
    path.extend(waiters.first().map(name));
    let message = format!(
        "the steps depend on each other in a cycle: {}",
        path.join(" → ")
    );
    Diagnostic::error("cycle", place, message).help("remove one of these dependencies")
}
