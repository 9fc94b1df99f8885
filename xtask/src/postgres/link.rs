//! A way to a server that can be led to another, and that can fall silent: nothing is carried any more, and
//! neither end hears of it, as when a cable is pulled.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::Server;

/// Where a server listens in its folder, and the link in its own.
const SOCKET: &str = ".s.PGSQL.5432";

/// The way to a server.
#[derive(Debug)]
pub struct Link {
    folder: PathBuf,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    /// The socket of the server.
    to: Mutex<PathBuf>,
    /// How often it fell silent: a connection from before carries nothing any more.
    n_silences: AtomicU64,
    /// How often it was heard again: while that is less, nothing new is carried either.
    n_ends: AtomicU64,
}

impl Link {
    /// Makes a way to a server, in a folder of this name.
    pub fn to(server: &Server, name: &str) -> Result<Self> {
        // Not below `target`: a socket's path has to be short.
        let folder = std::env::temp_dir().join(format!("habeas-{name}-{}", std::process::id()));
        fs::create_dir(&folder).context("make a folder for the link")?;
        let listener = UnixListener::bind(folder.join(SOCKET)).context("listen for the link")?;
        let way = Arc::new(Way {
            to: Mutex::new(server.folder.join(SOCKET)),
            n_silences: AtomicU64::new(0),
            n_ends: AtomicU64::new(0),
        });
        let shared = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is away refuses, and so does the link, by closing.
                let _carried = shared.carry(client);
            }
        });
        Ok(Self { folder, way })
    }

    /// The server's first database by this way.
    pub fn url(&self) -> String {
        format!("postgres://habeas@{}/postgres", as_host(&self.folder))
    }

    /// Leads to another server from now on.
    pub fn lead_to(&self, server: &Server) {
        *self.way.to.lock().unwrap_or_else(PoisonError::into_inner) = server.folder.join(SOCKET);
    }

    /// Carries nothing any more, and tells nobody.
    pub fn fall_silent(&self) {
        self.way.n_silences.fetch_add(1, Ordering::SeqCst);
    }

    /// Carries what is new again; what was there before stays dead.
    pub fn be_heard(&self) {
        self.way.n_ends.store(self.way.n_silences.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // What is left of it lies among temporary files.
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

impl Way {
    fn carry(self: &Arc<Self>, client: UnixStream) -> io::Result<()> {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let server = UnixStream::connect(to)?;
        let since = self.n_ends.load(Ordering::SeqCst);
        for (from, into) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
            let way = Arc::clone(self);
            thread::spawn(move || {
                // Where one end fails, the other is told by the close.
                let _ended = way.copy(from, into, since);
            });
        }
        Ok(())
    }

    /// Copies from one end into the other. Once the way fell silent, both ends stay open for ever.
    fn copy(&self, mut from: UnixStream, mut into: UnixStream, since: u64) -> io::Result<()> {
        let mut bytes = vec![0; 65_536];
        loop {
            let read = from.read(&mut bytes);
            while self.n_silences.load(Ordering::SeqCst) > since {
                thread::park();
            }
            match read {
                Ok(n @ 1..) => into.write_all(bytes.get(..n).unwrap_or_default())?,
                _ => return into.shutdown(Shutdown::Both),
            }
        }
    }
}

/// A folder as the host of a URL.
pub(super) fn as_host(folder: &Path) -> String {
    folder.display().to_string().replace('/', "%2F")
}
