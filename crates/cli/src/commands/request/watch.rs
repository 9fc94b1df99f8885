//! `habeas request watch`: one request, live, until it waits for a person or is settled.

use std::time::Duration;

use domain::RequestState;
use domain::task::Whom;
use engine::operator::find;
use engine::operator::show::{RequestView, request_view};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::Common;
use crate::clock::wait;
use crate::commands::serve::{follow_as_set, until_stopped};
use crate::exit::Exit;
use crate::open::Session;
use crate::screen::{Screen, harmless};
use crate::show::when;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(200);

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
    let mut session = Session::to_read(common, screen).await?;
    let id = find::request(&session.desk(), &args.id).await?;
    if session.holder().await?.is_none() {
        screen.note("nobody runs the engine now, so nothing moves: start `habeas serve`");
    }
    let mut shown = Shown::new(screen);
    let mut version = None;
    let stopped = until_stopped();
    tokio::pin!(stopped);
    loop {
        let latest = session.store.data_version().await?;
        if version != Some(latest) {
            version = Some(latest);
            follow_as_set(&mut session).await?;
            let is_served = session.holder().await?.is_some();
            let view = request_view(&session.desk(), id, is_served).await?;
            shown.show(&view, &session)?;
            if let Some(exit) = end(&view) {
                shown.close();
                tell_end(&view, &session, screen);
                return Ok(exit);
            }
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

fn tell_end(view: &RequestView, session: &Session, screen: Screen) {
    if !screen.json {
        screen.line(super::show::text(view, session));
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

    fn show(&mut self, view: &RequestView, session: &Session) -> anyhow::Result<()> {
        if self.screen.json {
            return self.screen.json(&json!(view));
        }
        let lines: Vec<String> = lines(view, session);
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

fn lines(view: &RequestView, session: &Session) -> Vec<String> {
    let line = |system: &engine::operator::show::SystemView| {
        let wait = system.wait.as_ref().map_or_else(String::new, |wait| format!(" ({})", wait.why));
        let until = system
            .due_at
            .map_or_else(String::new, |at| format!(", next {}", when(at, session.now)));
        match &system.outcome {
            Some(outcome) if system.due_at.is_none() => format!("{}: {outcome}", system.name),
            _ => format!("{}: {}{wait}{until}", system.name, system.state),
        }
    };
    view.systems.iter().map(line).collect()
}
