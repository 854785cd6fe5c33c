-- What is durable and not yet in its own tables: written first, in one narrow row, and folded in later in bulk.
CREATE TABLE journal (
    place BIGINT NOT NULL,
    body BLOB NOT NULL
);
