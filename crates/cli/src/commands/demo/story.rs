//! The story of the demo, step by step. The vendor's clock runs like any other while the story
//! looks and decides; then it is let go, and the weeks pass.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use connector_api::check::missing_required;
use domain::connection::CheckReport;
use domain::{Instant, RequestId, RequestState, Task, TaskState};
use engine::check::check;
use engine::http::HttpClient;
use engine::operator::approve::{self, GateName, Pending, Selection};
use engine::operator::import::{self, BadRow, Options, RowDone};
use engine::operator::{connections, decide, list};
use engine::{EngineError, Ran, Surroundings, Until};
use packaging::Draft;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::beat::Beat;
use super::board::{Board, Standing};
use super::cast::{Cast, OUTLET, RESIDUE, Role, SHOP};
use super::ending::Ending;
use crate::args::Common;
use crate::clock::{real_now, wait};
use crate::commands::connect::{connector, registry};
use crate::commands::{request, serve};
use crate::config::{Wanted, twin};
use crate::open::{Session, SessionClock};
use crate::screen::Screen;

/// How often the story looks at the store.
const LOOK: Duration = Duration::from_millis(40);
/// The longest, in real time, that one step may take before the story goes on without it.
const PATIENCE: Duration = Duration::from_secs(45);

/// How fast the vendor's clock runs while the story looks and decides.
const PACE: f64 = 5.0;

/// A story under way.
pub struct Story {
    session: Session,
    clock: SessionClock,
    control: String,
    cast: Cast,
    folder: PathBuf,
    common: Common,
    screen: Screen,
    began_at: Instant,
    began_really_at: Instant,
    /// The requests, by their place in the cast.
    requests: Vec<(usize, RequestId)>,
    refused: Vec<BadRow>,
    packages: Vec<PathBuf>,
    engine: Option<RunningEngine>,
}

/// The engine at work, and how to stop it.
struct RunningEngine {
    stop: watch::Sender<bool>,
    run: JoinHandle<Result<Ran, EngineError>>,
}

impl Story {
    /// Opens a fresh store that follows the twins' clock.
    pub async fn begin(
        serving: &twins::Serving,
        folder: &Path,
        common: &Common,
        screen: Screen,
    ) -> anyhow::Result<Self> {
        let description = serving.description();
        let control = serving.base_url_control().to_owned();
        let cast = Cast::of(&description)?;
        let mut session = Session::to_write(common, screen).await?;
        serve::follow(&mut session, &control).await?;
        let clock = session.clock().await?;
        let began_at = clock.shared().now();
        let story = Self {
            session,
            clock,
            control,
            cast,
            folder: folder.to_owned(),
            common: common.clone(),
            screen,
            began_at,
            began_really_at: real_now(),
            requests: Vec::new(),
            refused: Vec::new(),
            packages: Vec::new(),
            engine: None,
        };
        story.say(
            "Habeas carries out privacy requests: it finds a person in every connected system, exports,\n\
             deletes or opts out, waits as long as the vendor needs, looks again whether it is true,\n\
             and keeps the evidence. Here it does so against a simulated vendor; nothing leaves this\n\
             machine.",
        );
        story.connect(&description).await?;
        let lies = json!({"lies_about": story.cast.lied_about});
        story.tell_twin("PUT", "/switches/segment", &lies).await?;
        story.tell_twin("POST", "/clock", &json!({"mode": "paced", "pace": PACE})).await?;
        Ok(story)
    }

    /// Plays it to the end.
    pub async fn play(&mut self) -> anyhow::Result<Ending> {
        self.take_in().await?;
        self.start_engine().await?;
        let labels: Vec<&str> =
            self.requests.iter().map(|(at, _)| self.cast.roles[*at].name).collect();
        let mut board = Board::new(&labels, self.screen);
        self.until(&mut board, |tasks| tasks.iter().all(is_quiet)).await?;
        self.approve(&mut board, |request, residue| request != residue).await?;
        // Its batch must have left before the next approval, or both would go out together.
        let is_sent = |tasks: &[Task]| !tasks.iter().any(|task| task.state == TaskState::Acting);
        self.until(&mut board, is_sent).await?;
        self.approve(&mut board, |request, residue| request == residue).await?;
        self.until(&mut board, is_sent).await?;
        board.say("\nThe vendor takes days to weeks; its clock now runs ahead. Habeas asks at its usual pace.\n");
        self.tell_twin("POST", "/clock", &json!({"mode": "idle"})).await?;
        let beat = match self.screen.is_terminal() && !self.screen.json {
            true => Some(Beat::begin(&self.control).await?),
            false => None,
        };
        self.until(&mut board, |tasks| tasks.iter().all(is_at_rest)).await?;
        self.tell_twin("POST", "/clock", &json!({"mode": "paced", "pace": 1.0})).await?;
        if let Some(beat) = beat {
            beat.end().await;
        }
        board.end();
        self.hand_over().await?;
        Ending::read(
            &self.session,
            &self.cast,
            &self.requests,
            &self.refused,
            &self.packages,
            (self.began_at, self.session.now),
            real_now().duration_since(self.began_really_at),
        )
        .await
    }

    /// Stops the engine and closes the store.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        if let Some(engine) = self.engine.take() {
            // An engine that has ended by itself is told nothing.
            let _ = engine.stop.send(true);
            engine.run.await.context("the engine broke off")??;
        }
        self.clock.leave().await;
        self.session.store.close().await;
        Ok(())
    }

    async fn connect(&self, description: &Value) -> anyhow::Result<()> {
        self.say("\nConnecting two workspaces of the simulated Segment:");
        let mut shop = twin::parse(description, "segment", &registry)?;
        shop.name = format!("segment-{SHOP}");
        let mut outlet = Wanted { name: format!("segment-{OUTLET}"), ..shop.clone() };
        outlet.settings.remove("spaces");
        outlet.secrets.retain(|name, _| !name.starts_with("profile_token"));
        for (mut wanted, brand) in [(shop, SHOP), (outlet, OUTLET)] {
            for (switch, value) in [("mode", "act"), ("review", "auto"), ("serves.brands", brand)] {
                wanted.switches.push((switch.to_owned(), value.to_owned()));
            }
            let new = serde_json::from_value(wanted.to_json()?).context("a twin's description")?;
            let draft = connections::draft(&self.session.desk(), new).await?;
            let report = self.check(&draft).await?;
            if !missing_required(&report).is_empty() {
                bail!("the twin does not grant what the connector needs");
            }
            let off = report.capabilities.iter().filter_map(|state| {
                state.lacking.as_ref().map(|why| format!("; no {}: {why}", state.right))
            });
            let off: String = off.take(1).collect();
            self.say(&format!("  {}: every required permission is granted{off}", wanted.name));
            connections::add(&self.session.desk(), draft, report).await?;
        }
        Ok(())
    }

    /// Writes the file of requests and imports it.
    /// Tries every permission of a connection that is not saved yet.
    async fn check(&self, draft: &connections::Draft) -> anyhow::Result<CheckReport> {
        let (connection, secrets) = (draft.connection(), draft.secrets().clone());
        let connector = connector(&connection.connector).context("a connector of ours")?;
        let (store, clock) = (self.session.store.clone(), self.clock.shared());
        let with = Surroundings { store, clock, http: HttpClient::new()? };
        check(connector, connection, secrets, &with).await.context("the twin does not let us in")
    }

    async fn take_in(&mut self) -> anyhow::Result<()> {
        let path = self.folder.join("requests.csv");
        let csv = self.cast.csv();
        fs::write(&path, &csv).with_context(|| format!("could not write {}", path.display()))?;
        self.say(&format!("\nImporting {}:", path.display()));
        for role in &self.cast.roles {
            self.say(&format!("  {:<12} {:<9} {}", role.name, role.right, role.about));
        }
        let mut rows = Vec::new();
        let mut tell = |more| rows.extend(more);
        let (desk, file) = (self.session.desk(), Cursor::new(csv.into_bytes()));
        let summary = import::import(&desk, file, &Options::default(), &mut tell).await?;
        // The header is row 1, the first role row 2.
        let of_row = |row: &RowDone| Some((row.row.checked_sub(2)? as usize, row.request?));
        self.requests = rows.iter().filter_map(of_row).collect();
        for bad in &summary.bad_rows {
            let faults: Vec<String> = bad.faults.iter().map(ToString::to_string).collect();
            self.say(&format!("  row {} is left out: {}", bad.row, faults.join("; ")));
        }
        self.refused = summary.bad_rows;
        Ok(())
    }

    async fn start_engine(&mut self) -> anyhow::Result<()> {
        self.say("\nThe engine runs. Per request and system:");
        // With a store of its own, as in a process of its own: it hears of what others commit.
        let own = Session::to_write(&self.common, self.screen).await?;
        let engine = own.engine(self.clock.shared())?;
        let (stop, stopped) = watch::channel(false);
        let run = tokio::spawn(async move { engine.run(Until::Stopped(stopped)).await });
        self.engine = Some(RunningEngine { stop, run });
        Ok(())
    }

    /// Shows progress until the tasks are as wanted, or patience ends.
    async fn until(
        &self,
        board: &mut Board,
        is_so: impl Fn(&[Task]) -> bool,
    ) -> anyhow::Result<()> {
        let ids: Vec<RequestId> = self.requests.iter().map(|(_, id)| *id).collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let tasks = self.session.store.tasks_of(&ids).await?;
            let standing = |(at, id): &(usize, RequestId)| {
                let (since, text) =
                    standing_of(&tasks, *id).unwrap_or((self.began_at, "received".to_owned()));
                Standing { label: self.cast.roles[*at].name, since, text }
            };
            let standings: Vec<Standing> = self.requests.iter().map(standing).collect();
            board.show(self.clock.shared().now(), &standings);
            let is_routed = ids.iter().all(|id| tasks.iter().any(|task| task.request == *id));
            if is_routed && is_so(&tasks) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                tracing::warn!("a step of the demo took too long; it goes on as it stands");
                return Ok(());
            }
            if self.engine.as_ref().is_none_or(|engine| engine.run.is_finished()) {
                bail!("the engine ended too early");
            }
            wait(LOOK).await;
        }
    }

    /// Approves what waits for approval and is chosen, after showing it.
    async fn approve(
        &mut self,
        board: &mut Board,
        is_chosen: impl Fn(RequestId, RequestId) -> bool,
    ) -> anyhow::Result<()> {
        self.session.refresh_now().await;
        let is_residue = |role: &Role| role.name == RESIDUE;
        let residue = self.requests.iter().find(|(at, _)| is_residue(&self.cast.roles[*at]));
        let Some((_, residue)) = residue else { return Ok(()) };
        let desk = self.session.desk();
        let gate = Some(GateName::Approval);
        let pending = approve::preview(&desk, &Selection { gate, ..Selection::default() }).await?;
        let pending: Vec<Pending> =
            pending.into_iter().filter(|one| is_chosen(one.request, *residue)).collect();
        board.say("\nApproving, as an operator would after looking at it:");
        board.say(&request::approve::summary_table(&pending));
        approve::approve(&desk, &pending).await?;
        Ok(())
    }

    /// Writes the packages, and records that people were told what came of it.
    async fn hand_over(&mut self) -> anyhow::Result<()> {
        self.session.refresh_now().await;
        let folder = self.folder.join("packages");
        fs::create_dir_all(&folder).context("could not make the folder of packages")?;
        for (_, id) in self.requests.clone() {
            let request = self.session.store.request(id).await?.context("a request of the demo")?;
            if request.state != RequestState::Answering {
                continue;
            }
            if request.right == domain::Right::Access {
                let path = folder.join(format!("{id}.zip"));
                let Session { store, actor, now, .. } = &self.session;
                let draft = Draft::beside(&path).context("could not write a package")?;
                let (_, draft) = packaging::write(store, id, actor, *now, draft).await?;
                draft.finish().context("could not write a package")?;
                self.packages.push(path);
            }
            decide::answer(&self.session.desk(), id, "told by letter (demo)").await?;
        }
        Ok(())
    }

    /// Sets something on the twins' control interface, as anybody can.
    async fn tell_twin(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let http =
            reqwest::Client::builder().no_proxy().build().context("could not set up HTTP")?;
        let url = format!("{}{path}", self.control);
        let call = http.request(method.parse()?, url).header("content-type", "application/json");
        let answer =
            call.body(body.to_string()).send().await.context("the twin does not answer")?;
        answer.error_for_status().context("the twin refused")?;
        Ok(())
    }

    fn say(&self, text: &str) {
        if !self.screen.json {
            self.screen.line(text);
        }
    }
}

/// Nothing more happens before somebody approves.
fn is_quiet(task: &Task) -> bool {
    task.state == TaskState::Approving || is_at_rest(task)
}

/// Nothing more happens before a person does something, or at all.
fn is_at_rest(task: &Task) -> bool {
    matches!(
        task.state,
        TaskState::Ended | TaskState::NeedsIdentifier | TaskState::Deciding | TaskState::ByHand
    )
}

/// Where a request's tasks stand, and since when.
fn standing_of(tasks: &[Task], request: RequestId) -> Option<(Instant, String)> {
    let own = tasks.iter().filter(|task| task.request == request);
    let since = |task: &Task| {
        task.since.max(task.detail.wait.as_ref().map_or(task.since, |wait| wait.since))
    };
    let texts: Vec<String> = own.clone().map(list::own_standing).collect();
    Some((own.map(since).max()?, texts.join(" · ")))
}
