//! Tests of controls.
