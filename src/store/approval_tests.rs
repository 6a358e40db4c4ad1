//! Requests for approval and their answers, and what verification finds of changed ones.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use super::approvals::AnswerError;
use super::chain::ChainKey;
use super::testing::{end, record, start};
use super::{RunName, StateLog, StateReader, StateWriter, VerifyKeys};
use crate::engine::{ApprovalDecision, ExecutionLogger as _};
use crate::model::RecordedApproval;

const RUN: &str = "a1";

/// A state with a run whose second step waits.
async fn waiting(key: Option<&ChainKey>) -> TempDir {
    let temp = TempDir::new().unwrap();
    let store = StateWriter::open(temp.path(), key.cloned()).unwrap();
    let log = StateLog::new(Arc::new(store));
    log.log_plan_start(start(RUN), Vec::new()).await.unwrap();
    for (index, status) in [(0, "success"), (1, "skipped")] {
        let mut record = record(index, status);
        RUN.clone_into(&mut record.run_id);
        if index == 1 {
            record.approval = Some(RecordedApproval {
                digest: "d1".to_owned(),
                expires_at: Some(in_hours(24)),
                message: None,
                items: None,
                answered_at: None,
                comment: None,
            });
        }
        log.log_step(record).await.unwrap();
    }
    log.log_plan_end(end(RUN)).await.unwrap();
    temp
}

fn in_hours(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

fn reader(temp: &TempDir, key: Option<&ChainKey>) -> StateReader {
    StateReader::open(temp.path(), key.cloned())
        .unwrap()
        .unwrap()
}

fn answer(
    temp: &TempDir,
    key: Option<&ChainKey>,
    is_approved: bool,
    now: Timestamp,
) -> Result<(), AnswerError> {
    let reader = reader(temp, key);
    let run = reader.find(&RunName::Id(RUN.to_owned())).unwrap();
    reader
        .answer(&run, 1, is_approved, "ann", Some("seen"), now)
        .map(drop)
}

fn faults(temp: &TempDir, key: Option<&ChainKey>) -> Vec<String> {
    let reader = reader(temp, key);
    let run = reader.find(&RunName::Id(RUN.to_owned())).unwrap();
    let keys = VerifyKeys {
        key: key.cloned(),
        head: None,
    };
    let report = reader.verify(&run, &keys).unwrap();
    report
        .faults
        .into_iter()
        .map(|fault| fault.message)
        .collect()
}

fn sql(temp: &TempDir, text: &str) {
    let connection = Connection::open(temp.path().join("obs.db")).unwrap();
    connection.execute_batch(text).unwrap();
}

#[tokio::test]
async fn the_first_answer_counts_until_the_request_expires() {
    let temp = waiting(None).await;
    assert_eq!(faults(&temp, None), [""; 0]);
    let late = answer(&temp, None, true, in_hours(25));
    assert!(matches!(late, Err(AnswerError::Expired(_))), "{late:?}");
    let decision_at = |now| {
        let (answers, _) = reader(&temp, None).answers(RUN, now).unwrap();
        answers.get("d1").map(|answer| answer.decision)
    };
    assert_eq!(decision_at(in_hours(1)), None);
    assert_eq!(decision_at(in_hours(25)), Some(ApprovalDecision::Expired));
    answer(&temp, None, false, in_hours(23)).unwrap();
    let second = answer(&temp, None, true, in_hours(23));
    assert!(
        matches!(second, Err(AnswerError::Answered(_))),
        "{second:?}"
    );
    assert_eq!(decision_at(in_hours(25)), Some(ApprovalDecision::Denied));
    assert_eq!(faults(&temp, None), [""; 0]);
}

#[tokio::test]
async fn a_changed_request_or_answer_is_found() {
    for (is_answered, text, want) in [
        (
            false,
            "UPDATE approvals SET digest = 'd2'",
            "does not match its record",
        ),
        (
            false,
            "UPDATE approvals SET expires_ms = expires_ms + 1",
            "does not match its record",
        ),
        (
            false,
            "DELETE FROM approvals",
            "the request for approval of",
        ),
        (
            false,
            "UPDATE approvals SET decision = 'approved', answered_ms = 1, answered_by = 'eve'",
            "is missing from the ledger",
        ),
        (
            true,
            "UPDATE approvals SET decision = 'denied'",
            "does not match the ledger",
        ),
        (
            true,
            "UPDATE approvals SET answered_by = 'eve'",
            "does not match the ledger",
        ),
        (
            true,
            "UPDATE approvals SET comment = NULL",
            "does not match the ledger",
        ),
        (
            true,
            "UPDATE approvals SET decision = NULL",
            "the ledger has it",
        ),
        (
            true,
            "UPDATE approvals SET step_index = 0",
            "no record of the run asks",
        ),
    ] {
        let temp = waiting(None).await;
        if is_answered {
            answer(&temp, None, true, in_hours(1)).unwrap();
        }
        sql(&temp, text);
        let found = faults(&temp, None);
        assert!(
            found.iter().any(|fault| fault.contains(want)),
            "{text}: {found:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_a_run_with_a_key_needs_the_key() {
    let key = ChainKey::new(b"secret".to_vec());
    let temp = waiting(key.as_ref()).await;
    let without = answer(&temp, None, true, in_hours(1)).unwrap_err();
    assert!(without.to_string().contains("`OBS_CHAIN_KEY`"), "{without}");
    answer(&temp, key.as_ref(), true, in_hours(1)).unwrap();
    assert_eq!(faults(&temp, key.as_ref()), [""; 0]);
}
