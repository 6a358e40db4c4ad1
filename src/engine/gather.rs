//! The output of a step with `for_each`, gathered from the records of its items.
//!
//! Invariant: outputs are read back one at a time, in the order of the list. The whole is bounded:
//! one that is longer fails the step.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::item_run::{ItemsFailure, too_long};
use super::run_state::RunState;
use super::{CircuitBreaker, ExecutionLogger, LogError, LoggedItem, ProvenForEach, SkillExecutor};
use crate::model::{ErrorCode, ExecutionStatus, Gather, StepStatus};
use crate::plan::ItemList;

/// How many outputs are read before others may go on.
const READ_AT_ONCE: usize = 64;

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// The output of the step at `index`, all of whose items are over.
    pub(super) async fn gather(
        &self,
        index: usize,
        for_each: &ProvenForEach,
        list: &ItemList,
        statuses: &[StepStatus],
    ) -> Result<Result<Arc<RawValue>, ItemsFailure>, LogError> {
        let max_bytes = self.options.policy.max_value_bytes;
        let mut text = String::from("[");
        for (item, status) in statuses.iter().enumerate() {
            let is_needed = *status == StepStatus::Success || for_each.gather == Gather::Results;
            let logged = if is_needed {
                let read = self.options.logger.logged_item(index, item);
                self.with_log_timeout(read).await?
            } else {
                LoggedItem::default()
            };
            if item > 0 {
                text.push(',');
            }
            let output = logged.output.as_deref().map_or("null", RawValue::get);
            match for_each.gather {
                Gather::Outputs => text.push_str(output),
                Gather::Results => {
                    let value = list.get(item);
                    let error = serde_json::to_string(&logged.error).unwrap_or_default();
                    // Writing to a String can't fail.
                    write!(
                        text,
                        "{{\"item\":{value},\"index\":{item},\"status\":\"{status}\",\
                         \"output\":{output},\"error\":{error}}}"
                    )
                    .ok();
                }
            }
            if text.len() > max_bytes {
                return Ok(Err(too_long(max_bytes)));
            }
            if item % READ_AT_ONCE == READ_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
        text.push(']');
        Ok(RawValue::from_string(text)
            .map(Arc::from)
            .map_err(|error| ItemsFailure {
                status: ExecutionStatus::Failed,
                code: ErrorCode::InvalidOutput,
                error: error.to_string(),
            }))
    }
}
