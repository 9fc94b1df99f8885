//! Shapes: the JSON of each view is what its schema says, no field more, and reads back as the same.

pub(super) mod strict;
mod values;
mod views;
