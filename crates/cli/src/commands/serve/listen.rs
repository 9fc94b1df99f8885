//! Where `serve` listens: an address for operators and their programs, and the socket in the data
//! folder for its owner.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Clock;
use engine::http::HttpClient;
use engine::operator::principals::setup;
use server::{App, Limits, ListenError, Listening, Parts, Socket, Tls, api, listen};
use store::Secret;
use tokio::sync::watch;

use crate::args::Common;
use crate::exit::Stop;
use crate::lease;
use crate::open::Session;

/// Where operators are served unless they say otherwise.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7700);
/// The name of the socket in the data folder.
const SOCKET: &str = "habeas.sock";

/// Where and how to listen.
#[derive(Debug, clap::Args)]
pub struct Listen {
    /// Serve the API at this address; 127.0.0.1:7700 without it, if nobody else is there. Beyond this
    /// machine only with TLS.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The certificate for TLS in PEM form, the leaf first, then its chain.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate in PEM form.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// What listens, until it is told to end.
pub struct Door {
    sockets: Vec<Listening>,
    end: watch::Sender<bool>,
    /// The text of a set-up token, where nobody is known yet.
    pub setup: Option<Secret>,
}

impl Listen {
    /// Refuses what can't be meant, before anything begins.
    pub fn check(&self) -> Result<Option<Tls>, Stop> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let tls = Tls::of_files(certificate, key);
                Some(tls.map_err(|error| Stop::usage(format!("--tls-cert, --tls-key: {error}")))?)
            }
            _ => None,
        };
        if self.listen.is_some_and(|address| !address.ip().is_loopback()) && tls.is_none() {
            return Err(Stop::refused("tokens and personal data would cross the network in plain")
                .advise("give --tls-cert and --tls-key, or listen on loopback behind a proxy that speaks TLS"));
        }
        Ok(tls)
    }

    /// Begins to listen. Whoever calls this holds the right to serve the folder.
    pub async fn open(
        &self,
        session: &Session,
        clock: Arc<dyn Clock>,
        common: &Common,
    ) -> anyhow::Result<Door> {
        let tls = self.check()?;
        let (end, until) = watch::channel(false);
        let app = App::new(Parts {
            store: session.store.clone(),
            connectors: connectors::all(),
            ids: Arc::clone(&session.ids),
            clock,
            http: HttpClient::new()?,
            holder: lease::holder("")?,
            stopped: until.clone(),
        });
        let router = api::router(app);
        let mut sockets = Vec::new();
        if is_open_to_others(&common.data) {
            session.note(format!(
                "others can enter {}, so there is no socket in it for its owner: chmod 700",
                common.data.display()
            ));
        } else {
            let local = Socket::Local(common.data.join(SOCKET));
            match listen(local, router.clone(), Limits::default(), until.clone()).await {
                Ok(listening) => sockets.push(listening),
                // A path may be too long for a socket; the address does the same.
                Err(error) => session.note(told(&error)),
            }
        }
        let address = Socket::Tcp(self.listen.unwrap_or(USUAL), tls);
        match listen(address, router, Limits::default(), until).await {
            Ok(listening) => sockets.push(listening),
            Err(error) if self.listen.is_none() => {
                session.note(format!("{}; --listen names another address", told(&error)));
            }
            Err(error) => return Err(Stop::failed(told(&error)).into()),
        }
        let setup = setup::begin(&session.desk()).await?;
        Ok(Door { sockets, end, setup })
    }
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
    /// Where it can be reached.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|socket| &*socket.url)
    }

    /// Listens no more, and waits until what is running has ended.
    pub async fn close(self) {
        self.end.send_replace(true);
        for socket in self.sockets {
            socket.ended().await;
        }
    }
}
