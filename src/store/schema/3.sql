-- The calls of skills whose manifest limits them: those that wait, those that run, and those that ended and
-- still count for a rate. Times are Unix milliseconds.
CREATE TABLE calls (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT NOT NULL,
    skill_id   TEXT NOT NULL,
    skill_dir  TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    -- When it last asked, while it waits.
    seen_ms    INTEGER,
    -- Null while it waits.
    started_ms INTEGER,
    -- Until when it counts as running; null if it does not run.
    until_ms   INTEGER,
    -- The duration in `until_ms`.
    lease_ms   INTEGER
) STRICT;

CREATE INDEX calls_by_start ON calls (tenant_id, skill_id, skill_dir, started_ms);
CREATE INDEX calls_running ON calls (tenant_id, skill_id, skill_dir) WHERE until_ms IS NOT NULL;
CREATE INDEX calls_by_run ON calls (run_id);
