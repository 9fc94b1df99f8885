//! Serves the twins and prints their description: what `habeas twins --json` does, without the rest
//! of the program. Arguments: the seed, and how many people there are.

use std::io::Write;

use twins::Options;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().ok());
    let standard = Options::default();
    let seed = numbers.next().flatten().map_or(standard.seed, |seed: usize| seed as u64);
    let people = numbers.next().flatten().unwrap_or(standard.people);
    let serving = twins::serve(Options { seed, people, ..standard }).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serving.description())?;
    out.flush()?;
    serving.wait().await;
    Ok(())
}
