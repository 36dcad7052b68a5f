-- What was foreseen of an intent that is a commit, where the subnet has commit-reveal on. NULL outcome: not known yet.
CREATE TABLE commits (
    -- The intent's.
    hash BLOB PRIMARY KEY,
    -- Included from this block on, it is revealed one epoch later.
    closes INTEGER NOT NULL,
    reveal_epoch INTEGER NOT NULL,
    reveal_block INTEGER NOT NULL,
    round INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('revealed', 'missed')),
    outcome_block INTEGER
) STRICT, WITHOUT ROWID;
