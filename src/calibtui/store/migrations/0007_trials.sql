-- A trial of a search for INT8 settings, by the digest of what is searched and of the recipe that was tried. Errors are of
-- the outputs on frames without annotation; map and drop of the search split are null where only the error was taken.
CREATE TABLE trials (
    search VARCHAR NOT NULL,
    recipe VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    what VARCHAR NOT NULL,
    options VARCHAR NOT NULL,
    int8_share DOUBLE NOT NULL,
    float_nodes INTEGER NOT NULL,
    error DOUBLE NOT NULL,
    map DOUBLE,
    drop_points DOUBLE,
    drop_sd DOUBLE,
    seconds DOUBLE NOT NULL,
    run VARCHAR NOT NULL,
    created_at TIMESTAMP DEFAULT current_timestamp,
    PRIMARY KEY (search, recipe)
);
