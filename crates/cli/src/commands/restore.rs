//! `habeas restore`: a backup becomes the data folder, with every changing call stopped.

use std::path::PathBuf;

use domain::{Event, Instant};
use engine::operator::restore::{self, RestoreView};
use serde_json::json;
use store::backup::put_back;
use store::{From, JournalFilter};

use super::backup::progress;
use crate::args::Common;
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::Screen;
use crate::show::{self, n_of};

/// How many entries of what the vendors said are counted.
const MOST: u32 = 100_000;

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    habeas restore /backup/habeas-2026-11-22\n\n\
    End every other program that works on the lost folder, also on other machines. The key folder\n\
    has to be the one that belongs to the backup. Everything is paused afterwards:\n\
    `habeas resume --all` ends that.")]
pub struct Args {
    /// The backup.
    folder: PathBuf,
}

/// What the vendors said when they were asked.
#[derive(Debug, Default, serde::Serialize)]
struct Asked {
    n_calls_found_out: usize,
    n_jobs_with_news: usize,
    n_jobs_over: usize,
}

/// Puts a backup back.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let (bar, tell) = progress("copying and comparing");
    let put = put_back(&args.folder, &common.data, &common.keys, tell);
    bar.finish_and_clear();
    let (manifest, draft) = put?;
    let draft_at = Common { data: draft.path().to_owned(), ..common.clone() };
    let session = Session::to_write(&draft_at, screen).await?;
    let view = restore::begin(&session.desk(), &manifest.head).await?;
    let since = session.store.journal(From::Before(i64::MAX), &JournalFilter::default(), 1).await?;
    session.store.close().await;
    let now = session.now;
    draft.finish()?;
    // Whatever becomes of asking the vendors, this is done.
    if !screen.json {
        tell_done(&view, now, common, screen);
    }

    let since = since.first().map_or(0, |(seq, _)| *seq);
    let asked = ask(common, since, screen).await;
    if screen.json {
        let mut told = json!(view);
        told["vendors"] = json!(asked.as_ref().ok());
        screen.json(&told)?;
    }
    let asked = asked?;
    if !screen.json {
        tell_asked(&view, &asked, screen);
    }
    Ok(Exit::LeftForPerson)
}

/// Lets the engine ask the vendors, unless somebody else does.
async fn ask(common: &Common, since: i64, screen: Screen) -> anyhow::Result<Asked> {
    let session = Session::to_write(common, screen).await?;
    session.act().await?;
    let asked = asked(&session, since).await?;
    session.store.close().await;
    Ok(asked)
}

async fn asked(session: &Session, since: i64) -> anyhow::Result<Asked> {
    let mut asked = Asked::default();
    let filter = JournalFilter::default();
    for (_, entry) in session.store.journal(From::After(since), &filter, MOST).await? {
        match entry.event {
            Event::IntentReconciled => asked.n_calls_found_out += 1,
            Event::JobReported => asked.n_jobs_with_news += 1,
            Event::JobEnded => asked.n_jobs_over += 1,
            _ => {}
        }
    }
    Ok(asked)
}

fn tell_done(view: &RestoreView, now: Instant, common: &Common, screen: Screen) {
    let lines = [
        format!("{} holds the backup of {}.", common.data.display(), show::when(view.made_at, now)),
        format!("  purged again, since the list beside the keys says so: {}", n_of(view.n_purged as u64, "request")),
        format!("  unreadable, since their keys were destroyed in time: {}", n_of(view.n_unreadable, "closed request")),
        format!("  ended, since one may have been revoked meanwhile: {}", n_of(view.n_tokens_ended, "token")),
        format!("  disabled, until you enable them again (habeas webhooks list, habeas mail show): {}", n_of(view.n_endpoints_disabled, "endpoint")),
        "EVERY CHANGING CALL IS STOPPED. What was sent after the backup is looked for at the vendor before anything is sent.".to_owned(),
        "Requests that came in since the backup are not there: take them in again. Then: habeas resume --all".to_owned(),
    ];
    lines.into_iter().for_each(|line| screen.line(line));
}

fn tell_asked(view: &RestoreView, asked: &Asked, screen: Screen) {
    screen.line(format!(
        "Asked about at the vendors: {}; with news {}, over {}, calls found out {}.",
        n_of(view.n_jobs as u64, "job"),
        asked.n_jobs_with_news,
        asked.n_jobs_over,
        asked.n_calls_found_out
    ));
}
