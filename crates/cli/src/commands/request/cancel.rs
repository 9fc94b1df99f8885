//! `habeas request cancel`.

use engine::operator::decide::Stopped;
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show;

/// Arguments of `request cancel`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  habeas request cancel req_01 --note 'taken back by letter'\n\n\
    Once all of it is over and something was carried out, it is refused: answer it then."
)]
pub struct Args {
    /// The request.
    id: String,
    /// What was said; names no person.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// Stops what has not been sent.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = client.request(&args.id).await?;
    let note = json!({"note": args.note});
    let stopped = client.post(&format!("/requests/{id}/cancel"), &note).await?;
    tell(&stopped, screen)
}

/// Tells what was stopped and what can't be.
pub fn tell(stopped: &Stopped, screen: Screen) -> anyhow::Result<Exit> {
    let exit = Exit::left(!stopped.carried_out.is_empty() || !stopped.cant_be_stopped.is_empty());
    if screen.json {
        screen.json(stopped)?;
        return Ok(exit);
    }
    let n = stopped.cancelled.len() as u64;
    let rest = match n {
        0 => "there was nothing left to stop".to_owned(),
        n => format!("{} will not be carried out", show::n_of(n, "task")),
    };
    screen.line(format!("The request is closed as {}; {rest}.", stopped.closed));
    let is_open = |task| stopped.cant_be_stopped.iter().any(|open| open.task == task);
    for effect in stopped.carried_out.iter().filter(|effect| !is_open(effect.task)) {
        screen.line(format!("Carried out before, and it stays so: {effect} [{}].", effect.task));
    }
    for task in &stopped.cant_be_stopped {
        screen.line(format!(
            "{} can't be stopped any more: it is {}. What comes of it is still recorded.",
            task.task, task.state
        ));
    }
    Ok(exit)
}
