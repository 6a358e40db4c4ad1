//! Holds requests for approval against the records of their steps, and answers against the ledger.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Connection;

use super::fault::{VerifyIssue, VerifyIssueKind};
use crate::model::RecordedApproval;
use crate::store::approvals::approvals;
use crate::store::given_answer::LedgerApproval;
use crate::store::run_row::RunRow;

/// A record that says that its step waits.
#[derive(Debug)]
pub(super) struct WaitingRecord {
    pub(super) step_index: usize,
    pub(super) step_id: String,
    pub(super) skill_id: String,
    pub(super) requested_ms: i64,
    pub(super) approval: RecordedApproval,
}

/// Checks the requests of `run`. `answers` is what the ledger has of its answers, in order.
pub(super) fn check_approvals(
    connection: &Connection,
    run: &RunRow,
    records: &[WaitingRecord],
    answers: &[LedgerApproval],
    faults: &mut Vec<VerifyIssue>,
) -> rusqlite::Result<()> {
    let mut fault = |kind, message: String| {
        faults.push(VerifyIssue {
            kind,
            seq: None,
            message,
        });
    };
    let mut requests: BTreeMap<usize, _> = approvals(connection, Some(run.id))?
        .into_iter()
        .map(|request| (request.step_index, request))
        .collect();
    let mut given: BTreeMap<usize, &LedgerApproval> = BTreeMap::new();
    for answer in answers {
        if given.insert(answer.step_index, answer).is_some() {
            let message = format!("the ledger has two answers about `{}`", answer.step_id);
            fault(VerifyIssueKind::Reordered, message);
        }
    }
    for record in records {
        let step = &record.step_id;
        let Some(request) = requests.remove(&record.step_index) else {
            let message = format!("the request for approval of `{step}` is missing");
            fault(VerifyIssueKind::Removed, message);
            continue;
        };
        let expires_at = record.approval.expires_at;
        let is_same = request.step_id == *step
            && request.skill_id == record.skill_id
            && request.digest == record.approval.digest
            && request.requested_ms == record.requested_ms
            && Some(request.expires_ms) == expires_at.map(Timestamp::as_millisecond);
        if !is_same {
            let message = format!("the request for approval of `{step}` does not match its record");
            fault(VerifyIssueKind::Index, message);
        }
        let in_state = request
            .answer
            .clone()
            .map(|answer| request.in_ledger(answer));
        if let Some((kind, message)) =
            compare(step, in_state.as_ref(), given.remove(&record.step_index))
        {
            fault(kind, message);
        }
    }
    for request in requests.values() {
        let message = format!(
            "no record of the run asks for the approval of `{}`",
            request.step_id
        );
        fault(VerifyIssueKind::Index, message);
    }
    for answer in given.values() {
        let message = format!(
            "the ledger has an answer about `{}`, which nobody asked",
            answer.step_id
        );
        fault(VerifyIssueKind::Replaced, message);
    }
    Ok(())
}

/// Compares the answer about a step in the state with that in the ledger.
fn compare(
    step: &str,
    in_state: Option<&LedgerApproval>,
    in_ledger: Option<&LedgerApproval>,
) -> Option<(VerifyIssueKind, String)> {
    let (kind, what) = match (in_state, in_ledger) {
        (None, None) => return None,
        (Some(one), Some(other)) if one == other => return None,
        (Some(_), Some(_)) => (VerifyIssueKind::Replaced, "does not match the ledger"),
        (Some(_), None) => (VerifyIssueKind::Removed, "is missing from the ledger"),
        (None, Some(_)) => (VerifyIssueKind::Removed, "is missing: the ledger has it"),
    };
    Some((kind, format!("the answer about `{step}` {what}")))
}
