//! demo
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    once: bool,
}
pub async fn run(
    _: Args,
    _: &crate::args::Common,
    _: crate::screen::Screen,
) -> anyhow::Result<crate::exit::Exit> {
    anyhow::bail!("x")
}
