-- Work that was asked of the engine, in the order it was asked; stages and overrides are JSON arrays of text. `run` is the
-- run of the newest attempt, `attempts` how often it was begun. state: queued | running | done | failed | interrupted |
-- cancelled; one that is "running" when an engine starts was cut off by a kill. `careful`: stop where the forecast says
-- that the budget won't do.
CREATE TABLE queued_jobs (
    name VARCHAR PRIMARY KEY,
    run VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    stages VARCHAR NOT NULL,
    overrides VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    priority INTEGER NOT NULL,
    asked_by VARCHAR NOT NULL,
    careful BOOLEAN NOT NULL,
    attempts INTEGER NOT NULL,
    queued_at DOUBLE NOT NULL,
    started_at DOUBLE,
    ended_at DOUBLE,
    exit_code INTEGER,
    error VARCHAR NOT NULL,
    hint VARCHAR NOT NULL,
    summary VARCHAR NOT NULL
);

-- What outlives the engine besides its jobs, by name: who paused it.
CREATE TABLE engine_notes (
    name VARCHAR PRIMARY KEY,
    value VARCHAR NOT NULL
);
