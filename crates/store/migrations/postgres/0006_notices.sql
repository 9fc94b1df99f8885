-- What an operator is told of, once for each cause until it is mended.

CREATE TABLE notice (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    mended_at BIGINT,
    body TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX notice_open ON notice (cause) WHERE mended_at IS NULL;

-- The few entries that may raise or mend one, so that nobody reads the others for it.
CREATE INDEX journal_notable ON journal (seq) WHERE event IN (
    'connection.paused', 'connection.resumed', 'connection.removed', 'permission.lost',
    'permission.granted', 'job.overdue', 'guard.tripped', 'data.reappeared', 'engine.paused',
    'engine.resumed', 'endpoint.failing', 'endpoint.disabled', 'endpoint.enabled',
    'endpoint.removed');
