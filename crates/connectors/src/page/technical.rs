//! What a page says of APIs, times, limits and permissions.

use std::time::Duration;

use connector_api::Manifest;
use domain::Right;

use super::marks::{bullets, number, table, time};

/// Everything under *Technical details*.
pub(super) fn details(manifest: &Manifest) -> String {
    format!(
        "## Technical details\n\n{}\n{}\n{}\n{}\n{}\n### Permissions\n\n\
         `habeas connect` tries each by itself and writes nothing at the vendor.\n\n{}\n\
         {}'s own documentation: <{}>.\n",
        apis(manifest),
        hosts(manifest),
        types(manifest),
        figures(manifest),
        bullets(manifest.guide.details),
        permissions(manifest),
        manifest.title,
        manifest.docs_url,
    )
}

fn apis(manifest: &Manifest) -> String {
    let rows = manifest.guide.apis.iter().map(|api| {
        let needs: Vec<_> = api.permissions.iter().map(|name| format!("`{name}`")).collect();
        let title = format!("[{}]({})", api.title, api.docs_url);
        [title, api.used_for.to_owned(), needs.join(", ")]
    });
    format!("### APIs\n\n{}", table(["API", "called for", "permissions"], rows))
}

fn hosts(manifest: &Manifest) -> String {
    let rows = manifest.regions.iter().flat_map(|region| {
        region.base_urls.iter().map(|(base, url)| {
            let api = manifest.guide.apis.iter().find(|api| api.base == *base);
            let title = api.map_or(*base, |api| api.title);
            [region.name.to_owned(), title.to_owned(), format!("`{url}`")]
        })
    });
    format!("Nothing else is called:\n\n{}", table(["region", "API", "address"], rows))
}

fn types(manifest: &Manifest) -> String {
    let how = |right: Right| {
        let capability = manifest.capabilities.iter().find(|it| it.right == right)?;
        Some(if capability.is_asynchronous { "asynchronous" } else { "synchronous" })
    };
    let mut lines = "### Access and deletion type\n\n".to_owned();
    if let Some(how) = how(Right::Access) {
        lines += &format!("**Access**: by API, {how}.\n\n");
    }
    if let Some(how) = how(Right::Deletion) {
        lines += &format!("**Deletion**: by API, {how}, {}.\n\n", manifest.guide.deletion);
    }
    if how(Right::Deletion) == Some("asynchronous") {
        lines += "`completion=on_submission` counts a deletion as complete when the vendor has \
                  accepted it, shown *unproven*; asking and looking go on. Without it a deletion is \
                  complete when the vendor has finished and Habeas has looked again.\n";
    }
    lines
}

fn figures(manifest: &Manifest) -> String {
    let (items, bytes) = (manifest.batch.items.into(), manifest.batch.bytes.into());
    let batch = format!("{} members or {} bytes, across requests", number(items), number(bytes));
    let rows = [
        ("one changing call", batch),
        ("a job is asked about", cadence(manifest)),
        ("a job takes long", format!("after {}; it is said", time(manifest.alarm))),
        ("a job has expired", format!("after {}", time(manifest.longest))),
        ("looks, until all is gone", format!("{} after it is done", times(manifest.looks))),
        ("looks for what came back", format!("{} after a confirmed end", times(manifest.rechecks))),
        ("asked after a lost answer", format!("after {}", time(manifest.reconcile_lag))),
    ];
    let rows = rows.map(|(what, value)| [what.to_owned(), value]);
    let limits = manifest.limits.iter().map(|rule| {
        let most = format!("{} in {}", number(rule.calls.into()), time(rule.per));
        [format!("calls at most, `limits.{}`", rule.name), most]
    });
    let rows = rows.into_iter().chain(limits);
    format!("### Times and limits\n\n{}", table(["what", "value"], rows))
}

fn cadence(manifest: &Manifest) -> String {
    let steps = manifest.cadence.iter().map(|rule| {
        let every = time(rule.every);
        // "Every hour", not "every 1 hour".
        let every = every.strip_prefix("1 ").unwrap_or(&every);
        match rule.from_age.is_zero() {
            true => format!("every {every}"),
            false => format!("after {} every {every}", time(rule.from_age)),
        }
    });
    steps.collect::<Vec<_>>().join(", ")
}

fn times(list: &[Duration]) -> String {
    let word = |it: &Duration| match it.is_zero() {
        true => "at once".to_owned(),
        false => time(*it),
    };
    list.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn permissions(manifest: &Manifest) -> String {
    let rows = manifest.permissions.iter().map(|it| {
        let required = if it.required { "yes" } else { "no" };
        [format!("`{}`", it.name), required.to_owned(), it.lost.to_owned(), it.grant.to_owned()]
    });
    table(["permission", "required", "lost without it", "granted by"], rows)
}
