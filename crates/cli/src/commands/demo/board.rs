//! Live progress: at a terminal one line per request that changes in place, under the virtual
//! time; elsewhere one line per change.

use domain::Instant;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen::Screen;
use crate::screen::harmless;
use crate::show;

/// Where a request stands, and since when.
pub struct Standing {
    /// The request's name in the story.
    pub label: &'static str,
    /// Since when.
    pub since: Instant,
    /// Where it stands.
    pub text: String,
}

/// Where progress is shown.
pub struct Board {
    screen: Screen,
    lines: Vec<String>,
    live: Option<Live>,
}

struct Live {
    all: MultiProgress,
    clock: ProgressBar,
    bars: Vec<ProgressBar>,
}

impl Board {
    /// A board with a line per label. With JSON asked for it shows nothing.
    pub fn new(labels: &[&str], screen: Screen) -> Self {
        let live = (screen.is_terminal() && !screen.json).then(|| Live::new(labels));
        Self { screen, lines: vec![String::new(); labels.len()], live }
    }

    /// Shows where each request stands.
    pub fn show(&mut self, now: Instant, standings: &[Standing]) {
        if let Some(live) = &self.live {
            live.clock
                .set_message(format!("{} UTC, on the simulated vendor's clock", show::time(now)));
            for (bar, standing) in live.bars.iter().zip(standings) {
                bar.set_message(harmless(&standing.text));
            }
            return;
        }
        let mut news = Vec::new();
        for (shown, standing) in self.lines.iter_mut().zip(standings) {
            if *shown != standing.text {
                shown.clone_from(&standing.text);
                news.push(standing);
            }
        }
        // The clock may have jumped since the last look: each change tells its own time.
        news.sort_by_key(|standing| standing.since);
        for Standing { label, since, text } in news.into_iter().filter(|_| !self.screen.json) {
            self.screen.line(format!("  {}  {label:<12} {text}", show::time(*since)));
        }
    }

    /// Says something above the lines.
    pub fn say(&self, text: &str) {
        match &self.live {
            // Without a target to draw on, nobody is there to be told.
            Some(live) => drop(live.all.println(text)),
            None if self.screen.json => {}
            None => self.screen.line(text),
        }
    }

    /// Leaves the last state of each line on the screen.
    pub fn end(self) {
        if let Some(live) = self.live {
            for bar in live.bars.iter().chain([&live.clock]) {
                bar.abandon();
            }
        }
    }
}

impl Live {
    fn new(labels: &[&str]) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let add = |template: &str| {
            let bar = all.add(ProgressBar::new_spinner());
            // The templates are constants of ours; should one not fit, the plain bar does.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        };
        let clock = add("  {msg}");
        let bars = labels.iter().map(|label| {
            let bar = add("  {prefix:12} {wide_msg}");
            bar.set_prefix((*label).to_owned());
            bar
        });
        let bars = bars.collect();
        Self { all, clock, bars }
    }
}
