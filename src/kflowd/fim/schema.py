# SPDX-License-Identifier: Apache-2.0
"""The tables of the state, and what says that a database is one."""

# "KFIM": of PRAGMA application_id, and VERSION of user_version
APPLICATION = 0x4B46494D
VERSION = 1

# `key` is the path with NUL for each slash: so names stand in the order of a walk. `seen` is empty
# where it is as accepted, and NULL where the name is gone; identities are those of `state`.
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    key BLOB PRIMARY KEY,
    rule TEXT NOT NULL,
    accepted BLOB, accepted_identity BLOB, mac BLOB,
    seen BLOB, seen_identity BLOB,
    accepted_content BLOB, seen_content BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, rules BLOB NOT NULL,
    begun_ns INTEGER NOT NULL, ended_ns INTEGER,
    position BLOB, names INTEGER NOT NULL DEFAULT 0, unlisted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE finding (
    sequence INTEGER PRIMARY KEY,
    run INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    key BLOB NOT NULL, old_key BLOB, mark BLOB NOT NULL, bit INTEGER NOT NULL,
    document BLOB NOT NULL, chain TEXT NOT NULL,
    status TEXT NOT NULL
) STRICT;
CREATE TABLE history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ns INTEGER NOT NULL, user INTEGER NOT NULL, action TEXT NOT NULL,
    key BLOB, before BLOB, after BLOB
) STRICT;
CREATE TRIGGER history_kept BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER history_whole BEFORE DELETE ON history
BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
"""
# made when the rows are there: that is faster
INDEXES = """
CREATE INDEX entry_accepted ON entry (accepted_identity);
CREATE INDEX entry_seen ON entry (seen_identity) WHERE seen_identity IS NOT NULL;
CREATE INDEX entry_differs ON entry (key) WHERE seen IS NOT X'';
CREATE INDEX finding_standing ON finding (mark) WHERE status IN ('open', 'rejected');
"""
