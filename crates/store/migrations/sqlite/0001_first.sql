-- Ids, words and JSON are TEXT; instants are milliseconds since 1970 UTC in BIGINT; what is sealed is
-- BLOB. "word" columns hold the one spelling of domain's words. A JSON column named "body" or "detail"
-- holds what no query needs.

CREATE TABLE setting (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE lease (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    boot TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    info TEXT NOT NULL,
    released BOOLEAN NOT NULL
) WITHOUT ROWID;

CREATE TABLE connection (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    removed_at BIGINT,
    body TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX connection_name ON connection (name) WHERE removed_at IS NULL;

CREATE TABLE secret (
    connection_id TEXT NOT NULL REFERENCES connection (id),
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (connection_id, name)
) WITHOUT ROWID;

-- How many deletions were approved on a day, for the daily guard.
CREATE TABLE approved_day (
    connection_id TEXT NOT NULL REFERENCES connection (id),
    day TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (connection_id, day)
) WITHOUT ROWID;

-- The request's key, wrapped under its epoch's. Without this row nothing of the request opens.
CREATE TABLE request_key (
    request_id TEXT PRIMARY KEY NOT NULL,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE request (
    id TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL,
    right_word TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    idempotency TEXT NOT NULL UNIQUE,
    external_token TEXT,
    external_id BLOB,
    body TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX request_state ON request (state, id);
CREATE INDEX request_external ON request (external_token) WHERE external_token IS NOT NULL;

CREATE TABLE identifier (
    id TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL REFERENCES request (id),
    kind TEXT NOT NULL,
    token TEXT NOT NULL,
    normalised BLOB NOT NULL,
    -- NULL where it is the same as normalised.
    given BLOB,
    origin TEXT NOT NULL,
    seen_in TEXT NOT NULL
);
CREATE UNIQUE INDEX identifier_of_request ON identifier (request_id, token);
-- Tokens come in no order, so that every commit changes pages all over this index: it holds nothing
-- else, to be small.
CREATE INDEX identifier_token ON identifier (token);

CREATE TABLE task (
    id TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL REFERENCES request (id),
    connection_id TEXT REFERENCES connection (id),
    right_word TEXT NOT NULL,
    state TEXT NOT NULL,
    round BIGINT NOT NULL,
    due_at BIGINT,
    since BIGINT NOT NULL,
    needs_person BOOLEAN NOT NULL,
    variant TEXT,
    n_items BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    sending TEXT,
    queued BOOLEAN NOT NULL,
    outcome TEXT,
    detail TEXT NOT NULL,
    version BIGINT NOT NULL
);
-- What a round found and plans: long, and written once while its task moves on.
CREATE TABLE findings (
    task_id TEXT PRIMARY KEY NOT NULL REFERENCES task (id),
    body TEXT NOT NULL
);
CREATE INDEX task_request ON task (request_id, id);
CREATE INDEX task_due ON task (connection_id, due_at, id) WHERE due_at IS NOT NULL AND NOT queued;
CREATE INDEX task_queued ON task (connection_id, since, id) WHERE queued;
CREATE INDEX task_ended ON task (outcome) WHERE state = 'ended';
CREATE INDEX task_on_the_way ON task (connection_id, right_word)
    WHERE state IN ('locating', 'planned') AND NOT needs_person;
CREATE INDEX task_observed ON task (connection_id, id) WHERE state = 'planned' AND due_at IS NULL;
CREATE INDEX task_open ON task (connection_id, id) WHERE state <> 'ended';

CREATE TABLE job (
    id TEXT PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connection (id),
    state TEXT NOT NULL,
    due_at BIGINT,
    vendor_ref TEXT,
    body TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX job_due ON job (connection_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX job_state ON job (connection_id, state);

CREATE TABLE carried (
    job_id TEXT NOT NULL REFERENCES job (id),
    task_id TEXT NOT NULL REFERENCES task (id),
    request_id TEXT NOT NULL,
    round BIGINT NOT NULL,
    identifiers TEXT NOT NULL,
    PRIMARY KEY (job_id, task_id, round)
) WITHOUT ROWID;
CREATE INDEX carried_task ON carried (task_id);

CREATE TABLE intent (
    id TEXT PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connection (id),
    job_id TEXT NOT NULL REFERENCES job (id),
    our_key TEXT,
    endpoint TEXT NOT NULL,
    n_members BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    deadline_boot TEXT NOT NULL,
    deadline_ms BIGINT NOT NULL,
    answer TEXT,
    answered_at BIGINT
);
CREATE INDEX intent_open ON intent (connection_id) WHERE answer IS NULL;

-- The owner is a task where the evidence is about one person, else a job.
CREATE TABLE evidence (
    id TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    request_id TEXT,
    body TEXT NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX evidence_owner ON evidence (owner);

CREATE TABLE collected (
    request_id TEXT NOT NULL REFERENCES request (id),
    task_id TEXT NOT NULL REFERENCES task (id),
    round BIGINT NOT NULL,
    blob_id TEXT NOT NULL,
    n_records BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    PRIMARY KEY (request_id, task_id, round, blob_id)
) WITHOUT ROWID;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    request_id TEXT,
    task_id TEXT,
    connection_id TEXT,
    job_id TEXT,
    intent_id TEXT,
    facts TEXT
);
CREATE INDEX journal_request ON journal (request_id) WHERE request_id IS NOT NULL;
