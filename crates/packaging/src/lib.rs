//! packaging.
