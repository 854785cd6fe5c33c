-- Scores that were taken over from a frame which shows the same. They are not in scores: what is there was really asked
-- for, and only that is a source or an answer of the exact cache. The difficulty is the source's, by the key of its row.
CREATE TABLE similar_hits (
    payload_digest VARCHAR NOT NULL,
    prompt_digest VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    parameters_digest VARCHAR NOT NULL,
    pass INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    from_payload_digest VARCHAR NOT NULL,
    from_digest VARCHAR NOT NULL,
    cosine DOUBLE NOT NULL,
    largest_change DOUBLE NOT NULL,
    run VARCHAR NOT NULL,
    PRIMARY KEY (payload_digest, prompt_digest, model, parameters_digest, pass)
);

-- Block means of frames that were really scored, so that a frame whose file has gone is still a source.
CREATE TABLE signatures (
    digest VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (digest, version)
);

-- Frames that could have taken a score over and were asked for all the same: what it would have been, and what it is.
CREATE TABLE similar_audits (
    payload_digest VARCHAR NOT NULL,
    prompt_digest VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    parameters_digest VARCHAR NOT NULL,
    pass INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    from_digest VARCHAR NOT NULL,
    cosine DOUBLE NOT NULL,
    taken_over DOUBLE NOT NULL,
    asked DOUBLE NOT NULL,
    run VARCHAR NOT NULL,
    audited_at DOUBLE NOT NULL,
    PRIMARY KEY (payload_digest, prompt_digest, model, parameters_digest, pass)
);
