//! OpenBotStack's `CircuitBreaker`: in the state, so that it works across runs, or in memory.
//!
//! Invariant: a circuit is read, moved and written inside one transaction, so that in half-open
//! state exactly one of any number of processes gets the probe. Unguarded skills cost nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::circuit::Circuit;
use super::circuit_table::{CircuitKey, read, write};
use super::lock;
use super::state_writer::StateWriter;
use crate::engine::{BreakerDecision, CircuitBreaker, LogError, Permit};
use crate::skill::BreakerSettings;

/// The breaker of one run.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuits: Circuits,
    tenant_id: String,
    run_id: String,
    guards: HashMap<String, BreakerConfig>,
}

#[derive(Debug)]
enum Circuits {
    State(Arc<StateWriter>),
    Memory(Mutex<HashMap<String, Circuit>>),
}

/// A skill that has a breaker.
#[derive(Debug, Clone)]
pub(crate) struct BreakerConfig {
    /// The skill's directory: two skills of the same id in two projects are two.
    pub skill_dir: String,
    /// When it opens, and for how long.
    pub settings: BreakerSettings,
}

impl Breaker {
    /// The breaker of the run `run_id` for the skills in `guards`, by their ids; in memory if there
    /// is no state.
    pub(crate) fn new(
        store: Option<Arc<StateWriter>>,
        tenant_id: String,
        run_id: String,
        guards: HashMap<String, BreakerConfig>,
    ) -> Self {
        let circuits = match store {
            Some(store) => Circuits::State(store),
            None => Circuits::Memory(Mutex::default()),
        };
        Self {
            circuits,
            tenant_id,
            run_id,
            guards,
        }
    }

    /// Updates the circuit of a guarded skill; `None` if it is not guarded.
    async fn with_circuit<T: Send + 'static>(
        &self,
        skill_id: &str,
        work: impl Fn(&mut Circuit, &str, BreakerSettings, i64) -> T + Send + 'static,
    ) -> Result<Option<T>, LogError> {
        let Some(guard) = self.guards.get(skill_id) else {
            return Ok(None);
        };
        let (run_id, settings) = (self.run_id.clone(), guard.settings);
        let work = move |circuit: &mut Circuit, now_ms| work(circuit, &run_id, settings, now_ms);
        match &self.circuits {
            Circuits::Memory(circuits) => {
                let mut circuits = circuits.lock().unwrap_or_else(PoisonError::into_inner);
                let circuit = circuits.entry(skill_id.to_owned()).or_default();
                Ok(Some(work(circuit, now_ms())))
            }
            Circuits::State(store) => {
                let key = CircuitKey {
                    tenant_id: self.tenant_id.clone(),
                    skill_id: skill_id.to_owned(),
                    skill_dir: guard.skill_dir.clone(),
                };
                let moved = |connection: &Connection| {
                    let mut circuit = read(connection, &key)?;
                    if circuit.probe.is_some()
                        && lock::mark_interrupted(connection, store.dir(), store.key())? > 0
                    {
                        // Whoever held it is dead.
                        circuit = read(connection, &key)?;
                    }
                    let before = circuit.clone();
                    let value = work(&mut circuit, now_ms());
                    if circuit != before {
                        write(connection, &key, &circuit)?;
                    }
                    Ok(value)
                };
                store.commit(moved).await.map(Some)
            }
        }
    }
}

impl CircuitBreaker for Breaker {
    async fn allow(&self, skill_id: &str, lease: Duration) -> Result<BreakerDecision, LogError> {
        let decision = self.with_circuit(skill_id, move |circuit, run_id, _, now_ms| {
            circuit.try_acquire(now_ms, run_id, lease)
        });
        let unguarded = BreakerDecision::Allowed(Permit::Unguarded);
        Ok(decision.await?.unwrap_or(unguarded))
    }

    async fn record_success(&self, skill_id: &str, permit: Permit) -> Result<(), LogError> {
        let write = self.with_circuit(skill_id, move |circuit, run_id, _, _| {
            circuit.record_success(permit, run_id);
        });
        write.await.map(drop)
    }

    async fn record_failure(&self, skill_id: &str, permit: Permit) -> Result<(), LogError> {
        let write = self.with_circuit(skill_id, move |circuit, run_id, settings, now_ms| {
            circuit.record_failure(permit, run_id, settings, now_ms);
        });
        write.await.map(drop)
    }

    async fn release(&self, skill_id: &str, permit: Permit) -> Result<(), LogError> {
        if permit != Permit::Probe {
            return Ok(());
        }
        let write = self.with_circuit(skill_id, move |circuit, run_id, _, _| {
            circuit.release(permit, run_id);
        });
        write.await.map(drop)
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
