-- What people said of frames by hand: picked or dropped for the draft set, pinned or excluded for every set. One row a
-- frame; a frame without a row has no mark.
CREATE TABLE marks (
    digest VARCHAR NOT NULL,
    mark VARCHAR NOT NULL
);

-- The journal of marks. state: done | undone | abandoned (undone, and something else was done since).
CREATE TABLE mark_changes (
    number BIGINT PRIMARY KEY,
    said VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    "at" DOUBLE NOT NULL,
    state VARCHAR NOT NULL
);

-- What each change did to each frame; '' is no mark.
CREATE TABLE mark_change_frames (
    number BIGINT NOT NULL,
    digest VARCHAR NOT NULL,
    before VARCHAR NOT NULL,
    after VARCHAR NOT NULL
);

-- Settings that were turned on a screen, over calibtui.toml; value is JSON, null where the file's value is taken away.
CREATE TABLE knobs (
    key VARCHAR PRIMARY KEY,
    value VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    "at" DOUBLE NOT NULL
);

-- Names that sets were locked under; digest begins with sha256: as in sets.
CREATE TABLE set_names (
    name VARCHAR PRIMARY KEY,
    digest VARCHAR NOT NULL,
    "by" VARCHAR NOT NULL,
    "at" DOUBLE NOT NULL
);
