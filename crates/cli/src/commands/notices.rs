//! `habeas notices …`: what an operator has to know of.

use clap::Subcommand;
use domain::notice::About;
use domain::{Instant, Notice};
use engine::operator::notices::NoticePage;

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// The commands on notices.
#[derive(Debug, Subcommand)]
pub enum Notices {
    /// List notices, the newest first.
    #[command(after_help = "Examples:\n  habeas notices list\n  habeas notices list --open")]
    List {
        /// Only those whose cause is not mended.
        #[arg(long)]
        open: bool,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
}

/// Runs one of them.
pub async fn run(command: Notices, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let Notices::List { open, limit } = command;
    let client = Client::to_read(common, screen).await?;
    let query =
        query([("open", open.then(|| "true".to_owned())), ("limit", Some(limit.to_string()))]);
    let page: NoticePage = client.get(&format!("/notices{query}")).await?;
    if screen.json {
        screen.json(&page)?;
    } else if page.notices.is_empty() {
        screen.line("Nothing to tell.");
    } else {
        let rows = page.notices.iter().map(|one| row(one, client.now)).collect();
        screen.table(&["notice", "about", "raised", "mended"], rows);
    }
    Ok(Exit::Done)
}

fn row(one: &Notice, now: Instant) -> Vec<String> {
    let mended = one.mended_at.map_or("open".to_owned(), |at| show::when(at, now));
    vec![one.kind.to_string(), about(&one.about), show::when(one.raised_at, now), mended]
}

fn about(about: &About) -> String {
    let About { request, task, connection, job, endpoint, which } = about;
    let parts = [
        which.clone(),
        request.map(|id| id.to_string()),
        task.map(|id| id.to_string()),
        connection.map(|id| id.to_string()),
        job.map(|id| id.to_string()),
        endpoint.map(|id| id.to_string()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "the whole installation".to_owned() } else { parts.join("\n") }
}
