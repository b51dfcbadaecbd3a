"""The tables of the SQLite store. Each schema is a list of steps: step n takes a file from version n to n + 1.

A new file takes all steps, an older one those it lacks; a step that was released is never changed.
"""

Schema = tuple[str, ...]

SCHEMA_VERSION = 6

_CONTROL_1 = """
CREATE TABLE control (id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL);
INSERT INTO control VALUES (1, 0);
CREATE TABLE slots (slot INTEGER PRIMARY KEY, shard_id TEXT NOT NULL);
CREATE TABLE dedicated (player_id TEXT PRIMARY KEY, shard_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shards (shard_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE releases (shard_id TEXT PRIMARY KEY, request BLOB NOT NULL) WITHOUT ROWID
"""
# `catalog` is the row in force as it was committed, `catalog_number` its number for the appends that ask;
# `shared_made` is set once there is a file of shared limits.
_CONTROL_2 = """
ALTER TABLE control ADD COLUMN supervisor BLOB NOT NULL DEFAULT x'';
ALTER TABLE control ADD COLUMN catalog BLOB NOT NULL DEFAULT x'';
ALTER TABLE control ADD COLUMN catalog_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE control ADD COLUMN clock_offset_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE control ADD COLUMN shared_made INTEGER NOT NULL DEFAULT 0;
CREATE TABLE catalogs (version TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE due_marks (slot INTEGER PRIMARY KEY, mark TEXT NOT NULL)
"""

# `stored` counts the puts, so that the oldest catalogs can go; `requests` are numbered in the order they were done.
_CONTROL_3 = """
ALTER TABLE catalogs ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
CREATE TABLE requests (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, content BLOB NOT NULL, answer BLOB NOT NULL)
"""

# Which instance of Croupier holds the term, and until when (Unix ms).
_CONTROL_4 = """
ALTER TABLE control ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE control ADD COLUMN held_until_ms INTEGER NOT NULL DEFAULT 0
"""

# Changes of shards, for readers of the journal; `readers_made` is set once there is a file of readers.
_CONTROL_5 = """
ALTER TABLE control ADD COLUMN readers_made INTEGER NOT NULL DEFAULT 0;
CREATE TABLE handovers (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)
"""

# Numbers of the control log are never given twice. Bodies of proposals may be large, so they lie apart.
_CONTROL_6 = """
CREATE TABLE control_log (number INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL);
CREATE TABLE proposals (
    proposal_id TEXT PRIMARY KEY, put_ms INTEGER NOT NULL, summary BLOB NOT NULL, decision BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE proposal_bodies (proposal_id TEXT PRIMARY KEY, body BLOB NOT NULL)
"""

# `at` is (epoch of the log << 40) + sequence: appending goes to the end of one B-tree, without a second index.
_SHARD_1 = """
CREATE TABLE shard (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, nonce TEXT NOT NULL, owner BLOB NOT NULL,
    address BLOB NOT NULL, log_epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
    previous BLOB NOT NULL, fenced BLOB NOT NULL, retired TEXT NOT NULL, release BLOB NOT NULL);
INSERT INTO shard VALUES (1, 0, '', x'', x'', 0, 0, x'', x'', x'', '', x'');
CREATE TABLE logs (epoch INTEGER PRIMARY KEY, checkpoint_seq INTEGER NOT NULL, trimmed_seq INTEGER NOT NULL);
CREATE TABLE records (at INTEGER PRIMARY KEY, previous BLOB NOT NULL, hash BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE snapshots (
    player_id TEXT NOT NULL, generation INTEGER NOT NULL, version INTEGER NOT NULL, state BLOB NOT NULL,
    window BLOB NOT NULL, PRIMARY KEY (player_id, generation));
CREATE TABLE released (player_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID
"""
# One narrow row per player beside the blobs: what the newest snapshot in this file says of due work. `put_ns` decides
# between files that hold the same version. By slot first, so that the players of one slot are read without the others.
_SHARD_2 = """
CREATE TABLE due (
    slot INTEGER NOT NULL, player_id TEXT NOT NULL, version INTEGER NOT NULL, due_ms INTEGER, put_ns INTEGER NOT NULL,
    PRIMARY KEY (slot, player_id)) WITHOUT ROWID;
CREATE INDEX due_by_time ON due (slot, due_ms) WHERE due_ms IS NOT NULL
"""
# What was counted with the appends to this file: a counter is the sum over all files.
_SHARD_3 = "CREATE TABLE tallies (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"

# `last_seq` is -1 in the shard's newest log, which grows. A `finished` log is there for readers only.
_SHARD_5 = """
ALTER TABLE logs ADD COLUMN last_seq INTEGER NOT NULL DEFAULT -1;
ALTER TABLE logs ADD COLUMN finished INTEGER NOT NULL DEFAULT 0
"""

# `known` is 0 for a reader that was forgotten, or keeps nothing but notes.
_READERS_5 = """
CREATE TABLE readers (
    name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, nonce TEXT NOT NULL, known INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (
    name TEXT NOT NULL, shard_id TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (name, shard_id)) WITHOUT ROWID;
CREATE TABLE notes (name TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (name, key))
"""

# `used_by` counts grants of a campaign per IP and device; `ip_bonus` is bonus money per IP and UTC day.
_SHARED_2 = """
CREATE TABLE reservations (
    reservation_id TEXT PRIMARY KEY, state TEXT NOT NULL, player_id TEXT NOT NULL, command_id TEXT NOT NULL,
    campaign_id TEXT NOT NULL, at_ms INTEGER NOT NULL, settled_ms INTEGER NOT NULL, value_micro_eur INTEGER NOT NULL,
    bonus_micro_eur INTEGER NOT NULL, ip TEXT, device TEXT) WITHOUT ROWID;
CREATE INDEX reservations_held ON reservations (at_ms) WHERE state = 'held';
CREATE INDEX reservations_settled ON reservations (settled_ms) WHERE state <> 'held';
CREATE TABLE used (campaign_id TEXT PRIMARY KEY, micro_eur INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE used_by (
    campaign_id TEXT NOT NULL, signal TEXT NOT NULL, value TEXT NOT NULL, grants INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, signal, value)) WITHOUT ROWID;
CREATE TABLE ip_bonus (
    ip TEXT NOT NULL, day INTEGER NOT NULL, micro_eur INTEGER NOT NULL, PRIMARY KEY (ip, day)) WITHOUT ROWID;
CREATE INDEX ip_bonus_by_day ON ip_bonus (day);
CREATE TABLE seen (
    signal TEXT NOT NULL, value TEXT NOT NULL, player_id TEXT NOT NULL, last_ms INTEGER NOT NULL,
    PRIMARY KEY (signal, value, player_id)) WITHOUT ROWID;
CREATE INDEX seen_latest ON seen (signal, value, last_ms);
CREATE INDEX seen_by_time ON seen (last_ms)
"""

CONTROL: Schema = (_CONTROL_1, _CONTROL_2, _CONTROL_3, _CONTROL_4, _CONTROL_5, _CONTROL_6)
SHARD: Schema = (_SHARD_1, _SHARD_2, _SHARD_3, "", _SHARD_5, "")
SHARED: Schema = ("", _SHARED_2, "", "", "", "")
READERS: Schema = ("", "", "", "", _READERS_5, "")
