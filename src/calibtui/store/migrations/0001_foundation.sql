-- Frames by role ('pool' or 'evaluation'). A row whose reason is set is a file that can't be used; present is whether the
-- source still named it in the last index pass.
CREATE TABLE frames (
    role VARCHAR NOT NULL,
    uri VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    size_bytes BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format VARCHAR NOT NULL,
    reason VARCHAR,
    columns VARCHAR NOT NULL DEFAULT '{}',
    present BOOLEAN NOT NULL DEFAULT TRUE,
    PRIMARY KEY (role, uri)
);

CREATE TABLE descriptors (
    digest VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    vector FLOAT[] NOT NULL,
    PRIMARY KEY (digest, version)
);

-- The exact cache: the primary key is what makes two questions the same.
CREATE TABLE scores (
    payload_digest VARCHAR NOT NULL,
    prompt_digest VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    parameters_digest VARCHAR NOT NULL,
    pass INTEGER NOT NULL,
    frame_uri VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    difficulty DOUBLE NOT NULL,
    reasons VARCHAR[] NOT NULL,
    prompt VARCHAR NOT NULL,
    answered_model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_micro_eur BIGINT NOT NULL,
    budget_node VARCHAR,
    latency_ms DOUBLE NOT NULL,
    scored_at DOUBLE NOT NULL,
    run VARCHAR NOT NULL,
    PRIMARY KEY (payload_digest, prompt_digest, model, parameters_digest, pass)
);

-- Frames that a judge could not score, one row a try.
CREATE TABLE failures (
    run VARCHAR NOT NULL,
    prompt_digest VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    frame_uri VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    error VARCHAR NOT NULL,
    reply VARCHAR NOT NULL
);

CREATE TABLE calls (
    call_id VARCHAR PRIMARY KEY,
    run VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    requested_model VARCHAR NOT NULL,
    answered_model VARCHAR NOT NULL,
    completion_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    measured BOOLEAN NOT NULL,
    cost_micro_eur BIGINT NOT NULL,
    latency_ms DOUBLE NOT NULL,
    "at" DOUBLE NOT NULL
);

CREATE TABLE sets (
    digest VARCHAR PRIMARY KEY,
    strategy VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    seed BIGINT NOT NULL,
    manifest VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT current_timestamp
);

-- A model that was made here; key is the digest of everything that went into it.
CREATE TABLE models (
    key VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    record VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT current_timestamp
);

-- One model's mAP on one evaluation set; key is the digest of model, frames, truth and settings.
CREATE TABLE evaluations (
    key VARCHAR PRIMARY KEY,
    model_digest VARCHAR NOT NULL,
    detections VARCHAR NOT NULL,
    record VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT current_timestamp
);

CREATE TABLE runs (
    id VARCHAR PRIMARY KEY,
    command VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    started_at DOUBLE NOT NULL,
    ended_at DOUBLE,
    summary VARCHAR
);

CREATE TABLE jobs (
    run VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    started_at DOUBLE NOT NULL,
    ended_at DOUBLE,
    summary VARCHAR,
    PRIMARY KEY (run, stage)
);
