//! Strangers: whatever a person's profile shares with somebody else's, nobody else is found, read
//! or deleted.

use anyhow::Context as _;
use domain::{Event, IdentifierKind, RequestId, Right};
use serde_json::{Value, json};
use testkit::stage::Stage;

/// Lets a site of the company's send events to Segment, through the source of this slug.
async fn send_events(stage: &Stage, source: &str, events: Value) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "plays the company's own site, not the engine")]
    let http = reqwest::Client::new();
    let text = |pointer: &str| {
        let value = stage.twins["segment"].pointer(pointer).and_then(Value::as_str);
        value.with_context(|| format!("the twin does not say {pointer}"))
    };
    let sources = http
        .get(format!("{}/sources", text("/base_urls/public_api")?))
        .bearer_auth(text("/credentials/full/token")?)
        .send()
        .await?
        .text()
        .await?;
    let sources: Value = serde_json::from_str(&sources)?;
    let all = sources["data"]["sources"].as_array().context("no list of sources")?;
    let its = all.iter().find(|one| one["slug"] == source).context("no such source")?;
    let write_key = its["writeKeys"][0].clone();
    let answer = http
        .post(format!("{}/v1/batch", text("/base_urls/tracking_api")?))
        .header("content-type", "application/json")
        .body(json!({"batch": events, "writeKey": write_key}).to_string())
        .send()
        .await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
    Ok(())
}

/// The values of a request's identifiers.
async fn known(stage: &Stage, request: RequestId) -> anyhow::Result<Vec<String>> {
    let identifiers = stage.store.identifiers_of(&[request]).await?;
    Ok(identifiers.into_iter().map(|(_, one)| one.given).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_two_people_share_does_not_lead_from_one_to_the_other() -> anyhow::Result<()>
{
    let stage = Stage::small().await?;
    stage.connect().await?;
    let email = stage.value("regular", "email")?;
    let (user_id, device) =
        (stage.value("regular", "user_id")?, stage.value("regular", "anonymous_id")?);
    let stranger = json!([{"type": "identify", "userId": "stranger-1", "anonymousId": device,
        "traits": {"email": "stranger@shop.example.net", "secret": "of the stranger"}}]);
    send_events(&stage, "dealer_portal", stranger).await?;

    let access = stage.submit(Right::Access, &[("email", &email)]).await?;
    let deletion = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run_days(40).await?;
    for request in [access, deletion] {
        let known = known(&stage, request).await?;
        assert!(known.contains(&device), "the device itself is the person's");
        assert!(!known.iter().any(|value| value.contains("stranger")), "{known:?}");
    }
    let lines = stage.lines(access).await?;
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains("stranger")));
    assert_eq!(stage.regulated().await?, [user_id]);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

/// Sites that call `identify` before they know whom they talk to write such user ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placeholder_that_a_profile_lists_as_user_id_is_never_followed() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let placeholders = ["null", "undefined", "00000000-0000-0000-0000-000000000000"];
    let people = stage.subjects("no_user_id");
    for (person, placeholder) in people.iter().zip(placeholders) {
        let own = json!([{"type": "identify", "userId": placeholder, "anonymousId": person["anonymous_id"]}]);
        send_events(&stage, "shop_backend", own).await?;
        let stranger = json!([{"type": "identify", "userId": placeholder,
            "traits": {"email": format!("stranger-{}@shop.example.net", placeholder.len())}}]);
        send_events(&stage, "dealer_portal", stranger).await?;
    }
    let mut requests = Vec::new();
    for person in people.iter().take(placeholders.len()) {
        let email = person["email"].as_str().unwrap();
        requests.push(stage.submit(Right::Deletion, &[("email", email)]).await?);
    }
    assert_eq!(requests.len(), placeholders.len());
    stage.run_days(5).await?;
    for (request, placeholder) in requests.into_iter().zip(placeholders) {
        let known = known(&stage, request).await?;
        assert!(!known.iter().any(|value| value == placeholder), "{known:?}");
        assert!(!known.iter().any(|value| value.contains("stranger")), "{known:?}");
        assert_eq!(stage.task(request).await?.findings.found().unwrap().n_profiles, 1);
        assert!(!stage.hand_works(request).await?.is_empty(), "it is left to a person");
    }
    let guards = stage.facts(Event::GuardTripped, "guard").await?;
    assert_eq!(guards.iter().filter(|guard| *guard == "placeholder").count(), 3, "{guards:?}");
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_fan_out_bound_nothing_that_was_found_is_learnt() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let subjects = stage.subjects("regular");
    let emails: Vec<_> =
        subjects.iter().take(6).map(|one| ("email", one["email"].as_str().unwrap())).collect();
    let request = stage.submit(Right::Deletion, &emails).await?;
    stage.run_days(2).await?;
    let identifiers = stage.store.identifiers_of(&[request]).await?;
    assert_eq!(identifiers.len(), 6);
    for (_, identifier) in identifiers {
        assert_eq!(identifier.kind, IdentifierKind::Email);
        assert!(identifier.origin.is_vouched_for() && identifier.seen_in.is_empty());
    }
    let found = stage.task(request).await?.findings.found().unwrap().clone();
    assert_eq!((found.n_profiles, found.identifiers.len()), (6, 0));
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}
