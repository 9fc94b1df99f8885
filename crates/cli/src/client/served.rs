//! A server of somebody else's process: at a URL, with a token, or behind the socket in the data
//! folder, which knows its owner by the file's permissions.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use http::{HeaderValue, Method, header};
use reqwest::{Certificate, Url};
use server::OPERATOR;
use server::api::packages_are_at;
use tokio::net::UnixStream;

use super::answer::Answer;
use super::body::{Payload, pieces};
use super::unreachable;
use crate::args::Common;
use crate::commands::serve::SOCKET;
use crate::environment;
use crate::exit::{self, Stop};

/// Until a server is connected to.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Until something more of an answer comes; longer than a server takes for one.
const READ_WITHIN: Duration = Duration::from_secs(90);
/// How often a silent connection is asked whether the other side is still there.
const ALIVE: Duration = Duration::from_secs(15);
/// The variable that holds the token.
const TOKEN: &str = "HABEAS_TOKEN";

/// A server, and how to be known there.
pub(super) struct Served {
    http: reqwest::Client,
    /// For files, which may take long to go out or to be made.
    patient: reqwest::Client,
    base: String,
    known_by: (header::HeaderName, HeaderValue),
    whom: String,
    is_local: bool,
}

impl Served {
    /// The server that the command line or the environment names, else that of the data folder, if
    /// one serves it.
    pub(super) async fn find(common: &Common) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &common.url {
            return Ok(Some(Self::at(url, common.ca.as_deref())?));
        }
        let socket = common.data.join(SOCKET);
        match UnixStream::connect(&socket).await {
            Ok(_) => Ok(Some(Self::behind(&socket)?)),
            // Nobody serves the folder, or nobody whom we may ask.
            Err(_) => Ok(None),
        }
    }

    fn at(url: &str, ca: Option<&Path>) -> anyhow::Result<Self> {
        let misfit =
            || Stop::usage("--url takes the address of a server, such as https://habeas.example");
        let parsed = Url::parse(url).map_err(|_| misfit())?;
        let is_here = parsed.host_str().is_some_and(|host| {
            let host = host.trim_matches(['[', ']']);
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        });
        match parsed.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => {
                return Err(Stop::refused("the token would cross the network in plain")
                    .advise("use https, or a tunnel that ends on this machine")
                    .into());
            }
            _ => return Err(misfit().into()),
        }
        let token = environment::variable(TOKEN).ok_or_else(|| {
            Stop::usage("a server at a URL asks for a token").advise(format!(
                "set {TOKEN}; `habeas tokens add NAME --label TEXT`, where the data is, makes one"
            ))
        })?;
        let mut known_by = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| Stop::usage(format!("{TOKEN} holds no token")))?;
        known_by.set_sensitive(true);
        let (mut http, mut patient) = (client().read_timeout(READ_WITHIN), client());
        if let Some(path) = ca {
            let pem = std::fs::read(path).map_err(|error| exit::unreadable(path, error))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| {
                Stop::usage(format!("{} holds no certificate in PEM form", path.display()))
            })?;
            http = http.tls_certs_merge(certificates.clone());
            patient = patient.tls_certs_merge(certificates);
        }
        let base = url.trim_end_matches('/').trim_end_matches(server::api::BASE).to_owned();
        Ok(Self {
            http: http.build().context("could not set up HTTP")?,
            patient: patient.build().context("could not set up HTTP")?,
            whom: format!("the server at {base}"),
            base,
            is_local: false,
            known_by: (header::AUTHORIZATION, known_by),
        })
    }

    fn behind(socket: &Path) -> anyhow::Result<Self> {
        let name = HeaderValue::from_str(&environment::user());
        let (http, patient) = (client().read_timeout(READ_WITHIN), client());
        let (http, patient) = (http.unix_socket(socket), patient.unix_socket(socket));
        Ok(Self {
            http: http.build().context("could not set up HTTP")?,
            patient: patient.build().context("could not set up HTTP")?,
            base: "http://local".to_owned(),
            known_by: (OPERATOR, name.unwrap_or(HeaderValue::from_static("local"))),
            whom: format!("the server of {}", socket.display()),
            is_local: true,
        })
    }

    /// Whether it is that of the data folder.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Makes a call.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
    ) -> anyhow::Result<Answer> {
        let (name, value) = &self.known_by;
        let is_file = matches!(payload, Payload::Csv(_)) || packages_are_at(path);
        let http = if is_file { &self.patient } else { &self.http };
        let mut request = http.request(method, format!("{}{path}", self.base));
        request = request.header(name, value);
        if let Some(media_type) = payload.media_type() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        request = match payload {
            Payload::Nothing => request,
            Payload::Json(bytes) => request.body(bytes),
            Payload::Csv(file) => request.body(reqwest::Body::wrap_stream(pieces(file))),
        };
        let answer = request.send().await.map_err(|error| unreachable(&self.whom, &error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer::new(status, headers, answer.bytes_stream()))
    }
}

fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        // Where nothing may come for long, a server that is gone is noticed all the same.
        .tcp_keepalive(ALIVE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
}
