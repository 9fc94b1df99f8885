-- What the scripts for SQLite make, in the types of PostgreSQL; a store here began empty, so what those
-- change in rows of older ones is left out. Text is compared byte by byte, as there.

-- Each process that writes, and how many transactions it committed.
CREATE TABLE writer (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    n BIGINT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Ids, words and JSON are TEXT; instants are milliseconds since 1970 UTC in BIGINT; what is sealed is
-- BYTEA. "word" columns hold the one spelling of domain's words. A JSON column named "body" or "detail"
-- holds what no query needs.

CREATE TABLE setting (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    fence BIGINT NOT NULL,
    boot TEXT COLLATE "C" NOT NULL,
    until_ms BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    info TEXT COLLATE "C" NOT NULL,
    released BOOLEAN NOT NULL
);

CREATE TABLE connection (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    removed_at BIGINT,
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX connection_name ON connection (name) WHERE removed_at IS NULL;

CREATE TABLE secret (
    connection_id TEXT COLLATE "C" NOT NULL REFERENCES connection (id),
    name TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (connection_id, name)
);

-- How many deletions were approved on a day, for the daily guard.
CREATE TABLE approved_day (
    connection_id TEXT COLLATE "C" NOT NULL REFERENCES connection (id),
    day TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (connection_id, day)
);

-- The request's key, wrapped under its epoch's. Without this row nothing of the request opens.
CREATE TABLE request_key (
    request_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    wrapped BYTEA NOT NULL
);

CREATE TABLE request (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    right_word TEXT COLLATE "C" NOT NULL,
    due_at BIGINT NOT NULL,
    idempotency TEXT COLLATE "C" NOT NULL UNIQUE,
    external_token TEXT COLLATE "C",
    external_id BYTEA,
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX request_state ON request (state, id);
CREATE INDEX request_external ON request (external_token) WHERE external_token IS NOT NULL;

CREATE TABLE identifier (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES request (id),
    kind TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    normalised BYTEA NOT NULL,
    -- NULL where it is the same as normalised.
    given BYTEA,
    origin TEXT COLLATE "C" NOT NULL,
    seen_in TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX identifier_of_request ON identifier (request_id, token);
-- Tokens come in no order, so that every commit changes pages all over this index: it holds nothing
-- else, to be small.
CREATE INDEX identifier_token ON identifier (token);

CREATE TABLE task (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES request (id),
    connection_id TEXT COLLATE "C" REFERENCES connection (id),
    right_word TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    round BIGINT NOT NULL,
    due_at BIGINT,
    since BIGINT NOT NULL,
    needs_person BOOLEAN NOT NULL,
    variant TEXT COLLATE "C",
    n_items BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    sending TEXT COLLATE "C",
    queued BOOLEAN NOT NULL,
    outcome TEXT COLLATE "C",
    detail TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);
-- What a round found and plans: long, and written once while its task moves on.
CREATE TABLE findings (
    task_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES task (id),
    body TEXT COLLATE "C" NOT NULL
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
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL REFERENCES connection (id),
    state TEXT COLLATE "C" NOT NULL,
    due_at BIGINT,
    vendor_ref TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX job_due ON job (connection_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX job_state ON job (connection_id, state);

CREATE TABLE carried (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES job (id),
    task_id TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    request_id TEXT COLLATE "C" NOT NULL,
    round BIGINT NOT NULL,
    identifiers TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, task_id, round)
);
CREATE INDEX carried_task ON carried (task_id);

CREATE TABLE intent (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    connection_id TEXT COLLATE "C" NOT NULL REFERENCES connection (id),
    job_id TEXT COLLATE "C" NOT NULL REFERENCES job (id),
    our_key TEXT COLLATE "C",
    endpoint TEXT COLLATE "C" NOT NULL,
    n_members BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    deadline_boot TEXT COLLATE "C" NOT NULL,
    deadline_ms BIGINT NOT NULL,
    answer TEXT COLLATE "C",
    answered_at BIGINT
);
CREATE INDEX intent_open ON intent (connection_id) WHERE answer IS NULL;

-- The owner is a task where the evidence is about one person, else a job.
CREATE TABLE evidence (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX evidence_owner ON evidence (owner);

CREATE TABLE collected (
    request_id TEXT COLLATE "C" NOT NULL REFERENCES request (id),
    task_id TEXT COLLATE "C" NOT NULL REFERENCES task (id),
    round BIGINT NOT NULL,
    blob_id TEXT COLLATE "C" NOT NULL,
    n_records BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    PRIMARY KEY (request_id, task_id, round, blob_id)
);

CREATE TABLE journal (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    task_id TEXT COLLATE "C",
    connection_id TEXT COLLATE "C",
    job_id TEXT COLLATE "C",
    intent_id TEXT COLLATE "C",
    facts TEXT COLLATE "C"
);
CREATE INDEX journal_request ON journal (request_id) WHERE request_id IS NOT NULL;
