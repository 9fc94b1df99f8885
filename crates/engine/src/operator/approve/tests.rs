//! Tests of approve.
