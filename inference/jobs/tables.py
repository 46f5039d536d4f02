"""The tables of the SQLite store, and what leads to them from those of earlier versions."""

from __future__ import annotations

VERSION = 2
"""Of the tables and of the fields of a job, which are its text; kept in ``user_version``."""

TABLES = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    lane TEXT NOT NULL,
    owner TEXT,
    created REAL NOT NULL,
    deadline REAL,
    lease_until REAL,
    expires REAL,
    bytes INTEGER NOT NULL,
    job TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, lane, number);
CREATE TABLE events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;
CREATE TABLE keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX keys_by_job ON keys (job_id);
"""

LANES_CAME = """
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'cpu';
UPDATE jobs SET job = json_set(job, '$.lane', 'cpu');
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_state ON jobs (state, lane, number);
"""
"""From version 1, which had one queue for all; :meth:`JobStore.sort` then finds the right lanes."""

STEPS = {0: TABLES, 1: LANES_CAME}
"""What leads from a version of the tables to the present one; a new file has version 0."""
