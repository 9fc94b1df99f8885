//! connector-api.
