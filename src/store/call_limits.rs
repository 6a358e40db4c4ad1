//! The limits of manifests on calls (`concurrency`, `rate_limit`): in the state, so that they hold
//! for all obs processes, or in memory.
//!
//! Invariant: whether a call may start is decided, and its start is written, in one transaction, so
//! the bounds are exact: never more running calls than `concurrency`, never more starts within any
//! time `per` than `calls`. Calls that wait start in the order in which they began to. A call of a
//! dead obs neither runs nor waits; that of a living one runs until it has ended, also while obs is
//! stopped. No stored time counts for longer than its duration, so a clock that is set back stops
//! nothing for longer than that.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::database::{CALLS_SCHEMA, sqlite_message};
use super::lock;
use super::state_writer::StateWriter;
use crate::engine::{CallDecision, CallId, CallLimiter, LimiterFuture, LogError, ProvenPlan};
use crate::skill::{CallLimits, Skill};

/// A waiting call asks at least this often, so a dead obs delays it by no more.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How long a waiting call that did not ask keeps its place.
const PATIENCE_MS: i64 = 3_000;
/// How often a waiting call writes that it still waits.
const SEEN_INTERVAL_MS: i64 = 500;
/// How often a waiting call looks for dead runs.
const SWEEP_INTERVAL: Duration = Duration::from_millis(200);
/// For how long a call goes on counting as running, beyond its lease, if its obs lives.
const RENEWAL_MS: i64 = 1_000;
/// Bounds of the time between two questions while a call waits for the end of another one, in
/// milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 5..=50;

/// The call limits of one run.
#[derive(Debug)]
pub(crate) struct CallLimitStore {
    calls: Calls,
    tenant_id: String,
    run_id: String,
    limits: HashMap<String, LimitedSkill>,
    swept: Cell<Option<Instant>>,
}

#[derive(Debug)]
enum Calls {
    State(Arc<StateWriter>),
    /// Opened at the first use.
    Memory(Mutex<Option<Connection>>),
}

/// A skill that has limits.
#[derive(Debug, Clone)]
struct LimitedSkill {
    /// Two skills of the same id in two projects are two.
    skill_dir: String,
    limits: CallLimits,
}

/// A call that asks.
struct Asking<'a> {
    tenant_id: &'a str,
    skill_id: &'a str,
    skill: &'a LimitedSkill,
    run_id: &'a str,
    /// The directory of the state; `None` if all calls are of this run.
    state: Option<&'a Path>,
    waiting: Option<CallId>,
    lease_ms: i64,
    now_ms: i64,
}

impl CallLimitStore {
    /// The limits of the skills that `plan` calls, in the run `run_id`; in memory if there is no
    /// state.
    pub(crate) fn new(
        store: Option<Arc<StateWriter>>,
        tenant_id: String,
        run_id: String,
        plan: &ProvenPlan,
    ) -> Self {
        let calls = match store {
            Some(store) => Calls::State(store),
            None => Calls::Memory(Mutex::default()),
        };
        let steps = plan.steps.iter();
        let steps = steps.flat_map(|step| std::iter::once(step).chain(step.fallback.as_deref()));
        Self {
            calls,
            tenant_id,
            run_id,
            limits: steps.filter_map(|step| limited(&step.skill)).collect(),
            swept: Cell::default(),
        }
    }

    async fn commit<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LogError> {
        match &self.calls {
            Calls::State(store) => store.commit(work).await,
            Calls::Memory(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let done = in_memory(&mut connection).and_then(work);
                done.map_err(|error| LogError {
                    name: "the calls of this run".to_owned(),
                    reason: sqlite_message(&error),
                })
            }
        }
    }

    async fn ask(
        &self,
        skill_id: &str,
        waiting: Option<CallId>,
        lease: Duration,
    ) -> Result<CallDecision, LogError> {
        let Some(skill) = self.limits.get(skill_id) else {
            return Ok(CallDecision::Unlimited);
        };
        let state = match &self.calls {
            Calls::State(store) => Some(store.dir()),
            Calls::Memory(_) => None,
        };
        let decide = |connection: &Connection| {
            let asking = Asking {
                tenant_id: &self.tenant_id,
                skill_id,
                skill,
                run_id: &self.run_id,
                state,
                waiting,
                lease_ms: milliseconds(lease),
                now_ms: Timestamp::now().as_millisecond(),
            };
            let decision = asking.decide(connection)?;
            if let CallDecision::Wait { call, .. } = decision
                && self.sweep(connection)? > 0
            {
                let again = Asking {
                    waiting: Some(call),
                    ..asking
                };
                return again.decide(connection);
            }
            Ok(decision)
        };
        self.commit(decide).await
    }

    /// Ends the calls of dead runs, if this is due, and returns how many runs there were.
    fn sweep(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let Calls::State(store) = &self.calls else {
            return Ok(0);
        };
        let is_recent = |swept: Instant| swept.elapsed() < SWEEP_INTERVAL;
        if self.swept.get().is_some_and(is_recent) {
            return Ok(0);
        }
        self.swept.set(Some(Instant::now()));
        lock::mark_interrupted(connection, store.dir(), store.key())
    }

    async fn forget(&self, skill_id: &str, call: CallId) -> Result<(), LogError> {
        let Some(skill) = self.limits.get(skill_id) else {
            return Ok(());
        };
        let since = Timestamp::now().as_millisecond() - skill.window_ms();
        let end = |connection: &Connection| {
            let id = call.0;
            let text = "DELETE FROM calls
                        WHERE id = :id AND (started_ms IS NULL OR started_ms < :since)";
            let text = connection.prepare_cached(text);
            text?.execute(named_params! {":id": id, ":since": since})?;
            let text = "UPDATE calls SET until_ms = NULL WHERE id = :id";
            connection
                .prepare_cached(text)?
                .execute(named_params! {":id": id})?;
            Ok(())
        };
        self.commit(end).await
    }
}

impl CallLimiter for CallLimitStore {
    fn try_start<'l>(
        &'l self,
        skill_id: &'l str,
        waiting: Option<CallId>,
        lease: Duration,
    ) -> LimiterFuture<'l, CallDecision> {
        Box::pin(self.ask(skill_id, waiting, lease))
    }

    fn end<'l>(&'l self, skill_id: &'l str, call: CallId) -> LimiterFuture<'l, ()> {
        Box::pin(self.forget(skill_id, call))
    }
}

impl LimitedSkill {
    /// For how long the start of a call counts; nothing if no rate is limited.
    fn window_ms(&self) -> i64 {
        let rate = self.limits.rate_limit.as_ref();
        rate.map_or(-1, |rate| milliseconds(rate.per))
    }
}

impl Asking<'_> {
    fn decide(&self, connection: &Connection) -> rusqlite::Result<CallDecision> {
        self.clamp_clock_skew(connection)?;
        self.renew_leases(connection)?;
        let ahead = self.waiting_ahead(connection)?;
        let for_rate = self.wait_for_rate(connection, ahead)?;
        let for_end = self.wait_for_end(connection, ahead)?;
        let Some((limit, pause)) = for_rate
            .into_iter()
            .chain(for_end)
            .max_by_key(|(_, pause)| *pause)
        else {
            return self.start(connection).map(CallDecision::Started);
        };
        Ok(CallDecision::Wait {
            call: self.wait(connection)?,
            limit: format!("`{limit}` of `{}`", self.skill_id),
            retry_after: pause.min(MAX_PAUSE),
        })
    }

    /// A time further ahead than its duration came from another clock.
    fn clamp_clock_skew(&self, connection: &Connection) -> rusqlite::Result<()> {
        for text in [
            "UPDATE calls SET started_ms = :now WHERE tenant_id = :tenant AND skill_id = :skill
                 AND skill_dir = :dir AND started_ms > :now",
            "UPDATE calls SET until_ms = :now + lease_ms WHERE tenant_id = :tenant
                 AND skill_id = :skill AND skill_dir = :dir AND until_ms IS NOT NULL
                 AND until_ms > :now + lease_ms",
            "UPDATE calls SET seen_ms = :now WHERE tenant_id = :tenant AND skill_id = :skill
                 AND skill_dir = :dir AND started_ms IS NULL AND seen_ms > :now",
        ] {
            connection.prepare_cached(text)?.execute(named_params! {
                ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
                ":now": self.now_ms,
            })?;
        }
        Ok(())
    }

    /// A call whose lease is over, and whose obs lives, has not ended: obs may be stopped, and its
    /// skill go on.
    fn renew_leases(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(state) = self.state else {
            return Ok(());
        };
        let text = "SELECT id, run_id FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                        AND skill_dir = :dir AND until_ms IS NOT NULL AND until_ms <= :now";
        let mut over = connection.prepare_cached(text)?;
        let over = over.query_map(
            named_params! {
                ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
                ":now": self.now_ms,
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let over: Vec<(i64, String)> = over.collect::<Result<_, _>>()?;
        for (id, run_id) in over {
            if lock::is_held(state, &run_id) {
                let text = "UPDATE calls SET until_ms = :now + min(lease_ms, :renewal)
                            WHERE id = :id";
                connection.prepare_cached(text)?.execute(named_params! {
                    ":now": self.now_ms, ":id": id, ":renewal": RENEWAL_MS,
                })?;
            }
        }
        Ok(())
    }

    /// How many calls began to wait earlier, and still do.
    fn waiting_ahead(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let text = "SELECT count(*) FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                        AND skill_dir = :dir AND started_ms IS NULL AND seen_ms > :since
                        AND id < :id";
        connection.prepare_cached(text)?.query_row(
            named_params! {
                ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
                ":since": self.now_ms - PATIENCE_MS,
                ":id": self.waiting.map_or(i64::MAX, |call| call.0),
            },
            |row| row.get(0),
        )
    }

    /// The time until the rate allows one more start than for the calls ahead.
    fn wait_for_rate(
        &self,
        connection: &Connection,
        ahead: i64,
    ) -> rusqlite::Result<Option<(String, Duration)>> {
        let Some(rate) = &self.skill.limits.rate_limit else {
            return Ok(None);
        };
        let (per_ms, since) = (self.skill.window_ms(), self.now_ms - self.skill.window_ms());
        let mut starts = connection.prepare_cached(
            "SELECT count(*) FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                 AND skill_dir = :dir AND started_ms >= :since",
        )?;
        let starts: i64 = starts.query_row(
            named_params! {
                ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
                ":since": since,
            },
            |row| row.get(0),
        )?;
        let too_many = starts + ahead - i64::from(rate.calls);
        if too_many < 0 {
            return Ok(None);
        }
        // The start that must be over first.
        let mut nth = connection.prepare_cached(
            "SELECT started_ms FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                 AND skill_dir = :dir AND started_ms >= :since
             ORDER BY started_ms LIMIT 1 OFFSET :nth",
        )?;
        let nth: Option<i64> = nth
            .query_row(
                named_params! {
                    ":tenant": self.tenant_id, ":skill": self.skill_id,
                    ":dir": self.skill.skill_dir, ":since": since, ":nth": too_many,
                },
                |row| row.get(0),
            )
            .optional()?;
        let wait_ms = nth.unwrap_or(self.now_ms) + per_ms + 1 - self.now_ms;
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        Ok(Some((format!("rate_limit: {rate}"), wait)))
    }

    /// The time after which to look again whether calls have ended.
    fn wait_for_end(
        &self,
        connection: &Connection,
        ahead: i64,
    ) -> rusqlite::Result<Option<(String, Duration)>> {
        let Some(concurrency) = self.skill.limits.concurrency else {
            return Ok(None);
        };
        let text = "SELECT count(*) FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                        AND skill_dir = :dir AND until_ms IS NOT NULL AND until_ms > :now";
        let running: i64 = connection.prepare_cached(text)?.query_row(
            named_params! {
                ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
                ":now": self.now_ms,
            },
            |row| row.get(0),
        )?;
        let wait = Duration::from_millis(fastrand::u64(PAUSE_MS));
        let must_wait = running + ahead >= i64::from(concurrency);
        Ok(must_wait.then(|| (format!("concurrency: {concurrency}"), wait)))
    }

    /// Writes that the call waits.
    fn wait(&self, connection: &Connection) -> rusqlite::Result<CallId> {
        if let Some(call) = self.waiting {
            let text = "UPDATE calls SET seen_ms = :now
                        WHERE id = :id AND started_ms IS NULL AND seen_ms < :now - :interval";
            connection.prepare_cached(text)?.execute(named_params! {
                ":now": self.now_ms, ":id": call.0, ":interval": SEEN_INTERVAL_MS,
            })?;
            return Ok(call);
        }
        self.insert(connection, Some(self.now_ms), None)
    }

    /// Writes that the call starts, and removes what does not count any more.
    fn start(&self, connection: &Connection) -> rusqlite::Result<CallId> {
        let text = "DELETE FROM calls WHERE tenant_id = :tenant AND skill_id = :skill
                        AND skill_dir = :dir AND started_ms < :since
                        AND (until_ms IS NULL OR until_ms <= :now)";
        connection.prepare_cached(text)?.execute(named_params! {
            ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
            ":since": self.now_ms - self.skill.window_ms(), ":now": self.now_ms,
        })?;
        if let Some(call) = self.waiting {
            let text = "DELETE FROM calls WHERE id = :id";
            connection
                .prepare_cached(text)?
                .execute(named_params! {":id": call.0})?;
        }
        self.insert(connection, None, Some(self.now_ms))
    }

    fn insert(
        &self,
        connection: &Connection,
        seen_ms: Option<i64>,
        started_ms: Option<i64>,
    ) -> rusqlite::Result<CallId> {
        let text = "INSERT INTO calls (tenant_id, skill_id, skill_dir, run_id, seen_ms, started_ms,
                                       until_ms, lease_ms)
                    VALUES (:tenant, :skill, :dir, :run, :seen, :started, :started + :lease, :lease)";
        connection.prepare_cached(text)?.execute(named_params! {
            ":tenant": self.tenant_id, ":skill": self.skill_id, ":dir": self.skill.skill_dir,
            ":run": self.run_id, ":seen": seen_ms, ":started": started_ms,
            ":lease": self.lease_ms,
        })?;
        Ok(CallId(connection.last_insert_rowid()))
    }
}

fn limited(skill: &Skill) -> Option<(String, LimitedSkill)> {
    let limits = skill.manifest.call_limits;
    let dir = skill.native()?.dir.display().to_string();
    let skill_dir = (!limits.is_empty()).then_some(dir)?;
    Some((skill.id.to_string(), LimitedSkill { skill_dir, limits }))
}

fn in_memory(connection: &mut Option<Connection>) -> rusqlite::Result<&Connection> {
    if connection.is_none() {
        let new = Connection::open_in_memory()?;
        new.execute_batch(CALLS_SCHEMA)?;
        *connection = Some(new);
    }
    connection.as_ref().ok_or(rusqlite::Error::InvalidQuery)
}

fn milliseconds(duration: Duration) -> i64 {
    // Rounded up.
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
