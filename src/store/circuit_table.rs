//! The circuits of skills as rows of the state.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::circuit::{Circuit, Probe};

/// A circuit's place in the state.
#[derive(Debug, Clone)]
pub(super) struct CircuitKey {
    pub(super) tenant_id: String,
    pub(super) skill_id: String,
    pub(super) skill_dir: String,
}

pub(super) fn read(connection: &Connection, key: &CircuitKey) -> rusqlite::Result<Circuit> {
    let text =
        "SELECT failures, open_until_ms, cooldown_ms, probe_run, probe_until_ms, probe_lease_ms
                FROM circuits WHERE tenant_id = ?1 AND skill_id = ?2 AND skill_dir = ?3";
    let found = connection
        .prepare_cached(text)?
        .query_row(params![key.tenant_id, key.skill_id, key.skill_dir], |row| {
            circuit_of(row, 0)
        });
    Ok(found.optional()?.unwrap_or_default())
}

/// The circuit in six columns of `row`, from `first` on.
pub(super) fn circuit_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Circuit> {
    let run_id: Option<String> = row.get(first + 3)?;
    let until_ms: Option<i64> = row.get(first + 4)?;
    let lease_ms: Option<i64> = row.get(first + 5)?;
    let probe = run_id.zip(until_ms).zip(lease_ms);
    Ok(Circuit {
        failures: row.get(first)?,
        open_until_ms: row.get(first + 1)?,
        cooldown_ms: row.get(first + 2)?,
        probe: probe.map(|((run_id, until_ms), lease_ms)| Probe {
            run_id,
            until_ms,
            lease_ms,
        }),
    })
}

pub(super) fn write(
    connection: &Connection,
    key: &CircuitKey,
    circuit: &Circuit,
) -> rusqlite::Result<()> {
    let place = params![key.tenant_id, key.skill_id, key.skill_dir];
    if circuit.is_clean() {
        let text = "DELETE FROM circuits WHERE tenant_id = ?1 AND skill_id = ?2 AND skill_dir = ?3";
        connection.prepare_cached(text)?.execute(place)?;
        return Ok(());
    }
    let text = "INSERT OR REPLACE INTO circuits (tenant_id, skill_id, skill_dir, failures,
                    open_until_ms, cooldown_ms, probe_run, probe_until_ms, probe_lease_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let probe = circuit.probe.as_ref();
    connection.prepare_cached(text)?.execute(params![
        key.tenant_id,
        key.skill_id,
        key.skill_dir,
        circuit.failures,
        circuit.open_until_ms,
        circuit.cooldown_ms,
        probe.map(|probe| &probe.run_id),
        probe.map(|probe| probe.until_ms),
        probe.map(|probe| probe.lease_ms),
    ])?;
    Ok(())
}
