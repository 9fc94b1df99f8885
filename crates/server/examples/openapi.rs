//! Writes the document of the API to a file: `cargo run -p server --example openapi -- FILE`.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the file to write")?;
    fs::write(path, server::api::document_text())?;
    Ok(())
}
