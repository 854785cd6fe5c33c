-- Requests handed in by the file. A batch is written before anything is sent: state preparing until the money of its
-- requests is held, submitting until the provider's id of it is known, submitted until its results are stored, then ended.
-- Prices are of the batch, in micro-EUR a million tokens; worst_* are the tokens that stand in for a usage nobody told.
CREATE TABLE batches (
    id VARCHAR PRIMARY KEY,
    run VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    key_source VARCHAR,
    prompt VARCHAR NOT NULL,
    prompt_digest VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    parameters_digest VARCHAR NOT NULL,
    input_micro_eur BIGINT NOT NULL,
    output_micro_eur BIGINT NOT NULL,
    worst_input_tokens BIGINT NOT NULL,
    worst_output_tokens BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    remote_id VARCHAR,
    written_at DOUBLE NOT NULL,
    ended_at DOUBLE
);

-- custom_id is the request's name at the provider and the id of its call in the ledger.
CREATE TABLE batch_requests (
    custom_id VARCHAR PRIMARY KEY,
    batch VARCHAR NOT NULL,
    frame_uri VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    payload_digest VARCHAR NOT NULL,
    pass INTEGER NOT NULL
);
