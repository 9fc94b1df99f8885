//! Whether the twin still knows somebody, asked as anybody else would: over its Profile API.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::stage::Stage;

/// Whether a person, as the population shows them, still has a profile under any identifier. While it is
/// asked the twin tells the plain truth.
pub async fn is_known(stage: &Stage, person: &Value) -> anyhow::Result<bool> {
    let path = format!("/faults/{}", stage.candidate.name());
    let faults = stage.control("GET", &path, &Value::Null).await?;
    stage.faults(&json!([])).await?;
    stage.switch(&json!({"limits": false})).await?;
    let is_known = stage.turns.take(has_profile(stage, person)).await;
    stage.switch(&json!({"limits": true})).await?;
    stage.faults(&faults).await?;
    is_known
}

async fn has_profile(stage: &Stage, person: &Value) -> anyhow::Result<bool> {
    let twin = &stage.twins[stage.candidate.name()];
    let base = twin["base_urls"]["profile_api"].as_str().context("the twin has no profile API")?;
    for home in person["spaces"].as_array().into_iter().flatten() {
        let space = home["space_id"].as_str().unwrap_or_default();
        let token = token(twin, space).context("the twin has no token for the space")?;
        for id in home["external_ids"].as_array().into_iter().flatten() {
            let (kind, id) = (id["type"].as_str(), id["id"].as_str());
            let (kind, id) = kind.zip(id).context("an external id lacks type or id")?;
            let id = escaped(&format!("{kind}:{id}"));
            let url = format!("{base}/v1/spaces/{space}/collections/users/profiles/{id}/traits");
            let answer = stage.http.get(url).basic_auth(token, Some("")).send().await?;
            match answer.status().as_u16() {
                200 => return Ok(true),
                404 => {}
                other => anyhow::bail!("the twin doesn't say whether somebody is there: {other}"),
            }
        }
    }
    Ok(false)
}

fn token<'a>(twin: &'a Value, space: &str) -> Option<&'a str> {
    let spaces = twin["credentials"]["full"]["spaces"].as_array()?;
    spaces.iter().find(|one| one["space_id"] == space)?["profile_token"].as_str()
}

/// An identifier as one part of a path, whatever is in it.
fn escaped(id: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    id.bytes().map(byte).collect()
}
