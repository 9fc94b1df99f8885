-- Settings of the whole installation that hold a secret, sealed as a whole like credentials.

CREATE TABLE sealed_setting (
    key TEXT PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL
) WITHOUT ROWID;
