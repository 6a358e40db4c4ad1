//! The log in the state: OpenBotStack's `ExecutionLogger` on SQLite.
//!
//! Invariant: a record, the removal of the step's start mark and the request for its approval are
//! one transaction. So are a run's
//! start or end and its row in the ledger. A record's place in the chain and its line are computed
//! inside the transaction, in commit order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::approvals::insert_request;
use super::chain::Chain;
use super::database::sqlite_message;
use super::ledger::{LedgerEntry, LedgerEvent};
use super::lock::RunLock;
use super::state_writer::StateWriter;
use crate::engine::{
    ExecutionLogger, LogError, LoggedItem, LoggedRunStart, PlanEnd, PlanStart, StepStart,
};
use crate::model::{ExecutionLogRecord, RunStatus};

/// The log of one run in the state.
#[derive(Debug)]
pub struct StateLog {
    writer: Arc<StateWriter>,
    lock: OnceLock<RunLock>,
    run: Mutex<Option<ActiveRun>>,
}

#[derive(Debug)]
struct ActiveRun {
    id: i64,
    chain: Chain,
    /// The steps with a committed start but no record yet.
    started: BTreeSet<(usize, Option<usize>)>,
}

impl ActiveRun {
    /// Adds a record to the chain and to the state.
    fn add(
        &mut self,
        connection: &Connection,
        mut record: ExecutionLogRecord,
    ) -> rusqlite::Result<Arc<ExecutionLogRecord>> {
        let line = self.chain.add(&mut record).map_err(not_json)?;
        insert_record(connection, self.id, &record, &line)?;
        insert_request(connection, self.id, &record)?;
        if self.started.remove(&(record.step_index, record.item_index)) {
            remove_start(connection, self.id, record.step_index, record.item_index)?;
        }
        Ok(Arc::new(record))
    }
}

impl StateLog {
    /// The log of a run that is about to start.
    pub fn new(writer: Arc<StateWriter>) -> Self {
        Self {
            writer,
            lock: OnceLock::new(),
            run: Mutex::default(),
        }
    }

    /// Does `work` with the active run, in a transaction.
    async fn with_run<T>(
        &self,
        work: impl FnOnce(&Connection, &mut ActiveRun) -> rusqlite::Result<T>,
    ) -> Result<T, LogError> {
        let work = |connection: &Connection| {
            let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
            let run = run.as_mut().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            work(connection, run)
        };
        self.writer.commit(work).await
    }
}

impl ExecutionLogger for StateLog {
    fn name(&self) -> String {
        self.writer.name()
    }

    async fn log_plan_start(
        &self,
        mut start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        let lock = RunLock::take(self.writer.dir(), &start.run_id).map_err(|error| LogError {
            name: self.writer.name(),
            reason: error.to_string(),
        })?;
        self.lock.get_or_init(|| lock);
        let begin = |connection: &Connection| {
            let key = self.writer.key().cloned();
            let (chain, line) = Chain::begin(&mut start, key).map_err(not_json)?;
            let id = insert_run(connection, &start, &line)?;
            LedgerEntry::about(LedgerEvent::RunStart, &start.run_id, connection)?
                .append(connection, chain.key())?;
            let started = BTreeSet::new();
            let mut run = ActiveRun { id, chain, started };
            let reused = reused.into_iter().map(|record| run.add(connection, record));
            let reused = reused.collect::<rusqlite::Result<_>>()?;
            *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
            Ok(LoggedRunStart { start, reused })
        };
        self.writer.commit(begin).await
    }

    async fn log_step_start(&self, start: StepStart) -> Result<(), LogError> {
        let insert = |connection: &Connection, run: &mut ActiveRun| {
            run.started.insert((start.step_index, start.item_index));
            insert_start(connection, run.id, &start)
        };
        self.with_run(insert).await
    }

    async fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        let keep = |connection: &Connection, run: &mut ActiveRun| run.add(connection, record);
        self.with_run(keep).await
    }

    async fn logged_item(
        &self,
        step_index: usize,
        item_index: usize,
    ) -> Result<LoggedItem, LogError> {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let id = run.as_ref().map_or(-1, |run| run.id);
        // The connection that wrote them sees all that it has committed.
        let item = read_item(&self.writer.connection(), id, step_index, item_index);
        item.map_err(|error| LogError {
            name: self.writer.name(),
            reason: sqlite_message(&error),
        })
    }

    async fn log_plan_end(&self, mut end: PlanEnd) -> Result<PlanEnd, LogError> {
        let update = |connection: &Connection, run: &mut ActiveRun| {
            let line = run.chain.end(&mut end).map_err(not_json)?;
            let text = "UPDATE runs SET status = ?2, ended_ms = ?3, duration_ms = ?4, \"end\" = ?5,
                            count = ?6, head = ?7
                        WHERE id = ?1";
            connection.execute(
                text,
                params![
                    run.id,
                    end.status.as_str(),
                    end.timestamp.as_millisecond(),
                    end.duration_ms,
                    line,
                    end.records,
                    end.prev_hash,
                ],
            )?;
            LedgerEntry::about(LedgerEvent::RunEnd, &end.run_id, connection)?
                .append(connection, run.chain.key())?;
            Ok(end)
        };
        self.with_run(update).await
    }
}

fn insert_run(connection: &Connection, start: &PlanStart, line: &str) -> rusqlite::Result<i64> {
    let text = "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status,
                    resumed_from, head, header, inputs)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.execute(
        text,
        params![
            start.run_id,
            start.assistant_id,
            start.provenance.plan,
            start.steps,
            start.timestamp.as_millisecond(),
            RunStatus::Running.as_str(),
            start.provenance.resumed_from,
            start.hash,
            line,
            serde_json::to_string(&start.provenance.inputs).map_err(not_json)?,
        ],
    )?;
    Ok(connection.last_insert_rowid())
}

fn insert_start(connection: &Connection, run: i64, start: &StepStart) -> rusqlite::Result<()> {
    // A later attempt of the same step replaces an earlier one.
    let text = "INSERT OR REPLACE INTO started
                    (run, step_index, item_index, step_id, skill_id, started_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(text)?.execute(params![
        run,
        start.step_index,
        item_key(start.item_index),
        start.step_id,
        start.skill_id,
        start.timestamp.as_millisecond(),
    ])?;
    Ok(())
}

fn insert_record(
    connection: &Connection,
    run: i64,
    record: &ExecutionLogRecord,
    line: &str,
) -> rusqlite::Result<()> {
    let text = "INSERT INTO records (run, seq, step_index, step_name, step_id, skill_id, status,
                    ended_ms, line, item_index)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(text)?.execute(params![
        run,
        record.seq,
        record.step_index,
        record.step_name,
        record.step_id,
        record.skill_id,
        record.status.as_str(),
        record.timestamp.as_millisecond(),
        line,
        record.item_index,
    ])?;
    Ok(())
}

/// How the table of starts has an item; the step itself is -1.
fn item_key(item_index: Option<usize>) -> i64 {
    item_index.map_or(-1, |item| i64::try_from(item).unwrap_or(i64::MAX))
}

/// What the committed record of an item has.
fn read_item(
    connection: &Connection,
    run: i64,
    step_index: usize,
    item_index: usize,
) -> rusqlite::Result<LoggedItem> {
    let text = "SELECT line FROM records WHERE run = ?1 AND step_index = ?2 AND item_index = ?3";
    let mut statement = connection.prepare_cached(text)?;
    statement.query_row(params![run, step_index, item_index], |row| {
        let line = row.get_ref(0)?.as_str()?;
        let record: ItemLine = serde_json::from_str(line).map_err(not_json)?;
        Ok(LoggedItem {
            output: record.output,
            error: record.error,
        })
    })
}

/// The part of a record's line that is read back.
#[derive(Deserialize)]
struct ItemLine {
    #[serde(default)]
    output: Option<Arc<RawValue>>,
    #[serde(default)]
    error: Option<String>,
}

fn remove_start(
    connection: &Connection,
    run: i64,
    step_index: usize,
    item_index: Option<usize>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM started WHERE run = ?1 AND step_index = ?2 AND item_index = ?3",
        )?
        .execute(params![run, step_index, item_key(item_index)])
        .map(drop)
}

fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
