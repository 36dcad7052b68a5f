-- Whom the database belongs to: chain (genesis), subnet, hotkey.
CREATE TABLE owner (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- One row per window. 'open' from before the first request until verdicts and board are written.
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    block INTEGER NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    window BLOB NOT NULL,
    nonce BLOB NOT NULL,
    policy BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'counted', 'void')),
    void_reason TEXT,
    -- Revealed to the miners after the window; with it anybody can draw the samples again.
    secret BLOB,
    started_ms INTEGER NOT NULL,
    took_ms INTEGER
) STRICT;

-- One row per neuron and round. `verdict` is exact (SCALE); the others repeat it for readers.
CREATE TABLE verdicts (
    round INTEGER NOT NULL REFERENCES rounds (id),
    uid INTEGER NOT NULL,
    hotkey BLOB NOT NULL,
    registered INTEGER NOT NULL,
    verdict BLOB NOT NULL,
    fault TEXT,
    operations_per_second INTEGER,
    rounds INTEGER NOT NULL,
    PRIMARY KEY (round, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX verdicts_by_neuron ON verdicts (hotkey, registered, round);

-- The reputation after the last counted round (SCALE).
CREATE TABLE board (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    state BLOB NOT NULL
) STRICT;

-- One submission per chain, subnet and epoch, written before its extrinsic leaves. NULL outcome: not known yet.
CREATE TABLE intents (
    genesis BLOB NOT NULL,
    netuid INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    extrinsic BLOB NOT NULL,
    hash BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    born INTEGER NOT NULL,
    mortal_until INTEGER NOT NULL,
    weights BLOB NOT NULL,
    outcome TEXT CHECK (outcome IN ('landed', 'failed', 'expired')),
    outcome_block INTEGER,
    detail TEXT,
    PRIMARY KEY (genesis, netuid, epoch)
) STRICT, WITHOUT ROWID;
