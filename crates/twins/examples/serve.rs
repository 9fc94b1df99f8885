//! Serves the twins and prints their description: what `habeas twins --json` does, without the rest
//! of the program. The first argument is the seed.

use std::io::Write;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let serving = twins::serve(twins::Options { seed, ..twins::Options::default() }).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serving.description())?;
    out.flush()?;
    serving.wait().await;
    Ok(())
}
