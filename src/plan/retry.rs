//! `retry` of a step.

use std::time::Duration;

use serde_json::json;

use super::foreign_keys;
use super::skill_ref::skill_ref;
use crate::document::{Diagnostic, Diagnostics, Node, Shape};
use crate::model::{Retry, format_duration};

/// The most retries that a step may ask for.
const MAX_RETRIES: u64 = 100;

/// The default initial backoff.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);

/// The default maximum backoff.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

const RETRY: Shape = Shape {
    meaning: foreign_keys::in_retry,
    ..Shape::new(
        "`retry`",
        &["max_retries", "initial_backoff", "max_backoff", "fallback"],
    )
};

/// Reads `retry` of a step.
pub(super) fn retry(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Retry> {
    if let Some(count) = node.value.as_u64() {
        let message = format!("`retry` must be a mapping, found the number {count}");
        problems.push(
            Diagnostic::error("wrong_type", node.place(), message)
                .help(format!("write `retry: {{max_retries: {count}}}`"))
                .expected("object")
                .got(count)
                .fix(node.replace_with(&json!({"max_retries": count}))),
        );
        return None;
    }
    let mut fields = node.fields(problems, &RETRY)?;
    let retries = fields.get("max_retries");
    let has_retries = retries.is_some();
    let retries = retries.and_then(|node| max_retries(&node, problems));
    let initial = fields.get("initial_backoff");
    let initial = initial.and_then(|node| node.duration(problems));
    let most = fields.get("max_backoff");
    let most = most.and_then(|node| node.duration(problems));
    let fallback = fields.get("fallback");
    let has_fallback = fallback.is_some();
    let fallback = fallback.and_then(|node| skill_ref(&node, problems));
    let is_renamed = fields.is_renamed("max_retries") || fields.is_renamed("fallback");
    if !has_retries && !has_fallback && !is_renamed {
        problems.push(
            Diagnostic::error(
                "retry",
                node.place(),
                "`retry` has neither `max_retries` nor `fallback`",
            )
            .help("add `max_retries: 3`, or `fallback:` with the id of another skill"),
        );
    }
    let initial_backoff =
        initial.unwrap_or_else(|| INITIAL_BACKOFF.min(most.unwrap_or(INITIAL_BACKOFF)));
    let max_backoff = most.unwrap_or_else(|| MAX_BACKOFF.max(initial_backoff));
    if initial_backoff > max_backoff {
        let message = format!(
            "`initial_backoff` is {}, but `max_backoff` is {}",
            format_duration(initial_backoff),
            format_duration(max_backoff)
        );
        problems.push(
            Diagnostic::error("retry", fields.place_of_key("initial_backoff"), message)
                .help("raise `max_backoff` or lower `initial_backoff`"),
        );
    }
    fields.finish(problems);
    Some(Retry {
        max_retries: retries.unwrap_or_default(),
        initial_backoff,
        max_backoff,
        fallback,
    })
}

fn max_retries(node: &Node<'_>, problems: &mut Diagnostics) -> Option<u32> {
    let retries = node.integer(problems, 0)?;
    if retries > MAX_RETRIES {
        let message = format!("`max_retries` is {retries}; the maximum is {MAX_RETRIES}");
        problems.push(
            Diagnostic::error("retry", node.place(), message)
                .help("the step's timeout bounds all attempts"),
        );
        return None;
    }
    u32::try_from(retries).ok()
}
