-- What is remembered of the answers of a neuron to a model: charts of evidence, probes since the last window (SCALE).
CREATE TABLE evidence (
    hotkey BLOB NOT NULL,
    registered INTEGER NOT NULL,
    model BLOB NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (hotkey, registered, model)
) STRICT, WITHOUT ROWID;
