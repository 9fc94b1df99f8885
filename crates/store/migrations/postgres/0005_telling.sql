-- Whom we tell what happens. What is told are entries of the journal, up to which each endpoint has
-- been told; nothing is written while there is no endpoint.

CREATE TABLE endpoint (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    -- The number of the last entry that was looked at for it.
    told_until BIGINT NOT NULL,
    -- It asked for a rest until then.
    rest_until BIGINT,
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);

-- What signs its messages. Two while a new one takes over.
CREATE TABLE endpoint_secret (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoint (id),
    number BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    ends_at BIGINT,
    PRIMARY KEY (endpoint_id, number)
);

CREATE TABLE delivery (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoint (id),
    seq BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    due_at BIGINT,
    ended_at BIGINT,
    n_attempts BIGINT NOT NULL,
    last TEXT COLLATE "C",
    PRIMARY KEY (endpoint_id, seq)
);
CREATE INDEX delivery_due ON delivery (endpoint_id, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX delivery_dead ON delivery (endpoint_id, seq) WHERE state = 'dead';
