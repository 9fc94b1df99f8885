//! Packages: what an access request collected, as one ZIP file that a person can read without
//! anything else and a program can read as JSON.
//!
//! Start at [`write`]. Memory stays constant however much was collected: bodies are read line by
//! line, once to learn what is there (`survey`) and once per file to write it (`archive`). What
//! comes from a vendor is hostile: escaped where shown (`page`), bounded, and never a file name as
//! it stands (`names`).
//!
//! It knows no vendor, and decides nothing: whether a package may be written is a gate's matter.

mod archive;
mod contents;
mod draft;
mod error;
mod lines;
mod names;
mod pack;
mod page;
mod survey;
mod write;

pub use contents::{Contents, System};
pub use draft::Draft;
pub use error::PackageError;
pub use lines::NOTES;
pub use pack::{Packed, pack};
pub use survey::Open;
pub use write::{Summary, write};
