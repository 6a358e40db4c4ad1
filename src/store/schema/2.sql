-- One row for each start, end and removal of a run, in commit order; none is ever removed. `line` is sealed
-- over the row before it; the other columns are for looking rows up and are held against it by `obs verify`.
CREATE TABLE ledger (
    seq    INTEGER PRIMARY KEY,
    event  TEXT NOT NULL,
    run_id TEXT NOT NULL,
    line   TEXT NOT NULL
) STRICT;

CREATE INDEX ledger_by_run ON ledger (run_id);

-- The number and the hash of the last row, sealed.
CREATE TABLE ledger_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    line TEXT NOT NULL
) STRICT;

-- 0 for a run that is older than the ledger.
ALTER TABLE runs ADD COLUMN is_in_ledger INTEGER NOT NULL DEFAULT 1;
UPDATE runs SET is_in_ledger = 0;

CREATE INDEX runs_interrupted ON runs (status) WHERE status = 'interrupted';
