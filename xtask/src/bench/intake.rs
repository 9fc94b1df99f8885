//! How many requests a second come in through the API, each durable before it is answered.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::api::{Api, Client, Times, token};
use super::binary_size::megabytes;
use super::throughput::{per_second, stop};
use super::{Bound, Figure, Options};
use crate::workspace;
use crate::world::{Spaces, World};

const N_REQUESTS: usize = 20_000;
const N_CLIENTS: usize = 16;
/// The most memory that a server may ever hold, for each figure about the API.
pub(super) const MOST_MEMORY: Bound = Bound::AtMost(150.0);

/// Sends the requests, kills the server, and sends them all again: each must be in, under the id that
/// it was answered with.
pub(super) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let habeas = options.habeas()?;
    let world =
        World::start(&habeas, &workspace::target().join("bench/intake"), &["--regular-only"])?;
    world.connect(Spaces::First, &["review=ask"])?;
    let token = token(&world)?;
    let mut api = Api::start(&world, &token)?;
    let began = Instant::now();
    let sent = send_all(&api, 201)?;
    let took = began.elapsed();
    let usage = api.process.usage()?;
    api.process.kill()?;
    let api = Api::start(&world, &token)?;
    let again = send_all(&api, 200)?;
    ensure!(sent.ids == again.ids, "what was answered before the kill isn't what is in");
    stop(api.process)?;
    let setup = format!(
        "{N_REQUESTS} POSTs to `habeas serve` by {N_CLIENTS} clients with a token, each on a connection of \
         its own that it keeps, each request with an external id; SQLite, every answer after a durable \
         commit; one connection that asks before it runs, so that the engine makes a task of each \
         meanwhile; {}; after kill -9 all were there under the ids that had been answered; the server \
         used {:.1} s of processor time",
        sent.times.told()?,
        usage.cpu.as_secs_f64()
    );
    let held = megabytes(usage.peak_memory_bytes);
    let rate = per_second(N_REQUESTS, took);
    Ok(vec![
        Figure::new("intake", rate, "requests/s", Bound::AtLeast(1000.0), &setup),
        Figure::new("intake memory", held, "MB", MOST_MEMORY, "VmHWM of that server"),
    ])
}

struct Sent {
    /// By the number of the request.
    ids: Vec<String>,
    times: Times,
}

fn send_all(api: &Api, status: u16) -> Result<Sent> {
    let each = N_REQUESTS / N_CLIENTS;
    let sent = api.side_by_side(N_CLIENTS, |client, it| {
        (client * each..(client + 1) * each)
            .map(|n| send(it, n, status))
            .collect::<Result<Vec<_>>>()
    })?;
    let (ids, times): (Vec<_>, Vec<_>) = sent.into_iter().flatten().unzip();
    Ok(Sent { ids, times: Times::of(times) })
}

fn send(client: &mut Client, n: usize, status: u16) -> Result<(String, std::time::Duration)> {
    let (answer, took) = client.post("/requests", &request(n))?;
    ensure!(answer.status == status, "request {n}: {} {}", answer.status, answer.body);
    let taken: Value = serde_json::from_str(&answer.body).context("read the answer")?;
    Ok((taken["request"].as_str().context("the answer has no id")?.to_owned(), took))
}

/// A request of somebody whom no vendor knows.
pub(super) fn request(n: usize) -> Value {
    let email = format!("nobody-{n}@intake.example");
    let identifiers = json!([{"type": "email", "value": email}]);
    json!({"right": "deletion", "external_id": format!("T-{n}"), "identifiers": identifiers})
}
