-- A run: its header, and how it ended. `header` and `end` are the lines as they were sealed; the other
-- columns are for looking things up and are held against the lines by `obs verify`.
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    run_id       TEXT NOT NULL UNIQUE,
    assistant_id TEXT NOT NULL,
    plan         TEXT NOT NULL,
    steps        INTEGER NOT NULL,
    started_ms   INTEGER NOT NULL,
    -- `running` until the end, then its status; `interrupted` where obs died.
    status       TEXT NOT NULL,
    ended_ms     INTEGER,
    duration_ms  INTEGER,
    resumed_from TEXT,
    -- What the plan's inputs were, as JSON.
    inputs       TEXT NOT NULL DEFAULT '{}',
    -- How many records there are, and the hash of the last.
    count        INTEGER NOT NULL DEFAULT 0,
    head         TEXT NOT NULL,
    header       TEXT NOT NULL,
    "end"        TEXT
) STRICT;

CREATE INDEX runs_by_plan ON runs (plan, id);
CREATE INDEX runs_resumed ON runs (resumed_from) WHERE resumed_from IS NOT NULL;
CREATE INDEX runs_in_progress ON runs (status) WHERE status = 'running';

-- A record: the line as it was sealed and printed.
CREATE TABLE records (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    step_index INTEGER NOT NULL,
    step_name  TEXT NOT NULL,
    step_id    TEXT NOT NULL,
    skill_id   TEXT NOT NULL,
    status     TEXT NOT NULL,
    ended_ms   INTEGER NOT NULL,
    line       TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT;

CREATE INDEX records_by_status ON records (status, run, seq) WHERE status <> 'success';

-- A step that must not run twice and may be under way: without a record, it was when obs died.
CREATE TABLE started (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step_index INTEGER NOT NULL,
    step_id    TEXT NOT NULL,
    skill_id   TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    PRIMARY KEY (run, step_index)
) STRICT, WITHOUT ROWID;

-- A skill's circuit. Times are Unix milliseconds.
CREATE TABLE circuits (
    tenant_id  TEXT NOT NULL,
    skill_id   TEXT NOT NULL,
    skill_dir  TEXT NOT NULL,
    -- How many calls have failed in a row.
    failures   INTEGER NOT NULL,
    -- Null while closed; else when a probe may start.
    open_until_ms INTEGER,
    -- How long it stays open, as its manifest or the flag said.
    cooldown_ms INTEGER NOT NULL,
    -- The run that tests it, and until when nobody else may.
    probe_run      TEXT,
    probe_until_ms INTEGER,
    probe_lease_ms INTEGER,
    PRIMARY KEY (tenant_id, skill_id, skill_dir)
) STRICT, WITHOUT ROWID;
