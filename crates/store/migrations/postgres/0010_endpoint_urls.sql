-- The URL of a webhook, sealed: its path and its query may hold a secret of the other side. The endpoint
-- itself only names whose it is.

CREATE TABLE endpoint_url (
    endpoint_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES endpoint (id),
    sealed BYTEA NOT NULL
);
