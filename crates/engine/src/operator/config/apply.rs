//! Planning and carrying out. What connects a system is checked between the two, by whoever calls.

use std::collections::{BTreeMap, BTreeSet};

use domain::Digest;
use domain::connection::CheckReport;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Secret;
use utoipa::ToSchema;

use super::applied::Applied;
use super::diff::{Change, How, Key, Plan, diff};
use super::fields::{self, Standing, Wanted, within};
use super::present::standing;
use super::{Config, ConnectionConfig, Given, Part, PrincipalConfig};
use crate::operator::connections::{self, Draft, NewConnection, Removal, switches};
use crate::operator::controls;
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::fault::Fault;
use crate::operator::principals::{self, Changes, NewPrincipal};

/// A plan that is ready to be carried out once what it connects has been checked.
pub struct Prepared {
    plan: Plan,
    config: Config,
    wanted: BTreeMap<Key, Wanted>,
    applied: Applied,
    drafts: Vec<Draft>,
}

impl Prepared {
    /// The connections that are made, or renewed, by it. Each is checked before anything is saved.
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }
}

/// What was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConfigCarried)]
pub struct Carried {
    /// What is done, in this order.
    pub done: Vec<Change>,
    /// What is left, since something failed; the first of these is what failed.
    pub left: Vec<Change>,
    /// Why it failed, if something did.
    pub failed: Option<Fault>,
    /// What removing connections ended.
    pub ended: Vec<Removal>,
}

/// What would change. Changes nothing.
pub async fn plan(desk: &Desk<'_>, config: Config, prune: bool) -> Result<Plan, OperatorError> {
    Ok(make(desk, config, prune).await?.plan)
}

/// The plan that was shown, ready to be carried out; an error if it is another one by now.
pub async fn prepare(
    desk: &Desk<'_>,
    config: Config,
    prune: bool,
    shown: Digest,
) -> Result<Prepared, OperatorError> {
    let prepared = make(desk, config, prune).await?;
    if prepared.plan.digest != shown {
        return Err(OperatorError::ChangedMeanwhile);
    }
    let names = prepared.drafts.iter().map(|draft| draft.connection().name.as_str());
    let mut faults = Vec::new();
    for name in names {
        let secrets = prepared.connection(name).into_iter().flat_map(|one| &one.secrets);
        faults.extend(secrets.filter(|(_, given)| given.0.is_none()).map(|(secret, _)| {
            let message = "is needed, since the connection is checked anew with all of its secrets";
            Fault::new(format!("connections.{name}.secrets.{secret}"), "E-CFG-002", message)
        }));
    }
    if faults.is_empty() { Ok(prepared) } else { Err(OperatorError::Faults(faults)) }
}

async fn make(desk: &Desk<'_>, config: Config, prune: bool) -> Result<Prepared, OperatorError> {
    let wanted = fields::wanted(&config).map_err(OperatorError::Faults)?;
    let standing = standing(desk, &config).await?;
    let applied = Applied::read(desk.store).await?;
    let plan = diff(&wanted, &standing, &applied, &config.parts(), prune);
    let mut prepared = Prepared { plan, config, wanted, applied, drafts: Vec::new() };
    let mut faults = prepared.empty();
    let changes = prepared.plan.changes.clone();
    for change in &changes {
        let key = (change.part, change.name.clone());
        match prepared.look_at(desk, change).await {
            Ok(()) => {}
            Err(OperatorError::Fault(fault)) => faults.push(within(&key, fault)),
            Err(OperatorError::Faults(several)) => {
                faults.extend(several.into_iter().map(|fault| within(&key, fault)));
            }
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() {
        faults.extend(nobody_rules(&standing, &changes));
    }
    if faults.is_empty() { Ok(prepared) } else { Err(OperatorError::Faults(faults)) }
}

impl Prepared {
    fn connection(&self, name: &str) -> Option<&ConnectionConfig> {
        self.config.connections.as_ref()?.get(name)
    }

    fn principal(&self, name: &str) -> Option<&PrincipalConfig> {
        self.config.principals.as_ref()?.get(name)
    }

    /// The principals that nothing would be allowed to, whether they change or not.
    fn empty(&self) -> Vec<Fault> {
        let principals = self.config.principals.iter().flatten();
        let refused = principals.filter_map(|(name, one)| {
            let fault = principals::empty(&one.roles, &one.reach)?;
            Some(within(&(Part::Principals, name.clone()), fault))
        });
        refused.collect()
    }

    /// Finds what speaks against a change before any is made.
    async fn look_at(&mut self, desk: &Desk<'_>, change: &Change) -> Result<(), OperatorError> {
        let fixed = change.fields.iter().find(|one| {
            change.how == How::Change && matches!(one.field.as_str(), "connector" | "kind")
        });
        if let Some(fixed) = fixed {
            let message = "can't be changed; take another name, or remove the old one first";
            return Err(fault(&fixed.field, "E-CFG-004", message));
        }
        match (change.part, change.how) {
            (Part::Settings, _) => Ok(()),
            (Part::Principals, How::Disable) if desk.name() == change.name => {
                let message =
                    "is you, and is not in the configuration: you would shut yourself out";
                Err(fault("", "E-CFG-005", message))
            }
            (Part::Principals, _) => {
                let Some(one) = self.principal(&change.name) else { return Ok(()) };
                principals::refuse_name(&change.name)?;
                principals::refuse_more(desk, &one.roles, &one.reach)
            }
            (Part::Connections, How::Remove) => {
                let ends = connections::what_removal_ends(desk, &change.name).await?;
                self.plan.ends.push(ends);
                Ok(())
            }
            (Part::Connections, _) => self.look_at_connection(desk, change).await,
        }
    }

    async fn look_at_connection(
        &mut self,
        desk: &Desk<'_>,
        change: &Change,
    ) -> Result<(), OperatorError> {
        let Some(one) = self.connection(&change.name) else { return Ok(()) };
        let switches = self.switches(change);
        connections::refuse_switches(desk, &one.connector, &switches)
            .map_err(OperatorError::Fault)?;
        if is_connected_anew(change) {
            let draft = connections::draft(desk, entered(&change.name, one)).await?;
            self.drafts.push(draft);
        }
        Ok(())
    }

    /// The switches that a change sets. A guard takes its date along, or it would lose it.
    fn switches(&self, change: &Change) -> Vec<(String, String)> {
        let changed = change.fields.iter().filter(|one| switches::usual(&one.field).is_some());
        let pair = |field: &str, to: &Value| (field.to_owned(), switches::assignment(field, to));
        let mut pairs: Vec<_> = changed.map(|one| pair(&one.field, &one.to)).collect();
        let sets = |key: &str| pairs.iter().any(|(field, _)| field == key);
        if sets("guard") && !sets("until") {
            let wanted = self.wanted.get(&(change.part, change.name.clone()));
            let until = wanted.map_or(&Value::Null, |wanted| fields::get(&wanted.fields, "until"));
            if !until.is_null() {
                pairs.push(pair("until", until));
            }
        }
        pairs
    }
}

/// Carries a plan out, with what the checks of its drafts found, in their order. With a bad check
/// nothing at all is changed; where something fails later, what is done stays done, and the rest is
/// told.
pub async fn apply(
    desk: &Desk<'_>,
    mut prepared: Prepared,
    reports: Vec<CheckReport>,
) -> Result<Carried, OperatorError> {
    for (draft, report) in prepared.drafts.iter().zip(&reports) {
        let key = (Part::Connections, draft.connection().name.clone());
        draft.refuse_bad(report).map_err(|error| match error {
            OperatorError::Fault(fault) => OperatorError::Fault(within(&key, fault)),
            other => other,
        })?;
    }
    let drafts = std::mem::take(&mut prepared.drafts).into_iter().zip(reports);
    let mut drafts: BTreeMap<_, _> =
        drafts.map(|(draft, report)| (draft.connection().name.clone(), (draft, report))).collect();
    let mut carried =
        Carried { done: Vec::new(), left: Vec::new(), failed: None, ended: Vec::new() };
    let mut changes = std::mem::take(&mut prepared.plan.changes).into_iter();
    for change in changes.by_ref() {
        let draft = drafts.remove(&change.name).filter(|_| change.part == Part::Connections);
        match prepared.carry(desk, &change, draft, &mut carried.ended).await {
            Ok(()) => carried.done.push(change),
            Err(error) => {
                carried.failed = Some(told(&change, &error));
                carried.left.push(change);
                break;
            }
        }
    }
    carried.left.extend(changes);
    prepared.remember(desk, &carried).await?;
    Ok(carried)
}

impl Prepared {
    async fn carry(
        &self,
        desk: &Desk<'_>,
        change: &Change,
        draft: Option<(Draft, CheckReport)>,
        ended: &mut Vec<Removal>,
    ) -> Result<(), OperatorError> {
        let name = change.name.as_str();
        match (change.part, change.how) {
            (Part::Settings, _) => {
                let value = change.fields.first().and_then(|field| field.to.as_str());
                controls::set(desk, name, value.unwrap_or_default()).await?;
            }
            (Part::Principals, How::Disable) => {
                principals::disable(desk, name).await?;
            }
            (Part::Principals, _) => self.carry_principal(desk, change).await?,
            (Part::Connections, How::Remove) => {
                ended.push(connections::remove(desk, name).await?);
            }
            (Part::Connections, _) => {
                if let Some((draft, report)) = draft {
                    connections::add(desk, draft, report).await?;
                }
                let switches = self.switches(change);
                if !switches.is_empty() {
                    connections::set(desk, name, &switches).await?;
                }
            }
        }
        Ok(())
    }

    async fn carry_principal(&self, desk: &Desk<'_>, change: &Change) -> Result<(), OperatorError> {
        let name = change.name.as_str();
        let Some(one) = self.principal(name) else { return Ok(()) };
        if change.how == How::Create {
            let PrincipalConfig { kind, roles, reach, .. } = one.clone();
            principals::add(desk, &NewPrincipal { name: name.to_owned(), kind, roles, reach })
                .await?;
        } else {
            let (roles, reach) = (Some(one.roles.clone()), Some(one.reach.clone()));
            principals::set(desk, name, &Changes { roles, reach }).await?;
        }
        match one.disabled {
            true => principals::disable(desk, name).await?,
            false => principals::enable(desk, name).await?,
        };
        Ok(())
    }

    /// Remembers what is applied now. What was so before, and is known to be, is not written again.
    async fn remember(self, desk: &Desk<'_>, carried: &Carried) -> Result<(), OperatorError> {
        let mut applied = self.applied.clone();
        let is_left = |key: &Key| {
            carried.left.iter().any(|change| (change.part, &change.name) == (key.0, &key.1))
        };
        for (key, wanted) in self.wanted.iter().filter(|(key, _)| !is_left(key)) {
            applied.note(key, &wanted.fields, desk.now);
        }
        for change in &carried.done {
            let key = (change.part, change.name.clone());
            if !self.wanted.contains_key(&key) {
                applied.forget(&key);
            }
        }
        if applied == self.applied && carried.done.is_empty() {
            return Ok(());
        }
        applied.keep(desk, carried.done.len()).await
    }
}

/// The change after which nobody would rule all any more, where somebody does now.
fn nobody_rules(standing: &BTreeMap<Key, Standing>, changes: &[Change]) -> Option<Fault> {
    let principals = standing.iter().filter(|((part, _), _)| *part == Part::Principals);
    let rulers = principals.filter(|(_, one)| fields::rules_all(&one.fields));
    let mut rulers: BTreeSet<&str> = rulers.map(|((_, name), _)| name.as_str()).collect();
    let mut last = None;
    for change in changes.iter().filter(|change| change.part == Part::Principals) {
        let name = change.name.as_str();
        let key = (Part::Principals, change.name.clone());
        let mut after = standing.get(&key).map(|one| one.fields.clone()).unwrap_or_default();
        after.extend(change.fields.iter().map(|one| (one.field.clone(), one.to.clone())));
        if change.how != How::Disable && fields::rules_all(&after) {
            rulers.insert(name);
        } else if rulers.remove(name) && rulers.is_empty() {
            last = Some(key);
        }
    }
    let key = last.filter(|_| rulers.is_empty())?;
    let message =
        "is the last super admin who is enabled and reaches everything; make another one first";
    Some(within(&key, Fault::new("", "E-PRN-004", message)))
}

/// Whether a change of a connection is more than switches: it is entered anew then, and checked.
fn is_connected_anew(change: &Change) -> bool {
    let is_switch = |field: &str| switches::usual(field).is_some();
    change.how == How::Create || change.fields.iter().any(|one| !is_switch(&one.field))
}

/// A connection as somebody enters it. Its switches are set after it, each with its entry in the
/// journal.
fn entered(name: &str, one: &ConnectionConfig) -> NewConnection {
    let value = |given: &Given| given.0.clone().unwrap_or_else(|| Secret::new(String::new()));
    NewConnection {
        name: name.to_owned(),
        connector: one.connector.clone(),
        settings: one.settings.clone(),
        secrets: one.secrets.iter().map(|(name, given)| (name.clone(), value(given))).collect(),
        base_urls: one.base_urls.clone(),
        allow_loopback: one.allow_loopback,
        switches: Vec::new(),
    }
}

/// Why a change could not be carried out, with the code of its page.
fn told(change: &Change, error: &OperatorError) -> Fault {
    let key = (change.part, change.name.clone());
    let (field, message) = match error {
        OperatorError::Fault(fault) => (fault.field.clone(), fault.message.clone()),
        other => (String::new(), other.to_string()),
    };
    let fault = Fault { field, code: error.code().to_owned().into(), message };
    within(&key, fault)
}

fn fault(field: &str, code: &'static str, message: &str) -> OperatorError {
    OperatorError::Fault(Fault::new(field, code, message))
}
