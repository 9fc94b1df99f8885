//! `habeas doctor`: looks at folders, keys, database, engine, connections and work, and says what mends
//! what is wrong. It writes nothing but a small object to a bucket of bodies, and needs nobody to run the engine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use engine::operator::doctor::{Finding, Severity, examine};
use serde_json::json;
use store::backup;

use crate::args::Common;
use crate::exit::{self, Exit};
use crate::open::Session;
use crate::screen::Screen;
use crate::show;

/// Less room than this is told.
const LITTLE: u64 = 1 << 30;
/// With less than this nothing can be written for long.
const TOO_LITTLE: u64 = 64 << 20;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all is well, 3 something should be looked at, 1 something does not work."
)]
pub struct Args {}

/// Looks at everything.
pub async fn run(_args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let mut findings = folders(common);
    if common.data.exists() {
        findings.extend(room(&common.data));
        findings.push(database(common).await);
        match Session::to_read(common, screen).await {
            Ok(session) => of_store(&session, &mut findings).await,
            Err(error) => findings.push(told("store", &error)),
        }
    }
    let worst = findings.iter().map(|finding| finding.severity).max();
    let exit = match worst {
        Some(Severity::Broken) => Exit::Failed,
        Some(Severity::Warning) => Exit::LeftForPerson,
        _ => Exit::Done,
    };
    if screen.json {
        screen.json(&json!({"findings": findings, "worst": worst}))?;
        return Ok(exit);
    }
    for finding in &findings {
        let mark = match finding.severity {
            Severity::Well => "ok     ",
            Severity::Warning => "warning",
            Severity::Broken => "BROKEN ",
        };
        screen.line(format!("{mark}  {}: {}", finding.about, finding.what));
        if let Some(mend) = &finding.mend {
            screen.line(format!("           {mend}"));
        }
    }
    Ok(exit)
}

async fn of_store(session: &Session, findings: &mut Vec<Finding>) {
    match session.holder().await {
        Ok(Some(row)) => {
            findings.push(Finding::well("engine", format!("it is run by {}", row.info)));
        }
        Ok(None) => findings.push(Finding::warning(
            "engine",
            "nobody runs it, so nothing happens by itself",
            "habeas serve",
        )),
        Err(error) => findings.push(told("engine", &error)),
    }
    match (session.store.bucket(), session.store.try_bodies().await) {
        (None, _) => {}
        (Some(bucket), Ok(())) => findings.push(Finding::well(
            "bodies",
            format!("{bucket} takes, gives and removes a small object"),
        )),
        (_, Err(error)) => findings.push(told("bodies", &error.into())),
    }
    match examine(&session.desk()).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(told("store", &error.into())),
    }
}

/// An error as a finding: what it says, and what it advises.
fn told(about: &str, error: &anyhow::Error) -> Finding {
    let told = exit::json(error);
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let (advice, help) = (text("advice"), text("help"));
    let mend = [advice, help].into_iter().filter(|text| !text.is_empty());
    Finding::broken(about, text("message"), mend.collect::<Vec<_>>().join("; more: "))
}

fn folders(common: &Common) -> Vec<Finding> {
    const BEGIN: &str = "name the right one, or begin with `habeas connect segment`";
    // New keys would open nothing of what is there.
    const PUT_BACK: &str = "put it back from its copy, or name the right one with HABEAS_KEYS";
    let for_keys = if common.data.exists() { PUT_BACK } else { BEGIN };
    let mut findings = Vec::new();
    for (about, folder, mend) in
        [("data folder", &common.data, BEGIN), ("key folder", &common.keys, for_keys)]
    {
        let at = folder.display();
        findings.push(match fs::metadata(folder) {
            Err(error) => Finding::broken(about, format!("{at} can't be read: {error}"), mend),
            Ok(found) if !found.is_dir() => {
                Finding::broken(about, format!("{at} is a file, not a folder"), mend)
            }
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                Finding::broken(about, format!("others can enter {at}"), format!("chmod 700 {at}"))
            }
            Ok(_) => Finding::well(about, format!("{at}, for its owner only")),
        });
    }
    let database = common.data.join("habeas.db");
    if is_open_to_others(&database) {
        let at = database.display();
        let what = format!("others can read {at}");
        findings.push(Finding::broken("data folder", what, format!("chmod 600 {at}*")));
    }
    // A store reads a key when it is needed first, so an open one need not have been noticed.
    let keys = fs::read_dir(&common.keys).into_iter().flatten().flatten();
    for key in keys.map(|entry| entry.path()).filter(|path| is_open_to_others(path)) {
        let what = format!("others can read {}", key.display());
        let mend = format!("set its mode to 600: chmod 600 {}", key.display());
        findings.push(Finding::broken("key folder", what, mend));
    }
    findings
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn room(data: &Path) -> Option<Finding> {
    let free = rustix::fs::statvfs(data).ok()?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    let what = format!("{} are free where the data lies", show::size(free));
    let mend = "make room, or move the data folder to a larger disk";
    Some(match free {
        ..TOO_LITTLE => Finding::broken("disk", what, mend),
        TOO_LITTLE..LITTLE => Finding::warning("disk", what, mend),
        _ => Finding::well("disk", what),
    })
}

async fn database(common: &Common) -> Finding {
    match backup::check(&common.data).await {
        Ok(None) => Finding::well("database", "its own check finds nothing"),
        Ok(Some(wrong)) => Finding::broken(
            "database",
            format!("it is damaged: {wrong}"),
            "stop the program, have the disk looked at, and put the last good backup back; more: docs/backup.md",
        ),
        Err(error) => told("database", &error.into()),
    }
}
