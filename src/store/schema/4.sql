-- The items of steps with `for_each`. An item's record has its place in the list; null for a step.
ALTER TABLE records ADD COLUMN item_index INTEGER;

CREATE INDEX records_by_item ON records (run, step_index, item_index) WHERE item_index IS NOT NULL;

-- As before, with the item that may be under way; -1 for a step without items.
DROP TABLE started;
CREATE TABLE started (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step_index INTEGER NOT NULL,
    item_index INTEGER NOT NULL,
    step_id    TEXT NOT NULL,
    skill_id   TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    PRIMARY KEY (run, step_index, item_index)
) STRICT, WITHOUT ROWID;
