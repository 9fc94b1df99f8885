//! Writes the page of each vendor into a folder: `cargo xtask docs` calls it with
//! `docs/connectors`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).ok_or_else(|| io::Error::other("into which folder?"))?;
    for connector in connectors::all() {
        let manifest = connector.manifest();
        let file = Path::new(&folder).join(format!("{}.md", manifest.name));
        fs::write(file, connectors::page::of(manifest))?;
    }
    Ok(())
}
