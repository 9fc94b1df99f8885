//! The way to a server: what a URL says, and what stands there.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Postgres, Row as _};

use super::{TURN_TIMEOUT, failed};
use crate::error::StoreError;

/// The oldest server, as it numbers itself.
const OLDEST: (&str, i32) = ("15", 150_000);
/// How a URL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// How long a connection may take to be made.
const LET_IN: Duration = Duration::from_secs(10);
/// How long a connection may take to show that it is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(5);
/// How long after its work a connection is taken for alive.
const FRESH: Duration = Duration::from_secs(1);
/// How often it is looked for a pooler.
const LOOKS: u8 = 2;
/// The parameter of a URL by which a pooler between is spared prepared statements without looking for one.
const SPARED: &str = "statement-cache-capacity=0";

/// How statements are carried out that are prepared once: rows are found by an index, from the values given
/// on. The plan of one that was prepared while its tables were empty would read them whole, long after
/// they have grown: until the server counts them again.
const BY_INDEX: [(&str, &str); 8] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("enable_memoize", "off"),
    ("join_collapse_limit", "1"),
    ("jit", "off"),
];

/// What stands between the program and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooler {
    /// Nothing.
    Absent,
    /// One that may hand out another connection for each transaction: nothing is prepared for later, and
    /// what belongs together is in a transaction.
    Between,
}

impl Pooler {
    /// Whether one stands between: then what answers a connection that is new is older than that. One that
    /// is busy may hide for once, so it can be named in the URL too.
    async fn find(
        mut before: PgConnection,
        options: &PgConnectOptions,
    ) -> Result<Self, sqlx::Error> {
        let now = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS n";
        let now: i64 = sqlx::raw_sql(now).fetch_one(&mut before).await?.try_get("n")?;
        before.close().await?;
        for _ in 0..LOOKS {
            let mut new = PgConnection::connect_with(options).await?;
            let begun = "SELECT CAST(extract(epoch FROM backend_start) * 1000000 AS BIGINT) AS n
                FROM pg_stat_activity WHERE pid = pg_backend_pid()";
            let begun: i64 = sqlx::raw_sql(begun).fetch_one(&mut new).await?.try_get("n")?;
            new.close().await?;
            if begun < now {
                return Ok(Self::Between);
            }
        }
        Ok(Self::Absent)
    }

    /// A statement with its values.
    pub(super) fn statement(
        self,
        sql: &'static str,
        values: PgArguments,
    ) -> Query<'static, Postgres, PgArguments> {
        sqlx::query_with(sql, values).persistent(self == Self::Absent)
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        let cause = "it does not begin with postgres://".into();
        return Err(StoreError::Database { attempt: "read its URL", cause });
    }
    let options: PgConnectOptions = url.parse().map_err(|error| failed("read its URL", error))?;
    // No number here is a float, and poolers refuse what they don't know at the start of a connection.
    let options = options.extra_float_digits(None).application_name("habeas");
    Ok(options.disable_statement_logging())
}

/// Looks whether the server is there, is new enough, and is spoken to directly.
pub(super) async fn reach(url: &str) -> Result<(PgConnectOptions, Pooler), StoreError> {
    let options = options(url)?;
    // A pool would ask for long; whoever opens a store wants to hear at once what is wrong.
    let first = within(LET_IN, PgConnection::connect_with(&options)).await;
    let mut first = first.map_err(|error| failed("open the store", error))?;
    refuse_old(&mut first).await?;
    let pooler = match url.contains(SPARED) {
        true => Pooler::Between,
        false => within(LET_IN, Pooler::find(first, &options))
            .await
            .map_err(|error| failed("look for a pooler", error))?,
    };
    Ok(match pooler {
        Pooler::Absent => (options.options(BY_INDEX), pooler),
        // What is not prepared is planned as the tables are.
        Pooler::Between => (options, pooler),
    })
}

pub(super) fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        // One that was at work a moment ago is taken as it is.
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            let is_fresh = idle.idle_for < FRESH;
            Box::pin(async move { Ok(is_fresh || within(ALIVE, is_alive(connection)).await?) })
        })
        .after_release(|connection, _| Box::pin(within(ALIVE, is_alive(connection))))
        .connect_lazy_with(options)
}

async fn is_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await.map(|()| true)
}

async fn refuse_old(server: &mut PgConnection) -> Result<(), StoreError> {
    let row = sqlx::raw_sql(
        "SELECT CAST(current_setting('server_version_num') AS INT) AS n,
        current_setting('server_version') AS found",
    )
    .fetch_one(server)
    .await;
    let row = row.map_err(|error| failed("ask for its version", error))?;
    let number: i32 = row.try_get("n").map_err(|error| failed("ask for its version", error))?;
    let (needed, oldest) = OLDEST;
    if number < oldest {
        let found = row.try_get("found").map_err(|error| failed("ask for its version", error))?;
        return Err(StoreError::OldPostgres { found, needed });
    }
    Ok(())
}

/// Waits for an answer, but not for ever: a server whose machine is gone never gives one.
pub(super) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = || sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(silent()))
}
