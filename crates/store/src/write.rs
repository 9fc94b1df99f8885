//! How transitions become rows, and rows one set-based statement per table.

use std::collections::{BTreeMap, HashMap};

use domain::{ConnectionId, IdentifierId};

use crate::bulk::Over;
use crate::db::{Tx, Value, json, values};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::request_key::RequestKeys;
use crate::transition::Transition;
use crate::{
    collected, connection, evidence, identifier, intent, job, journal, principal, purge, request,
    request_state, task,
};

/// Whether everything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was.
    All,
    /// Somebody else was first; the caller undoes what was written.
    Lost,
}

/// The rows of some transitions, table by table, sealed and ready.
#[derive(Default)]
pub(crate) struct Rows {
    new_connections: Vec<Vec<Value>>,
    connections: Vec<Vec<Value>>,
    secrets: Vec<(ConnectionId, Vec<Vec<Value>>)>,
    requests: Vec<Vec<Value>>,
    new_tasks: Vec<Vec<Value>>,
    tasks: Vec<Vec<Value>>,
    findings: Vec<Vec<Value>>,
    new_jobs: Vec<Vec<Value>>,
    jobs: Vec<Vec<Value>>,
    carried: Vec<Vec<Value>>,
    identifiers: Vec<Vec<Value>>,
    new_intents: Vec<Vec<Value>>,
    intents: Vec<Vec<Value>>,
    evidence: Vec<Vec<Value>>,
    collected: Vec<Vec<Value>>,
    approved: BTreeMap<(ConnectionId, String), i64>,
    new_principals: Vec<Vec<Value>>,
    principals: Vec<Vec<Value>>,
    new_tokens: Vec<Vec<Value>>,
    revoked_tokens: Vec<Vec<Value>>,
    journal: Vec<Vec<Value>>,
}

impl Rows {
    /// The rows of these transitions, or nothing if the key of one of their requests was destroyed or is missing.
    pub(crate) fn of(
        keys: &Keyring,
        request_keys: &RequestKeys,
        transitions: &[Transition],
    ) -> Result<Option<Self>, StoreError> {
        let mut rows = Self::default();
        for one in transitions {
            extend(&mut rows.new_connections, &one.new_connections, connection::row)?;
            extend(&mut rows.connections, &one.connections, connection::change)?;
            for (connection, secrets) in &one.secrets {
                rows.secrets.push((*connection, connection::sealed(keys, *connection, secrets)?));
            }
            extend(&mut rows.requests, &one.requests, request::change)?;
            extend(&mut rows.new_tasks, &one.new_tasks, task::row)?;
            extend(&mut rows.tasks, &one.tasks, task::change)?;
            let written = one.new_tasks.iter().chain(&one.tasks);
            for task in written.filter(|task| task.findings.is_changed()) {
                rows.findings.push(task::findings(task)?);
            }
            extend(&mut rows.new_jobs, &one.new_jobs, job::row)?;
            extend(&mut rows.jobs, &one.jobs, job::change)?;
            extend(&mut rows.carried, &one.carried, job::carried_row)?;
            rows.new_intents.extend(one.new_intents.iter().map(intent::row));
            rows.intents.extend(one.intents.iter().map(intent::answer));
            rows.collected.extend(one.collected.iter().map(collected::row));
            extend(&mut rows.new_principals, &one.new_principals, principal::row)?;
            extend(&mut rows.principals, &one.principals, principal::change)?;
            extend(&mut rows.new_tokens, &one.new_tokens, principal::token_row)?;
            rows.revoked_tokens.extend(one.revoked_tokens.iter().map(principal::revoked_row));
            extend(&mut rows.journal, &one.journal, journal::row)?;
            for (connection, day, n) in &one.approved_today {
                *rows.approved.entry((*connection, day.clone())).or_default() += i64::from(*n);
            }
            for (request, new) in &one.new_identifiers {
                let Some(key) = request_keys.get(request) else { return Ok(None) };
                rows.identifiers.push(identifier::row(keys, key, *request, new)?);
            }
            for (evidence, body) in &one.evidence {
                let row = evidence::row(keys, request_keys, evidence, body)?;
                let Some(row) = row else { return Ok(None) };
                rows.evidence.push(row);
            }
        }
        Ok(Some(rows))
    }

    /// These rows and others after them.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.new_connections.extend(others.new_connections);
        self.connections.extend(others.connections);
        self.secrets.extend(others.secrets);
        self.requests.extend(others.requests);
        self.new_tasks.extend(others.new_tasks);
        self.tasks.extend(others.tasks);
        self.findings.extend(others.findings);
        self.new_jobs.extend(others.new_jobs);
        self.jobs.extend(others.jobs);
        self.carried.extend(others.carried);
        self.identifiers.extend(others.identifiers);
        self.new_intents.extend(others.new_intents);
        self.intents.extend(others.intents);
        self.evidence.extend(others.evidence);
        self.collected.extend(others.collected);
        for (day, n) in others.approved {
            *self.approved.entry(day).or_default() += n;
        }
        self.new_principals.extend(others.new_principals);
        self.principals.extend(others.principals);
        self.new_tokens.extend(others.new_tokens);
        self.revoked_tokens.extend(others.revoked_tokens);
        self.journal.extend(others.journal);
        self
    }
}

fn extend<T>(
    rows: &mut Vec<Vec<Value>>,
    values: &[T],
    row: impl Fn(&T) -> Result<Vec<Value>, StoreError>,
) -> Result<(), StoreError> {
    for value in values {
        rows.push(row(value)?);
    }
    Ok(())
}

/// Writes transitions. Parents come before children, the journal last.
pub(crate) async fn write(
    tx: &mut Tx,
    keys: &Keyring,
    transitions: &[Transition],
    rows: Rows,
) -> Result<Written, StoreError> {
    connection::INSERT.change(tx, rows.new_connections).await?;
    task::INSERT.change(tx, rows.new_tasks).await?;
    job::INSERT.change(tx, rows.new_jobs).await?;
    principal::INSERT.change(tx, rows.new_principals).await?;
    principal::INSERT_TOKEN.change(tx, rows.new_tokens).await?;
    for (statement, changes) in [
        (&connection::UPDATE, rows.connections),
        (&request::UPDATE, rows.requests),
        (&task::UPDATE, rows.tasks),
        (&job::UPDATE, rows.jobs),
        (&principal::UPDATE, rows.principals),
        (&principal::REVOKE, rows.revoked_tokens),
    ] {
        if change(tx, statement, changes).await? == Written::Lost {
            return Ok(Written::Lost);
        }
    }
    for (connection, secrets) in rows.secrets {
        connection::replace_secrets(tx, connection, secrets).await?;
    }
    task::FINDINGS.change(tx, rows.findings).await?;
    let new = transitions.iter().flat_map(|one| &one.new_identifiers);
    let new: Vec<_> = new.map(|(request, identifier)| (*request, identifier)).collect();
    let merged = identifier::add(tx, keys, &new, rows.identifiers).await?;
    if names_a_merged_one(transitions, &merged)? {
        return Ok(Written::Lost);
    }
    let seen = transitions.iter().flat_map(|one| &one.sightings);
    identifier::see(tx, seen.map(|(id, seen)| (*id, seen.as_slice()))).await?;
    job::INSERT_CARRIED.change(tx, rows.carried).await?;
    intent::INSERT.change(tx, rows.new_intents).await?;
    if change(tx, &intent::ANSWER, rows.intents).await? == Written::Lost {
        return Ok(Written::Lost);
    }
    evidence::INSERT.change(tx, rows.evidence).await?;
    collected::INSERT.change(tx, rows.collected).await?;
    // One row for each: a statement may not count one twice.
    let approved = rows.approved.into_iter();
    let approved = approved.map(|((connection, day), n)| values![connection, day, n]);
    connection::COUNT_APPROVED.change(tx, approved).await?;
    for one in transitions {
        purge::erase(tx, &one.purged).await?;
    }
    let moved = request_state::derive(tx, transitions).await?;
    let mut entries = rows.journal;
    extend(&mut entries, &moved, journal::row)?;
    journal::INSERT.change(tx, entries).await?;
    Ok(Written::All)
}

/// Changes rows, each if it is as it was loaded.
async fn change(
    tx: &mut Tx,
    statement: &'static Over,
    changes: Vec<Vec<Value>>,
) -> Result<Written, StoreError> {
    let wanted = changes.len();
    let changed = statement.change(tx, changes).await?;
    Ok(if changed == wanted as u64 { Written::All } else { Written::Lost })
}

/// Whether a task that is written names an identifier that was merged into another, and so does not
/// exist under that id.
fn names_a_merged_one(
    transitions: &[Transition],
    merged: &HashMap<IdentifierId, IdentifierId>,
) -> Result<bool, StoreError> {
    if merged.is_empty() {
        return Ok(false);
    }
    let merged: Vec<String> = merged.keys().map(ToString::to_string).collect();
    let tasks = transitions.iter().flat_map(|one| one.tasks.iter().chain(&one.new_tasks));
    for task in tasks.filter(|task| task.findings.is_changed()) {
        let findings = json(&task.findings)?;
        if merged.iter().any(|id| findings.contains(id)) {
            return Ok(true);
        }
    }
    Ok(false)
}
