-- Who may do what. The text of a token stands nowhere, only the digest of its secret part.

CREATE TABLE principal (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE token (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES principal (id),
    digest TEXT COLLATE "C" NOT NULL UNIQUE,
    -- Digest of what makes it the same token when it is asked for again.
    idempotency TEXT COLLATE "C" UNIQUE,
    revoked_at BIGINT,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX token_principal ON token (principal_id, id);

-- A column of its own, in small letters, so that who is bound to brands is shown theirs only.
ALTER TABLE request ADD COLUMN brand TEXT COLLATE "C";
