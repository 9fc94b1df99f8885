//! On PostgreSQL: what came of a commit is known, also where the connection breaks in the middle of it, and
//! what a transaction began with is not half kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::setup::{Setup, now, on_postgres};
use crate::{Options, Secret, Store, StoreError};

/// What is done at the next commit.
const NOTHING: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

/// A link to the server that can break.
struct Link {
    folder: tempfile::TempDir,
    /// What happens at the next commit; it is set back when it has.
    next: Arc<AtomicU8>,
}

impl Link {
    fn to(server: &PgConnectOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let name = format!(".s.PGSQL.{}", server.get_port());
        let server = server.get_socket().expect("a server with a socket").join(name);
        let next = Arc::new(AtomicU8::new(NOTHING));
        let shared = Arc::clone(&next);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self { folder, next }
    }

    fn breaks(&self, how: u8) {
        self.next.store(how, Ordering::SeqCst);
    }

    fn has_broken(&self) -> bool {
        self.next.load(Ordering::SeqCst) == NOTHING
    }
}

/// Carries bytes both ways until an end closes, or a commit is to break.
async fn carry(mut client: UnixStream, mut server: UnixStream, next: Arc<AtomicU8>) {
    let (mut asked, mut said) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            n = client.read(&mut asked) => {
                let Ok(n @ 1..) = n else { return };
                let is_commit = asked[..n].ends_with(b"COMMIT\0");
                let how = if is_commit { next.swap(NOTHING, Ordering::SeqCst) } else { NOTHING };
                if how == CUT_BEFORE {
                    return;
                }
                server.write_all(&asked[..n]).await.unwrap();
                if how == CUT_AFTER {
                    assert!(server.read(&mut said).await.unwrap() > 0);
                    return;
                }
            }
            n = server.read(&mut said) => {
                let Ok(n @ 1..) = n else { return };
                if client.write_all(&said[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The same store as another process opens it, over a link that can break.
async fn over(setup: &Setup, server: &PgConnectOptions) -> (Link, Store) {
    let link = Link::to(server);
    let folder = link.folder.path().display().to_string().replace('/', "%2F");
    let database = server.get_database().unwrap();
    let url = format!("postgres://{}@{folder}/{database}", server.get_username());
    let options = Options { database: Some(Secret::new(url)), ..setup.options() };
    let store = Store::open(&options, Arc::clone(&setup.ids), now()).await.unwrap();
    (link, store)
}

async fn add(setup: &Setup, store: &Store) -> Result<(), StoreError> {
    let new = setup.new_request(domain::Right::Access, &["a@example.com"]);
    store.add_requests(vec![new], now()).await.map(drop)
}

async fn n_requests(setup: &Setup) -> i64 {
    let rows = setup.store.db().fetch("SELECT COUNT(*) AS n FROM request", []).await.unwrap();
    rows[0].get("n").unwrap()
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_known_to_be_done() {
    let Some((setup, server)) = on_postgres().await else { return };
    let (link, store) = over(&setup, &server).await;
    link.breaks(CUT_AFTER);
    add(&setup, &store).await.unwrap();
    assert!(link.has_broken());
    assert_eq!(n_requests(&setup).await, 1);
    add(&setup, &store).await.unwrap();
    assert_eq!(n_requests(&setup).await, 2);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_known_to_be_undone() {
    let Some((setup, server)) = on_postgres().await else { return };
    let (link, store) = over(&setup, &server).await;
    link.breaks(CUT_BEFORE);
    assert!(matches!(add(&setup, &store).await, Err(StoreError::Unreachable { .. })));
    assert!(link.has_broken());
    assert_eq!(n_requests(&setup).await, 0);
    add(&setup, &store).await.unwrap();
    assert_eq!(n_requests(&setup).await, 1);
}

#[tokio::test]
async fn a_writer_whose_registration_is_gone_counts_anew() {
    let Some((setup, server)) = on_postgres().await else { return };
    let (link, store) = over(&setup, &server).await;
    add(&setup, &store).await.unwrap();
    // As after a failover to a standby that had not heard of it.
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    admin.execute("DELETE FROM writer").await.unwrap();
    for (n_before, how) in [(1, CUT_AFTER), (2, CUT_BEFORE)] {
        link.breaks(how);
        assert_eq!(add(&setup, &store).await.is_ok(), how == CUT_AFTER);
        assert_eq!(n_requests(&setup).await, n_before + i64::from(how == CUT_AFTER));
    }
}

#[tokio::test]
async fn a_transaction_whose_connection_the_server_ends_is_undone_and_the_next_goes_on() {
    let Some((setup, server)) = on_postgres().await else { return };
    let mut tx = setup.store.db().begin().await.unwrap();
    tx.execute("INSERT INTO setting (key, value) VALUES ('mark', 'x')", []).await.unwrap();
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND datname = current_database()";
    admin.execute(end).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StoreError::Unreachable { .. })));
    assert!(setup.store.setting("mark").await.unwrap_or_default().is_none());
    add(&setup, &setup.store).await.unwrap();
}

#[tokio::test]
async fn a_transaction_in_which_a_statement_failed_is_never_reported_as_done() {
    let Some((setup, _)) = on_postgres().await else { return };
    let mut tx = setup.store.db().begin().await.unwrap();
    let insert = "INSERT INTO setting (key, value) VALUES ('mark', 'x')";
    tx.execute(insert, []).await.unwrap();
    assert!(matches!(tx.execute(insert, []).await, Err(StoreError::Duplicate { .. })));
    // The server would answer this one with a rollback, which is no error to it.
    assert!(tx.commit().await.is_err());
    assert!(setup.store.setting("mark").await.unwrap().is_none());

    let mut tx = setup.store.db().begin().await.unwrap();
    tx.execute(insert, []).await.unwrap();
    tx.mark().await.unwrap();
    assert!(tx.execute(insert, []).await.is_err());
    tx.undo().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(setup.store.setting("mark").await.unwrap().as_deref(), Some("x"));
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told_as_that_and_written_to_when_it_does() {
    let Some((setup, server)) = on_postgres().await else { return };
    let store = setup.again().await;
    let elsewhere = server.clone().database("postgres");
    let mut admin = PgConnection::connect_with(&elsewhere).await.unwrap();
    let name = server.get_database().unwrap();
    let set = async |admin: &mut PgConnection, how: &str| {
        let set = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {how}");
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        for sql in [set, end] {
            admin.execute(AssertSqlSafe(sql)).await.unwrap();
        }
    };
    let on_a_new_connection = async || {
        loop {
            match add(&setup, &store).await {
                Err(StoreError::Unreachable { .. }) => {}
                other => return other,
            }
        }
    };
    set(&mut admin, "on").await;
    assert!(matches!(on_a_new_connection().await, Err(StoreError::ReadOnly { .. })));
    // It is refused again and again, and not for a transaction that was left open.
    assert!(matches!(add(&setup, &store).await, Err(StoreError::ReadOnly { .. })));
    set(&mut admin, "off").await;
    on_a_new_connection().await.unwrap();
}
