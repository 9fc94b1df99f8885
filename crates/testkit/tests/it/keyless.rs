//! A key is missing: what needs it waits and says so, and everything else goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use domain::{Event, Right, TaskState};
use engine::Until;
use engine::operator::keys::{self, KeyPurpose};
use engine::operator::{controls, decide, list, show, webhooks};
use serde_json::json;
use testkit::receiver::Receiver;
use testkit::stage::Stage;

use crate::spoil;

/// A key's file, taken away.
struct Taken {
    path: PathBuf,
    held: Vec<u8>,
}

impl Taken {
    async fn from(stage: &mut Stage, key: &str) -> anyhow::Result<Self> {
        let path = stage.folder.path().join(format!("keys/{key}.key"));
        let held = fs::read(&path)?;
        fs::remove_file(&path)?;
        stage.reopen().await?;
        Ok(Self { path, held })
    }

    fn put_back(self) -> anyhow::Result<()> {
        fs::write(&self.path, self.held)?;
        Ok(fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600))?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_key_is_missing_waits_for_it_and_all_others_go_on() -> anyhow::Result<()> {
    let mut stage = Stage::small().await?;
    stage.connect().await?;
    let mut requests = Vec::new();
    for subject in stage.subjects("regular").iter().take(2) {
        let email = subject["email"].as_str().unwrap_or_default();
        requests.push(stage.submit(Right::Deletion, &[("email", email)]).await?);
        keys::rotate(&stage.desk(), Some(KeyPurpose::Epoch)).await?;
    }
    let taken = Taken::from(&mut stage, "epoch-2026-09").await?;
    let desk = stage.desk();
    let page = list::page(&desk, &list::Filter::default(), None, 10).await?;
    let why = page.requests[0].unopened.clone().unwrap_or_default();
    assert!(why.starts_with("the key epoch-2026-09 is missing"), "{why}");
    assert_eq!((page.requests.len(), &page.requests[1].unopened), (2, &None));
    let view = show::request_view(&desk, requests[0], true).await?;
    assert_eq!((view.asked.identifiers.len(), view.asked.unopened), (0, Some(why.clone())));
    let commands: Vec<_> = view.advice.iter().filter_map(|one| one.command.as_deref()).collect();
    assert_eq!(commands, ["habeas doctor"], "nothing that would be refused");
    // Nor does a file stop the others that is there and can't be read.
    fs::create_dir(&taken.path)?;
    fs::set_permissions(&taken.path, fs::Permissions::from_mode(0o700))?;
    let page = list::page(&desk, &list::Filter::default(), None, 10).await?;
    let unread = page.requests[0].unopened.clone().unwrap_or_default();
    assert!(unread.starts_with("could not read"), "{unread}");
    let noted = decide::deny(&desk, requests[0], "it is not theirs").await;
    assert!(noted.is_err_and(|error| format!("{error:?}").contains("could not read")));
    fs::remove_dir(&taken.path)?;

    stage.run_days(2).await?;
    let held_up = stage.task(requests[0]).await?;
    assert!(held_up.needs_a_person(), "{}", stage.verdict(requests[0]).await?);
    assert_eq!((held_up.state, held_up.detail.wait.unwrap().why), (TaskState::Locating, why));
    assert_eq!(stage.changes().await?.len(), 1, "the other one was sent");
    taken.put_back()?;
    stage.run_days(40).await?;
    for request in requests {
        assert!(stage.verdict(request).await?.starts_with("ended, done"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_task_whose_key_is_missing_says_so_once_and_is_looked_at_when_it_is_back()
-> anyhow::Result<()> {
    let (mut stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.switch(&json!({"deletion_takes": "P1D"})).await?;
    stage.run_days(4).await?;
    assert_eq!(stage.task(request).await?.state, TaskState::Ended);
    let mut names = stage.store.key_names().into_iter();
    let epoch = names.rfind(|key| key.purpose() == "epoch").unwrap();
    keys::rotate(&stage.desk(), Some(KeyPurpose::Epoch)).await?;
    let taken = Taken::from(&mut stage, epoch.as_str()).await?;
    let n_looks = stage.entries(Event::Looked).await?.len();
    stage.run_days(20).await?;
    let failed = stage.facts(Event::Looked, "failed").await?;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("is missing"), "{failed:?}");
    assert_eq!(stage.entries(Event::Looked).await?.len(), n_looks + 1);
    taken.put_back()?;
    stage.run_days(2).await?;
    assert_eq!(stage.entries(Event::Looked).await?.len(), n_looks + 2, "it was looked again");
    assert_eq!(stage.task(request).await?.detail.n_attempts, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_and_a_webhook_whose_secrets_do_not_open_rest_and_say_why()
-> anyhow::Result<()> {
    let (mut stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    let receiver = Receiver::start([]).await?;
    let new = webhooks::NewWebhook {
        name: "desk".to_owned(),
        url: receiver.url.clone(),
        events: None,
        reach: None,
        allow_private: true,
    };
    webhooks::add(&stage.desk(), &new).await?;
    keys::rotate(&stage.desk(), Some(KeyPurpose::Credentials)).await?;
    let taken = Taken::from(&mut stage, "credentials-1").await?;
    controls::pause_all(&stage.desk()).await?;
    controls::resume_all(&stage.desk()).await?;
    stage.run_days(0).await?;
    let connection = stage.store.connections().await?.remove(0);
    let pause = connection.paused.unwrap();
    assert!(pause.why.starts_with("the key credentials-1 is missing"), "{}", pause.why);
    let endpoint = stage.store.endpoint_by_name("desk").await?.unwrap().endpoint;
    let disabled = endpoint.disabled.unwrap();
    assert!(disabled.why.contains("the key credentials-1 is missing"), "{}", disabled.why);
    assert!(receiver.got().is_empty());
    let listed = webhooks::list(&stage.desk()).await?.webhooks.remove(0);
    let origin = receiver.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    assert_eq!(listed.url, format!("{origin}/…"));

    taken.put_back()?;
    stage.run_days(60).await?;
    assert!(stage.verdict(request).await?.starts_with("ended, done"), "a check let it go on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_whose_url_is_not_known_or_does_not_open_rests_until_it_is_given_another()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let receiver = Receiver::start([]).await?;
    let new = webhooks::NewWebhook {
        name: "desk".to_owned(),
        url: receiver.url.clone(),
        events: None,
        reach: None,
        allow_private: true,
    };
    webhooks::add(&stage.desk(), &new).await?;
    let says = ["its URL is not known", "its URL can't be used"];
    for (n, says) in says.into_iter().enumerate() {
        match n {
            0 => spoil::lose_urls(&stage).await?,
            _ => spoil::cut_urls(&stage).await?,
        }
        controls::pause_all(&stage.desk()).await?;
        stage.run().await?;
        let disabled = webhooks::view(&stage.desk(), "desk").await?.disabled.unwrap();
        assert!(disabled.why.contains(says), "{}", disabled.why);
        assert_eq!(stage.facts(Event::EndpointDisabled, "why").await?.len(), n + 1);
        let events = Some(Event::TOLD.iter().copied().collect());
        let tells = webhooks::Changes { events, ..Default::default() };
        webhooks::set(&stage.desk(), "desk", &tells).await?;
        let (url, allow_private) = (Some(receiver.url.clone()), Some(true));
        let changes = webhooks::Changes { url, allow_private, ..Default::default() };
        assert!(webhooks::set(&stage.desk(), "desk", &changes).await?.disabled.is_none());
        controls::resume_all(&stage.desk()).await?;
        stage.run().await?;
        assert!(receiver.got().len() >= 2 * (n + 1), "what happened meanwhile is told");
    }
    spoil::lose_urls(&stage).await?;
    webhooks::disable(&stage.desk(), "desk").await?;
    assert_eq!(webhooks::enable(&stage.desk(), "desk").await.unwrap_err().code(), "E-WEB-002");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_folder_that_stays_away_ends_the_engine_and_one_that_comes_back_does_not()
-> anyhow::Result<()> {
    let stage = Stage::small().await?;
    let (keys, away) = (stage.folder.path().join("keys"), stage.folder.path().join("away"));
    let minutes_pass = async |minutes| {
        let to = stage.now().checked_add(jiff::SignedDuration::from_mins(minutes))?;
        stage.jump(to).await;
        anyhow::Ok(())
    };
    let engine = stage.engine("one")?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move { engine.run(Until::Stopped(stopped)).await });
    minutes_pass(61).await?;
    fs::rename(&keys, &away)?;
    minutes_pass(65).await?;
    fs::rename(&away, &keys)?;
    minutes_pass(120).await?;
    assert!(!running.is_finished(), "it was away for a moment");
    fs::rename(&keys, &away)?;
    // Of the hour and of ten minutes more.
    minutes_pass(72).await?;
    minutes_pass(72).await?;
    let ended = tokio::time::timeout(Duration::from_secs(60), running).await??;
    assert!(ended.unwrap_err().to_string().contains("key"));
    drop(stop);
    Ok(())
}
