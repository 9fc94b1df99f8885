//! `habeas notices …`: what an operator has to know of, and trying who is told.

use clap::Subcommand;
use domain::notice::About;
use domain::{Instant, Notice};
use engine::operator::notices::{ChannelTest, NoticePage, NoticeTest};

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
    /// Send a test to every webhook and address that gets notices, and say what came of it.
    Test,
}

/// Runs one of them.
pub async fn run(command: Notices, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Notices::List { open, limit } => list(open, limit, common, screen).await,
        Notices::Test => test(common, screen).await,
    }
}

async fn list(open: bool, limit: u32, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
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

async fn test(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let test: NoticeTest = client.post_to("/notices/test").await?;
    if screen.json {
        screen.json(&test)?;
    } else if test.channels.is_empty() {
        screen.line(
            "Nobody is told of notices. By mail: habeas mail add NAME --to ADDRESS; by a webhook: habeas webhooks add NAME --to URL",
        );
    } else {
        test.channels.iter().for_each(|one| tell(one, screen));
    }
    let all_taken = test.channels.iter().all(|one| one.is_taken);
    Ok(if all_taken { Exit::Done } else { Exit::Failed })
}

fn tell(one: &ChannelTest, screen: Screen) {
    let ChannelTest { channel, name, is_taken, attempt, code, advice } = one;
    let mark = if *is_taken { "ok    " } else { "FAILED" };
    let code = code.as_ref().map_or_else(String::new, |code| format!(" [{code}]"));
    let (answer, took) = (&attempt.answer, attempt.took_ms);
    screen.line(format!("{mark}  {channel} {name}: {answer}, after {took} ms{code}"));
    if let Some(advice) = advice {
        screen.line(format!("          {advice}"));
    }
}
