-- A job store as Cabine wrote it before there were lanes: one job is done, one at work, two wait.
BEGIN TRANSACTION;
CREATE TABLE events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;
INSERT INTO "events" VALUES('00000000000000000000000000000001',1,9000000000.0,'queued','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000001',2,9000000000.0,'running','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000001',3,9000000000.0,'succeeded','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000002',1,9000000000.0,'queued','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000002',2,9000000000.0,'running','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000002',3,9000000000.0,'progress','{"stage": "engine", "step": 1, "steps": 2, "eta_s": 1.5}');
INSERT INTO "events" VALUES('00000000000000000000000000000003',1,9000000000.0,'queued','{}');
INSERT INTO "events" VALUES('00000000000000000000000000000004',1,9000000000.0,'queued','{}');
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    owner TEXT,
    created REAL NOT NULL,
    deadline REAL,
    lease_until REAL,
    expires REAL,
    bytes INTEGER NOT NULL,
    job TEXT NOT NULL
);
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000001','succeeded',NULL,9000000000.0,NULL,NULL,9000003600.0,11,'{"id": "00000000000000000000000000000001", "owner": null, "engine": "warp", "request": {"values": [["seed", "7"]], "text": "Größe 1e3"}, "created": 9000000000.0, "deadline": null, "state": "succeeded", "queue_position": null, "stage": "", "step": 0, "steps": 0, "eta_s": null, "attempts": 1, "claims": 1, "lease": null, "cancel_requested": false, "started": 9000000000.0, "finished": 9000000000.0, "seed": 7, "confidence": 0.9, "warnings": [{"name": "low-resolution"}], "timings": {"engine": 1.5}, "results": {"mask_source": "derived", "width": 768}, "files": ["image-0", "mask"], "error": null, "expires": 9000003600.0, "bytes": 11, "last_event": 3}');
INSERT INTO "jobs" VALUES(2,'00000000000000000000000000000002','running',NULL,9000000000.0,NULL,9000000010.0,NULL,24,'{"id": "00000000000000000000000000000002", "owner": null, "engine": "warp", "request": {"options": {"seed": 7}, "text": "at work"}, "created": 9000000000.0, "deadline": null, "state": "running", "queue_position": null, "stage": "engine", "step": 1, "steps": 2, "eta_s": 1.5, "attempts": 1, "claims": 1, "lease": {"worker": "w", "until": 9000000010.0}, "cancel_requested": false, "started": 9000000000.0, "finished": null, "seed": null, "confidence": null, "warnings": [], "timings": {}, "results": {}, "files": [], "error": null, "expires": null, "bytes": 24, "last_event": 3}');
INSERT INTO "jobs" VALUES(3,'00000000000000000000000000000003','queued','me',9000000000.0,NULL,NULL,NULL,20,'{"id": "00000000000000000000000000000003", "owner": "me", "engine": "warp", "request": {"options": {"seed": 7}, "text": "first"}, "created": 9000000000.0, "deadline": null, "state": "queued", "queue_position": null, "stage": "", "step": 0, "steps": 0, "eta_s": null, "attempts": 0, "claims": 0, "lease": null, "cancel_requested": false, "started": null, "finished": null, "seed": null, "confidence": null, "warnings": [], "timings": {}, "results": {}, "files": [], "error": null, "expires": null, "bytes": 20, "last_event": 1}');
INSERT INTO "jobs" VALUES(4,'00000000000000000000000000000004','queued','me',9000000000.0,NULL,NULL,NULL,22,'{"id": "00000000000000000000000000000004", "owner": "me", "engine": "warp", "request": {"options": {"seed": 7}, "text": "second"}, "created": 9000000000.0, "deadline": null, "state": "queued", "queue_position": null, "stage": "", "step": 0, "steps": 0, "eta_s": null, "attempts": 0, "claims": 0, "lease": null, "cancel_requested": false, "started": null, "finished": null, "seed": null, "confidence": null, "warnings": [], "timings": {}, "results": {}, "files": [], "error": null, "expires": null, "bytes": 22, "last_event": 1}');
CREATE TABLE keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO "keys" VALUES('me','first','first','00000000000000000000000000000003');
INSERT INTO "keys" VALUES('me','second','second','00000000000000000000000000000004');
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX keys_by_job ON keys (job_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',4);
COMMIT;
PRAGMA user_version = 1;
