//! Where to listen: at an address, or at a path in the data folder.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::ListenError;
use super::client::{Client, Proxies};
use super::tls::Tls;

/// Where to listen.
#[derive(Debug, Clone)]
pub enum Socket {
    /// At an address.
    Tcp(Tcp),
    /// At a path in the data folder, for its owner alone.
    Local(PathBuf),
}

/// An address to listen at.
#[derive(Debug, Clone)]
pub struct Tcp {
    /// The address.
    pub address: SocketAddr,
    /// What TLS is spoken with; nothing for plain HTTP.
    pub tls: Option<Tls>,
    /// Whose word is believed on who asks.
    pub proxies: Proxies,
}

impl Tcp {
    /// In plain nothing crosses the network but the way from a named proxy.
    pub(super) fn is_open_to(&self, peer: IpAddr) -> bool {
        self.tls.is_some() || peer.to_canonical().is_loopback() || self.proxies.includes(peer)
    }
}

/// A socket that listens.
pub(super) enum Listener {
    Tcp(TcpListener, Tcp),
    /// With its path, and what lies there since it was made.
    Local(UnixListener, PathBuf, Option<(u64, u64)>),
}

/// A connection.
pub(super) enum Stream {
    Tcp(TcpStream, Peer),
    Local(UnixStream),
}

/// The other end of a connection, and how it is spoken with.
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) tls: Option<Tls>,
    pub(super) proxies: Proxies,
}

impl Peer {
    /// Whose connection it is; nobody's, where a proxy brings those of many.
    pub(super) fn client(&self) -> Option<Client> {
        (!self.proxies.includes(self.address)).then(|| Client::of(self.address))
    }
}

impl Listener {
    /// Binds a socket; gives it and its URL.
    pub(super) async fn bind(socket: Socket) -> Result<(Self, String), ListenError> {
        match socket {
            Socket::Tcp(tcp) => {
                let failed = |error| ListenError::Address(tcp.address, error);
                let listener = TcpListener::bind(tcp.address).await.map_err(failed)?;
                let scheme = if tcp.tls.is_some() { "https" } else { "http" };
                let url = format!("{scheme}://{}", listener.local_addr().map_err(failed)?);
                Ok((Self::Tcp(listener, tcp), url))
            }
            Socket::Local(path) => {
                let url = format!("unix:{}", path.display());
                let listener =
                    local(&path).map_err(|error| ListenError::Path(path.clone(), error))?;
                let lies_there = inode(&path);
                Ok((Self::Local(listener, path, lies_there), url))
            }
        }
    }

    /// The next connection; nothing if whoever comes may not.
    pub(super) async fn accept(&self) -> io::Result<Option<Stream>> {
        match self {
            Self::Tcp(listener, tcp) => {
                let (stream, peer) = listener.accept().await?;
                if !tcp.is_open_to(peer.ip()) {
                    return Ok(None);
                }
                // Small answers must not wait for the client's delayed acknowledgement.
                stream.set_nodelay(true)?;
                let (tls, proxies) = (tcp.tls.clone(), tcp.proxies.clone());
                Ok(Some(Stream::Tcp(stream, Peer { address: peer.ip(), tls, proxies })))
            }
            Self::Local(listener, ..) => Ok(Some(Stream::Local(listener.accept().await?.0))),
        }
    }

    /// Listens no more.
    pub(super) fn close(self) {
        if let Self::Local(_, path, lies_there) = self
            && inode(&path) == lies_there
        {
            // A successor's own socket may lie there by now; that one stays.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes the socket in the data folder, in place of one that a killed server left. Whoever calls this
/// holds the right to serve the folder.
fn local(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // The folder around it is its owner's alone as well, so nobody slips in before this.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Which file a path leads to.
fn inode(path: &Path) -> Option<(u64, u64)> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}
