//! `habeas request watch`: one request, live, until it waits for a person or is settled.

use std::time::Duration;

use domain::task::Whom;
use domain::{Instant, RequestState};
use engine::operator::engine::EngineView;
use engine::operator::show::RequestView;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::clock::wait;
use crate::commands::serve::until_stopped;
use crate::exit::Exit;
use crate::screen::{Screen, harmless};
use crate::show::when;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(400);

/// Arguments of `request watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request watch req_01\n\n\
    It ends when the request is settled (0) or waits for a person (3). Ctrl-C leaves it as it is.")]
pub struct Args {
    /// The request.
    id: String,
}

/// Watches it.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let mut client = Client::to_read(common, screen).await?;
    let id = client.request(&args.id).await?;
    let path = format!("/requests/{id}");
    let engine: EngineView = client.get("/engine").await?;
    if engine.runs.is_none() {
        screen.note("nobody runs the engine now, so nothing moves: start `habeas serve`");
    }
    let mut shown = Shown::new(screen);
    let mut last = None;
    let stopped = until_stopped();
    tokio::pin!(stopped);
    loop {
        let view: RequestView = client.get(&path).await?;
        if last.as_ref() != Some(&view) {
            client.look_again().await?;
            shown.show(&view, &client)?;
            if let Some(exit) = end(&view) {
                shown.close();
                tell_end(&view, &client, screen);
                return Ok(exit);
            }
            last = Some(view);
        }
        tokio::select! {
            () = wait(LOOK) => {}
            () = &mut stopped => {
                shown.close();
                return Ok(Exit::Done);
            }
        }
    }
}

/// Whether there is nothing more to watch, and how that ends.
fn end(view: &RequestView) -> Option<Exit> {
    if view.waits.iter().any(|wait| wait.whom == Whom::Operator) {
        return Some(Exit::LeftForPerson);
    }
    (view.asked.state == RequestState::Closed).then_some(Exit::Done)
}

fn tell_end(view: &RequestView, client: &Client, screen: Screen) {
    if !screen.json {
        screen.line(super::show::text(view, client));
    }
}

/// One line per system: in place at a terminal, a new one per change elsewhere.
struct Shown {
    screen: Screen,
    last: Vec<String>,
    live: Option<(MultiProgress, Vec<ProgressBar>)>,
}

impl Shown {
    fn new(screen: Screen) -> Self {
        let is_live = screen.is_terminal() && !screen.json;
        let target = ProgressDrawTarget::stdout();
        let live = is_live.then(|| (MultiProgress::with_draw_target(target), Vec::new()));
        Self { screen, last: Vec::new(), live }
    }

    fn show(&mut self, view: &RequestView, client: &Client) -> anyhow::Result<()> {
        if self.screen.json {
            return self.screen.json(&json!(view));
        }
        let lines: Vec<String> = lines(view, client.now);
        match &mut self.live {
            None => {
                for line in lines.iter().filter(|line| !self.last.contains(line)) {
                    self.screen.line(line);
                }
            }
            Some((all, bars)) => {
                while bars.len() < lines.len() {
                    let bar = all.add(ProgressBar::new_spinner());
                    // The template is a constant of ours; should it not fit, the plain one does.
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                        bar.set_style(style);
                    }
                    bars.push(bar);
                }
                for (bar, line) in bars.iter().zip(&lines) {
                    bar.set_message(harmless(line));
                }
            }
        }
        self.last = lines;
        Ok(())
    }

    fn close(&self) {
        if let Some((_, bars)) = &self.live {
            bars.iter().for_each(ProgressBar::finish_and_clear);
        }
    }
}

fn lines(view: &RequestView, now: Instant) -> Vec<String> {
    let line = |system: &engine::operator::show::SystemView| {
        let wait = system.wait.as_ref().map_or_else(String::new, |wait| format!(" ({})", wait.why));
        let until =
            system.due_at.map_or_else(String::new, |at| format!(", next {}", when(at, now)));
        match &system.outcome {
            Some(outcome) if system.due_at.is_none() => format!("{}: {outcome}", system.name),
            _ => format!("{}: {}{wait}{until}", system.name, system.state),
        }
    };
    view.systems.iter().map(line).collect()
}
