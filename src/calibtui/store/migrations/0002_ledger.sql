-- The ledger is only ever appended to. A call's first entry is its hold, at its worst case; what it came to is the sum of
-- its further entries, and a call without any is not settled. held_at (of the hold, repeated by every entry of the call,
-- unique and increasing) says in which period of which budget the call counts, and tells two calls of one id apart.
-- kind: hold | measured | worst_case | released | stated | correction (a difference, may be negative)
CREATE TABLE ledger_entries (
    call_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    node VARCHAR,
    micro_eur BIGINT NOT NULL,
    held_at DOUBLE NOT NULL,
    what VARCHAR NOT NULL
);

CREATE SEQUENCE ledger_audit_order;

-- kind: file | set (a cap, NULL where the file names the node no more) | reconcile | overrun (a call's cost)
CREATE TABLE ledger_audit (
    place BIGINT NOT NULL DEFAULT nextval('ledger_audit_order'),
    written_at DOUBLE NOT NULL,
    kind VARCHAR NOT NULL,
    node VARCHAR,
    call_id VARCHAR,
    who VARCHAR NOT NULL,
    from_micro_eur BIGINT,
    to_micro_eur BIGINT,
    period VARCHAR,
    why VARCHAR NOT NULL
);

-- Warnings that were given, so that each is given once.
CREATE TABLE ledger_warnings (
    node VARCHAR NOT NULL,
    period_starts_at DOUBLE NOT NULL,
    percent INTEGER NOT NULL,
    cap_micro_eur BIGINT NOT NULL,
    written_at DOUBLE NOT NULL
);
