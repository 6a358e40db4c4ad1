//! Requests for approval, and their answers.
//!
//! Invariant: a request is added in the transaction of the record that says that its step waits. It
//! is answered once: the first answer counts, in one transaction with its row in the ledger. An
//! answer that comes when the request has expired, or after the run was resumed, is refused.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use thiserror::Error;

use super::database::unusable;
use super::error::StoreError;
use super::given_answer::{GivenAnswer, LedgerApproval};
use super::ledger::{self, LedgerEntry, LedgerEvent, NEEDS_KEY};
use super::run_row::RunRow;
use super::state_reader::StateReader;
use crate::engine::{ApprovalAnswer, ApprovalDecision};
use crate::model::ExecutionLogRecord;

/// How many runs back answers are looked for.
const MAX_CHAIN: u32 = 1000;

/// A request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApprovalRow {
    /// The run that asks.
    pub run_id: String,
    /// The step's place in the plan, from 0.
    pub step_index: usize,
    /// Its `step_id`, or its name.
    pub step_id: String,
    /// The skill that it calls.
    pub skill_id: String,
    /// What the answer is bound to.
    pub digest: String,
    pub(super) requested_ms: i64,
    pub(super) expires_ms: i64,
    /// The answer, if there is one.
    pub answer: Option<GivenAnswer>,
    /// The run that resumed this one; then an answer comes too late.
    pub resumed_by: Option<String>,
}

/// Why an answer does not count.
#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The step does not wait.
    #[error("the step does not wait for an approval")]
    Unknown,
    /// Somebody else was first.
    #[error("{} has {} it already, at {}; the first answer counts", .0.by, .0.verb(), shown(.0.answered_ms))]
    Answered(GivenAnswer),
    /// It comes too late.
    #[error("the request expired at {}", shown(*.0))]
    Expired(i64),
    /// Another run asks now.
    #[error("run {0} has resumed the run")]
    Resumed(String),
}

impl ApprovalRow {
    /// When it was asked.
    pub(crate) fn requested_at(&self) -> Timestamp {
        time(self.requested_ms)
    }

    /// Until when an answer counts.
    pub(crate) fn expires_at(&self) -> Timestamp {
        time(self.expires_ms)
    }

    /// `waiting`, `expired`, `resumed`, or what the answer is.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        match &self.answer {
            Some(answer) => answer.verb(),
            None if self.resumed_by.is_some() => "resumed",
            None if self.is_expired(now) => "expired",
            None => "waiting",
        }
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_ms <= now.as_millisecond()
    }

    /// What the ledger has of an answer.
    pub(super) fn in_ledger(&self, answer: GivenAnswer) -> LedgerApproval {
        LedgerApproval {
            step_index: self.step_index,
            step_id: self.step_id.clone(),
            skill_id: self.skill_id.clone(),
            digest: self.digest.clone(),
            answer,
        }
    }
}

impl StateReader {
    /// The requests of `run`, or of all runs, the newest run first.
    pub(crate) fn approvals(&self, run: Option<&RunRow>) -> Result<Vec<ApprovalRow>, StoreError> {
        self.with_connection(|connection| approvals(connection, run.map(|run| run.id)))
    }

    /// Answers the request of a step at `now`. Returns the request as it is answered.
    pub(crate) fn answer(
        &self,
        run: &RunRow,
        step_index: usize,
        is_approved: bool,
        by: &str,
        comment: Option<&str>,
        now: Timestamp,
    ) -> Result<ApprovalRow, AnswerError> {
        let connection = &self.database.connection;
        let wrong = |error: rusqlite::Error| self.unreadable(&error);
        let immediate = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(connection, immediate).map_err(wrong)?;
        if self.key.is_none() && ledger::needs_key(connection).map_err(wrong)? {
            return Err(unusable(&self.database.dir, &NEEDS_KEY).into());
        }
        let requests = approvals(connection, Some(run.id)).map_err(wrong)?;
        let mut request = requests
            .into_iter()
            .find(|request| request.step_index == step_index)
            .ok_or(AnswerError::Unknown)?;
        if let Some(answer) = request.answer {
            return Err(AnswerError::Answered(answer));
        }
        if let Some(by) = request.resumed_by {
            return Err(AnswerError::Resumed(by));
        }
        if request.is_expired(now) {
            return Err(AnswerError::Expired(request.expires_ms));
        }
        let answer = GivenAnswer {
            is_approved,
            answered_ms: now.as_millisecond(),
            by: by.to_owned(),
            comment: comment.map(str::to_owned),
        };
        let keep = || -> rusqlite::Result<()> {
            update(connection, run.id, step_index, &answer)?;
            let event = LedgerEvent::Approval;
            let mut entry = LedgerEntry::about(event, &run.run_id, connection)?;
            entry.approval = Some(request.in_ledger(answer.clone()));
            entry.append(connection, self.key.as_ref())
        };
        keep().map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
        request.answer = Some(answer);
        Ok(request)
    }

    /// The answers to the run `run_id` and to the runs that it resumes, by digest, as they count
    /// at `now`; and the runs that they are from. The newest run decides.
    pub(super) fn answers(
        &self,
        run_id: &str,
        now: Timestamp,
    ) -> Result<(BTreeMap<String, ApprovalAnswer>, Vec<String>), StoreError> {
        let text = "WITH RECURSIVE chain (run_id, resumed_from, depth) AS (
                SELECT run_id, resumed_from, 0 FROM runs WHERE run_id = ?1
                UNION ALL SELECT runs.run_id, runs.resumed_from, depth + 1
                FROM chain JOIN runs ON runs.run_id = chain.resumed_from WHERE depth < ?2)
            SELECT runs.id, runs.run_id FROM chain JOIN runs ON runs.run_id = chain.run_id
            WHERE EXISTS (SELECT 1 FROM approvals WHERE run = runs.id) ORDER BY depth";
        self.with_connection(|connection| {
            let mut statement = connection.prepare_cached(text)?;
            let runs = statement.query_map(params![run_id, MAX_CHAIN], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            let runs = runs.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut answers = BTreeMap::new();
            for (id, of_run) in &runs {
                for request in approvals(connection, Some(*id))? {
                    // Only the resume of this run reports that its request has expired.
                    let may_expire = of_run == run_id;
                    if let Some(answer) = answer_at(&request, may_expire, now) {
                        answers.entry(request.digest).or_insert(answer);
                    }
                }
            }
            Ok((
                answers,
                runs.into_iter().map(|(_, run_id)| run_id).collect(),
            ))
        })
    }
}

fn answer_at(request: &ApprovalRow, may_expire: bool, now: Timestamp) -> Option<ApprovalAnswer> {
    match &request.answer {
        Some(answer) => Some(ApprovalAnswer {
            decision: if answer.is_approved {
                ApprovalDecision::Approved
            } else {
                ApprovalDecision::Denied
            },
            by: answer.by.clone(),
            at: time(answer.answered_ms),
            comment: answer.comment.clone(),
        }),
        None if may_expire && request.is_expired(now) => Some(ApprovalAnswer {
            decision: ApprovalDecision::Expired,
            by: String::new(),
            at: request.expires_at(),
            comment: None,
        }),
        None => None,
    }
}

/// Adds the request of a record that says that its step waits.
pub(super) fn insert_request(
    connection: &Connection,
    run: i64,
    record: &ExecutionLogRecord,
) -> rusqlite::Result<()> {
    let Some(approval) = record.approval.as_ref().filter(|_| record.is_waiting()) else {
        return Ok(());
    };
    let expires_at = approval.expires_at.unwrap_or(record.timestamp);
    let text = "INSERT INTO approvals (run, step_index, step_id, skill_id, digest, requested_ms,
                    expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection
        .prepare_cached(text)?
        .execute(params![
            run,
            record.step_index,
            record.step_id,
            record.skill_id,
            approval.digest,
            record.timestamp.as_millisecond(),
            expires_at.as_millisecond(),
        ])
        .map(drop)
}

fn update(
    connection: &Connection,
    run: i64,
    step_index: usize,
    answer: &GivenAnswer,
) -> rusqlite::Result<()> {
    let text =
        "UPDATE approvals SET decision = ?3, answered_ms = ?4, answered_by = ?5, comment = ?6
                WHERE run = ?1 AND step_index = ?2";
    connection
        .prepare_cached(text)?
        .execute(params![
            run,
            step_index,
            answer.verb(),
            answer.answered_ms,
            answer.by,
            answer.comment,
        ])
        .map(drop)
}

/// The requests of the run, or of all, the newest run first.
pub(super) fn approvals(
    connection: &Connection,
    run: Option<i64>,
) -> rusqlite::Result<Vec<ApprovalRow>> {
    let text =
        "SELECT runs.run_id, step_index, step_id, skill_id, digest, requested_ms, expires_ms,
                    decision, answered_ms, answered_by, comment,
                    (SELECT max(later.run_id) FROM runs later
                     WHERE later.resumed_from = runs.run_id)
                FROM approvals JOIN runs ON runs.id = approvals.run
                WHERE ?1 IS NULL OR run = ?1 ORDER BY run DESC, step_index";
    let mut statement = connection.prepare_cached(text)?;
    statement.query_map([run], approval_of)?.collect()
}

fn approval_of(row: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    let decision: Option<String> = row.get(7)?;
    let answer = match decision {
        Some(decision) => Some(GivenAnswer {
            is_approved: decision == "approved",
            answered_ms: row.get::<_, Option<i64>>(8)?.unwrap_or_default(),
            by: row.get::<_, Option<String>>(9)?.unwrap_or_default(),
            comment: row.get(10)?,
        }),
        None => None,
    };
    Ok(ApprovalRow {
        run_id: row.get(0)?,
        step_index: row.get(1)?,
        step_id: row.get(2)?,
        skill_id: row.get(3)?,
        digest: row.get(4)?,
        requested_ms: row.get(5)?,
        expires_ms: row.get(6)?,
        answer,
        resumed_by: row.get(11)?,
    })
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn shown(ms: i64) -> String {
    time(ms).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
