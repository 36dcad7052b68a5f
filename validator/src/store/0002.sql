-- Several attempts per epoch, one after the other: the next is written once the last has an outcome other than 'landed'.
CREATE TABLE attempts (
    genesis BLOB NOT NULL,
    netuid INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    extrinsic BLOB NOT NULL,
    hash BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    born INTEGER NOT NULL,
    mortal_until INTEGER NOT NULL,
    weights BLOB NOT NULL,
    outcome TEXT CHECK (outcome IN ('landed', 'refused', 'failed', 'expired', 'foreign')),
    outcome_block INTEGER,
    cause TEXT,
    detail TEXT,
    PRIMARY KEY (genesis, netuid, epoch, attempt)
) STRICT, WITHOUT ROWID;

INSERT INTO attempts
SELECT genesis, netuid, epoch, 0, extrinsic, hash, nonce, born, mortal_until, weights, outcome, outcome_block, NULL, detail
FROM intents;

DROP TABLE intents;
ALTER TABLE attempts RENAME TO intents;
