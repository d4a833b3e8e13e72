-- Version 1. Later versions are added to `MIGRATIONS`, never changed.

-- One row for each time something was asked anew. Of one digest at most one row is live.
CREATE TABLE requests (
  id            INTEGER PRIMARY KEY,
  ticket        TEXT NOT NULL UNIQUE,
  digest        TEXT NOT NULL,
  agent         TEXT NOT NULL,
  binding       TEXT NOT NULL,             -- RFC 8785, the bytes of the digest
  approvers     TEXT NOT NULL,             -- JSON
  policies      TEXT NOT NULL,             -- JSON
  evaluation_id TEXT NOT NULL,
  asked_at      TEXT NOT NULL,             -- as the gateway wrote it
  opened        INTEGER NOT NULL,          -- seconds since 1970, as all times here
  last_asked    INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN
                  ('pending', 'approved', 'denied', 'withdrawn', 'used', 'expired', 'lapsed')),
  live          INTEGER NOT NULL CHECK (live IN (0, 1)),
  until         INTEGER NOT NULL,          -- a live row is over at this time
  decided       INTEGER,
  approver      TEXT,
  reason        TEXT,
  jti           TEXT UNIQUE,
  approval      TEXT,                      -- compact JWS
  CHECK (state NOT IN ('used', 'expired', 'lapsed') OR live = 0),
  CHECK ((state = 'approved') <= (approval IS NOT NULL AND jti IS NOT NULL AND approver IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX live_digest ON requests (digest) WHERE live = 1;
CREATE INDEX live_until ON requests (until) WHERE live = 1;
CREATE INDEX pending_agent ON requests (agent) WHERE live = 1 AND state = 'pending';
CREATE INDEX opened_agent ON requests (agent, opened);

-- What happened, each line with the hash of the one before it.
CREATE TABLE audit (
  seq   INTEGER PRIMARY KEY,
  at    INTEGER NOT NULL,
  event TEXT NOT NULL,
  agent TEXT,
  line  TEXT NOT NULL
) STRICT;
CREATE INDEX audit_event ON audit (event, agent, at);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- People who are signed in; of their cookie only the hash.
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  issuer     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  acr        TEXT,
  auth_time  INTEGER NOT NULL,
  until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (issuer, subject, auth_time);

-- What a webhook has still to be told.
CREATE TABLE outbox (
  request  INTEGER PRIMARY KEY REFERENCES requests (id),
  attempts INTEGER NOT NULL,
  next     INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_next ON outbox (next);
