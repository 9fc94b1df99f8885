//! The command line as a client of the API, in one of three ways: over a URL with a token, over the
//! socket in the data folder while somebody serves it, and else in this process, over a store that it
//! opens for as long as the command takes. What a command does is the same each time.

mod answer;
mod body;
mod served;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::{Instant, RequestId, TaskId};
use engine::Clock;
use engine::clock::Waiting;
use engine::http::HttpClient;
use engine::operator::find::{Found, Named};
use http::{Method, Request, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use server::api::{self, About};
use server::{App, Body, Caller, Measured, Parts, Router};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::args::Common;
use crate::clock::{STRETCH, wait};
use crate::environment;
use crate::exit::Stop;
use crate::open::{Session, SessionClock};
use crate::screen::Screen;
pub use answer::{Answer, stop};
pub use body::Payload;
use served::Served;

/// How soon a server on this machine says what time it is there.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// Where a server says what time it is there.
const ABOUT: &str = "/about";

/// The API, as a command reaches it.
pub struct Client {
    way: Way,
    /// The time there, when it was last asked.
    pub now: Instant,
    /// The control URL of the twins whose clock is followed there, if one is.
    pub clock_url: Option<String>,
    screen: Screen,
}

enum Way {
    /// By somebody else's process, at a URL or behind the socket.
    Served(Served),
    /// In this process.
    Here(Box<Here>),
}

/// The API without a server.
struct Here {
    session: Session,
    router: Router,
    /// The twins' clock, followed for a command whose calls wait on it.
    clock: Option<SessionClock>,
    /// Kept for as long as nothing is to stop.
    _go_on: watch::Sender<bool>,
}

impl Client {
    /// To read what exists; starts nothing and makes nothing.
    pub async fn to_read(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        match Self::by_server(common, screen).await? {
            Some(client) => Ok(client),
            None => Self::here(Session::to_read(common, screen).await?, None, screen),
        }
    }

    /// To change something. Follow it by [`act`](Self::act) where the engine has to do with it.
    pub async fn to_write(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        match Self::by_server(common, screen).await? {
            Some(client) => Ok(client),
            None => Self::here(Session::to_write(common, screen).await?, None, screen),
        }
    }

    /// To change something after vendors were asked, which may have to wait on the clock.
    pub async fn to_check(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        match Self::by_server(common, screen).await? {
            Some(client) => Ok(client),
            None => {
                let session = Session::to_write(common, screen).await?;
                let clock = session.clock().await?;
                Self::here(session, Some(clock), screen)
            }
        }
    }

    /// To say what would happen. Where nothing does yet, an empty store stands for it.
    pub async fn to_try(common: &Common, screen: Screen) -> anyhow::Result<Self> {
        match Self::by_server(common, screen).await? {
            Some(client) => Ok(client),
            None => Self::here(Session::to_try(common, screen).await?, None, screen),
        }
    }

    /// Whoever serves, if they answer. A server of the data folder that stands still is left alone: the
    /// store is there all the same.
    async fn by_server(common: &Common, screen: Screen) -> anyhow::Result<Option<Self>> {
        let Some(served) = Served::find(common).await? else { return Ok(None) };
        if !served.is_local() {
            return Self::served(served, screen).await.map(Some);
        }
        match timeout(ANSWERS_WITHIN, Self::served(served, screen)).await {
            Ok(Ok(client)) => Ok(Some(client)),
            Ok(Err(_)) | Err(_) => {
                screen
                    .note("the `habeas serve` of this folder does not answer; going on without it");
                Ok(None)
            }
        }
    }

    async fn served(served: Served, screen: Screen) -> anyhow::Result<Self> {
        let way = Way::Served(served);
        let mut client = Self { way, now: Instant::UNIX_EPOCH, clock_url: None, screen };
        client.look_again().await?;
        Ok(client)
    }

    fn here(session: Session, clock: Option<SessionClock>, screen: Screen) -> anyhow::Result<Self> {
        let (go_on, stopped) = watch::channel(false);
        let led = clock.as_ref().map(SessionClock::shared);
        let app = App::new(Parts {
            store: session.store.clone(),
            connectors: connectors::all(),
            ids: Arc::clone(&session.ids),
            clock: led.unwrap_or_else(|| Arc::new(Standing(session.now))),
            http: HttpClient::new()?,
            holder: session.me.clone(),
            measured: Measured::default(),
            stopped,
        });
        let (now, clock_url) = (session.now, session.clock_url.clone());
        let here = Here { session, router: api::router(app), clock, _go_on: go_on };
        Ok(Self { way: Way::Here(Box::new(here)), now, clock_url, screen })
    }

    /// Asks again what time it is there, for a command that lasts.
    pub async fn look_again(&mut self) -> anyhow::Result<()> {
        let about: About = self.get(ABOUT).await?;
        (self.now, self.clock_url) = (about.now, about.clock);
        Ok(())
    }

    /// What lies at a path.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, Payload::Nothing).await?.json().await
    }

    /// Sends a body and reads the answer.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.send(Method::POST, path, body).await
    }

    /// Posts to a path that needs no more to be said.
    pub async fn post_to<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::POST, path, Payload::Nothing).await?.json().await
    }

    /// Removes what lies at a path.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::DELETE, path, Payload::Nothing).await?.json().await
    }

    /// Sends a body by a method and reads the answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let body = serde_json::to_vec(body).context("could not write the request as JSON")?;
        self.call(method, path, Payload::Json(body)).await?.json().await
    }

    /// Makes a call below the base of the API. What is no success is an error.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
    ) -> anyhow::Result<Answer> {
        let path = format!("{}{path}", api::BASE);
        let answer = match &self.way {
            Way::Served(served) => served.call(method, &path, payload).await?,
            Way::Here(here) => here.call(method, &path, payload).await?,
        };
        answer.or_problem().await
    }

    /// The request, or the task, that a person means. What they typed stands in no URL.
    pub async fn find(&self, text: &str) -> anyhow::Result<Found> {
        self.post("/requests/find", &Named { text: text.to_owned() }).await
    }

    /// The request that a person means.
    pub async fn request(&self, text: &str) -> anyhow::Result<RequestId> {
        match self.find(text).await? {
            Found { request, task: None } => Ok(request),
            Found { request, task: Some(_) } => {
                Err(Stop::usage("that is a task, and a request is wanted")
                    .advise(format!("its request is {request}"))
                    .into())
            }
        }
    }

    /// The task that a person means.
    pub async fn task(&self, text: &str) -> anyhow::Result<TaskId> {
        let found = self.find(text).await?;
        let not = || {
            Stop::usage("that is a request, and a task is wanted")
                .advise(format!("`habeas request show {}` lists its tasks", found.request))
        };
        Ok(found.task.ok_or_else(not)?)
    }

    /// Says something beside the result.
    pub fn note(&self, text: impl std::fmt::Display) {
        self.screen.note(text);
    }

    /// After rows were written: whoever runs the engine acts on them. Where nobody does, it runs here
    /// until nothing is due.
    pub async fn act(self) -> anyhow::Result<()> {
        self.leave().await;
        let Way::Here(here) = self.way else { return Ok(()) };
        here.session.act().await
    }

    /// After nothing was written: a clock that was followed for the command is let go, and no engine
    /// runs.
    pub async fn leave(&self) {
        let Way::Here(here) = &self.way else { return };
        if let Some(clock) = &here.clock {
            clock.leave().await;
        }
    }
}

impl Here {
    async fn call(&self, method: Method, path: &str, payload: Payload) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(media_type) = payload.media_type() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let body = match payload {
            Payload::Nothing => Body::empty(),
            Payload::Json(bytes) => Body::from(bytes),
            Payload::Csv(file) => Body::from_stream(body::pieces(file)),
        };
        let mut request = request.body(body).context("could not write the request")?;
        request.extensions_mut().insert(Caller::owner(environment::user()));
        let answer = self.router.clone().oneshot(request).await;
        let (head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(never) => match never {},
        };
        Ok(Answer::new(head.status, head.headers, body.into_data_stream()))
    }
}

/// The time at which a command began: it is over before that matters.
struct Standing(Instant);

impl Clock for Standing {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep_until(&self, at: Instant) -> Waiting<'_> {
        let left = Duration::try_from(at.duration_since(self.0)).unwrap_or(Duration::ZERO);
        Box::pin(wait(left.min(STRETCH)))
    }
}

/// A name as a part of a path.
pub fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A query of what is there, with the question mark, or nothing.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        if let Some(value) = value {
            query.append_pair(key, &value);
        }
    }
    match query.finish() {
        empty if empty.is_empty() => empty,
        query => format!("?{query}"),
    }
}

/// Somebody who should answer and does not.
fn unreachable(whom: &str, error: &reqwest::Error) -> Stop {
    // The error's own text would repeat the URL; its cause says what went wrong.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what =
        if error.is_timeout() { "did not answer in time".to_owned() } else { cause.to_string() };
    let stop = Stop::unreachable(format!("{whom} can't be reached: {what}"));
    match what.contains("certificate") {
        true => stop.advise("if it is the right server, name the certificate of whoever vouches for it: --ca FILE, or HABEAS_CA"),
        false => stop,
    }
}
