-- Who may do what. The text of a token stands nowhere, only the digest of its secret part.

CREATE TABLE principal (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE token (
    id TEXT PRIMARY KEY NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principal (id),
    digest TEXT NOT NULL UNIQUE,
    -- Digest of what makes it the same token when it is asked for again.
    idempotency TEXT UNIQUE,
    revoked_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX token_principal ON token (principal_id, id);

-- A column of its own, in small letters, so that who is bound to brands is shown theirs only.
ALTER TABLE request ADD COLUMN brand TEXT;
UPDATE request SET brand = LOWER(body ->> '$.brand');
