//! Notices by mail: once for each cause, in ids and words, whatever the mail server does.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::notice::NoticeKind;
use domain::telling::DeliveryState;
use domain::{Event, Right};
use engine::Until;
use engine::operator::deliveries::{self, Again, DeliveryView, Filter};
use engine::operator::endpoints::Channel;
use engine::operator::mail::{self, NewRecipient};
use engine::operator::{controls, doctor};
use serde_json::json;
use testkit::postbox::{Conduct, Postbox, header};
use testkit::receiver::Receiver;
use testkit::stage::Stage;

const ANN: &str = "ann@example.org";

/// A stage with this postbox as its mail server, and Ann, who gets notices of these kinds.
async fn told(postbox: &Postbox, kinds: Option<&[NoticeKind]>) -> anyhow::Result<Stage> {
    let stage = Stage::small().await?;
    told_at(&stage, postbox, kinds).await?;
    Ok(stage)
}

async fn told_at(
    stage: &Stage,
    postbox: &Postbox,
    kinds: Option<&[NoticeKind]>,
) -> anyhow::Result<()> {
    mail::set_server(&stage.desk(), postbox.server()).await?;
    let kinds = kinds.map(|kinds| kinds.iter().copied().collect());
    let ann = NewRecipient { address: ANN.to_owned(), kinds, reach: None };
    mail::put(&stage.desk(), "ann", &ann).await?;
    Ok(())
}

async fn letters_to_ann(stage: &Stage) -> anyhow::Result<Vec<DeliveryView>> {
    let filter = Filter::default();
    Ok(deliveries::page(&stage.desk(), Channel::Mail, "ann", filter, 99).await?.deliveries)
}

/// The last answers to what Ann was sent, with how often each was tried.
async fn answers(stage: &Stage) -> anyhow::Result<Vec<(DeliveryState, u32, String)>> {
    let all = letters_to_ann(stage).await?.into_iter();
    Ok(all
        .map(|one| {
            (one.state, one.n_attempts, one.last.map(|last| last.answer).unwrap_or_default())
        })
        .collect())
}

async fn hours_pass(stage: &Stage, hours: i64) -> anyhow::Result<()> {
    stage.jump(stage.now().checked_add(jiff::SignedDuration::from_hours(hours))?).await;
    stage.run().await.map(drop)
}

fn ids(letters: &[String]) -> BTreeSet<&str> {
    letters.iter().map(|letter| header(letter, "Message-ID")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_one_letter_in_ids_and_words_and_one_more_when_it_is_mended()
-> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let postbox = Postbox::start([]).await?;
    let kinds = [NoticeKind::ConnectionBroken, NoticeKind::RequestOverdue];
    told_at(&stage, &postbox, Some(&kinds)).await?;
    controls::set(&stage.desk(), "public_url", "https://habeas.example.org/").await?;
    stage.faults(&json!([{"fault": "401", "count": 1000}])).await?;
    stage.run().await?;
    hours_pass(&stage, 31 * 24).await?;
    stage.faults(&json!([])).await?;
    hours_pass(&stage, 2).await?;
    let letters = postbox.letters();
    let subjects: Vec<_> = letters.iter().map(|letter| header(letter, "Subject")).collect();
    let expected = [
        "[Habeas] a connection does not work",
        "[Habeas] a request is overdue",
        "[Habeas] mended: a connection does not work",
    ];
    assert_eq!(subjects, expected, "each once, and no other kind");
    assert_eq!(ids(&letters).len(), 3);
    let of_what = |letter: &str| header(letter, "References").to_owned();
    assert_eq!(of_what(&letters[0]), of_what(&letters[2]), "they stand together");
    assert_ne!(of_what(&letters[0]), of_what(&letters[1]));
    let link = format!("https://habeas.example.org/api/v1/requests/{request}");
    // What is longer than a line is folded on its way.
    let overdue = letters[1].replace("=\r\n", "");
    assert!(overdue.contains(&link) && overdue.contains("habeas request show"), "{overdue}");
    let (email, user) = (stage.value("regular", "email")?, stage.value("regular", "user_id")?);
    for letter in &letters {
        assert!(!letter.contains(&email) && !letter.contains(&user), "{letter}");
        assert_eq!(header(letter, "To"), ANN);
        assert_eq!(header(letter, "Auto-Submitted"), "auto-generated");
    }
    assert!(answers(&stage).await?.iter().all(|(state, ..)| *state == DeliveryState::Delivered));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_puts_off_babbles_or_breaks_off_gets_the_same_letter_until_it_takes_it()
-> anyhow::Result<()> {
    let postbox = Postbox::start([
        Conduct::Says("RCPT", "451 4.7.1 come again, ann@example.org"),
        Conduct::Says("", "\u{0}\u{1}what?"),
        Conduct::BreaksOffAt("MAIL"),
        Conduct::Says("", "554 no service here"),
        Conduct::BreaksOffAt(".\r\n"),
    ])
    .await?;
    let stage = told(&postbox, None).await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run().await?;
    let put_off = "the mail server put it off (451 4.7.1)".to_owned();
    assert_eq!(answers(&stage).await?, [(DeliveryState::Waiting, 1, put_off)]);
    stage.run_days(2).await?;
    let taken = (DeliveryState::Delivered, 6, "taken by the mail server".to_owned());
    assert_eq!(answers(&stage).await?, [taken]);
    let letters = postbox.letters();
    assert_eq!(postbox.n_conversations(), 6);
    assert_eq!((letters.len(), ids(&letters).len()), (2, 1), "one answer was lost");
    assert_eq!(header(&letters[0], "Subject"), "[Habeas] everything is paused");
    let seq = letters_to_ann(&stage).await?[0].seq;
    deliveries::replay(&stage.desk(), Channel::Mail, "ann", Again::One(seq)).await?;
    stage.run().await?;
    let letters = postbox.letters();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| *letter == letters[0]), "it is the same letter");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_good_is_dead_at_once_told_of_and_sent_again_when_asked()
-> anyhow::Result<()> {
    let postbox = Postbox::start([Conduct::Says("RCPT", "550 5.1.1 nobody here")]).await?;
    let stage = told(&postbox, Some(&[NoticeKind::EnginePaused])).await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run().await?;
    let refused = "the mail server refused the recipient (550 5.1.1)".to_owned();
    assert_eq!(answers(&stage).await?, [(DeliveryState::Dead, 1, refused)]);
    let raised = stage.facts(Event::NoticeRaised, "kind").await?;
    assert_eq!(raised, ["engine_paused", "endpoint_failing"]);
    let found = doctor::examine(&stage.desk()).await?;
    let about: Vec<_> = found.iter().filter(|one| one.about == "mail to ann").collect();
    assert_eq!(about[0].what, "1 letters were given up");
    deliveries::replay(&stage.desk(), Channel::Mail, "ann", Again::Dead {}).await?;
    stage.run().await?;
    assert_eq!(postbox.letters().len(), 1);
    stage.run_days(1).await?;
    assert_eq!(stage.facts(Event::NoticeMended, "kind").await?, ["endpoint_failing"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_kills_no_letter() -> anyhow::Result<()> {
    let refusal = Conduct::Says("MAIL", "530 5.7.0 sign in first");
    let postbox = Postbox::start([refusal]).await?;
    let stage = told(&postbox, None).await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run().await?;
    let refused = "the mail server refused name and password (530 5.7.0)".to_owned();
    assert_eq!(answers(&stage).await?, [(DeliveryState::Waiting, 1, refused)]);
    stage.run_days(1).await?;
    assert_eq!(postbox.letters().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_holds_up_nobody_and_whoever_comes_after_a_crash_sends_it()
-> anyhow::Result<()> {
    let postbox = Postbox::start([Conduct::HangsAt(""), Conduct::HangsAt("DATA")]).await?;
    let stage = told(&postbox, None).await?;
    let good = Receiver::start([]).await?;
    let webhook = engine::operator::webhooks::NewWebhook {
        name: "good".to_owned(),
        url: good.url.clone(),
        events: Some(BTreeSet::from([Event::NoticeRaised])),
        reach: None,
        allow_private: true,
    };
    engine::operator::webhooks::add(&stage.desk(), &webhook).await?;
    controls::pause_all(&stage.desk()).await?;
    let engine = stage.engine("one")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { engine.run(Until::Stopped(stopped)).await });
    let both = async { tokio::join!(good.until_got(1), postbox.until_called(1)) };
    tokio::time::timeout(Duration::from_secs(10), both).await?;
    // It is broken off in the middle of the conversation, as by a crash.
    running.abort();
    assert!(running.await.is_err());
    drop(stop);
    stage.lease_millis.fetch_add(30_000, std::sync::atomic::Ordering::SeqCst);
    // A command that runs the engine waits no longer than for a webhook.
    tokio::time::timeout(Duration::from_secs(20), stage.run()).await??;
    let waits = "no answer while the engine ran".to_owned();
    assert_eq!(answers(&stage).await?, [(DeliveryState::Waiting, 1, waits)]);
    stage.run_days(1).await?;
    assert_eq!((postbox.n_conversations(), postbox.letters().len()), (3, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_wait_while_no_mail_server_is_set() -> anyhow::Result<()> {
    let postbox = Postbox::start([]).await?;
    let stage = told(&postbox, None).await?;
    mail::unset_server(&stage.desk()).await?;
    controls::pause_all(&stage.desk()).await?;
    stage.run().await?;
    let unsent = (DeliveryState::Waiting, 1, "no mail server is set".to_owned());
    assert_eq!(answers(&stage).await?, [unsent]);
    let found = doctor::examine(&stage.desk()).await?;
    assert!(found.iter().any(|one| one.about == "mail server" && one.mend.is_some()));
    mail::set_server(&stage.desk(), postbox.server()).await?;
    stage.run_days(1).await?;
    assert_eq!(postbox.letters().len(), 1);
    let found = doctor::examine(&stage.desk()).await?;
    assert!(found.iter().any(|one| one.about == "mail server" && one.mend.is_none()));
    Ok(())
}
