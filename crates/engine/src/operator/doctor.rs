//! The doctor: what is wrong in a store, how bad it is, and what mends it. It only reads.

#[cfg(test)]
mod tests;

use domain::connection::Verdict;
use domain::telling::Disabled;
use domain::{Connection, Instant, words};
use serde::{Deserialize, Serialize};
use store::{From, JournalFilter, RequestFilter, Store, StoreError};
use utoipa::ToSchema;

use super::controls;
use super::desk::Desk;
use super::endpoints::Channel;
use crate::telling::mail::Account;
use crate::telling::{MailServer, mail};

/// More than this of anything is not counted.
const MOST: u32 = 1_000;
/// How far the clock may be behind what was written last.
const SLACK: i64 = 300;

words! {
    /// How bad it is.
    Severity: "severity" {
        /// All is well.
        Well = "well",
        /// Somebody should look at it.
        Warning = "warning",
        /// Something does not work.
        Broken = "broken",
    }
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was looked at.
    pub about: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is so.
    pub what: String,
    /// The command, or the step, that mends it.
    pub mend: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn well(about: &str, what: impl Into<String>) -> Self {
        Self { about: about.to_owned(), severity: Severity::Well, what: what.into(), mend: None }
    }

    /// Somebody should look at it.
    pub fn warning(about: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        let (about, what, mend) = (about.to_owned(), what.into(), Some(mend.into()));
        Self { about, severity: Severity::Warning, what, mend }
    }

    /// Something does not work.
    pub fn broken(about: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Broken, ..Self::warning(about, what, mend) }
    }
}

/// Looks at everything that a store can tell.
pub async fn examine(desk: &Desk<'_>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    keys(desk, &mut findings).await?;
    paused(desk.store, &mut findings).await?;
    for connection in desk.store.connections().await? {
        findings.extend(of_connection(&connection));
    }
    work(desk, &mut findings).await?;
    deliveries(desk.store, &mut findings).await?;
    mail_server(desk.store, &mut findings).await?;
    clock(desk, &mut findings).await?;
    Ok(findings)
}

async fn keys(desk: &Desk<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let (store, n_before) = (desk.store, findings.len());
    findings.extend(store.epoch_ahead(desk.now).map(|key| {
        let what = format!("{key} is of a month to come: it was made by a clock that was ahead");
        let mend = "make sure that the clock is right; `habeas keys rotate epoch` makes another now, and the engine makes one each month";
        Finding::warning("keys", what, mend)
    }));
    for lost in store.lost_epochs().await? {
        findings.push(match lost.was_destroyed {
            false => Finding::broken(
                "keys",
                format!("{} is missing, and {} requests need it", lost.key, lost.n_requests),
                "put its file back from the copy of the key folder",
            ),
            true => Finding::warning(
                "keys",
                format!(
                    "{} was destroyed in time, so {} requests of an old backup can't be read",
                    lost.key, lost.n_requests
                ),
                "nothing; they stay on record",
            ),
        });
    }
    for line in store.unfinished_purges().await? {
        let request = line.request;
        findings.push(Finding::warning(
            "keys",
            format!("{request} is on the list of purged requests, and can still be read"),
            format!("habeas purge {request}"),
        ));
    }
    if findings.len() == n_before {
        let n = store.key_names().len();
        findings
            .push(Finding::well("keys", format!("{n} keys, and none that is named is missing")));
    }
    Ok(())
}

async fn paused(store: &Store, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    if let Some(paused) = controls::paused(store).await? {
        let why = paused.why.map_or_else(String::new, |why| format!(", since it was {why}"));
        findings.push(Finding::warning(
            "engine",
            format!("every changing call is stopped by {} since {}{why}", paused.by, paused.since),
            "habeas resume --all",
        ));
    }
    Ok(())
}

fn of_connection(connection: &Connection) -> Vec<Finding> {
    let about = format!("connection {}", connection.name);
    let mut findings = Vec::new();
    match &connection.paused {
        Some(pause) if pause.by_person => findings.push(Finding::warning(
            &about,
            format!("a person paused it: {}", pause.why),
            format!("habeas resume {}", connection.name),
        )),
        Some(pause) => findings.push(Finding::broken(
            &about,
            format!("it does not work since {}: {}", pause.since, pause.why),
            format!("{}; then habeas connections test {}", pause.remedy, connection.name),
        )),
        None => {}
    }
    let missing = connection.check.iter().flat_map(|check| &check.permissions);
    for one in missing.filter(|one| one.verdict == Verdict::Missing && !one.required) {
        findings.push(Finding::warning(
            &about,
            format!("the permission “{}” is missing: {}", one.permission, one.lost),
            format!("{}; then habeas connections test {}", one.grant, connection.name),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::well(&about, "it works, as far as its last check says"));
    }
    findings
}

async fn work(desk: &Desk<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let late = RequestFilter { overdue: Some(desk.now), ..RequestFilter::default() };
    let needy = RequestFilter { needs_a_person: true, ..RequestFilter::default() };
    for (filter, what, mend) in [
        (late, "should have been answered by now", "habeas request list --overdue"),
        (needy, "a person has to do something about", "habeas request list --needs-me"),
    ] {
        let n = desk.store.requests(&filter, None, MOST).await?.len();
        if n > 0 {
            let more = if n >= MOST as usize { " or more" } else { "" };
            let requests = if n == 1 { "request that" } else { "requests that" };
            findings.push(Finding::warning("work", format!("{n}{more} {requests} {what}"), mend));
        }
    }
    let mut n_unclear = 0;
    for connection in desk.store.connections().await? {
        n_unclear += desk.store.jobs(connection.id, domain::job::JobState::Unclear).await?.len();
    }
    if n_unclear > 0 {
        findings.push(Finding::warning(
            "work",
            format!("of {n_unclear} calls nobody can tell whether they took place"),
            "habeas request list --needs-me",
        ));
    }
    Ok(())
}

async fn deliveries(store: &Store, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for standing in store.endpoints().await? {
        let name = &standing.endpoint.name;
        let (about, messages, replay, enable) = match Channel::of(&standing.endpoint) {
            Channel::Webhook => (
                format!("webhook {name}"),
                "messages",
                format!("mend the receiver, then habeas webhooks replay {name} --dead"),
                format!("habeas webhooks enable {name}, or remove it"),
            ),
            Channel::Mail => (
                format!("mail to {name}"),
                "letters",
                format!(
                    "see why: habeas mail deliveries {name}; then habeas mail replay {name} --dead"
                ),
                format!("habeas mail add {name} --to ADDRESS, or habeas mail remove {name}"),
            ),
        };
        if let Some(Disabled { why, since, .. }) = &standing.endpoint.disabled {
            let what = format!("told nothing since {since:.0}: {why}");
            findings.push(Finding::warning(&about, what, enable));
        }
        let n_dead = store.count_deliveries(standing.endpoint.id).await?.n_dead;
        if n_dead > 0 {
            let what = format!("{n_dead} {messages} were given up");
            findings.push(Finding::warning(&about, what, replay));
        }
    }
    Ok(())
}

/// Whether the mail server would take letters. It is asked, and gets none.
async fn mail_server(store: &Store, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let about = "mail server";
    let account = match Account::ready(store).await? {
        Ok(account) => account,
        Err(refused) => {
            let endpoints = store.endpoints().await?;
            if endpoints.iter().any(|one| Channel::of(&one.endpoint) == Channel::Mail) {
                let what = format!("addresses are to get notices, but {refused}");
                findings.push(Finding::broken(about, what, refused.advice()));
            }
            return Ok(());
        }
    };
    let MailServer { host, port, .. } = &account.server;
    findings.push(match mail::reach(&account).await {
        Ok(()) => Finding::well(about, format!("{host}:{port} takes letters from us")),
        Err(refused) => Finding::broken(
            about,
            format!("{host}:{port}: {refused} ({})", refused.code()),
            refused.advice(),
        ),
    });
    Ok(())
}

async fn clock(desk: &Desk<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    if let Some(url) = desk.store.setting(controls::CLOCK).await?.filter(|url| !url.is_empty()) {
        findings.push(Finding::warning(
            "clock",
            format!("this folder follows the clock of twins at {url}: nothing in it is real"),
            "habeas serve --clock real",
        ));
        return Ok(());
    }
    let last = desk.store.journal(From::Before(i64::MAX), &JournalFilter::default(), 1).await?;
    let last = last.first().map(|(_, entry)| entry.at);
    findings.extend(last.filter(|last| is_ahead(*last, desk.now)).map(|last| {
        Finding::warning(
            "clock",
            format!("the last entry of the journal is of {last}, which lies ahead: the machine's clock is behind, or was ahead"),
            "set the machine's clock",
        )
    }));
    Ok(())
}

fn is_ahead(last: Instant, now: Instant) -> bool {
    last.as_second() - now.as_second() > SLACK
}
