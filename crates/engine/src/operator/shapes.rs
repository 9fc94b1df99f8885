//! Shapes: the JSON of each view is what its schema says, no field more, and reads back as the same.

mod strict;
mod values;
mod views;
