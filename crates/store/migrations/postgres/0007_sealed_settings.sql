-- Settings of the whole installation that hold a secret, sealed as a whole like credentials.

CREATE TABLE sealed_setting (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    sealed BYTEA NOT NULL
);
