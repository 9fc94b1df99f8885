//! What a connector does beside what its manifest says: nothing.

use std::collections::BTreeSet;

use anyhow::ensure;
use connector_api::manifest::{FieldKind, Manifest};
use connector_api::{Answer, Endpoint, Method, VendorError};
use domain::{Instant, Right};
use serde_json::json;

use super::watched::{Seen, Watched};
use super::{ask, fault, of_the_manifest, run_long_enough, stage};
use crate::candidate::Candidate;

/// A connection of the manifest's fields alone serves every right of the manifest. Its calls go to
/// base URLs, count against limits and are signed in with secrets that stand there, and every
/// permission that a check or a refusal names does too.
pub async fn every_call_and_every_refusal_is_known_to_the_manifest(
    candidate: &Candidate,
) -> anyhow::Result<()> {
    let watched: &'static Watched = Box::leak(Box::new(Watched::new(candidate.connector)));
    let candidate = Candidate { connector: watched, ..*candidate };
    let stage = stage(&candidate).await?;
    stage.connect().await?;
    // Reconciling has calls of its own.
    stage.faults(&json!([fault(candidate.deletion, "close_after_effect", 1)])).await?;
    for (n, capability) in candidate.manifest().capabilities.iter().enumerate() {
        let request = ask(&stage, capability.right, candidate.known, n).await?;
        run_long_enough(&stage).await?;
        let verdict = stage.verdict(request).await?;
        ensure!(verdict.starts_with("ended, "), "{}: {verdict}", capability.right);
    }
    let seen = watched.seen();
    calls_are_known(&seen, candidate.manifest())?;
    let deletes = candidate.manifest().capabilities.iter().any(|it| it.right == Right::Deletion);
    let changes = |endpoint: &&Endpoint| endpoint.method != Method::Get;
    ensure!(!deletes || seen.endpoints.values().copied().any(|it| changes(&it)), "nothing changed");
    for endpoint in seen.endpoints.values() {
        refusals_are_known(&candidate, endpoint, stage.now())?;
    }
    Ok(())
}

fn calls_are_known(seen: &Seen, manifest: &Manifest) -> anyhow::Result<()> {
    for endpoint in seen.endpoints.values() {
        let Endpoint { name, base, limit, .. } = endpoint;
        for region in manifest.regions {
            let is_there = region.base_urls.iter().any(|(it, _)| it == base);
            ensure!(is_there, "{name}: region {} has no base URL {base}", region.name);
        }
        let has_rule = limit.is_empty() || manifest.limits.iter().any(|rule| rule.name == *limit);
        ensure!(has_rule, "{name}: the manifest has no limit {limit}");
    }
    for secret in &seen.secrets {
        let (key, is_one_of_many) =
            secret.split_once('.').map_or((secret.as_str(), false), |(key, _)| (key, true));
        let is_field = manifest.field(key).is_some_and(|field| match field.kind {
            FieldKind::Secret => !is_one_of_many,
            FieldKind::SecretPer(_) => is_one_of_many,
            _ => false,
        });
        ensure!(is_field, "the manifest has no secret {secret}");
    }
    for permission in &seen.permissions {
        let is_known = manifest.permission(of_the_manifest(permission)).is_some();
        ensure!(is_known, "there is no permission {permission}");
    }
    let unused = |name: &&str| !seen.endpoints.values().any(|endpoint| endpoint.limit == *name);
    let unused: BTreeSet<_> = manifest.limits.iter().map(|rule| rule.name).filter(unused).collect();
    ensure!(unused.is_empty(), "no call counts against {unused:?}");
    Ok(())
}

/// Whatever an endpoint answers, a missing permission is one of the manifest's.
fn refusals_are_known(
    candidate: &Candidate,
    endpoint: &Endpoint,
    now: Instant,
) -> anyhow::Result<()> {
    for status in 200..600 {
        for body in ["", "{}", "{\"error\":{}}", "<html></html>"] {
            let answer = Answer { status, headers: Vec::new(), body: body.as_bytes().into() };
            let verdict = candidate.connector.classify(endpoint, &answer, now);
            if let Err(VendorError::PermissionMissing { which }) = verdict {
                let is_known = candidate.manifest().permission(which).is_some();
                ensure!(is_known, "{}, status {status}: no permission {which}", endpoint.name);
            }
        }
    }
    Ok(())
}
