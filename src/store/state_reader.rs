//! Queries on the state.
//!
//! Invariant: reading changes nothing except that dead runs are marked as interrupted. Lines are
//! returned byte for byte, one at a time, so memory does not grow with their number.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::chain::ChainKey;
use super::circuit_table::circuit_of;
use super::database::{Database, LAST_HASH, RECORDS, sqlite_message, unusable};
use super::error::StoreError;
use super::lock;
use super::run_row::{RunRow, StepCounts};
use crate::engine::CircuitState;
use crate::model::{RunStatus, StepStatus};

/// The state, open for queries.
#[derive(Debug)]
pub(crate) struct StateReader {
    pub(super) database: Database,
    pub(super) key: Option<ChainKey>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunFilter {
    /// With one of these statuses; any if there is none.
    pub statuses: Vec<RunStatus>,
    /// Of this assistant.
    pub assistant_id: Option<String>,
    /// Started at this time or later.
    pub since: Option<Timestamp>,
    /// The maximum number of runs.
    pub limit: Option<u64>,
}

/// Which records to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordFilter {
    /// Of this run.
    pub run: Option<RunRow>,
    /// Of the step with this id or name.
    pub step: Option<String>,
    /// Of this skill.
    pub skill_id: Option<String>,
    /// With one of these statuses; any if there is none.
    pub statuses: Vec<StepStatus>,
    /// Ended at this time or later.
    pub since: Option<Timestamp>,
    /// After this one in its run.
    pub after_seq: u64,
    /// The maximum number of records: the last ones.
    pub last: Option<u64>,
}

/// A column of records that holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordColumn {
    /// The `step_id`.
    Step,
    /// The skill.
    Skill,
}

/// A row of a skill's circuit.
#[derive(Debug, Clone)]
pub(crate) struct CircuitRow {
    /// The tenant; may be empty.
    pub tenant_id: String,
    /// The skill.
    pub skill_id: String,
    /// Its directory.
    pub skill_dir: String,
    /// Its state now.
    pub state: CircuitState,
    /// How many calls have failed in a row.
    pub failures: u32,
    /// When a probe may start, or the current one must have ended.
    pub until: Option<Timestamp>,
}

/// The columns of a [`RunRow`]. The values of an active run come from its records.
pub(super) fn run_columns() -> String {
    format!(
        "id, run_id, assistant_id, plan, steps, started_ms, status, duration_ms, resumed_from,
         CASE status WHEN 'running' THEN {RECORDS} ELSE count END,
         CASE status WHEN 'running' THEN {LAST_HASH} ELSE head END,
         header, \"end\", inputs, is_in_ledger"
    )
}

impl StateReader {
    /// Opens the state in `dir`; `None` if there is none yet. `key` is that of the ledger.
    pub(crate) fn open(dir: &Path, key: Option<ChainKey>) -> Result<Option<Self>, StoreError> {
        let Some(database) = Database::open(dir)? else {
            return Ok(None);
        };
        let history = Self { database, key };
        history.refresh();
        Ok(Some(history))
    }

    /// Opens the state in `dir` to look at it for a moment, and changes nothing in it; `None` if
    /// that can't be done at once.
    pub(crate) fn peek(dir: &Path) -> Option<Self> {
        let database = Database::peek(dir)?;
        Some(Self {
            database,
            key: None,
        })
    }

    /// Marks interrupted runs again.
    pub(crate) fn refresh(&self) {
        // If the state can't be written, looking must do.
        let Database { connection, dir } = &self.database;
        lock::mark_interrupted(connection, dir, self.key.as_ref()).ok();
    }

    /// Calls `each` with the runs that match `filter`, the newest first, until it returns false.
    pub(crate) fn runs(
        &self,
        filter: &RunFilter,
        mut each: impl FnMut(RunRow) -> bool,
    ) -> Result<(), StoreError> {
        let columns = run_columns();
        let mut query = Query::new(format!("SELECT {columns} FROM runs"));
        query.one_of(
            "status",
            filter.statuses.iter().map(|status| status.as_str()),
        );
        query.and("assistant_id = ?", filter.assistant_id.clone());
        query.and(
            "started_ms >= ?",
            filter.since.map(Timestamp::as_millisecond),
        );
        query.text.push_str(" ORDER BY id DESC");
        if let Some(limit) = filter.limit {
            query.text.push_str(" LIMIT ?");
            query.parameters.push(integer(limit));
        }
        self.each(&query, |row| run_of(row).map(&mut each))
    }

    /// How the steps of `run` ended, as far as they have.
    pub(crate) fn step_counts(&self, run: &RunRow) -> Result<StepCounts, StoreError> {
        let mut counts = StepCounts::default();
        // Those that did not succeed are in an index of their own; a run may have very many others.
        let mut query = Query::new("SELECT status, count(*) FROM records".to_owned());
        let others = StepStatus::ALL
            .into_iter()
            .filter(|&status| status != StepStatus::Success);
        query.one_of("status", others.map(StepStatus::as_str));
        query.condition("status <> 'success'");
        query.condition("item_index IS NULL");
        query.and("run = ?", Some(run.id));
        query.text.push_str(" GROUP BY status");
        self.each(&query, |row| {
            let count = match StepStatus::from_name(row.get_ref(0)?.as_str()?) {
                Some(StepStatus::Failed) => &mut counts.failed,
                Some(StepStatus::Timeout) => &mut counts.timeout,
                Some(StepStatus::Canceled) => &mut counts.canceled,
                Some(StepStatus::Rejected) => &mut counts.rejected,
                Some(StepStatus::Skipped) => &mut counts.skipped,
                Some(StepStatus::Success) | None => return Ok(true),
            };
            *count = row.get(1)?;
            Ok(true)
        })?;
        let StepCounts {
            failed,
            timeout,
            canceled,
            rejected,
            skipped,
            ..
        } = counts;
        let others = failed + timeout + canceled + rejected + skipped;
        let items = self.item_records(run)?;
        counts.success = run.records.saturating_sub(others + items);
        Ok(counts)
    }

    /// How many records of `run` are of items.
    fn item_records(&self, run: &RunRow) -> Result<u64, StoreError> {
        let text = "SELECT count(*) FROM records WHERE run = ?1 AND item_index IS NOT NULL";
        self.with_connection(|connection| connection.query_row(text, [run.id], |row| row.get(0)))
    }

    /// Calls `each` with the number and the line of the records that match `filter`, the oldest
    /// first, until it returns false.
    pub(crate) fn records(
        &self,
        filter: &RecordFilter,
        mut each: impl FnMut(u64, &str) -> bool,
    ) -> Result<(), StoreError> {
        let mut query = Query::new("SELECT run, seq, line FROM records".to_owned());
        query.and("run = ?", filter.run.as_ref().map(|run| run.id));
        query.one_of(
            "status",
            filter.statuses.iter().map(|status| status.as_str()),
        );
        if !filter.statuses.is_empty() && !filter.statuses.contains(&StepStatus::Success) {
            // So that the index on what did not succeed is known to do.
            query.condition("status <> 'success'");
        }
        if let Some(step) = &filter.step {
            query.step(step);
        }
        query.and("skill_id = ?", filter.skill_id.clone());
        query.and("ended_ms >= ?", filter.since.map(Timestamp::as_millisecond));
        query.and(
            "seq > ?",
            Some(filter.after_seq).filter(|seq| *seq > 0).map(integer),
        );
        if let Some(last) = filter.last {
            query.text = format!(
                "SELECT * FROM ({} ORDER BY run DESC, seq DESC LIMIT ?)",
                query.text
            );
            query.parameters.push(integer(last));
        }
        query.text.push_str(" ORDER BY run, seq");
        self.each(&query, |row| {
            let line = row.get_ref(2)?.as_str()?;
            Ok(each(row.get(1)?, line))
        })
    }

    /// What records of `run`, or of all runs, have in `column`: in the order of the steps, the
    /// newest run first, each once, at most `most` of them.
    pub(crate) fn record_names(
        &self,
        run: Option<&RunRow>,
        column: RecordColumn,
        most: u64,
    ) -> Result<Vec<String>, StoreError> {
        let column = match column {
            RecordColumn::Step => "step_id",
            RecordColumn::Skill => "skill_id",
        };
        let mut query = Query::new(format!("SELECT {column} FROM records"));
        query.and("run = ?", run.map(|run| run.id));
        let order = " GROUP BY 1 ORDER BY max(run) DESC, min(step_index) LIMIT ?";
        query.text.push_str(order);
        query.parameters.push(integer(most));
        let mut names = Vec::new();
        self.each(&query, |row| {
            names.push(row.get(0)?);
            Ok(true)
        })?;
        Ok(names)
    }

    /// Calls `each` with the indexed columns and the line of each record of `run`.
    pub(super) fn indexed_records(
        &self,
        run: &RunRow,
        mut each: impl FnMut(&IndexedRecord, &str),
    ) -> Result<(), StoreError> {
        let mut query = Query::new(
            "SELECT seq, step_index, step_name, step_id, skill_id, status, ended_ms, line, \
             item_index \
             FROM records"
                .to_owned(),
        );
        query.and("run = ?", Some(run.id));
        query.text.push_str(" ORDER BY seq");
        self.each(&query, |row| {
            let indexed = IndexedRecord {
                seq: row.get(0)?,
                step_index: row.get(1)?,
                step_name: row.get(2)?,
                step_id: row.get(3)?,
                skill_id: row.get(4)?,
                status: row.get(5)?,
                ended_ms: row.get(6)?,
                item_index: row.get(8)?,
            };
            each(&indexed, row.get_ref(7)?.as_str()?);
            Ok(true)
        })
    }

    /// The newest run that resumed `run_id`.
    pub(crate) fn resumed_by(&self, run_id: &str) -> Result<Option<String>, StoreError> {
        let text = "SELECT run_id FROM runs WHERE resumed_from = ?1 ORDER BY id DESC LIMIT 1";
        let row = |connection: &Connection| connection.query_row(text, [run_id], |row| row.get(0));
        self.with_connection(|connection| row(connection).optional())
    }

    /// The line of the record of an item.
    pub(super) fn item_line(
        &self,
        run: i64,
        step_index: usize,
        item_index: usize,
    ) -> Result<Option<String>, StoreError> {
        let text =
            "SELECT line FROM records WHERE run = ?1 AND step_index = ?2 AND item_index = ?3";
        self.with_connection(|connection| {
            let mut statement = connection.prepare_cached(text)?;
            let row = statement.query_row(params![run, step_index, item_index], |row| row.get(0));
            row.optional()
        })
    }

    /// The directory of the state.
    pub(super) fn dir(&self) -> &Path {
        &self.database.dir
    }

    /// The steps of `run` that had begun when obs died and must not run twice.
    pub(super) fn under_way(&self, run: &RunRow) -> Result<Vec<StartedCall>, StoreError> {
        let mut under_way = Vec::new();
        let mut query =
            Query::new("SELECT step_index, item_index, step_id, skill_id FROM started".to_owned());
        query.and("run = ?", Some(run.id));
        query.text.push_str(" ORDER BY step_index");
        self.each(&query, |row| {
            // -1 is the step itself.
            let item: i64 = row.get(1)?;
            under_way.push(StartedCall {
                step_index: row.get(0)?,
                item_index: usize::try_from(item).ok(),
                step_id: row.get(2)?,
                skill_id: row.get(3)?,
            });
            Ok(true)
        })?;
        Ok(under_way)
    }

    /// The circuits with stored state.
    pub(crate) fn circuits(&self) -> Result<Vec<CircuitRow>, StoreError> {
        let now = Timestamp::now().as_millisecond();
        let mut circuits = Vec::new();
        let query = Query::new(
            "SELECT tenant_id, skill_id, skill_dir, failures, open_until_ms, cooldown_ms, probe_run,
                 probe_until_ms, probe_lease_ms
             FROM circuits ORDER BY skill_id, tenant_id, skill_dir"
                .to_owned(),
        );
        self.each(&query, |row| {
            let circuit = circuit_of(row, 3)?;
            let probe = circuit.probe.as_ref().map(|probe| probe.until_ms);
            let until = probe.or(circuit.open_until_ms);
            circuits.push(CircuitRow {
                tenant_id: row.get(0)?,
                skill_id: row.get(1)?,
                skill_dir: row.get(2)?,
                state: circuit.state(now),
                failures: circuit.failures,
                until: until.and_then(|until| Timestamp::from_millisecond(until).ok()),
            });
            Ok(true)
        })?;
        Ok(circuits)
    }

    /// Closes the circuits of `skill_id`, or all, and returns how many there were.
    pub(crate) fn reset_circuits(&mut self, skill_id: Option<&str>) -> Result<usize, StoreError> {
        let text = "DELETE FROM circuits WHERE skill_id = ?1 OR ?1 IS NULL";
        let removed = self.database.connection.execute(text, params![skill_id]);
        removed.map_err(|error| self.unreadable(&error))
    }

    /// The run with this id, whole.
    pub(super) fn run(&self, run_id: &str) -> Result<Option<RunRow>, StoreError> {
        let columns = run_columns();
        let text = format!("SELECT {columns} FROM runs WHERE run_id = ?1");
        let found = self.database.connection.query_row(&text, [run_id], run_of);
        found.optional().map_err(|error| self.unreadable(&error))
    }

    /// Reads a snapshot of the state.
    pub(super) fn in_snapshot<T>(
        &self,
        look: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.database.connection.unchecked_transaction();
        let transaction = transaction.map_err(|error| self.unreadable(&error))?;
        let outcome = look(self);
        // Nothing was written.
        drop(transaction);
        outcome
    }

    /// Does `work` with the connection.
    pub(super) fn with_connection<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.database.connection).map_err(|error| self.unreadable(&error))
    }

    fn each(
        &self,
        query: &Query,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), StoreError> {
        let mut all = || {
            let mut statement = self.database.connection.prepare(&query.text)?;
            let mut rows = statement.query(params_from_iter(&query.parameters))?;
            while let Some(row) = rows.next()? {
                if !each(row)? {
                    break;
                }
            }
            Ok(())
        };
        all().map_err(|error| self.unreadable(&error))
    }

    pub(super) fn unreadable(&self, error: &rusqlite::Error) -> StoreError {
        unusable(&self.database.dir, &sqlite_message(error))
    }
}

/// A call that had begun when obs died.
#[derive(Debug)]
pub(super) struct StartedCall {
    pub(super) step_index: usize,
    pub(super) item_index: Option<usize>,
    pub(super) step_id: String,
    pub(super) skill_id: String,
}

/// The indexed columns of a record.
#[derive(Debug)]
pub(super) struct IndexedRecord {
    pub(super) seq: u64,
    pub(super) step_index: usize,
    pub(super) step_name: String,
    pub(super) step_id: String,
    pub(super) skill_id: String,
    pub(super) status: String,
    pub(super) ended_ms: i64,
    pub(super) item_index: Option<usize>,
}

/// A query that grows by its conditions.
struct Query {
    text: String,
    parameters: Vec<Value>,
    has_condition: bool,
}

impl Query {
    fn new(text: String) -> Self {
        Self {
            text,
            parameters: Vec::new(),
            has_condition: false,
        }
    }

    fn condition(&mut self, text: &str) {
        let word = if self.has_condition {
            " AND "
        } else {
            " WHERE "
        };
        self.has_condition = true;
        self.text.push_str(word);
        self.text.push_str(text);
    }

    fn and(&mut self, text: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.condition(text);
            self.parameters.push(value.into());
        }
    }

    /// The records of a step, or of the item that `count[7]` names.
    fn step(&mut self, step: &str) {
        let of_step = "(step_id = ? OR step_name = ?)";
        let item = step
            .strip_suffix(']')
            .and_then(|step| step.rsplit_once('['));
        let item = item.and_then(|(step, item)| Some((step, item.parse::<u32>().ok()?)));
        let Some((of, item)) = item else {
            self.and(of_step, Some(step.to_owned()));
            self.parameters.push(step.to_owned().into());
            return;
        };
        // A step may be called like that.
        let text = format!("({of_step} OR {of_step} AND item_index = ?)");
        self.and(&text, Some(step.to_owned()));
        let more = [step, of, of].map(|name| Value::from(name.to_owned()));
        self.parameters.extend(more);
        self.parameters.push(item.into());
    }

    fn one_of<'v>(&mut self, column: &str, values: impl Iterator<Item = &'v str>) {
        let before = self.parameters.len();
        self.parameters
            .extend(values.map(|value| Value::from(value.to_owned())));
        let marks = vec!["?"; self.parameters.len() - before];
        if !marks.is_empty() {
            self.condition(&format!("{column} IN ({})", marks.join(", ")));
        }
    }
}

pub(super) fn integer(number: u64) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The run in a row of [`run_columns`].
pub(super) fn run_of(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let started_ms: i64 = row.get(5)?;
    Ok(RunRow {
        id: row.get(0)?,
        run_id: row.get(1)?,
        assistant_id: row.get(2)?,
        plan: row.get(3)?,
        steps: row.get(4)?,
        started_at: Timestamp::from_millisecond(started_ms).unwrap_or(Timestamp::UNIX_EPOCH),
        // A word that obs never writes says nothing of a run's end. `verify` reports it.
        status: RunStatus::from_name(row.get_ref(6)?.as_str()?).unwrap_or(RunStatus::Interrupted),
        duration_ms: row.get(7)?,
        resumed_from: row.get(8)?,
        records: row.get(9)?,
        head: row.get(10)?,
        header: row.get(11)?,
        end: row.get(12)?,
        inputs: row.get(13)?,
        is_in_ledger: row.get(14)?,
    })
}
