//! Writes the document of the API to a file, and the page that is made of it beside that:
//! `cargo run -p server --example openapi -- docs/api/openapi.json`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("name the file to write")?);
    fs::write(&path, server::api::document_text())?;
    fs::write(path.with_file_name("reference.md"), server::api::reference_page())?;
    Ok(())
}
