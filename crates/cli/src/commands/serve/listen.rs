//! Where `serve` listens: an address for operators and their programs, one for the public, and the
//! socket in the data folder for its owner.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::http::HttpClient;
use engine::operator::principals::setup;
use engine::{Clock, Meters};
use server::{
    App, Limits, ListenError, Listening, Measured, Parts, Proxies, Rate, Socket, Spans, Tcp, Tls,
    Traffic, api, listen, public,
};
use store::Secret;
use tokio::sync::watch;

use crate::args::Common;
use crate::exit::Stop;
use crate::open::Session;

/// Where operators are served unless they say otherwise.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7700);
/// The name of the socket in the data folder.
pub const SOCKET: &str = "habeas.sock";

/// Where and how to listen.
#[derive(Debug, clap::Args)]
pub struct Listen {
    /// Serve the API at this address; 127.0.0.1:7700 without it, if nobody else is there. Beyond this
    /// machine only with TLS, or for the proxies that are named.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The certificate for TLS in PEM form, the leaf first, then its chain. Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate in PEM form.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve the public at this address, such as 127.0.0.1:7701; nothing of the API is there.
    #[arg(long, value_name = "ADDRESS")]
    public_listen: Option<SocketAddr>,
    /// The certificate for the public address.
    #[arg(long, value_name = "FILE", requires_all = ["public_tls_key", "public_listen"])]
    public_tls_cert: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE", requires = "public_tls_cert")]
    public_tls_key: Option<PathBuf>,
    /// The proxies in front, as addresses or networks parted by commas: they alone are believed on who
    /// asks (X-Forwarded-For, Forwarded).
    #[arg(long, value_name = "NETWORKS", default_value = "", hide_default_value = true)]
    trusted_proxies: Proxies,
    /// Requests a second that one client may make, twice as many at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 2_000)]
    rate: u32,
    /// The same at the public address.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    public_rate: u32,
    /// Wrong tokens a minute that one client may send, twice as many at once; more are told
    /// to wait.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    wrong_tokens: u32,
    /// Show the measurements (/metrics) without a token to whoever is on this machine.
    #[arg(long)]
    metrics_open: bool,
}

/// What listens, until it is told to end.
pub struct Door {
    sockets: Vec<Listening>,
    public: Option<Listening>,
    end: watch::Sender<bool>,
    /// The text of a set-up token, where nobody is known yet.
    pub setup: Option<Secret>,
}

/// The addresses, each with what is spoken there.
pub struct Addresses {
    operators: Tcp,
    public: Option<Tcp>,
}

impl Listen {
    /// Refuses what can't be meant, before anything begins.
    pub fn check(&self) -> Result<Addresses, Stop> {
        let operators = self.listen.unwrap_or(USUAL);
        let operators =
            self.tcp("", operators, self.tls_cert.as_deref(), self.tls_key.as_deref())?;
        let (certificate, key) = (self.public_tls_cert.as_deref(), self.public_tls_key.as_deref());
        let public = self.public_listen;
        let public = public.map(|address| self.tcp("public-", address, certificate, key));
        Ok(Addresses { operators, public: public.transpose()? })
    }

    fn tcp(
        &self,
        prefix: &str,
        address: SocketAddr,
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> Result<Tcp, Stop> {
        let proxies = self.trusted_proxies.clone();
        let tls = certificate.zip(key).map(|(certificate, key)| Tls::of_files(certificate, key));
        let tls = tls.transpose().map_err(|error| {
            Stop::usage(format!("--{prefix}tls-cert, --{prefix}tls-key: {error}"))
        })?;
        if !address.ip().is_loopback() && tls.is_none() && proxies.is_empty() {
            return Err(Stop::refused("tokens and personal data would cross the network in plain")
                .advise(format!("give --{prefix}tls-cert and --{prefix}tls-key, or name the proxies that speak TLS with --trusted-proxies: nobody else is let in then")));
        }
        Ok(Tcp { address, tls, proxies })
    }

    /// What clients may cost, at the operators' address or that of the public.
    fn limits(&self, rate: u32) -> Limits {
        Limits {
            requests: Rate::of(rate, Duration::from_secs(1)),
            wrong_tokens: Rate::of(self.wrong_tokens, Duration::from_secs(60)),
            ..Limits::default()
        }
    }

    /// Begins to listen. Whoever calls this holds the right to serve the folder.
    pub async fn open(
        &self,
        session: &Session,
        clock: Arc<dyn Clock>,
        meters: Meters,
        spans: Option<Spans>,
        common: &Common,
    ) -> anyhow::Result<Door> {
        let addresses = self.check()?;
        let (end, until) = watch::channel(false);
        let traffic = Traffic::default();
        let measured =
            Measured { traffic: traffic.clone(), meters, spans, is_open_here: self.metrics_open };
        let router = api::router(app(session, clock, measured, until.clone())?);
        let limits = self.limits(self.rate);
        let mut sockets = Vec::new();
        let to = |name, socket, router, limits| {
            listen(name, socket, router, limits, &traffic, until.clone())
        };
        if let Some(socket) = local(session, common) {
            match to("socket", socket, router.clone(), limits).await {
                Ok(listening) => sockets.push(listening),
                // A path may be too long for a socket; the address does the same.
                Err(error) => session.note(told(&error)),
            }
        }
        match to("operators", Socket::Tcp(addresses.operators), router, limits).await {
            Ok(listening) => sockets.push(listening),
            Err(error) if self.listen.is_none() => {
                session.note(format!("{}; --listen names another address", told(&error)));
            }
            Err(error) => return Err(Stop::failed(told(&error)).into()),
        }
        let mut open_to_all = None;
        if let Some(address) = addresses.public {
            let limits = self.limits(self.public_rate);
            let listening = to("public", Socket::Tcp(address), public::router(), limits).await;
            open_to_all = Some(listening.map_err(|error| Stop::failed(told(&error)))?);
        }
        let setup = setup::begin(&session.desk()).await?;
        Ok(Door { sockets, public: open_to_all, end, setup })
    }
}

fn app(
    session: &Session,
    clock: Arc<dyn Clock>,
    measured: Measured,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<App> {
    Ok(App::new(Parts {
        store: session.store.clone(),
        connectors: connectors::all(),
        ids: Arc::clone(&session.ids),
        clock,
        http: HttpClient::metered(measured.meters.clone())?,
        holder: session.me.clone(),
        measured,
        stopped,
    }))
}

/// The socket in the data folder, if it would be its owner's alone.
fn local(session: &Session, common: &Common) -> Option<Socket> {
    let folder = &common.data;
    if is_open_to_others(folder) {
        session.note(format!(
            "others can enter {}, so there is no socket in it for its owner: chmod 700",
            folder.display()
        ));
        return None;
    }
    Some(Socket::Local(folder.join(SOCKET)))
}

/// Whether anybody but the owner gets into a folder. Unknown counts as yes.
fn is_open_to_others(folder: &Path) -> bool {
    fs::metadata(folder).map_or(true, |folder| folder.permissions().mode() & 0o077 != 0)
}

fn told(error: &ListenError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

impl Door {
    /// Where the public reaches it, if it does.
    pub fn public_url(&self) -> Option<&str> {
        self.public.as_ref().map(|socket| &*socket.url)
    }

    /// Where operators reach it.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|socket| &*socket.url)
    }

    /// Listens no more, and waits until what is running has ended.
    pub async fn close(self) {
        self.end.send_replace(true);
        for socket in self.sockets.into_iter().chain(self.public) {
            socket.ended().await;
        }
    }
}
