//! The drivers: one file per database, each behind the enums of `db`.

pub(crate) mod sqlite;
