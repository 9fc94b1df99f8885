//! Webhooks over real sockets: everything that happens is told, whatever the other side does.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::telling::DeliveryState;
use domain::{Event, IdentifierKind, Reach, Right};
use engine::Until;
use engine::operator::deliveries::{self, Again, Filter};
use engine::operator::endpoints::Channel;
use engine::operator::webhooks::{self, Changes, NewWebhook, Rotation, WebhookView};
use engine::operator::{Draft, Given, controls, decide};
use store::signing::sign;
use store::{From as JournalFrom, JournalFilter, Secret};
use testkit::receiver::{Behaviour, Got, Receiver};
use testkit::stage::Stage;

/// Adds a webhook to a receiver on this machine that is told what `happens`, and returns its secret.
async fn add(stage: &Stage, name: &str, url: &str) -> anyhow::Result<Secret> {
    let events = BTreeSet::from([Event::EnginePaused, Event::EngineResumed]);
    add_with(stage, name, url, |new| new.events = Some(events)).await
}

async fn add_with(
    stage: &Stage,
    name: &str,
    url: &str,
    change: impl FnOnce(&mut NewWebhook),
) -> anyhow::Result<Secret> {
    let mut new = NewWebhook {
        name: name.to_owned(),
        url: url.to_owned(),
        events: None,
        reach: None,
        allow_private: true,
    };
    change(&mut new);
    let made = webhooks::add(&stage.desk(), &new).await?;
    made.secret.ok_or_else(|| anyhow::anyhow!("it stood already"))
}

/// Something happens: every changing call is stopped, or allowed again.
async fn happens(stage: &Stage) -> anyhow::Result<()> {
    if !controls::resume_all(&stage.desk()).await?.was_paused {
        controls::pause_all(&stage.desk()).await?;
    }
    Ok(())
}

async fn view(stage: &Stage, name: &str) -> anyhow::Result<WebhookView> {
    Ok(webhooks::view(&stage.desk(), name).await?)
}

fn seqs(got: &[Got]) -> Vec<i64> {
    got.iter().filter_map(|got| got.json()["data"]["seq"].as_i64()).collect()
}

/// Whether what was got is signed by this secret.
fn is_signed(got: &Got, secret: &Secret) -> bool {
    let seconds = got.headers["webhook-timestamp"].parse().unwrap_or(0);
    let signature = sign(secret, &got.headers["webhook-id"], seconds, &got.body);
    let signatures = &got.headers["webhook-signature"];
    signature.is_some_and(|signature| signatures.split(' ').any(|one| one == signature))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_happens_to_a_deletion_is_told_once_signed_and_without_a_value()
-> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let receiver = Receiver::start([]).await?;
    let secret = add_with(&stage, "desk", &receiver.url, |_| {}).await?;
    let from = stage.store.endpoint_by_name("desk").await?.unwrap().told_until;
    stage.run_days(60).await?;
    assert!(stage.verdict(request).await?.starts_with("ended, done"));
    let filter = JournalFilter::default();
    let entries = stage.store.journal(JournalFrom::After(from), &filter, 100_000).await?;
    let told = entries.iter().filter(|(_, entry)| Event::TOLD.contains(&entry.event));
    let expected: BTreeSet<_> = told.map(|(seq, _)| *seq).collect();
    let got = receiver.got();
    let mut numbers = seqs(&got);
    assert_eq!(numbers.len(), expected.len(), "each once");
    numbers.sort_unstable();
    assert_eq!(BTreeSet::from_iter(numbers), expected);
    let ids: BTreeSet<_> = got.iter().map(|got| got.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), got.len(), "each message has a name of its own");
    let email = stage.value("regular", "email")?;
    let user = stage.value("regular", "user_id")?;
    for got in &got {
        assert!(is_signed(got, &secret), "{got:?}");
        assert!(!got.body.contains(&email) && !got.body.contains(&user), "{}", got.body);
    }
    let moved = got.iter().find(|got| got.json()["data"]["to"] == "answering").unwrap().json();
    assert_eq!(moved["type"], "request.moved");
    assert_eq!(moved["data"]["request"], request.to_string());
    let view = view(&stage, "desk").await?;
    assert_eq!((view.n_waiting, view.n_dead), (0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_receiver_is_tried_for_three_days_and_told_again_when_asked() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", free.local_addr()?);
    drop(free);
    add(&stage, "desk", &url).await?;
    happens(&stage).await?;
    let began = stage.now();
    stage.run_days(5).await?;
    let page =
        deliveries::page(&stage.desk(), Channel::Webhook, "desk", Filter::default(), 10).await?;
    let dead = &page.deliveries[0];
    assert_eq!((dead.state, dead.n_attempts), (DeliveryState::Dead, 10));
    assert_eq!(dead.last.as_ref().unwrap().answer, "no connection could be made");
    let hours = began.duration_until(dead.ended_at.unwrap()).as_hours();
    assert!((72..96).contains(&hours), "{hours}");
    assert_eq!(view(&stage, "desk").await?.n_dead, 1);
    let receiver = Receiver::start([]).await?;
    let there = Changes {
        url: Some(receiver.url.clone()),
        allow_private: Some(true),
        ..Changes::default()
    };
    webhooks::set(&stage.desk(), "desk", &there).await?;
    let again = deliveries::replay(&stage.desk(), Channel::Webhook, "desk", Again::Dead {}).await?;
    assert_eq!(again.n_again, 1);
    stage.run().await?;
    assert_eq!(seqs(&receiver.got()), [dead.seq]);
    let view = view(&stage, "desk").await?;
    assert_eq!((view.n_waiting, view.n_dead), (0, 0));
    deliveries::replay(&stage.desk(), Channel::Webhook, "desk", Again::One(dead.seq)).await?;
    stage.run().await?;
    deliveries::replay(&stage.desk(), Channel::Webhook, "desk", Again::Since(began)).await?;
    stage.run().await?;
    assert_eq!(seqs(&receiver.got()), [dead.seq; 3]);
    let ids: BTreeSet<_> =
        receiver.got().iter().map(|got| got.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 1, "it is the same message whenever it is sent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_garbage_or_errors_is_told_again_until_it_understands() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start([
        Behaviour::Answers("500 Internal Server Error"),
        Behaviour::Babbles,
        Behaviour::HangsUp,
        Behaviour::Answers("302 Found\r\nlocation: http://127.0.0.1:1/"),
        Behaviour::NeverEnds,
    ])
    .await?;
    add(&stage, "desk", &receiver.url).await?;
    happens(&stage).await?;
    stage.run_days(3).await?;
    let page =
        deliveries::page(&stage.desk(), Channel::Webhook, "desk", Filter::default(), 10).await?;
    assert_eq!(
        (page.deliveries[0].state, page.deliveries[0].n_attempts),
        (DeliveryState::Delivered, 5)
    );
    assert_eq!(page.deliveries[0].last.as_ref().unwrap().answer, "status 200");
    assert_eq!(receiver.got().len(), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_holds_up_no_other_and_is_told_by_who_comes_after()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let hangs = Receiver::start(vec![Behaviour::Hangs; 3]).await?;
    let good = Receiver::start([]).await?;
    add(&stage, "hangs", &hangs.url).await?;
    add(&stage, "good", &good.url).await?;
    for _ in 0..3 {
        happens(&stage).await?;
    }
    let engine = stage.engine("one")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { engine.run(Until::Stopped(stopped)).await });
    let both = async { tokio::join!(good.until_got(3), hangs.until_got(3)) };
    tokio::time::timeout(Duration::from_secs(10), both).await?;
    // It is broken off in the middle of three calls, as by a crash.
    running.abort();
    assert!(running.await.is_err());
    drop(stop);
    stage.lease_millis.fetch_add(30_000, std::sync::atomic::Ordering::SeqCst);
    stage.run_days(1).await?;
    let expected: BTreeSet<_> = seqs(&hangs.got()).into_iter().collect();
    assert_eq!((hangs.got().len(), expected.len()), (6, 3), "each is told again");
    assert!(BTreeSet::from_iter(seqs(&good.got())).is_superset(&expected));
    let view = view(&stage, "hangs").await?;
    assert_eq!((view.n_waiting, view.n_dead), (0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_keeps_no_command_waiting_and_is_told_later() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let hangs = Receiver::start(vec![Behaviour::Hangs; 30]).await?;
    add(&stage, "hangs", &hangs.url).await?;
    for _ in 0..40 {
        happens(&stage).await?;
    }
    let ran = tokio::time::timeout(Duration::from_secs(12), stage.run()).await??;
    assert!(ran.next_due.is_some());
    assert_eq!(hangs.got().len(), 8, "those that it takes at once");
    let page =
        deliveries::page(&stage.desk(), Channel::Webhook, "hangs", Filter::default(), 50).await?;
    let tried = page.deliveries.iter().filter(|one| one.n_attempts == 1);
    assert!(tried.clone().all(|one| one.state == DeliveryState::Waiting));
    assert_eq!((tried.count(), view(&stage, "hangs").await?.n_waiting), (8, 40));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_disabled_or_signed_anew_meanwhile_is_told_so_at_once() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start(vec![Behaviour::Hangs; 8]).await?;
    let first = add(&stage, "desk", &receiver.url).await?;
    for _ in 0..20 {
        happens(&stage).await?;
    }
    let engine = stage.engine("one")?;
    let running = tokio::spawn(async move { engine.run(Until::NothingDue).await });
    tokio::time::timeout(Duration::from_secs(10), receiver.until_got(8)).await?;
    let at_once = Rotation { overlap_hours: Some(0) };
    let second = webhooks::rotate(&stage.desk(), "desk", &at_once).await?.secret.unwrap();
    webhooks::disable(&stage.desk(), "desk").await?;
    running.await??;
    assert_eq!(receiver.got().len(), 8, "none begins after it was disabled");
    webhooks::enable(&stage.desk(), "desk").await?;
    stage.run_days(1).await?;
    let got = receiver.got();
    assert!(got[..8].iter().all(|got| is_signed(got, &first)));
    assert!(got[8..].iter().all(|got| is_signed(got, &second) && !is_signed(got, &first)));
    assert_eq!(got.len(), 28);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_is_told_nothing_until_a_person_enables_it() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start([Behaviour::Answers("410 Gone")]).await?;
    add(&stage, "desk", &receiver.url).await?;
    happens(&stage).await?;
    stage.run_days(1).await?;
    let gone = view(&stage, "desk").await?;
    assert_eq!(gone.disabled.unwrap().why, "it answered that it is gone (status 410)");
    happens(&stage).await?;
    happens(&stage).await?;
    stage.run_days(1).await?;
    assert_eq!(receiver.got().len(), 1);
    webhooks::enable(&stage.desk(), "desk").await?;
    stage.run_days(1).await?;
    assert_eq!(receiver.got().len(), 3, "what happened meanwhile is told");
    assert_eq!(view(&stage, "desk").await?.n_dead, 1);
    let filter = JournalFilter { event: Some(Event::EndpointDisabled), ..JournalFilter::default() };
    let disabled = stage.store.journal(JournalFrom::After(0), &filter, 9).await?;
    assert_eq!(disabled[0].1.facts["why"], "gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_asks_for_a_rest_is_left_in_peace() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let busy = Behaviour::Answers("429 Too Many Requests\r\nretry-after: 7200");
    let receiver = Receiver::start([busy]).await?;
    add(&stage, "desk", &receiver.url).await?;
    happens(&stage).await?;
    let began = stage.now();
    let ran = stage.run().await?;
    assert_eq!(receiver.got().len(), 1);
    let minutes = began.duration_until(ran.next_due.unwrap()).as_mins();
    assert!((120..122).contains(&minutes), "{minutes}");
    happens(&stage).await?;
    stage.run().await?;
    assert_eq!(receiver.got().len(), 1, "what happens meanwhile waits too");
    assert!(view(&stage, "desk").await?.rest_until.is_some());
    stage.run_days(1).await?;
    assert_eq!(receiver.got().len(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_bound_to_a_brand_or_some_events_is_told_of_these_alone() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Access, "regular").await?;
    let (shop, some) = (Receiver::start([]).await?, Receiver::start([]).await?);
    let brands = Reach::Brands(BTreeSet::from(["shop".to_owned()]));
    add_with(&stage, "shop", &shop.url, |new| new.reach = Some(brands)).await?;
    let events = BTreeSet::from([Event::RequestCancelled, Event::EnginePaused]);
    add_with(&stage, "some", &some.url, |new| new.events = Some(events)).await?;
    decide::cancel(&stage.desk(), request, "taken back").await?;
    let of_shop = Draft {
        right: "access".to_owned(),
        identifiers: vec![Given::new(IdentifierKind::Email, "new@example.com")],
        brand: Some("Shop".to_owned()),
        ..Draft::default()
    };
    let taken = engine::operator::intake::submit(&stage.desk(), &[of_shop], None).await?;
    let of_shop = taken.into_iter().next().unwrap().unwrap().request;
    happens(&stage).await?;
    stage.run().await?;
    let told: BTreeSet<_> = some.got().iter().map(Got::what).collect();
    assert_eq!(told, BTreeSet::from(["engine.paused".into(), "request.cancelled".into()]));
    let of: BTreeSet<_> =
        shop.got().iter().map(|got| got.json()["data"]["request"].to_string()).collect();
    assert_eq!(of, BTreeSet::from([format!("\"{of_shop}\"")]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_not_told_to_who_listens_to_other_things_by_now() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start([Behaviour::Answers("500 Internal Server Error")]).await?;
    add(&stage, "desk", &receiver.url).await?;
    happens(&stage).await?;
    stage.run().await?;
    let other =
        Changes { events: Some(BTreeSet::from([Event::ConnectionPaused])), ..Changes::default() };
    webhooks::set(&stage.desk(), "desk", &other).await?;
    stage.run_days(1).await?;
    assert_eq!(receiver.got().len(), 1);
    let page =
        deliveries::page(&stage.desk(), Channel::Webhook, "desk", Filter::default(), 9).await?;
    let answer = &page.deliveries[0].last.as_ref().unwrap().answer;
    assert_eq!(answer, "not sent: it is not told of this any more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_secret_is_replaced_both_sign_and_a_test_is_told_at_once() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start([Behaviour::Answers("500 Internal Server Error")]).await?;
    let first = add(&stage, "desk", &receiver.url).await?;
    let rotation = Rotation { overlap_hours: Some(2) };
    let second = webhooks::rotate(&stage.desk(), "desk", &rotation).await?.secret.unwrap();
    let client = engine::telling::WebhookClient::new()?;
    let failed = webhooks::test(&stage.desk(), "desk", &client).await?;
    assert_eq!((failed.is_taken, &*failed.attempt.answer), (false, "status 500"));
    assert!(webhooks::test(&stage.desk(), "desk", &client).await?.is_taken);
    let got = receiver.got();
    assert_eq!(got[1].what(), "webhook.test");
    assert!(is_signed(&got[1], &first) && is_signed(&got[1], &second));
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_hours(3))?).await;
    assert!(webhooks::test(&stage.desk(), "desk", &client).await?.is_taken);
    let got = receiver.got();
    assert!(!is_signed(&got[2], &first) && is_signed(&got[2], &second));
    Ok(())
}
