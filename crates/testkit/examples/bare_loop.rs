//! What the deletions of `cargo xtask bench throughput` cost without an engine: the same client,
//! the same calls, the same bytes to the same kind of database, and nothing else. No state, no
//! journal, no retry, no promise.
//!
//! `bare_loop FOLDER TWINS N_PEOPLE BYTES_PER_PERSON`, where TWINS is what `habeas twins --json`
//! printed. Everybody in the twin's first space is looked up by e-mail, named in a create call of
//! up to 5,000, and looked up again by each of five identifiers once the job is over.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// As many people as the engine works on side by side, and as many reads as it makes at once.
const SIDE_BY_SIDE: usize = 512;
const READS: usize = 96;
/// As many as Segment takes in a call.
const BATCH: usize = 5_000;
/// As many as the import and the settling of a job write in a transaction.
const GROUPS: [usize; 2] = [500, 1_000];
/// A person's bytes are written in four parts: received, found, settled, confirmed.
const PARTS: usize = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let mut args = std::env::args().skip(1);
    let mut next = |what: &'static str| args.next().context(what);
    let folder = next("a folder comes first")?;
    let twins: Value = serde_json::from_str(&next("the twins come second")?)?;
    let n_people: usize = next("the number of people comes third")?.parse()?;
    let bytes: usize = next("the bytes a person come fourth")?.parse()?;
    let vendor = Arc::new(Vendor::new(&twins)?);
    let emails = vendor.emails(n_people).await?;
    let book = Book::open(Path::new(&folder), bytes / PARTS).await?;

    let began = Instant::now();
    for group in emails.chunks(GROUPS[0]) {
        book.write(group.len()).await?;
    }
    let found = side_by_side(emails, |email| {
        let (vendor, book) = (Arc::clone(&vendor), book.clone());
        async move {
            let ids = vendor.look_up(&format!("email:{email}")).await?;
            book.write(1).await?;
            Ok(ids)
        }
    })
    .await?;
    ensure!(found.iter().all(|ids| ids.len() == 5), "somebody was not found");
    for batch in found.chunks(BATCH) {
        book.write(1).await?;
        vendor.delete(batch).await?;
        book.write(1).await?;
    }
    vendor.let_jobs_end().await?;
    for group in found.chunks(GROUPS[1]) {
        book.write(group.len()).await?;
    }
    let left = side_by_side(found, |ids| {
        let (vendor, book) = (Arc::clone(&vendor), book.clone());
        async move {
            let looks = ids.iter().map(|id| vendor.look_up(id));
            let left = futures_util::future::try_join_all(looks).await?;
            book.write(1).await?;
            Ok(left.concat())
        }
    })
    .await?;
    let time = began.elapsed();
    ensure!(left.iter().all(Vec::is_empty), "somebody is still there");
    #[expect(clippy::cast_precision_loss, reason = "the number of people is small")]
    let per_second = n_people as f64 / time.as_secs_f64();
    show(&json!({
        "per_second": per_second,
        "bytes_per_person": bytes,
        "n_transactions": book.n_transactions.load(Ordering::SeqCst),
    }));
    Ok(())
}

/// Does something for each, so many at a time.
async fn side_by_side<T, R, F>(all: Vec<T>, work: impl Fn(T) -> F) -> anyhow::Result<Vec<R>>
where
    R: Send + 'static,
    F: Future<Output = anyhow::Result<R>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut working = JoinSet::new();
    let mut results = Vec::with_capacity(all.len());
    for one in all {
        let place = Arc::clone(&places).acquire_owned().await?;
        let future = work(one);
        working.spawn(async move {
            let result = future.await;
            drop(place);
            result
        });
        while let Some(done) = working.try_join_next() {
            results.push(done??);
        }
    }
    while let Some(done) = working.join_next().await {
        results.push(done??);
    }
    Ok(results)
}

/// The twin, asked with the settings of the engine's client.
struct Vendor {
    http: reqwest::Client,
    reading: Semaphore,
    control: String,
    public: String,
    token: String,
    profiles: String,
    profile_token: String,
}

impl Vendor {
    fn new(twins: &Value) -> anyhow::Result<Vendor> {
        let segment = &twins["segment"];
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text is missing");
        let full = &segment["credentials"]["full"];
        let space = &full["spaces"][0];
        let base = text(&segment["base_urls"]["profile_api"])?;
        let id = text(&space["space_id"])?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .no_proxy()
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Vendor {
            http,
            reading: Semaphore::new(READS),
            control: text(&twins["control"]["base_url"])?,
            public: text(&segment["base_urls"]["public_api"])?,
            token: text(&full["token"])?,
            profiles: format!("{base}/v1/spaces/{id}/collections/users/profiles"),
            profile_token: text(&space["profile_token"])?,
        })
    }

    /// Whom the twin has in its population.
    async fn emails(&self, n_people: usize) -> anyhow::Result<Vec<String>> {
        let url = format!("{}/population/segment?offset=0&limit={n_people}", self.control);
        let lines = self.http.get(url).send().await?.text().await?;
        let email = |line: &str| {
            let person: Value = serde_json::from_str(line)?;
            Ok(person["email"].as_str().context("a person without address")?.to_owned())
        };
        lines.lines().map(email).collect()
    }

    /// The external ids of a profile, each as `type:id`; none where there is no profile.
    async fn look_up(&self, key: &str) -> anyhow::Result<Vec<String>> {
        let key = key.replace('+', "%2B");
        let url = format!("{}/{key}/external_ids?limit=100", self.profiles);
        let _place = self.reading.acquire().await?;
        let call = self.http.get(url).basic_auth(&self.profile_token, Some(""));
        let answer = call.header("accept", "application/json").send().await?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await?;
        ensure!(matches!(status, 200 | 404), "a look-up was answered with {status}");
        if status == 404 {
            return Ok(Vec::new());
        }
        let body: Value = serde_json::from_slice(&body)?;
        let ids = body["data"].as_array().context("the answer lists no ids")?;
        let id = |id: &Value| Some(format!("{}:{}", id["type"].as_str()?, id["id"].as_str()?));
        Ok(ids.iter().filter_map(id).collect())
    }

    /// One create call.
    async fn delete(&self, people: &[Vec<String>]) -> anyhow::Result<()> {
        let ids = people.iter().flatten().filter_map(|id| id.strip_prefix("user_id:"));
        let body = json!({
            "regulationType": "SUPPRESS_WITH_DELETE",
            "subjectType": "USER_ID",
            "subjectIds": ids.collect::<Vec<_>>(),
        });
        let call = self.http.post(format!("{}/regulations", self.public)).bearer_auth(&self.token);
        let call = call.header("content-type", "application/json").body(body.to_string());
        let answer = call.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "the create call was answered with {status}: {text}");
        Ok(())
    }

    /// Jumps over the time that the vendor takes.
    async fn let_jobs_end(&self) -> anyhow::Result<()> {
        let call = self.http.post(format!("{}/clock", self.control));
        let call = call.header("content-type", "application/json").body(r#"{"advance":"P30D"}"#);
        call.send().await?.error_for_status()?;
        Ok(())
    }
}

/// A database with the durability of the store; writes that are ready together are committed
/// together, as in the engine.
#[derive(Clone)]
struct Book {
    to: mpsc::Sender<(usize, oneshot::Sender<()>)>,
    n_transactions: Arc<AtomicU64>,
}

impl Book {
    async fn open(folder: &Path, bytes: usize) -> anyhow::Result<Book> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("bare.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePool::connect_with(options).await?;
        sqlx::query("CREATE TABLE part (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
            .execute(&pool)
            .await?;
        let (to, mut orders) = mpsc::channel::<(usize, oneshot::Sender<()>)>(2 * SIDE_BY_SIDE);
        let n_transactions = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&n_transactions);
        let part = vec![0xA5_u8; bytes];
        tokio::spawn(async move {
            let mut ready = Vec::new();
            while orders.recv_many(&mut ready, 2 * SIDE_BY_SIDE).await > 0 {
                let n_parts = ready.iter().map(|(n, _)| n).sum();
                // Whoever waits sees the channel close.
                if commit(&pool, &part, n_parts).await.is_err() {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                for (_, reply) in ready.drain(..) {
                    reply.send(()).ok();
                }
            }
        });
        Ok(Book { to, n_transactions })
    }

    /// Writes parts durably.
    async fn write(&self, n_parts: usize) -> anyhow::Result<()> {
        let (reply, written) = oneshot::channel();
        self.to.send((n_parts, reply)).await.context("the database refused")?;
        written.await.context("the database refused")
    }
}

async fn commit(pool: &SqlitePool, part: &[u8], n_parts: usize) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    for _ in 0..n_parts {
        sqlx::query("INSERT INTO part (bytes) VALUES (?)")
            .bind(part)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

#[expect(clippy::print_stdout, reason = "this is the one place that prints")]
fn show(told: &Value) {
    println!("{told}");
}
