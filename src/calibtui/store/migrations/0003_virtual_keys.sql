-- A key that was handed out: only the hash of it is here. revoked_at is set once it no longer counts.
CREATE TABLE virtual_keys (
    digest VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    node VARCHAR NOT NULL,
    made_by VARCHAR NOT NULL,
    made_at DOUBLE NOT NULL,
    revoked_at DOUBLE
);
