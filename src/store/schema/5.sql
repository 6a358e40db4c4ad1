-- What a person is asked about a step, and the answer: the first one counts. `obs verify` holds a request
-- against the record of the step, and an answer against the ledger. Times are Unix milliseconds.
CREATE TABLE approvals (
    run          INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step_index   INTEGER NOT NULL,
    step_id      TEXT NOT NULL,
    skill_id     TEXT NOT NULL,
    -- What the answer is bound to.
    digest       TEXT NOT NULL,
    requested_ms INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    -- Null until it is answered: `approved` or `denied`.
    decision     TEXT,
    answered_ms  INTEGER,
    answered_by  TEXT,
    comment      TEXT,
    PRIMARY KEY (run, step_index)
) STRICT, WITHOUT ROWID;
