//! The log in the state: the seed's `ExecutionLogger` on SQLite.
//!
//! Invariant: a record, the run's count and head, and the end of the step's mark of being under way
//! are one transaction. So are a run's start, or its end, and its row in the ledger. A step's chain and its line are made inside it, in commit order.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, params};

use super::chain::Chain;
use super::ledger::{LedgerEntry, LedgerEvent};
use super::lock::RunLock;
use super::state_writer::StateWriter;
use crate::engine::{ExecutionLogger, LogError, LoggedRunStart, PlanEnd, PlanStart, StepStart};
use crate::model::{ExecutionLogRecord, RunStatus};

/// The log of one run in the state.
#[derive(Debug)]
pub struct StateLog {
    store: Arc<StateWriter>,
    lock: OnceLock<RunLock>,
    run: Arc<Mutex<Option<ActiveRun>>>,
}

/// A run that has begun.
#[derive(Debug)]
struct ActiveRun {
    id: i64,
    chain: Chain,
}

impl ActiveRun {
    /// Adds a record to the chain and to the state.
    fn add(
        &mut self,
        connection: &Connection,
        mut record: ExecutionLogRecord,
    ) -> rusqlite::Result<Arc<ExecutionLogRecord>> {
        let line = self.chain.add(&mut record).map_err(not_json)?;
        insert_record(connection, self, &record, &line)?;
        Ok(Arc::new(record))
    }
}

impl StateLog {
    /// The log of a run that is about to begin.
    pub fn new(store: Arc<StateWriter>) -> Self {
        Self {
            store,
            lock: OnceLock::new(),
            run: Arc::default(),
        }
    }

    /// Does `work` with the run that has begun, in a transaction.
    async fn with_run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut ActiveRun) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let run = Arc::clone(&self.run);
        let work = move |connection: &Connection| {
            let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
            let run = run.as_mut().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            work(connection, run)
        };
        self.store.submit(work).await
    }
}

impl ExecutionLogger for StateLog {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn log_plan_start(
        &self,
        mut start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        let lock = RunLock::take(self.store.dir(), &start.run_id).map_err(|error| LogError {
            name: self.store.name(),
            reason: error.to_string(),
        })?;
        self.lock.get_or_init(|| lock);
        let (run, key) = (Arc::clone(&self.run), self.store.key().cloned());
        let begin = move |connection: &Connection| {
            let (chain, line) = Chain::begin(&mut start, key).map_err(not_json)?;
            let id = insert_run(connection, &start, &line)?;
            LedgerEntry::about(LedgerEvent::RunStart, &start.run_id, connection)?
                .append(connection, chain.key())?;
            let mut kept = ActiveRun { id, chain };
            let reused = reused
                .into_iter()
                .map(|record| kept.add(connection, record));
            let reused = reused.collect::<rusqlite::Result<_>>()?;
            *run.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
            Ok(LoggedRunStart { start, reused })
        };
        self.store.submit(begin).await
    }

    async fn log_step_start(&self, start: StepStart) -> Result<(), LogError> {
        let insert = move |connection: &Connection, run: &mut ActiveRun| {
            insert_start(connection, run, &start)
        };
        self.with_run(insert).await
    }

    async fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        let keep = move |connection: &Connection, run: &mut ActiveRun| run.add(connection, record);
        self.with_run(keep).await
    }

    async fn log_plan_end(&self, mut end: PlanEnd) -> Result<PlanEnd, LogError> {
        let update = move |connection: &Connection, run: &mut ActiveRun| {
            let line = run.chain.end(&mut end).map_err(not_json)?;
            let text = "UPDATE runs SET status = ?2, ended_ms = ?3, duration_ms = ?4, \"end\" = ?5
                        WHERE id = ?1";
            connection.execute(
                text,
                params![
                    run.id,
                    end.status.as_str(),
                    end.timestamp.as_millisecond(),
                    end.duration_ms,
                    line,
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
            start.dispatch,
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

fn insert_start(
    connection: &Connection,
    run: &ActiveRun,
    start: &StepStart,
) -> rusqlite::Result<()> {
    // A later attempt of the same step replaces an earlier one.
    let text = "INSERT OR REPLACE INTO started (run, step_index, step_id, skill_id, started_ms)
                VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(text)?.execute(params![
        run.id,
        start.step_index,
        start.step_id,
        start.skill_id,
        start.timestamp.as_millisecond(),
    ])?;
    Ok(())
}

fn insert_record(
    connection: &Connection,
    run: &ActiveRun,
    record: &ExecutionLogRecord,
    line: &str,
) -> rusqlite::Result<()> {
    let text = "INSERT INTO records (run, seq, step_index, step_name, step_id, skill_id, status,
                    ended_ms, line)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(text)?.execute(params![
        run.id,
        record.seq,
        record.step_index,
        record.step_name,
        record.step_id,
        record.skill_id,
        record.status.as_str(),
        record.timestamp.as_millisecond(),
        line,
    ])?;
    connection
        .prepare_cached("UPDATE runs SET count = ?2, head = ?3 WHERE id = ?1")?
        .execute(params![run.id, run.chain.count(), run.chain.head()])?;
    connection
        .prepare_cached("DELETE FROM started WHERE run = ?1 AND step_index = ?2")?
        .execute(params![run.id, record.step_index])?;
    Ok(())
}

fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
