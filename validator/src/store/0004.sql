-- One row per neuron, round and task. `verdict` and `task` are exact (SCALE); the others repeat them for readers.
CREATE TABLE judged (
    round INTEGER NOT NULL REFERENCES rounds (id),
    uid INTEGER NOT NULL,
    task BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('compute', 'inference')),
    hotkey BLOB NOT NULL,
    registered INTEGER NOT NULL,
    verdict BLOB NOT NULL,
    fault TEXT,
    -- In the unit of the task: operations per second, or thousandths of a token per second.
    score INTEGER,
    -- Of compute.
    rounds INTEGER,
    -- Of inference: asked for; in time; computed again.
    answers INTEGER,
    tokens INTEGER,
    checked INTEGER,
    PRIMARY KEY (round, uid, task)
) STRICT, WITHOUT ROWID;

INSERT INTO judged (round, uid, task, kind, hotkey, registered, verdict, fault, score, rounds)
SELECT round, uid, x'00', 'compute', hotkey, registered, verdict, fault, operations_per_second, rounds FROM verdicts;

DROP TABLE verdicts;
ALTER TABLE judged RENAME TO verdicts;

CREATE INDEX verdicts_by_neuron ON verdicts (hotkey, registered, task, round);
